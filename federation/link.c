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

#include "federation/link_dial.h"
#include "federation/link_handshake.h"
#include "federation/link_pulse.h"
#include "federation/link_record.h"
#include "federation/link_state.h"
#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/base/metrics.h"
#include "hub/io/dialer.h"
#include "hub/wire/frame.h"

#define FAREWELL_MS 1000U
/* Links and would-be links at once; a mesh has at most MESH_MAX_LINKS that are proven. */
#define MAX_LINKS (2 * MESH_MAX_LINKS)
/* The head of a link message: ids, receivers, trail, names. */
#define HEAD_BYTES (64U * 1024)

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

uint64_t link_now_ms(const struct link *link)
{
    return loop_now_ms(link->federation->loop);
}

/* --- state ---------------------------------------------------------------------------------------------- */

void link_enter(struct link *link, enum link_state state, const char *reason)
{
    struct link_status status;

    link->state = state;
    link->since_ms = clock_wall_ms();
    snprintf(link->reason, sizeof link->reason, "%s", reason);
    if (state == LINK_UP && link->up_ms == 0)
        link->up_ms = link_now_ms(link);
    link_describe(link, &status);
    link_record_state(link->federation, &status);
}

void link_set_error(struct link *link, const char *detail)
{
    snprintf(link->last_error, sizeof link->last_error, "%s", detail);
}

void link_arm(struct link *link, uint64_t after_ms)
{
    /* Only the first arming of a timer can fail; a link that could not be timed would hang. */
    if (loop_timer_arm(link->federation->loop, &link->timer, link_now_ms(link) + after_ms) < 0)
        link_fail(link, "out_of_memory", "no memory for a timer");
}

/* --- sending and ending --------------------------------------------------------------------------------- */

void link_write(struct link *link, const struct link_message *message, uint64_t number)
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
    link_write(link, message, ++link->number_out);
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
    link_set_error(link, detail);
    end_stream(link, reason, 0);
}

static void say_no(struct link *link, enum link_refusal_reason reason)
{
    struct link_message message = {.type = LINK_MESSAGE_REFUSE};

    message.refusal.reason = bytes_of_text(refusals[reason].name);
    message.refusal.text = bytes_of_text(refusals[reason].text);
    link_write(link, &message, link->handshake == LINK_PROVEN ? ++link->number_out : 0);
}

void link_refuse(struct link *link, enum link_refusal_reason reason)
{
    if (link->is_ending)
        return;
    if (reason == LINK_REFUSAL_WRONG_SECRET)
        metrics_count(METRICS_AUTH_FAILURES);
    say_no(link, reason);
    if (link->is_ending)
        return;
    link_set_error(link, refusals[reason].text);
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
    link_set_error(link, "");
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

/* --- in the mesh --------------------------------------------------------------------------------------- */

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
            link_dial_retry(other);
    }
}

void link_proven(struct link *link, uint64_t session)
{
    struct mesh_link_options options = {
        .owner = link,
        .peer = link->peer,
        .session = session,
        .cost = (uint32_t)link->cost,
        .policy = link->bridge ? &link->bridge->policy : NULL,
    };
    int r;

    link->handshake = LINK_PROVEN;
    link_enter(link, LINK_SYNCING, "proven");
    link_pulse_begin(link);
    r = mesh_link_up(link->federation->mesh, &options, federation_time(link->federation), &link->mesh_link);
    if (r != 0) {
        link->mesh_link = NULL;
        link_refuse(link, r == MESH_E_FULL ? LINK_REFUSAL_FULL : LINK_REFUSAL_OUT_OF_MEMORY);
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
    link->was_refused = link->handshake != LINK_PROVEN &&
                        !bytes_equal_text(refusal->reason, refusals[LINK_REFUSAL_SHUTDOWN].name);
    link_set_error(link, text);
    end_stream(link, reason, 0);
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
        link_dial_now(link);
        return;
    case LINK_HANDSHAKE:
        link_refuse(link, LINK_REFUSAL_TIMED_OUT);
        return;
    case LINK_SYNCING:
    case LINK_UP:
    case LINK_DEGRADED:
        link_pulse_beat(link);
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
        link_pulse_hear_echo(link, message->at_us);
        return;
    case LINK_MESSAGE_ENTRIES:
    case LINK_MESSAGE_END:
    case LINK_MESSAGE_GONE:
    case LINK_MESSAGE_PROVE:
    case LINK_MESSAGE_UNPROVE:
    case LINK_MESSAGE_AGAIN:
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
    if (r == LINK_WIRE_E_UNKNOWN_TYPE && link->handshake == LINK_PROVEN) {
        link->number_in++;
        return;
    }
    if (r != 0) {
        metrics_count(METRICS_PROTOCOL_ERRORS);
        link_refuse(link, LINK_REFUSAL_MALFORMED);
    } else if (message.type == LINK_MESSAGE_REFUSE) {
        hear_refusal(link, &message.refusal);
    } else if (link->handshake == LINK_PROVEN) {
        handle_proven(link, &message);
    } else {
        link_handshake_handle(link, &message);
    }
}

static size_t on_bytes(void *owner, struct bytes in)
{
    struct link *link = owner;
    size_t n_consumed = 0;

    link->heard_ms = link_now_ms(link);
    while (!link->is_ending) {
        size_t most = link->handshake == LINK_PROVEN ? link->federation->max_frame_bytes + HEAD_BYTES
                                                     : LINK_WIRE_MAX_HANDSHAKE_BYTES;
        struct bytes body;
        size_t frame_bytes;
        int r = frame_next(bytes_from(in, n_consumed), most, &body, &frame_bytes);

        if (r == FRAME_E_INCOMPLETE)
            return n_consumed;
        if (r != 0) {
            link_refuse(link, LINK_REFUSAL_MALFORMED);
            break;
        }
        n_consumed += frame_bytes;
        handle(link, body);
    }
    return in.len;
}

static void on_ready(void *owner)
{
    link_handshake_secured(owner);
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
        link_set_error(link, detail);
    snprintf(reason, sizeof reason, "%s",
             is_ours                       ? link->reason
             : end == STREAM_ENDED_BY_TLS  ? "tls_failed"
             : end == STREAM_ENDED_BY_PEER ? "closed_by_peer"
                                           : "io_error");
    leave_mesh(link);
    if (link->bridge && !link->federation->is_draining) {
        link_dial_later(link, reason);
        return;
    }
    loop_timer_disarm(link->federation->loop, &link->timer);
    if (link->state != LINK_ENDED)
        link_enter(link, link->was_refused ? LINK_REFUSED : LINK_ENDED, reason);
    link_free(link);
}

const struct stream_marks link_stream_marks = {
    .high_bytes = 1U << 20,
    .low_bytes = 256U << 10,
    .max_bytes = 64U << 20,
};

const struct stream_events link_stream_events = {
    .on_ready = on_ready,
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
};

/* --- making --------------------------------------------------------------------------------------------- */

static void port_send(void *owner, const struct link_message *message)
{
    link_send(owner, message);
}

static void port_end(void *owner, const char *reason)
{
    link_fail(owner, reason, "the mesh has given the link up");
}

static void port_synced(void *owner)
{
    link_pulse_synced(owner);
}

static void port_describe(const void *owner, struct link_status *out_status)
{
    link_describe(owner, out_status);
}

static const struct mesh_port port = {port_send, port_end, port_synced, port_describe};

static struct link *make(struct federation *federation, enum link_role role, const char *address)
{
    struct link *link = calloc(1, sizeof *link);

    if (!link)
        return NULL;
    link->port = &port;
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
        link_dial_now(link);
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
                const char *peer_address, enum link_trust trust)
{
    struct link_message greeting;
    struct link *link =
        count_links(federation) < MAX_LINKS ? make(federation, LINK_ROLE_ACCEPTOR, peer_address) : NULL;

    if (!link)
        return -ENOMEM;
    link->trust = trust;
    link->stream = stream;
    stream_set_owner(stream, &link_stream_events, &link_stream_marks, link);
    link_enter(link, LINK_HANDSHAKE, "called");
    link_handshake_begin(link);
    link->messages_in++;
    if (federation->is_draining) {
        link_refuse(link, LINK_REFUSAL_SHUTDOWN);
    } else if (link_wire_read(first_body, &greeting) != 0 || greeting.type != LINK_MESSAGE_GREETING) {
        link_refuse(link, LINK_REFUSAL_MALFORMED);
    } else {
        link_handshake_challenge(link, &greeting.greeting);
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

static void describe_guards(const struct link *link, struct link_status *out_status)
{
    struct mesh_link_guards guards = mesh_link_guards(link->mesh_link);

    out_status->channels_proven = guards.n_proven;
    out_status->channels_unproven = guards.n_unproven;
    out_status->channels_foreign = guards.n_foreign;
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
    if (link->mesh_link)
        describe_guards(link, out_status);
    if (!link->stream)
        return;
    out_status->bytes_in += stream_read_bytes(link->stream);
    out_status->bytes_out += stream_written_bytes(link->stream);
    out_status->queued_bytes = stream_outbox_bytes(link->stream);
}
