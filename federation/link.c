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
#include "federation/link_resume.h"
#include "federation/link_state.h"
#include "federation/link_step.h"
#include "federation/trial.h"
#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/base/metrics.h"
#include "hub/io/dialer.h"
#include "hub/wire/frame.h"

#define FAREWELL_MS 1000U
/* What has come in is acknowledged at the latest after so long. */
#define ACK_MS 100U
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
    if (link_trial(link))
        return;
    link_describe(link, &status);
    link_record_state(link->federation, &status);
}

struct trial *link_trial(const struct link *link)
{
    return link->bridge ? link->bridge->trial : NULL;
}

void link_begin_step(struct link *link, enum link_step step)
{
    link->step = step;
    trial_note(link_trial(link), step);
}

void link_set_error(struct link *link, const char *detail)
{
    snprintf(link->last_error, sizeof link->last_error, "%s", detail);
    link->failed_step = link->last_error[0] ? link->step : LINK_STEP_NONE;
}

void link_arm(struct link *link, uint64_t after_ms)
{
    /* Only the first arming of a timer can fail; a link that could not be timed would hang. */
    if (loop_timer_arm(link->federation->loop, &link->timer, link_now_ms(link) + after_ms) < 0)
        link_fail(link, "out_of_memory", "no memory for a timer");
}

/* --- sending and ending --------------------------------------------------------------------------------- */

static void queue(struct link *link, struct block *frame)
{
    int r = frame ? stream_send(link->stream, frame) : -ENOMEM;

    if (r == 0)
        link->messages_out++;
    else if (r == STREAM_E_FULL)
        link_fail(link, "queue_full", "the other hub does not read what is sent to it");
    else if (r < 0)
        link_fail(link, "out_of_memory", "no memory to send a message");
}

void link_write(struct link *link, const struct link_message *message)
{
    struct block *frame;

    if (link->is_ending || !link->stream)
        return;
    frame = link_wire_write(message, 0);
    queue(link, frame);
    block_unref(frame);
}

/* What can't be queued has been kept by the session, and goes out by the next connection. */
void link_send(struct link *link, struct block *frame)
{
    if (!link->is_ending && link->stream)
        queue(link, frame);
}

void link_acknowledge(struct link *link)
{
    struct link_message ack = {.type = LINK_MESSAGE_ACK};
    uint64_t rtt_us = link->least_rtt_us >= 0 ? (uint64_t)link->least_rtt_us : 0;

    ack.ack = mesh_link_acknowledge(link->mesh_link, rtt_us);
    link->is_ack_due = false;
    link_write(link, &ack);
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

void link_part(struct link *link, const char *reason)
{
    if (!link->is_ending)
        end_stream(link, reason, FAREWELL_MS);
}

void link_end_session(struct link *link, const char *reason, const char *detail)
{
    link->is_over = true;
    if (!link->is_cut) {
        link_fail(link, reason, detail);
        return;
    }
    /* The mesh may be at work: soon. The timer has been armed before. */
    link_set_error(link, detail);
    (void)loop_timer_arm(link->federation->loop, &link->window, link_now_ms(link));
}

static void say_no(struct link *link, enum link_refusal_reason reason)
{
    struct link_message message = {.type = LINK_MESSAGE_REFUSE};

    message.refusal.reason = bytes_of_text(refusals[reason].name);
    message.refusal.text = bytes_of_text(refusals[reason].text);
    link_write(link, &message);
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
    link->is_over |= link->handshake == LINK_PROVEN;
    end_stream(link, refusals[reason].name, FAREWELL_MS);
}

void link_leave_mesh(struct link *link)
{
    struct mesh_link *mesh_link = link->mesh_link;

    link->mesh_link = NULL;
    link->is_cut = false;
    loop_timer_disarm(link->federation->loop, &link->window);
    if (mesh_link)
        mesh_link_down(mesh_link, federation_time(link->federation));
}

void link_free(struct link *link)
{
    if (link->bridge)
        link->bridge->link = NULL;
    list_unlink(&link->in_federation);
    loop_timer_disarm(link->federation->loop, &link->timer);
    loop_timer_disarm(link->federation->loop, &link->window);
    dialer_free(link->dialer);
    stream_free(link->stream);
    free(link);
}

void link_close(struct link *link, enum link_refusal_reason reason)
{
    link_leave_mesh(link);
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

static void drop_stream(struct link *link)
{
    link->bytes_in += stream_read_bytes(link->stream);
    link->bytes_out += stream_written_bytes(link->stream);
    stream_free(link->stream);
    link->stream = NULL;
    link->is_ending = false;
}

static void cut(struct link *link)
{
    link->is_cut = true;
    link->is_ack_due = false;
    mesh_link_cut(link->mesh_link, federation_time(link->federation));
    link_resume_wait(link);
}

void link_let_go(struct link *link)
{
    if (link->stream)
        drop_stream(link);
    if (!link->is_cut)
        cut(link);
}

void link_pause(struct link *link)
{
    dialer_free(link->dialer);
    link->dialer = NULL;
    loop_timer_disarm(link->federation->loop, &link->timer);
    link_leave_mesh(link);
    link_set_error(link, "");
    link_enter(link, LINK_PAUSED, refusals[LINK_REFUSAL_PAUSED].name);
    if (!link->stream || link->is_ending)
        return;
    say_no(link, LINK_REFUSAL_PAUSED);
    if (!link->is_ending)
        end_stream(link, refusals[LINK_REFUSAL_PAUSED].name, FAREWELL_MS);
}

void link_unpause(struct link *link)
{
    /* One that still says goodbye dials when it has. */
    if (link->state == LINK_PAUSED && !link->stream)
        link_dial_now(link);
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
            link_end_session(other, "peer_restarted", "the other hub has started anew");
        else if (other->bridge && other->state == LINK_BACKOFF && link->role == LINK_ROLE_ACCEPTOR)
            link_dial_retry(other);
    }
}

void link_proven(struct link *link, uint64_t session)
{
    struct mesh_link_options options = {
        .owner = link,
        .peer = link->peer,
        .peer_incarnation = link->peer_incarnation,
        .peer_run = link->peer_run,
        .peer_max_frame = link->peer_max_frame,
        .session = session,
        .rtt_us = link->answered_us,
        .cost = (uint32_t)link->cost,
        .policy = link->bridge ? link->bridge->policy : NULL,
        .management = link->bridge ? link->bridge->management : link->federation->link_management,
    };
    struct hub_time time = federation_time(link->federation);
    int r;

    mesh_meet(link->federation->mesh, &link->peer, link->peer_incarnation, time);
    link_leave_mesh(link);
    link->session = session;
    link->is_over = false;
    link->is_synced = false;
    link->least_rtt_us = -1;
    link->n_resumes = 0;
    link->handshake = LINK_PROVEN;
    link->step = LINK_STEP_SYNC;
    link_enter(link, LINK_SYNCING, "proven");
    link_pulse_begin(link);
    r = mesh_link_up(link->federation->mesh, &options, time, &link->mesh_link);
    if (r != 0) {
        link->mesh_link = NULL;
        link_refuse(link, r == MESH_E_FULL ? LINK_REFUSAL_FULL : LINK_REFUSAL_OUT_OF_MEMORY);
        return;
    }
    if (link->bridge)
        durable_bridge_leads_to(link->federation->durable, link->bridge, &link->peer);
    link_acknowledge(link);
    hear_of_peer(link);
}

void link_resumed(struct link *link, const struct link_resume *far)
{
    loop_timer_disarm(link->federation->loop, &link->window);
    link->is_cut = false;
    link->n_resumes++;
    link->handshake = LINK_PROVEN;
    link->step = LINK_STEP_SYNC;
    link_enter(link, LINK_SYNCING, "resumed");
    mesh_link_resume(link->mesh_link, far, federation_time(link->federation));
    link_acknowledge(link);
    link_pulse_begin(link);
    hear_of_peer(link);
}

static void hear_refusal(struct link *link, const struct link_refusal *refusal)
{
    bool is_duplicate = bytes_equal_text(refusal->reason, MESH_END_DUPLICATE_HUB_ID);
    char reason[sizeof link->reason];
    char text[FEDERATION_DETAIL_SIZE];

    snprintf(reason, sizeof reason, "%.*s", (int)refusal->reason.len, (const char *)refusal->reason.ptr);
    snprintf(text, sizeof text, "the other hub says: %.*s", (int)refusal->text.len,
             (const char *)refusal->text.ptr);
    /* A hub that shuts down comes back by itself; whatever else it says before the proof, somebody must mend,
     * and so what the mesh finds out later. */
    link->was_refused =
        is_duplicate || (link->handshake != LINK_PROVEN &&
                         !bytes_equal_text(refusal->reason, refusals[LINK_REFUSAL_SHUTDOWN].name));
    link->is_over |= link->handshake == LINK_PROVEN;
    if (is_duplicate && link->handshake == LINK_PROVEN)
        link->step = LINK_STEP_SYNC;
    link_set_error(link, text);
    end_stream(link, reason, 0);
}

static void time_out(struct link *link)
{
    char text[FEDERATION_DETAIL_SIZE];

    link_refuse(link, LINK_REFUSAL_TIMED_OUT);
    if (link->role != LINK_ROLE_DIALER)
        return;
    link_step_explain(BRIDGE_NATIVE, link->step, refusals[LINK_REFUSAL_TIMED_OUT].text, text, sizeof text);
    link_set_error(link, text);
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
        time_out(link);
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

static void hear_ack(struct link *link, const struct link_ack *ack)
{
    if (!mesh_link_acknowledged(link->mesh_link, ack, federation_time(link->federation)))
        link_end_session(link, "malformed", "the other hub acknowledges what was not sent");
}

/* False: it is not the frame that must come now. */
static bool is_in_sequence(struct link *link, uint64_t number)
{
    if (link_session_is_next(mesh_link_frames(link->mesh_link), number))
        return true;
    link_end_session(link, "out_of_sequence", "the numbers of the messages have a gap");
    return false;
}

static void handle_numbered(struct link *link, const struct link_message *message, size_t bytes)
{
    int r;

    if (!is_in_sequence(link, message->number))
        return;
    r = mesh_link_receive(link->mesh_link, message, federation_time(link->federation));
    if (r == 0)
        link_session_take(mesh_link_frames(link->mesh_link), bytes);
    else if (r == MESH_E_BAD_MESSAGE)
        link_end_session(link, "malformed", "a message of the other hub breaks the rules of the link");
    else
        /* It has not been taken, so it comes again. */
        link_fail(link, "out_of_memory", "no memory for what the other hub told");
}

static void handle_proven(struct link *link, const struct link_message *message, size_t bytes)
{
    struct link_message echo = {.type = LINK_MESSAGE_ECHO};

    if (message->type == LINK_MESSAGE_HELLO) {
        echo.at_us = message->at_us;
        link_write(link, &echo);
    } else if (message->type == LINK_MESSAGE_ECHO) {
        link_pulse_hear_echo(link, message->at_us);
    } else if (message->type == LINK_MESSAGE_ACK) {
        hear_ack(link, &message->ack);
    } else {
        handle_numbered(link, message, bytes);
    }
}

/* A later version may say things that this one does not know. */
static void pass_over(struct link *link, uint64_t number)
{
    if (number != 0 && is_in_sequence(link, number))
        link_session_take(mesh_link_frames(link->mesh_link), 0);
}

/* Who answers the greeting with something else is no hub that would understand a refusal. */
static void refuse_malformed(struct link *link)
{
    if (link->handshake != LINK_AWAIT_CHALLENGE || link->role != LINK_ROLE_DIALER) {
        link_refuse(link, LINK_REFUSAL_MALFORMED);
        return;
    }
    link->was_refused = true;
    link_fail(
        link, "not_a_hub",
        "what answers there is no CommHub: check the address and its port; for a hub of the Python package "
        "set kind to reference");
}

static void handle(struct link *link, struct bytes body)
{
    struct link_message message;
    int r = link_wire_read(body, &message);

    link->messages_in++;
    if (r == LINK_WIRE_E_UNKNOWN_TYPE && link->handshake == LINK_PROVEN) {
        pass_over(link, message.number);
    } else if (r != 0) {
        metrics_count(METRICS_PROTOCOL_ERRORS);
        refuse_malformed(link);
    } else if (message.type == LINK_MESSAGE_REFUSE) {
        hear_refusal(link, &message.refusal);
    } else if (link->handshake == LINK_PROVEN) {
        handle_proven(link, &message, body.len);
    } else {
        link_handshake_handle(link, &message);
    }
}

/* What has come in is acknowledged, many frames at once. */
static void consider_ack(struct link *link)
{
    const struct link_session *frames;

    if (link->is_ending || link->handshake != LINK_PROVEN)
        return;
    frames = mesh_link_frames(link->mesh_link);
    if (link_session_owes_much(frames)) {
        link_acknowledge(link);
    } else if (link_session_owes(frames) && !link->is_ack_due) {
        link->is_ack_due = true;
        link_arm(link, ACK_MS);
    }
}

static size_t on_bytes(void *owner, struct bytes in)
{
    struct link *link = owner;
    size_t n_consumed = 0;

    link->heard_ms = link_now_ms(link);
    while (!link->is_ending && link->stream) {
        size_t most = link->handshake == LINK_PROVEN ? link->federation->max_frame_bytes + HEAD_BYTES
                                                     : LINK_WIRE_MAX_HANDSHAKE_BYTES;
        struct bytes body;
        size_t frame_bytes;
        int r = frame_next(bytes_from(in, n_consumed), most, &body, &frame_bytes);

        if (r == FRAME_E_INCOMPLETE) {
            consider_ack(link);
            return n_consumed;
        }
        if (r != 0) {
            refuse_malformed(link);
            break;
        }
        n_consumed += frame_bytes;
        handle(link, body);
    }
    if (link->stream)
        return in.len;
    /* Another link has taken the connection over, and gets the rest. */
    link_free(link);
    return n_consumed;
}

static void on_ready(void *owner)
{
    link_handshake_secured(owner);
}

static void on_drained(void *owner)
{
    (void)owner;
}

static const char *reason_of(enum stream_end end)
{
    switch (end) {
    case STREAM_ENDED_BY_TLS:
        return "tls_failed";
    case STREAM_ENDED_BY_PEER:
        return "closed_by_peer";
    case STREAM_ENDED_BY_OWNER:
    case STREAM_ENDED_BY_ERROR:
    case STREAM_ENDED_BY_MEMORY:
        break;
    }
    return "io_error";
}

/* The link has lost its connection: it dials again, waits to be called again, or is no more. */
static void go_on_without(struct link *link, const char *reason)
{
    bool may_dial = link->bridge && !link->federation->is_draining;

    if (link->state == LINK_PAUSED) {
        if (!link->bridge->is_paused)
            link_dial_now(link);
        return;
    }
    if (may_dial) {
        link_dial_later(link, reason);
        return;
    }
    loop_timer_disarm(link->federation->loop, &link->timer);
    if (link->mesh_link) {
        link_enter(link, LINK_BACKOFF, reason);
        return;
    }
    if (link->state != LINK_ENDED)
        link_enter(link, link->was_refused ? LINK_REFUSED : LINK_ENDED, reason);
    link_free(link);
}

/* The connection has ended, and not by us. A certificate does not mend itself in milliseconds. */
static void lost_connection(struct link *link, enum stream_end end, const char *detail)
{
    char text[FEDERATION_DETAIL_SIZE];

    /* In TLS 1.3 the far side judges our certificate when we are done already. */
    if (end == STREAM_ENDED_BY_TLS && link->step == LINK_STEP_HANDSHAKE)
        link->step = LINK_STEP_TLS;
    link_step_explain(BRIDGE_NATIVE, link->step, detail, text, sizeof text);
    link_set_error(link, text);
    link->was_refused = end == STREAM_ENDED_BY_TLS && link->step == LINK_STEP_TLS;
}

static void on_end(void *owner, enum stream_end end, const char *detail)
{
    struct link *link = owner;
    char reason[sizeof link->reason];
    bool was_proven = link->handshake == LINK_PROVEN;

    snprintf(reason, sizeof reason, "%s", link->is_ending ? link->reason : reason_of(end));
    if (!link->is_ending)
        lost_connection(link, end, detail);
    drop_stream(link);
    if (was_proven && link->mesh_link && (link->is_over || link->federation->is_draining))
        link_leave_mesh(link);
    else if (was_proven && link->mesh_link)
        cut(link);
    go_on_without(link, reason);
}

const struct stream_marks link_stream_marks = {
    .high_bytes = 1U << 20,
    .low_bytes = 256U << 10,
    /* More than a session keeps, which is the bound. */
    .max_bytes = 2 * BRIDGE_MAX_BYTES,
};

const struct stream_events link_stream_events = {
    .on_ready = on_ready,
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
};

/* --- making --------------------------------------------------------------------------------------------- */

static void port_send(void *owner, struct block *frame)
{
    link_send(owner, frame);
}

static void port_end(void *owner, const char *reason)
{
    struct link *link = owner;

    if (strcmp(reason, MESH_END_DUPLICATE_HUB_ID) != 0 || !link->stream) {
        link_end_session(link, reason, "the mesh has given the link up");
        return;
    }
    /* It is the tables that say so, of a link that has long been up too. */
    link->step = LINK_STEP_SYNC;
    link_refuse(link, LINK_REFUSAL_HUB_ID_IN_MESH);
}

static void port_synced(void *owner)
{
    link_pulse_synced(owner);
}

static void port_acknowledge(void *owner)
{
    struct link *link = owner;

    if (link->mesh_link && link->stream && link->handshake == LINK_PROVEN)
        link_acknowledge(link);
}

static void port_describe(const void *owner, struct link_status *out_status)
{
    link_describe(owner, out_status);
}

static const struct mesh_port port = {port_send, port_end, port_synced, port_acknowledge, port_describe};

static struct link *make(struct federation *federation, enum link_role role, const char *address)
{
    struct link *link = calloc(1, sizeof *link);

    if (!link)
        return NULL;
    link->port = &port;
    link->federation = federation;
    link->role = role;
    link->rtt_us = link->least_rtt_us = -1;
    snprintf(link->address, sizeof link->address, "%s", address);
    loop_timer_init(&link->timer, on_due);
    loop_timer_init(&link->window, link_resume_give_up);
    list_init(&link->in_federation);
    return link;
}

int link_new(struct federation *federation, struct bridge *bridge)
{
    struct link *link = make(federation, LINK_ROLE_DIALER, bridge->address_text);

    if (!link)
        return -ENOMEM;
    link->bridge = bridge;
    bridge->link = link;
    if (!bridge->trial)
        list_append(&federation->links, &link->in_federation);
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
    list_append(&federation->links, &link->in_federation);
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

static void describe_session(const struct link *link, struct link_status *out_status)
{
    struct mesh_link_counts counts = mesh_link_counts(link->mesh_link);

    out_status->cuts = counts.cuts;
    out_status->frames_resent = counts.resent;
    out_status->messages_rerouted = counts.rerouted;
    out_status->duplicates = counts.duplicates;
    out_status->updates_held = counts.updates_held;
    out_status->digest_mismatches = counts.digest_mismatches;
    out_status->unacknowledged_bytes = counts.kept_bytes;
    out_status->one = mesh_link_flow(link->mesh_link, LINK_CLASS_ONE);
    out_status->many = mesh_link_flow(link->mesh_link, LINK_CLASS_MANY);
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
        .durable = link->bridge ? durable_status(link->federation->durable, link->bridge->name)
                                : (struct durable_status){0},
    };
    snprintf(out_status->bridge, sizeof out_status->bridge, "%s", link->bridge ? link->bridge->name : "");
    snprintf(out_status->address, sizeof out_status->address, "%s", link->address);
    snprintf(out_status->server_id, sizeof out_status->server_id, "%s", link->peer_server_id);
    snprintf(out_status->reason, sizeof out_status->reason, "%s", link->reason);
    snprintf(out_status->last_error, sizeof out_status->last_error, "%s", link->last_error);
    out_status->failed_step = link->failed_step;
    if (link->has_peer)
        hub_id_text(&link->peer, out_status->hub_id);
    if (link->mesh_link) {
        describe_guards(link, out_status);
        describe_session(link, out_status);
    }
    if (!link->stream)
        return;
    out_status->bytes_in += stream_read_bytes(link->stream);
    out_status->bytes_out += stream_written_bytes(link->stream);
    out_status->queued_bytes = stream_outbox_bytes(link->stream);
    out_status->queue_wait_ms = stream_queue_wait_ms(link->stream);
}
