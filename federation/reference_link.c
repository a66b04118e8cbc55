/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The life of a reference link
 *
 *     DIALING --> HANDSHAKE --> SYNCING --> UP <--> DEGRADED
 *
 * DIALING: connecting. HANDSHAKE: the hub takes us as its client, and is asked what it is. SYNCING: the first
 * ping is out. UP: it has come back; the reason says whether we speak for the hub (`synced`) or another hub
 * of the mesh does (`standby`). What ends a connection waits for the end of the turn, so that nothing is
 * freed under the feet of its caller.
 */
#include "federation/reference_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "federation/link.h"
#include "federation/link_record.h"
#include "federation/link_step.h"
#include "federation/reference_state.h"
#include "federation/trial.h"
#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/base/random.h"

#define CONNECT_MS 10000U
/* To be connected, taken as a client, and answered what it is. */
#define HANDSHAKE_MS 20000U
#define FIRST_BACKOFF_MS 200U
#define MOST_BACKOFF_MS 30000U
#define STABLE_MS 10000U
#define REFUSED_BACKOFF_MS 5000U
/* The link has a pulse of its own. */
#define NEVER_MS 86400000U
#define QUEUE_BYTES (64U << 20)

uint64_t reference_link_now_ms(const struct reference_link *link)
{
    return loop_now_ms(link->federation->loop);
}

/* --- state ---------------------------------------------------------------------------------------------- */

void reference_link_enter(struct reference_link *link, enum link_state state, const char *reason)
{
    struct link_status status;
    char copy[sizeof link->reason];

    snprintf(copy, sizeof copy, "%s", reason);
    link->state = state;
    link->since_ms = clock_wall_ms();
    memcpy(link->reason, copy, sizeof copy);
    if (state == LINK_UP && link->up_ms == 0)
        link->up_ms = reference_link_now_ms(link);
    if (link->bridge->trial)
        return;
    reference_link_describe(link, &status);
    link_record_state(link->federation, &status);
}

static void set_error(struct reference_link *link, const char *detail)
{
    snprintf(link->last_error, sizeof link->last_error, "%s", detail);
    link->failed_step = link->last_error[0] ? link->step : LINK_STEP_NONE;
}

static void begin_step(struct reference_link *link, enum link_step step)
{
    link->step = step;
    trial_note(link->bridge->trial, step);
}

void reference_link_fail(struct reference_link *link, const char *reason, const char *detail)
{
    if (link->is_ending || !link->has_connection)
        return;
    link->is_ending = true;
    snprintf(link->reason, sizeof link->reason, "%s", reason);
    set_error(link, detail);
    loop_defer(link->federation->loop, &link->settled);
}

void reference_link_refuse(struct reference_link *link, const char *reason, const char *detail)
{
    if (link->is_ending)
        return;
    link->was_refused = true;
    reference_link_fail(link, reason, detail);
}

void reference_link_say(struct reference_link *link, struct block *frame)
{
    int r;

    if (link->is_ending || !link->has_connection) {
        block_unref(frame);
        return;
    }
    r = connection_send(&link->connection, frame, true);
    if (r == 0)
        link->messages_out++;
    else if (r == COMMIPC_E_FULL)
        reference_link_fail(link, "queue_full",
                            "the other hub does not read what is sent to it: 64 MiB are waiting");
    else if (r < 0)
        reference_link_fail(link, "out_of_memory", "no memory to send a message");
}

/* --- the connection's events ---------------------------------------------------------------------------- */

static void ask_what_it_is(struct reference_link *link)
{
    link->probe = (struct release_probe){0};
    for (unsigned i = 0; i < RELEASE_PROBE_QUESTIONS; i++)
        reference_link_say(link, release_probe_question(i));
}

static void meet(struct reference_link *link)
{
    snprintf(link->server_id, sizeof link->server_id, "%s", link->connection.server_id);
    hub_id_of_foreign(bytes_of_text(link->server_id), &link->peer);
    link->has_peer = true;
    link->heard_ms = reference_link_now_ms(link);
    if (!link->server_id[0])
        reference_link_refuse(link, "malformed", "the other hub has not told its server id");
    else
        ask_what_it_is(link);
}

static bool contains(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static const char *reason_at(enum link_step step)
{
    switch (step) {
    case LINK_STEP_RESOLVE:
        return "not_resolved";
    case LINK_STEP_CONNECT:
        return "not_connected";
    case LINK_STEP_TLS:
        return "tls_failed";
    case LINK_STEP_NONE:
    case LINK_STEP_HANDSHAKE:
    case LINK_STEP_PROOF:
    case LINK_STEP_SYNC:
        break;
    }
    return "closed_by_peer";
}

static void fail_at_step(struct reference_link *link, const char *detail)
{
    char text[FEDERATION_DETAIL_SIZE];

    link_step_explain(BRIDGE_REFERENCE, link->step, detail, text, sizeof text);
    reference_link_fail(link, reason_at(link->step), text);
}

static void on_stopped(struct reference_link *link, const char *detail)
{
    if (contains(detail, "Authentication failed"))
        reference_link_refuse(link, "wrong_secret",
                              "the connection secrets of the two sides differ: the bridge's "
                              "connection_secret must be that of the other hub");
    else if (contains(detail, "asks for a connection secret"))
        reference_link_refuse(link, "wrong_secret",
                              "the other hub asks for a connection secret: give the bridge its "
                              "connection_secret");
    else if (contains(detail, "already in use"))
        reference_link_fail(link, "id_in_use", detail);
    else
        fail_at_step(link, detail);
}

static void on_step(void *owner, enum connection_step step)
{
    static const enum link_step steps[] = {
        [CONNECTION_RESOLVING] = LINK_STEP_RESOLVE, [CONNECTION_CONNECTING] = LINK_STEP_CONNECT,
        [CONNECTION_SECURING] = LINK_STEP_TLS,      [CONNECTION_IDENTIFYING] = LINK_STEP_HANDSHAKE,
        [CONNECTION_PROVING] = LINK_STEP_PROOF,
    };

    begin_step(owner, steps[step]);
}

static void on_state(void *owner, enum commipc_state state, const char *detail)
{
    struct reference_link *link = owner;

    switch (state) {
    case COMMIPC_CONNECTING:
        return;
    case COMMIPC_IDENTIFYING:
        reference_link_enter(link, LINK_HANDSHAKE, "connected");
        return;
    case COMMIPC_READY:
        meet(link);
        return;
    case COMMIPC_WAITING:
    case COMMIPC_STOPPED:
        on_stopped(link, detail);
        return;
    }
}

static void hear_probe(struct reference_link *link, const struct message *message)
{
    release_probe_hear(&link->probe, message);
    link->release = release_probe_result(&link->probe);
    if (link->release == RELEASE_UNKNOWN)
        return;
    if (link->release == RELEASE_COMMHUB && link->bridge->kind == BRIDGE_AUTO) {
        reference_link_fail(link, "commhub", "the other hub is a CommHub: it is linked as one");
    } else if (mesh_has_name(link->federation->mesh, bytes_of_text(link->server_id), &link->peer)) {
        reference_link_refuse(link, "duplicate_server_id",
                              "a hub of the mesh has the same server id: start one of them with another");
    } else if (link->bridge->trial) {
        trial_pass(link->bridge->trial, BYTES_NONE);
    } else {
        begin_step(link, LINK_STEP_SYNC);
        reference_link_enter(link, LINK_SYNCING, "identified");
        reference_pulse_begin(link);
        reference_mesh_begin(link);
    }
}

static void on_message(void *owner, const struct message *message)
{
    struct reference_link *link = owner;

    if (link->is_ending)
        return;
    link->messages_in++;
    link->heard_ms = reference_link_now_ms(link);
    if (message->type == MESSAGE_PONG)
        reference_pulse_hear_pong(link);
    else if (link->state == LINK_HANDSHAKE)
        hear_probe(link, message);
    else if (link->foreign)
        foreign_hear(link->foreign, message);
}

static void ignore(void *owner)
{
    (void)owner;
}

static const struct connection_events connection_events = {
    .on_enter = ignore,
    .on_leave = ignore,
    .on_state = on_state,
    .on_step = on_step,
    .on_message = on_message,
    .on_drained = ignore,
};

/* --- connecting ----------------------------------------------------------------------------------------- */

static void arm(struct reference_link *link, uint64_t after_ms)
{
    /* Armed first when the link was made: only that can fail. */
    check(loop_timer_arm(link->federation->loop, &link->timer, reference_link_now_ms(link) + after_ms) == 0);
}

static uint64_t backoff_ms(struct reference_link *link)
{
    uint64_t most = FIRST_BACKOFF_MS << link->n_attempts;

    if (link->was_refused)
        return REFUSED_BACKOFF_MS + random_u64() % REFUSED_BACKOFF_MS;
    if (most > MOST_BACKOFF_MS)
        most = MOST_BACKOFF_MS;
    else
        link->n_attempts++;
    return 1 + random_u64() % most;
}

static void connect_later(struct reference_link *link, const char *reason)
{
    if (link->bridge->trial) {
        trial_fail(link->bridge->trial, reason);
        return;
    }
    if (link->up_ms != 0 && reference_link_now_ms(link) - link->up_ms >= STABLE_MS)
        link->n_attempts = 0;
    link->up_ms = 0;
    arm(link, backoff_ms(link));
    reference_link_enter(link, link->was_refused ? LINK_REFUSED : LINK_BACKOFF, reason);
}

/* "<our server id>.<bridge>", which operators of the other hub can read. A trial's is nobody else's. */
static void write_client_id(const struct reference_link *link, char out_id[CONNECTION_ID_SIZE])
{
    int len = snprintf(out_id, CONNECTION_ID_SIZE, "%.110s.%.110s", link->federation->server_id,
                       link->bridge->name);

    if (link->bridge->trial)
        snprintf(out_id + len, CONNECTION_ID_SIZE - (size_t)len, ".trial-%016llx",
                 (unsigned long long)random_u64());
}

static void connect_now(struct reference_link *link)
{
    struct connection_options options = {
        .address = link->bridge->address,
        .mode = "bridge",
        .secret = link->bridge->connection_secret,
        .tls = link->bridge->tls,
        .connect_timeout_ms = CONNECT_MS,
        .heartbeat_ms = NEVER_MS,
        .idle_timeout_ms = NEVER_MS,
        .least_wait_ms = NEVER_MS,
        .most_wait_ms = NEVER_MS,
        .is_single_attempt = true,
        .max_frame_bytes = link->federation->max_frame_bytes,
        .max_queued_bytes = QUEUE_BYTES,
    };
    int r;

    link->was_refused = false;
    link->release = RELEASE_UNKNOWN;
    link->rtt_us = -1;
    reference_link_enter(link, LINK_DIALING, link->last_error[0] ? "retry" : "configured");
    memset(&link->connection, 0, sizeof link->connection);
    write_client_id(link, link->connection.client_id);
    r = connection_init(&link->connection, link->federation->loop, &options, &connection_events, link);
    link->has_connection = r == 0;
    if (r == 0) {
        arm(link, HANDSHAKE_MS);
    } else {
        set_error(link, strerrordesc_np(-r));
        connect_later(link, "not_connected");
    }
}

static void close_connection(struct reference_link *link)
{
    const struct stream *stream = link->has_connection ? link->connection.stream : NULL;

    if (stream) {
        link->bytes_in += stream_read_bytes(stream);
        link->bytes_out += stream_written_bytes(stream);
    }
    if (link->has_connection)
        connection_clear(&link->connection);
    link->has_connection = false;
    link->is_ending = false;
}

static void become_native(struct reference_link *link)
{
    struct federation *federation = link->federation;
    struct bridge *bridge = link->bridge;

    trial_start_over(bridge->trial);
    reference_link_free(link, bridge->trial ? NULL : "commhub");
    if (link_new(federation, bridge) == 0)
        return;
    if (bridge->trial)
        trial_fail(bridge->trial, "out_of_memory");
    else
        federation_warn(federation, "out_of_memory", "no memory for a link: change its bridge to try again");
}

static void on_settled(struct loop_deferred *deferred)
{
    struct reference_link *link = container_of(deferred, struct reference_link, settled);

    if (!link->is_ending) {
        reference_mesh_settle(link);
        return;
    }
    reference_mesh_leave(link);
    close_connection(link);
    if (link->release == RELEASE_COMMHUB && link->bridge->kind == BRIDGE_AUTO)
        become_native(link);
    else
        connect_later(link, link->reason);
}

static void on_due(struct loop_timer *timer)
{
    struct reference_link *link = container_of(timer, struct reference_link, timer);

    switch (link->state) {
    case LINK_BACKOFF:
    case LINK_REFUSED:
        connect_now(link);
        return;
    case LINK_DIALING:
    case LINK_HANDSHAKE:
        reference_link_fail(link, "handshake_timed_out", "the other hub has not answered within 20 s");
        return;
    case LINK_SYNCING:
    case LINK_UP:
    case LINK_DEGRADED:
        reference_pulse_beat(link);
        if (!link->is_ending)
            reference_mesh_consider(link);
        return;
    case LINK_PAUSED:
    case LINK_ENDED:
        return;
    }
}

void reference_link_retry(struct reference_link *link)
{
    if (link->state != LINK_BACKOFF && link->state != LINK_REFUSED)
        return;
    link->n_attempts = 0;
    loop_timer_disarm(link->federation->loop, &link->timer);
    connect_now(link);
}

/* --- making and unmaking -------------------------------------------------------------------------------- */

int reference_link_new(struct federation *federation, struct bridge *bridge)
{
    struct reference_link *link = calloc(1, sizeof *link);

    if (!link)
        return -ENOMEM;
    loop_timer_init(&link->timer, on_due);
    if (loop_timer_arm(federation->loop, &link->timer, loop_now_ms(federation->loop) + HANDSHAKE_MS) < 0) {
        free(link);
        return -ENOMEM;
    }
    link->port = &reference_mesh_port;
    link->federation = federation;
    link->bridge = bridge;
    link->rtt_us = -1;
    list_init(&link->in_federation);
    loop_deferred_init(&link->settled, on_settled);
    bridge->reference = link;
    if (!bridge->trial)
        list_append(&federation->references, &link->in_federation);
    if (bridge->is_paused)
        reference_link_enter(link, LINK_PAUSED, "configured");
    else
        connect_now(link);
    return 0;
}

void reference_link_free(struct reference_link *link, const char *reason)
{
    reference_mesh_leave(link);
    close_connection(link);
    if (reason) {
        set_error(link, "");
        reference_link_enter(link, LINK_ENDED, reason);
    }
    link->bridge->reference = NULL;
    list_unlink(&link->in_federation);
    loop_timer_disarm(link->federation->loop, &link->timer);
    loop_undefer(&link->settled);
    free(link);
}

/* --- for the eye ---------------------------------------------------------------------------------------- */

struct reference_link *reference_link_first(const struct federation *federation)
{
    return list_is_empty(&federation->references)
               ? NULL
               : container_of(federation->references.next, struct reference_link, in_federation);
}

struct reference_link *reference_link_next(const struct federation *federation,
                                           const struct reference_link *link)
{
    const struct list *next = link->in_federation.next;

    return next == &federation->references
               ? NULL
               : container_of((struct list *)next, struct reference_link, in_federation);
}

void reference_link_describe(const struct reference_link *link, struct link_status *out_status)
{
    const struct stream *stream = link->has_connection ? link->connection.stream : NULL;

    *out_status = (struct link_status){
        .kind = BRIDGE_REFERENCE,
        .is_outgoing = true,
        .state = link->state,
        .since_ms = link->since_ms,
        .rtt_us = link->rtt_us,
        .messages_in = link->messages_in,
        .messages_out = link->messages_out,
        .bytes_in = link->bytes_in + (stream ? stream_read_bytes(stream) : 0),
        .bytes_out = link->bytes_out + (stream ? stream_written_bytes(stream) : 0),
        .queued_bytes = stream ? stream_outbox_bytes(stream) : 0,
        .queue_wait_ms = stream ? stream_queue_wait_ms(stream) : 0,
    };
    snprintf(out_status->release, sizeof out_status->release, "%s", release_probe_name(link->release));
    snprintf(out_status->bridge, sizeof out_status->bridge, "%s", link->bridge->name);
    snprintf(out_status->address, sizeof out_status->address, "%s", link->bridge->address_text);
    snprintf(out_status->server_id, sizeof out_status->server_id, "%s", link->server_id);
    snprintf(out_status->reason, sizeof out_status->reason, "%s", link->reason);
    snprintf(out_status->last_error, sizeof out_status->last_error, "%s", link->last_error);
    out_status->failed_step = link->failed_step;
    if (link->has_peer)
        hub_id_text(&link->peer, out_status->hub_id);
}
