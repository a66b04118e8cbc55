/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The life of a link
 *
 *     PAUSED
 *     DIALING --> HANDSHAKE --> SYNCING --> UP <--> DEGRADED
 *        ^            |            |         |          |
 *        +-- BACKOFF <+------------+---------+----------+      REFUSED: as BACKOFF, but somebody must act
 *
 * A link without a bridge (another hub's call, or the bridge has gone) is not dialed again: it is ENDED, or
 * REFUSED, told so once and taken off the list.
 *
 * HANDSHAKE: the dialer says hello, is challenged, proves, and gets the other side's proof; until then frames
 * are small and there are 10 s. SYNCING: both tell their tables. UP needs two things: the far side's table is
 * complete, and a hello of ours has come back, for "up" means that data has passed in both directions.
 * DEGRADED: the last hello is late. An end is never told inside the call that causes it: it comes from the
 * stream, at the end of the turn, so that nothing below is freed under the feet of its caller.
 */
#include "federation/link.h"

#include <errno.h>
#include <stdio.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/base/metrics.h"
#include "hub/base/random.h"
#include "hub/io/dialer.h"
#include "hub/wire/frame.h"

#define DIAL_TIMEOUT_MS 10000U
#define HANDSHAKE_MS 10000U
#define SYNC_MS 30000U
#define BEAT_MS 250U
#define HELLO_MS 1000U
#define LATE_MS 1500U
/* Three hellos. */
#define DEAD_MS 3000U
/* While bytes still leave, a hello may wait behind them so long. */
#define BUSY_DEAD_MS 30000U
#define FIRST_BACKOFF_MS 200U
#define MOST_BACKOFF_MS 30000U
#define STABLE_MS 10000U
/* A refusal does not mend itself in milliseconds. */
#define REFUSED_BACKOFF_MS 5000U
#define FAREWELL_MS 1000U
/* Links and would-be links at once; a mesh has at most MESH_MAX_LINKS that are proven. */
#define MAX_LINKS (2 * MESH_MAX_LINKS)
/* The head of a link message: ids, receivers, trail, names. */
#define HEAD_BYTES (64U * 1024)

enum handshake {
    AWAIT_CHALLENGE, /* dialer */
    AWAIT_ACCEPT,    /* dialer */
    AWAIT_PROOF,     /* acceptor */
    PROVEN,
};

struct link {
    struct list in_federation;
    struct federation *federation;
    struct bridge *bridge; /* NULL: incoming, or the bridge has gone */
    enum link_role role;
    enum link_state state;
    char reason[64];
    char last_error[FEDERATION_DETAIL_SIZE];
    uint64_t since_ms;
    char address[300];

    struct dialer *dialer;
    struct stream *stream;
    struct loop_timer timer; /* BACKOFF, REFUSED: dial; HANDSHAKE: give up; beyond: the beat */
    bool is_ending;          /* on_end() is awaited */
    bool was_refused;

    enum handshake handshake;
    uint8_t own_nonce[LINK_WIRE_NONCE_BYTES];
    uint8_t peer_nonce[LINK_WIRE_NONCE_BYTES];
    bool has_peer;
    struct hub_id peer;
    uint64_t peer_incarnation;
    char peer_server_id[FEDERATION_NAME_SIZE];
    uint64_t cost;

    struct mesh_link *mesh_link; /* from SYNCING on */
    bool is_synced;
    uint64_t number_in;
    uint64_t number_out;
    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t bytes_in; /* of earlier connections */
    uint64_t bytes_out;

    uint64_t began_ms; /* of the session */
    uint64_t up_ms;    /* since when it has been up; 0: it has not */
    uint64_t heard_ms;
    uint64_t next_hello_ms;
    uint64_t last_hello_us;
    uint64_t unanswered_ms; /* when the oldest hello without an echo left; 0: none */
    uint64_t progress_ms;   /* when bytes last left */
    uint64_t written_bytes; /* as of then */
    int64_t rtt_us;
    unsigned n_attempts;
};

static const struct {
    const char *name;
    const char *text;
} refusals[LINK_REFUSAL_COUNT] = {
#define X(id, name, text) [LINK_REFUSAL_##id] = {name, text},
#include "federation/link_refusals.def"
#undef X
};

const char *link_state_name(enum link_state state)
{
    switch (state) {
    case LINK_PAUSED:
        return "paused";
    case LINK_DIALING:
        return "dialing";
    case LINK_HANDSHAKE:
        return "handshake";
    case LINK_SYNCING:
        return "syncing";
    case LINK_UP:
        return "up";
    case LINK_DEGRADED:
        return "degraded";
    case LINK_BACKOFF:
        return "backoff";
    case LINK_REFUSED:
        return "refused";
    case LINK_ENDED:
        return "ended";
    }
    unreachable();
}

static uint64_t now_ms(const struct link *link)
{
    return loop_now_ms(link->federation->loop);
}

static struct bytes bridge_name(const struct link *link)
{
    return bytes_of_text(link->bridge ? link->bridge->name : "");
}

/* --- state ---------------------------------------------------------------------------------------------- */

static void tell_record(const struct link *link, enum log_level level)
{
    const struct federation *federation = link->federation;
    char hub_id[HUB_ID_TEXT] = "";
    struct log_field fields[7];

    if (link->has_peer)
        hub_id_text(&link->peer, hub_id);
    fields[0] = log_text("bridge", bridge_name(link));
    fields[1] = log_text("direction", bytes_of_text(link->role == LINK_ROLE_DIALER ? "out" : "in"));
    fields[2] = log_text("hub_id", bytes_of_text(hub_id));
    fields[3] = log_text("server_id", bytes_of_text(link->peer_server_id));
    fields[4] = log_text("state", bytes_of_text(link_state_name(link->state)));
    fields[5] = log_text("reason", bytes_of_text(link->reason));
    fields[6] = log_text("last_error", bytes_of_text(link->last_error));
    federation->outlet.note(federation->outlet.context, level, LOG_LINKS, "link_state", fields, 7);
}

/* An end that somebody wished for has no error. */
static bool is_in_trouble(const struct link *link)
{
    return link->state == LINK_BACKOFF || link->state == LINK_REFUSED || link->state == LINK_DEGRADED ||
           (link->state == LINK_ENDED && link->last_error[0]);
}

static void tell_log(const struct link *link, enum log_level level)
{
    bool is_trouble = is_in_trouble(link);
    char text[1024];
    int len;

    len = snprintf(text, sizeof text, "Link %s %s%s%s: %s (%s)%s%s",
                   link->role == LINK_ROLE_DIALER ? "to" : "from", link->address,
                   link->has_peer ? ", hub " : "", link->has_peer ? link->peer_server_id : "",
                   link_state_name(link->state), link->reason, is_trouble && link->last_error[0] ? ": " : "",
                   is_trouble ? link->last_error : "");
    if (len < 0)
        return;
    hub_log(link->federation->hub, level, bytes_of_text(text), BYTES_NONE, federation_time(link->federation));
}

static void link_enter(struct link *link, enum link_state state, const char *reason)
{
    enum log_level level = LOG_INFO;

    link->state = state;
    if (is_in_trouble(link))
        level = LOG_WARN;
    else if (state == LINK_DIALING || state == LINK_HANDSHAKE || state == LINK_SYNCING)
        level = LOG_DEBUG;
    link->since_ms = clock_wall_ms();
    snprintf(link->reason, sizeof link->reason, "%s", reason);
    if (state == LINK_UP && link->up_ms == 0)
        link->up_ms = now_ms(link);
    tell_record(link, level);
    tell_log(link, level);
}

static void set_error(struct link *link, const char *detail)
{
    snprintf(link->last_error, sizeof link->last_error, "%s", detail);
}

static void arm(struct link *link, uint64_t after_ms)
{
    /* Only the first arming of a timer can fail; a link that could not be timed would hang. */
    if (loop_timer_arm(link->federation->loop, &link->timer, now_ms(link) + after_ms) < 0)
        link_fail(link, "out_of_memory", "no memory for a timer");
}

/* --- sending and ending --------------------------------------------------------------------------------- */

static void send_frame(struct link *link, const struct link_message *message, uint64_t number)
{
    struct block *frame;
    int r;

    if (link->is_ending || !link->stream)
        return;
    frame = link_wire_write(message, number);
    r = frame ? stream_send(link->stream, frame) : -ENOMEM;
    block_unref(frame);
    if (r == 0)
        link->messages_out++;
    else if (r == STREAM_E_FULL)
        link_fail(link, "queue_full", "the other hub does not read what is sent to it: 64 MiB are waiting");
    else if (r < 0)
        link_fail(link, "out_of_memory", "no memory to send a message");
}

void link_send(struct link *link, const struct link_message *message)
{
    send_frame(link, message, ++link->number_out);
}

/* The end comes from the stream. */
static void end_stream(struct link *link, const char *reason, uint32_t linger_ms)
{
    link->is_ending = true;
    snprintf(link->reason, sizeof link->reason, "%s", reason);
    stream_end(link->stream, linger_ms);
}

void link_fail(struct link *link, const char *reason, const char *detail)
{
    if (link->is_ending || !link->stream)
        return;
    set_error(link, detail);
    end_stream(link, reason, 0);
}

static void say_no(struct link *link, enum link_refusal_reason reason)
{
    struct link_message message = {.type = LINK_MESSAGE_REFUSE};

    message.refusal.reason = bytes_of_text(refusals[reason].name);
    message.refusal.text = bytes_of_text(refusals[reason].text);
    send_frame(link, &message, link->handshake == PROVEN ? ++link->number_out : 0);
}

/* Tells the far side why, and ends. */
static void refuse(struct link *link, enum link_refusal_reason reason)
{
    if (link->is_ending)
        return;
    if (reason == LINK_REFUSAL_WRONG_SECRET)
        metrics_count(METRICS_AUTH_FAILURES);
    say_no(link, reason);
    if (link->is_ending)
        return;
    set_error(link, refusals[reason].text);
    link->was_refused = true;
    end_stream(link, refusals[reason].name, FAREWELL_MS);
}

static void leave_mesh(struct link *link)
{
    struct mesh_link *mesh_link = link->mesh_link;

    link->mesh_link = NULL;
    if (mesh_link)
        mesh_link_down(mesh_link, federation_time(link->federation));
}

void link_free(struct link *link)
{
    if (link->bridge)
        link->bridge->link = NULL;
    list_unlink(&link->in_federation);
    loop_timer_disarm(link->federation->loop, &link->timer);
    dialer_free(link->dialer);
    stream_free(link->stream);
    free(link);
}

void link_close(struct link *link, enum link_refusal_reason reason)
{
    leave_mesh(link);
    set_error(link, "");
    link_enter(link, LINK_ENDED, refusals[reason].name);
    if (link->bridge)
        link->bridge->link = NULL;
    link->bridge = NULL;
    if (!link->stream) {
        link_free(link);
        return;
    }
    if (link->is_ending)
        return;
    say_no(link, reason);
    if (!link->is_ending)
        end_stream(link, refusals[reason].name, FAREWELL_MS);
}

/* --- dialing -------------------------------------------------------------------------------------------- */

static uint64_t backoff_ms(struct link *link)
{
    uint64_t most = FIRST_BACKOFF_MS << link->n_attempts;

    if (link->was_refused)
        return REFUSED_BACKOFF_MS + random_u64() % REFUSED_BACKOFF_MS;
    if (most > MOST_BACKOFF_MS)
        most = MOST_BACKOFF_MS;
    else
        link->n_attempts++;
    /* Full jitter: hubs that lost the same hub do not come back in step. */
    return 1 + random_u64() % most;
}

static void wait_to_dial(struct link *link, const char *reason)
{
    char copy[sizeof link->reason];

    snprintf(copy, sizeof copy, "%s", reason);
    if (link->up_ms != 0 && now_ms(link) - link->up_ms >= STABLE_MS)
        link->n_attempts = 0;
    link->up_ms = 0;
    arm(link, backoff_ms(link));
    link_enter(link, link->was_refused ? LINK_REFUSED : LINK_BACKOFF, copy);
}

static const struct stream_events stream_events;
static const struct stream_marks stream_marks = {
    .high_bytes = 1U << 20,
    .low_bytes = 256U << 10,
    .max_bytes = 64U << 20,
};

static void begin_handshake(struct link *link, enum handshake handshake)
{
    link->handshake = handshake;
    link->is_ending = false;
    link->was_refused = false;
    link->is_synced = false;
    link->number_in = 0;
    link->number_out = 0;
    link->rtt_us = -1;
    link->unanswered_ms = 0;
    link->last_hello_us = 0;
    link->heard_ms = now_ms(link);
    random_fill(link->own_nonce, sizeof link->own_nonce);
    arm(link, HANDSHAKE_MS);
}

static struct link_greeting own_greeting(const struct link *link)
{
    const struct federation *federation = link->federation;

    return (struct link_greeting){
        .version = LINK_WIRE_VERSION,
        .hub_id = federation->hub_id,
        .incarnation = federation->incarnation,
        .server_id = bytes_of_text(federation->server_id),
        .nonce = bytes_of(link->own_nonce, sizeof link->own_nonce),
    };
}

static void greet(struct link *link)
{
    struct link_message message = {.type = LINK_MESSAGE_GREETING, .greeting = own_greeting(link)};

    send_frame(link, &message, 0);
}

static void on_connected(void *owner, int fd)
{
    struct link *link = owner;
    int r;

    dialer_free(link->dialer);
    link->dialer = NULL;
    r = stream_new(&link->stream, link->federation->loop, fd, link->bridge->tls, &stream_events,
                   &stream_marks, link);
    if (r < 0) {
        link->stream = NULL;
        set_error(link, "no memory for a connection");
        wait_to_dial(link, "out_of_memory");
        return;
    }
    link_enter(link, LINK_HANDSHAKE, "connected");
    begin_handshake(link, AWAIT_CHALLENGE);
    if (!link->bridge->tls)
        greet(link);
}

static void on_failed(void *owner, enum dialer_step step, int error, const char *detail)
{
    struct link *link = owner;

    (void)error;
    dialer_free(link->dialer);
    link->dialer = NULL;
    set_error(link, detail);
    wait_to_dial(link, step == DIALER_RESOLVING ? "not_resolved" : "not_connected");
}

static const struct dialer_events dialer_events = {on_connected, on_failed};

static void dial(struct link *link)
{
    struct federation *federation = link->federation;
    int r;

    link->was_refused = false;
    link_enter(link, LINK_DIALING, link->last_error[0] ? "retry" : "configured");
    r = dialer_new(&link->dialer, federation->loop, federation->mailbox, &link->bridge->address,
                   DIAL_TIMEOUT_MS, &dialer_events, link);
    if (r < 0) {
        link->dialer = NULL;
        set_error(link, strerrordesc_np(-r));
        wait_to_dial(link, "not_connected");
    }
}

void link_retry_now(struct link *link)
{
    if (link->state != LINK_BACKOFF && link->state != LINK_REFUSED)
        return;
    loop_timer_disarm(link->federation->loop, &link->timer);
    link->n_attempts = 0;
    dial(link);
}

/* --- handshake ------------------------------------------------------------------------------------------ */

/* A copy of our data may run at our own start count; but only a link of ours greets with a nonce of ours. */
static bool is_own_nonce(const struct federation *federation, struct bytes nonce)
{
    list_for_each (at, &federation->links) {
        const struct link *link = container_of(at, struct link, in_federation);

        if (bytes_equal(bytes_of(link->own_nonce, sizeof link->own_nonce), nonce))
            return true;
    }
    return false;
}

enum link_refusal_reason link_judge_peer(const struct federation *federation,
                                         const struct link_greeting *greeting)
{
    if (greeting->version != LINK_WIRE_VERSION)
        return LINK_REFUSAL_VERSION;
    if (hub_id_equal(&greeting->hub_id, &federation->hub_id))
        return is_own_nonce(federation, greeting->nonce) ? LINK_REFUSAL_ITSELF
                                                         : LINK_REFUSAL_DUPLICATE_HUB_ID;
    if (bytes_equal_text(greeting->server_id, federation->server_id))
        return LINK_REFUSAL_DUPLICATE_SERVER_ID;
    return LINK_REFUSAL_COUNT;
}

static struct bytes secret_of(const struct link *link)
{
    if (link->bridge && link->bridge->secret)
        return bytes_of_text(link->bridge->secret);
    return bytes_of_text(link->federation->link_secret);
}

/* Takes in who the far side says it is; false: it was refused. */
static bool meet(struct link *link, const struct link_greeting *greeting)
{
    enum link_refusal_reason fault = link_judge_peer(link->federation, greeting);

    link->has_peer = true;
    link->peer = greeting->hub_id;
    link->peer_incarnation = greeting->incarnation;
    snprintf(link->peer_server_id, sizeof link->peer_server_id, "%.*s", (int)greeting->server_id.len,
             (const char *)greeting->server_id.ptr);
    memcpy(link->peer_nonce, greeting->nonce.ptr, sizeof link->peer_nonce);
    if (secret_of(link).len == 0)
        fault = LINK_REFUSAL_NOT_ENABLED;
    if (fault != LINK_REFUSAL_COUNT)
        refuse(link, fault);
    return fault == LINK_REFUSAL_COUNT;
}

static struct link_proof_parties parties_of(const struct link *link)
{
    struct link_greeting own = own_greeting(link);
    struct link_greeting peer = {
        .version = LINK_WIRE_VERSION,
        .hub_id = link->peer,
        .incarnation = link->peer_incarnation,
        .server_id = bytes_of_text(link->peer_server_id),
        .nonce = bytes_of(link->peer_nonce, sizeof link->peer_nonce),
    };
    bool is_dialer = link->role == LINK_ROLE_DIALER;

    return (struct link_proof_parties){
        .dialer = is_dialer ? own : peer,
        .acceptor = is_dialer ? peer : own,
        .cost = link->cost,
    };
}

static void send_proof(struct link *link)
{
    struct link_proof_parties parties = parties_of(link);
    struct link_message message = {
        .type = link->role == LINK_ROLE_DIALER ? LINK_MESSAGE_PROOF : LINK_MESSAGE_ACCEPT,
    };
    uint8_t proof[LINK_PROOF_BYTES];

    if (link_proof_make(secret_of(link), link->role, &parties, proof) < 0) {
        refuse(link, LINK_REFUSAL_OUT_OF_MEMORY);
        return;
    }
    message.proven.proof = bytes_of(proof, sizeof proof);
    message.proven.cost = link->cost;
    send_frame(link, &message, 0);
}

/* Whether the far side's proof is right; refused if not. */
static bool verify(struct link *link, struct bytes given)
{
    struct link_proof_parties parties = parties_of(link);
    enum link_role far = link->role == LINK_ROLE_DIALER ? LINK_ROLE_ACCEPTOR : LINK_ROLE_DIALER;
    uint8_t expected[LINK_PROOF_BYTES];

    if (link_proof_make(secret_of(link), far, &parties, expected) < 0) {
        refuse(link, LINK_REFUSAL_OUT_OF_MEMORY);
        return false;
    }
    if (!link_proof_matches(expected, given)) {
        refuse(link, LINK_REFUSAL_WRONG_SECRET);
        return false;
    }
    return true;
}

/* A hub that has started anew has left its old links behind, even if they have not noticed; and a hub that
 * calls can be called. */
static void hear_of_peer(struct link *link)
{
    struct federation *federation = link->federation;

    list_for_each (at, &federation->links) {
        struct link *other = container_of(at, struct link, in_federation);

        if (other == link || !other->has_peer || !hub_id_equal(&other->peer, &link->peer))
            continue;
        if (other->mesh_link && other->peer_incarnation < link->peer_incarnation)
            link_fail(other, "peer_restarted", "the other hub has started anew");
        else if (other->state == LINK_BACKOFF && link->role == LINK_ROLE_ACCEPTOR)
            link_retry_now(other);
    }
}

static void send_hello(struct link *link)
{
    struct link_message message = {.type = LINK_MESSAGE_HELLO};

    link->last_hello_us = clock_monotonic_us();
    link->next_hello_ms = now_ms(link) + HELLO_MS;
    if (link->unanswered_ms == 0)
        link->unanswered_ms = now_ms(link);
    message.at_us = link->last_hello_us;
    link_send(link, &message);
}

/* Both sides are proven: the mesh takes over. */
static void enter_mesh(struct link *link)
{
    struct link_proof_parties parties = parties_of(link);
    struct mesh_link_options options = {
        .owner = link,
        .peer = link->peer,
        .cost = (uint32_t)link->cost,
        .policy = link->bridge ? &link->bridge->policy : NULL,
    };
    int r = link_proof_session(secret_of(link), &parties, &options.session);

    link->handshake = PROVEN;
    link->began_ms = now_ms(link);
    link->progress_ms = link->began_ms;
    link->written_bytes = stream_written_bytes(link->stream);
    link_enter(link, LINK_SYNCING, "proven");
    send_hello(link);
    arm(link, BEAT_MS);
    if (r == 0)
        r = mesh_link_up(link->federation->mesh, &options, federation_time(link->federation),
                         &link->mesh_link);
    if (r != 0) {
        link->mesh_link = NULL;
        refuse(link, r == MESH_E_FULL ? LINK_REFUSAL_FULL : LINK_REFUSAL_OUT_OF_MEMORY);
        return;
    }
    hear_of_peer(link);
}

static void hear_refusal(struct link *link, const struct link_refusal *refusal)
{
    char reason[sizeof link->reason];
    char text[FEDERATION_DETAIL_SIZE];

    snprintf(reason, sizeof reason, "%.*s", (int)refusal->reason.len, (const char *)refusal->reason.ptr);
    snprintf(text, sizeof text, "the other hub says: %.*s", (int)refusal->text.len,
             (const char *)refusal->text.ptr);
    /* A hub that shuts down comes back by itself; whatever else it says before the proof, somebody must mend.
     */
    link->was_refused =
        link->handshake != PROVEN && !bytes_equal_text(refusal->reason, refusals[LINK_REFUSAL_SHUTDOWN].name);
    set_error(link, text);
    end_stream(link, reason, 0);
}

static void handle_handshake(struct link *link, const struct link_message *message)
{
    switch (link->handshake) {
    case AWAIT_CHALLENGE:
        if (message->type != LINK_MESSAGE_CHALLENGE)
            break;
        if (!meet(link, &message->greeting))
            return;
        link->cost = link->bridge->cost;
        link->handshake = AWAIT_ACCEPT;
        send_proof(link);
        return;
    case AWAIT_ACCEPT:
        if (message->type != LINK_MESSAGE_ACCEPT)
            break;
        if (verify(link, message->proven.proof))
            enter_mesh(link);
        return;
    case AWAIT_PROOF:
        if (message->type != LINK_MESSAGE_PROOF || message->proven.cost < 1 || message->proven.cost > 65535)
            break;
        link->cost = message->proven.cost;
        if (!verify(link, message->proven.proof))
            return;
        send_proof(link);
        if (!link->is_ending)
            enter_mesh(link);
        return;
    case PROVEN:
        break;
    }
    refuse(link, LINK_REFUSAL_MALFORMED);
}

/* --- hello ---------------------------------------------------------------------------------------------- */

static void consider_up(struct link *link)
{
    if (link->is_synced && link->rtt_us >= 0 && link->state == LINK_SYNCING) {
        link->last_error[0] = '\0';
        link_enter(link, LINK_UP, "synced");
    }
}

void link_synced(struct link *link)
{
    link->is_synced = true;
    consider_up(link);
}

static void hear_echo(struct link *link, uint64_t at_us)
{
    uint64_t now_us = clock_monotonic_us();

    /* Not one of ours. */
    if (at_us > link->last_hello_us)
        return;
    link->rtt_us = (int64_t)(now_us - at_us);
    link->unanswered_ms = at_us == link->last_hello_us ? 0 : link->unanswered_ms + HELLO_MS;
    if (link->state == LINK_DEGRADED && link->unanswered_ms == 0)
        link_enter(link, LINK_UP, "echo_back");
    consider_up(link);
}

static void watch_progress(struct link *link)
{
    uint64_t written = stream_written_bytes(link->stream);

    if (written != link->written_bytes || stream_outbox_bytes(link->stream) == 0) {
        link->written_bytes = written;
        link->progress_ms = now_ms(link);
    }
}

/* How long a hello may stay unanswered: longer while it stands in a queue that moves. */
static uint64_t patience_ms(const struct link *link)
{
    bool is_busy = stream_outbox_bytes(link->stream) > 0 && now_ms(link) - link->progress_ms < DEAD_MS;

    return is_busy ? BUSY_DEAD_MS : DEAD_MS;
}

static void beat(struct link *link)
{
    uint64_t now = now_ms(link);
    uint64_t unanswered = link->unanswered_ms ? now - link->unanswered_ms : 0;

    watch_progress(link);
    arm(link, BEAT_MS);
    if (now - link->heard_ms >= DEAD_MS)
        link_fail(link, "hello_missed", "nothing has come from the other hub for 3 s");
    else if (unanswered >= patience_ms(link))
        link_fail(link, "echo_missed", "the other hub has not answered hellos for 3 s");
    else if (!link->is_synced && now - link->began_ms >= SYNC_MS)
        link_fail(link, "sync_timed_out", "the other hub has not told all of its table within 30 s");
    else if (unanswered >= LATE_MS && link->state == LINK_UP)
        link_enter(link, LINK_DEGRADED, "echo_late");
    if (!link->is_ending && now >= link->next_hello_ms)
        send_hello(link);
}

static void on_due(struct loop_timer *timer)
{
    struct link *link = container_of(timer, struct link, timer);

    /* The stream tells the end soon. */
    if (link->is_ending)
        return;
    switch (link->state) {
    case LINK_BACKOFF:
    case LINK_REFUSED:
        dial(link);
        return;
    case LINK_HANDSHAKE:
        refuse(link, LINK_REFUSAL_TIMED_OUT);
        return;
    case LINK_SYNCING:
    case LINK_UP:
    case LINK_DEGRADED:
        beat(link);
        return;
    case LINK_PAUSED:
    case LINK_DIALING:
    case LINK_ENDED:
        return;
    }
}

/* --- receiving ------------------------------------------------------------------------------------------ */

static void handle_proven(struct link *link, const struct link_message *message)
{
    struct link_message echo = {.type = LINK_MESSAGE_ECHO};
    int r;

    if (message->number != link->number_in + 1) {
        link_fail(link, "out_of_sequence", "the numbers of the messages have a gap");
        return;
    }
    link->number_in++;
    switch (message->type) {
    case LINK_MESSAGE_HELLO:
        echo.at_us = message->at_us;
        link_send(link, &echo);
        return;
    case LINK_MESSAGE_ECHO:
        hear_echo(link, message->at_us);
        return;
    case LINK_MESSAGE_ENTRIES:
    case LINK_MESSAGE_END:
    case LINK_MESSAGE_GONE:
    case LINK_MESSAGE_ONE:
    case LINK_MESSAGE_MANY:
    case LINK_MESSAGE_GREETING:
    case LINK_MESSAGE_CHALLENGE:
    case LINK_MESSAGE_PROOF:
    case LINK_MESSAGE_ACCEPT:
    case LINK_MESSAGE_REFUSE:
    case LINK_MESSAGE_TYPE_COUNT:
        break;
    }
    r = mesh_link_receive(link->mesh_link, message, federation_time(link->federation));
    if (r == MESH_E_BAD_MESSAGE)
        link_fail(link, "malformed", "a message of the other hub breaks the rules of the link");
    else if (r < 0)
        link_fail(link, "out_of_memory", "no memory for what the other hub told");
}

static void handle(struct link *link, struct bytes body)
{
    struct link_message message;
    int r = link_wire_read(body, &message);

    link->messages_in++;
    /* A later version may say things that this one does not know. */
    if (r == LINK_WIRE_E_UNKNOWN_TYPE && link->handshake == PROVEN) {
        link->number_in++;
        return;
    }
    if (r != 0) {
        metrics_count(METRICS_PROTOCOL_ERRORS);
        refuse(link, LINK_REFUSAL_MALFORMED);
    } else if (message.type == LINK_MESSAGE_REFUSE) {
        hear_refusal(link, &message.refusal);
    } else if (link->handshake == PROVEN) {
        handle_proven(link, &message);
    } else {
        handle_handshake(link, &message);
    }
}

static size_t on_bytes(void *owner, struct bytes in)
{
    struct link *link = owner;
    size_t n_consumed = 0;

    link->heard_ms = now_ms(link);
    while (!link->is_ending) {
        size_t most = link->handshake == PROVEN ? link->federation->max_frame_bytes + HEAD_BYTES
                                                : LINK_WIRE_MAX_HANDSHAKE_BYTES;
        struct bytes body;
        size_t frame_bytes;
        int r = frame_next(bytes_from(in, n_consumed), most, &body, &frame_bytes);

        if (r == FRAME_E_INCOMPLETE)
            return n_consumed;
        if (r != 0) {
            refuse(link, LINK_REFUSAL_MALFORMED);
            break;
        }
        n_consumed += frame_bytes;
        handle(link, body);
    }
    return in.len;
}

static void on_ready(void *owner)
{
    greet(owner);
}

static void on_drained(void *owner)
{
    (void)owner;
}

static void on_end(void *owner, enum stream_end end, const char *detail)
{
    struct link *link = owner;
    char reason[sizeof link->reason];
    bool is_ours = link->is_ending;

    link->bytes_in += stream_read_bytes(link->stream);
    link->bytes_out += stream_written_bytes(link->stream);
    stream_free(link->stream);
    link->stream = NULL;
    link->is_ending = false;
    if (!is_ours)
        set_error(link, detail);
    snprintf(reason, sizeof reason, "%s",
             is_ours                       ? link->reason
             : end == STREAM_ENDED_BY_TLS  ? "tls_failed"
             : end == STREAM_ENDED_BY_PEER ? "closed_by_peer"
                                           : "io_error");
    leave_mesh(link);
    if (link->bridge && !link->federation->is_draining) {
        wait_to_dial(link, reason);
        return;
    }
    loop_timer_disarm(link->federation->loop, &link->timer);
    if (link->state != LINK_ENDED)
        link_enter(link, link->was_refused ? LINK_REFUSED : LINK_ENDED, reason);
    link_free(link);
}

static const struct stream_events stream_events = {
    .on_ready = on_ready,
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
};

/* --- making --------------------------------------------------------------------------------------------- */

static struct link *make(struct federation *federation, enum link_role role, const char *address)
{
    struct link *link = calloc(1, sizeof *link);

    if (!link)
        return NULL;
    link->federation = federation;
    link->role = role;
    link->rtt_us = -1;
    snprintf(link->address, sizeof link->address, "%s", address);
    loop_timer_init(&link->timer, on_due);
    list_append(&federation->links, &link->in_federation);
    return link;
}

int link_new(struct federation *federation, struct bridge *bridge)
{
    struct link *link = make(federation, LINK_ROLE_DIALER, bridge->address_text);

    if (!link)
        return -ENOMEM;
    link->bridge = bridge;
    bridge->link = link;
    if (bridge->is_paused)
        link_enter(link, LINK_PAUSED, "configured");
    else
        dial(link);
    return 0;
}

static size_t count_links(const struct federation *federation)
{
    size_t n = 0;

    for (const struct list *at = federation->links.next; at != &federation->links; at = at->next)
        n++;
    return n;
}

int link_accept(struct federation *federation, struct stream *stream, struct bytes first_body,
                const char *peer_address)
{
    struct link_message greeting;
    struct link_message challenge = {.type = LINK_MESSAGE_CHALLENGE};
    struct link *link =
        count_links(federation) < MAX_LINKS ? make(federation, LINK_ROLE_ACCEPTOR, peer_address) : NULL;

    if (!link)
        return -ENOMEM;
    link->stream = stream;
    stream_set_owner(stream, &stream_events, &stream_marks, link);
    link_enter(link, LINK_HANDSHAKE, "called");
    begin_handshake(link, AWAIT_PROOF);
    link->messages_in++;
    if (federation->is_draining) {
        refuse(link, LINK_REFUSAL_SHUTDOWN);
    } else if (link_wire_read(first_body, &greeting) != 0 || greeting.type != LINK_MESSAGE_GREETING) {
        refuse(link, LINK_REFUSAL_MALFORMED);
    } else if (meet(link, &greeting.greeting)) {
        challenge.greeting = own_greeting(link);
        send_frame(link, &challenge, 0);
    }
    return 0;
}

/* --- for the eye ---------------------------------------------------------------------------------------- */

struct link *link_first(const struct federation *federation)
{
    return list_is_empty(&federation->links)
               ? NULL
               : container_of(federation->links.next, struct link, in_federation);
}

struct link *link_next(const struct federation *federation, const struct link *link)
{
    const struct list *next = link->in_federation.next;

    return next == &federation->links ? NULL : container_of((struct list *)next, struct link, in_federation);
}

void link_describe(const struct link *link, struct link_status *out_status)
{
    *out_status = (struct link_status){
        .is_outgoing = link->role == LINK_ROLE_DIALER,
        .state = link->state,
        .since_ms = link->since_ms,
        .rtt_us = link->rtt_us,
        .messages_in = link->messages_in,
        .messages_out = link->messages_out,
        .bytes_in = link->bytes_in,
        .bytes_out = link->bytes_out,
    };
    snprintf(out_status->bridge, sizeof out_status->bridge, "%s", link->bridge ? link->bridge->name : "");
    snprintf(out_status->address, sizeof out_status->address, "%s", link->address);
    snprintf(out_status->server_id, sizeof out_status->server_id, "%s", link->peer_server_id);
    snprintf(out_status->reason, sizeof out_status->reason, "%s", link->reason);
    snprintf(out_status->last_error, sizeof out_status->last_error, "%s", link->last_error);
    if (link->has_peer)
        hub_id_text(&link->peer, out_status->hub_id);
    if (!link->stream)
        return;
    out_status->bytes_in += stream_read_bytes(link->stream);
    out_status->bytes_out += stream_written_bytes(link->stream);
    out_status->queued_bytes = stream_outbox_bytes(link->stream);
}
