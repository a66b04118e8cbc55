/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The life of a connection
 *
 *     WAITING --> CONNECTING --> IDENTIFYING --> READY
 *        ^------------+---------------+-----------'   lose()
 *
 * lose() leads to WAITING, or to STOPPED where a single attempt was asked for; stop() to STOPPED, when trying
 * again would only be told the same: the hub rejects the secret, or at the first attempt the id. A later
 * refusal of the id is most likely our own old connection, which the hub has not missed yet.
 *
 * The wait doubles from least to most with every failure in a row, and a quarter of it to either side is
 * chance, so that the clients of a hub that was started anew do not all come in one moment.
 *
 * One timer serves all states. It is armed all the time, so that arming it anew never needs memory.
 */
#include "hub/client/connection.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/base/random.h"
#include "hub/client/draft.h"
#include "hub/wire/frame.h"
#include "hub/wire/proof.h"

#define DETAIL_SIZE 512
#define FAR_MS 3600000U

static const struct stream_events stream_events;
static const struct dialer_events dialer_events;

static void set_timer(struct connection *connection, uint64_t due_ms)
{
    check(loop_timer_arm(connection->loop, &connection->timer, due_ms) == 0);
}

/* The only place where the state changes. */
static void enter_state(struct connection *connection, enum commipc_state state, const char *detail)
{
    connection->state = state;
    connection->events->on_state(connection->owner, state, detail);
}

static void begin_step(struct connection *connection, enum connection_step step)
{
    if (connection->events->on_step)
        connection->events->on_step(connection->owner, step);
}

static void drop_socket(struct connection *connection)
{
    dialer_free(connection->dialer);
    connection->dialer = NULL;
    stream_free(connection->stream);
    connection->stream = NULL;
}

static void stop(struct connection *connection, const char *detail)
{
    drop_socket(connection);
    loop_timer_disarm(connection->loop, &connection->timer);
    enter_state(connection, COMMIPC_STOPPED, detail);
}

static uint32_t next_wait_ms(struct connection *connection)
{
    uint64_t wait_ms = connection->options.least_wait_ms;

    for (uint32_t i = 0; i < connection->n_failures && wait_ms < connection->options.most_wait_ms; i++)
        wait_ms *= 2;
    if (wait_ms > connection->options.most_wait_ms)
        wait_ms = connection->options.most_wait_ms;
    connection->n_failures++;
    return (uint32_t)(wait_ms - wait_ms / 4 + random_u64() % (wait_ms / 2 + 1));
}

/* @detail may lie in what is freed here. */
static void lose(struct connection *connection, const char *detail)
{
    char copy[DETAIL_SIZE];

    snprintf(copy, sizeof copy, "%s", detail);
    if (connection->options.is_single_attempt) {
        stop(connection, copy);
        return;
    }
    drop_socket(connection);
    set_timer(connection, clock_monotonic_ms() + next_wait_ms(connection));
    enter_state(connection, COMMIPC_WAITING, copy);
}

int connection_send(struct connection *connection, struct block *frame, bool is_urgent)
{
    int r;

    if (!frame)
        return -ENOMEM;
    if (!connection->stream)
        r = COMMIPC_E_NOT_CONNECTED;
    else if (!is_urgent && stream_is_full(connection->stream))
        r = COMMIPC_E_FULL;
    else
        r = stream_send(connection->stream, frame);
    block_unref(frame);
    if (r == STREAM_E_FULL && connection->stream)
        return COMMIPC_E_FULL;
    return r;
}

/* A message of the handshake: what cannot be sent ends the attempt. */
static void say(struct connection *connection, struct draft *draft)
{
    if (connection_send(connection, draft_finish(draft), true) != 0)
        lose(connection, "out of memory");
}

/* ------------------------------------------------------------------------------------------- connecting */

static void attempt(struct connection *connection)
{
    set_timer(connection, clock_monotonic_ms() + connection->options.connect_timeout_ms);
    enter_state(connection, COMMIPC_CONNECTING, "");
    if (connection->state != COMMIPC_CONNECTING)
        return;
    begin_step(connection, CONNECTION_RESOLVING);
    if (dialer_new(&connection->dialer, connection->loop, connection->mailbox, &connection->options.address,
                   connection->options.connect_timeout_ms, &dialer_events, connection) < 0) {
        connection->dialer = NULL;
        lose(connection, "out of memory or descriptors");
    }
}

static void identify(struct connection *connection)
{
    struct draft draft;

    begin_step(connection, CONNECTION_IDENTIFYING);
    draft_begin(&draft, "identify");
    draft_text(&draft, "client_id", bytes_of_text(connection->client_id));
    draft_text(&draft, "mode", bytes_of_text(connection->options.mode));
    say(connection, &draft);
}

static void take_socket(struct connection *connection, int fd)
{
    dialer_free(connection->dialer);
    connection->dialer = NULL;
    if (stream_new(&connection->stream, connection->loop, fd, connection->options.tls, &stream_events,
                   &connection->marks, connection) < 0) {
        connection->stream = NULL;
        lose(connection, "out of memory");
        return;
    }
    enter_state(connection, COMMIPC_IDENTIFYING, "");
    if (connection->stream && connection->options.tls)
        begin_step(connection, CONNECTION_SECURING);
    else if (connection->stream)
        identify(connection);
}

static void on_resolved(void *owner)
{
    begin_step(owner, CONNECTION_CONNECTING);
}

static void on_connected(void *owner, int fd)
{
    struct connection *connection = owner;
    const struct connection_events *events = connection->events;
    void *client = connection->owner;

    events->on_enter(client);
    take_socket(connection, fd);
    events->on_leave(client);
}

static void on_failed(void *owner, enum dialer_step step, int error, const char *detail)
{
    struct connection *connection = owner;
    const struct connection_events *events = connection->events;
    void *client = connection->owner;

    (void)step;
    (void)error;
    events->on_enter(client);
    lose(connection, detail);
    events->on_leave(client);
}

static const struct dialer_events dialer_events = {
    .on_resolved = on_resolved, .on_connected = on_connected, .on_failed = on_failed};

/* ------------------------------------------------------------------------------------------ identifying */

static void prove(struct connection *connection, const struct message *message)
{
    struct bytes challenge;
    char proof[PROOF_TEXT];
    struct draft draft;

    begin_step(connection, CONNECTION_PROVING);
    if (!connection->options.secret) {
        stop(connection, "the hub asks for a connection secret");
        return;
    }
    if (message_text(message, KEY_CHALLENGE, &challenge) != 0 ||
        proof_of_connection(bytes_of_text(connection->options.secret), challenge, proof) < 0) {
        lose(connection, "the hub's challenge cannot be answered");
        return;
    }
    draft_begin(&draft, "conn_proof");
    draft_text(&draft, "proof", bytes_of(proof, PROOF_TEXT - 1));
    say(connection, &draft);
}

static void keep_id(const struct message *message, enum message_key key, char out_id[CONNECTION_ID_SIZE])
{
    struct bytes id;

    if (message_text(message, key, &id) != 0 || id.len == 0 || id.len >= CONNECTION_ID_SIZE)
        return;
    memcpy(out_id, id.ptr, id.len);
    out_id[id.len] = '\0';
}

static void schedule(struct connection *connection)
{
    uint64_t silent_ms = connection->heard_ms + connection->options.idle_timeout_ms;

    set_timer(connection, silent_ms < connection->ping_ms ? silent_ms : connection->ping_ms);
}

static void become_ready(struct connection *connection, const struct message *message)
{
    keep_id(message, KEY_CLIENT_ID, connection->client_id);
    keep_id(message, KEY_SERVER_ID, connection->server_id);
    connection->n_failures = 0;
    connection->was_ready = true;
    connection->ping_ms = clock_monotonic_ms() + connection->options.heartbeat_ms;
    schedule(connection);
    enter_state(connection, COMMIPC_READY, connection->server_id);
}

static bool contains(struct bytes text, const char *part)
{
    return text.len && memmem(text.ptr, text.len, part, strlen(part));
}

static void be_refused(struct connection *connection, const struct message *message)
{
    struct bytes text = BYTES_NONE;
    char detail[DETAIL_SIZE];

    message_text(message, KEY_MESSAGE, &text);
    snprintf(detail, sizeof detail, "%.*s", text.len < DETAIL_SIZE ? (int)text.len : DETAIL_SIZE - 1,
             text.len ? (const char *)text.ptr : "");
    if (contains(text, "Authentication failed") ||
        (!connection->was_ready && contains(text, "already in use")))
        stop(connection, detail);
    else
        lose(connection, text.len ? detail : "the hub refused the connection");
}

static void shake_hands(struct connection *connection, const struct message *message)
{
    if (message->type == MESSAGE_CONN_CHALLENGE)
        prove(connection, message);
    else if (message->type == MESSAGE_IDENTIFIED)
        become_ready(connection, message);
    else if (message->type == MESSAGE_ERROR)
        be_refused(connection, message);
    else
        lose(connection, "the hub spoke before it had identified us");
}

/* ---------------------------------------------------------------------------------------------- reading */

static void take_body(struct connection *connection, struct bytes body)
{
    struct message message;
    int fault = message_parse(body, &message);

    if (fault)
        lose(connection, message_fault_text(fault));
    else if (connection->state == COMMIPC_IDENTIFYING)
        shake_hands(connection, &message);
    else
        connection->events->on_message(connection->owner, &message);
}

/* Answers how much was consumed. */
static size_t take_frames(struct connection *connection, struct bytes in)
{
    size_t used = 0;

    connection->heard_ms = clock_monotonic_ms();
    while (connection->stream) {
        struct bytes body;
        size_t frame_bytes;
        int r = frame_next(bytes_from(in, used), connection->options.max_frame_bytes, &body, &frame_bytes);

        if (r == FRAME_E_INCOMPLETE)
            return used;
        used += r == 0 ? frame_bytes : 0;
        if (r == 0)
            take_body(connection, body);
        else
            lose(connection,
                 r == FRAME_E_EMPTY ? "the hub sent an empty frame" : "the hub's message is too long");
    }
    return in.len;
}

static size_t on_bytes(void *owner, struct bytes in)
{
    struct connection *connection = owner;
    const struct connection_events *events = connection->events;
    void *client = connection->owner;
    size_t used;

    events->on_enter(client);
    used = take_frames(connection, in);
    events->on_leave(client);
    return used;
}

static void on_ready(void *owner)
{
    struct connection *connection = owner;
    const struct connection_events *events = connection->events;
    void *client = connection->owner;

    events->on_enter(client);
    identify(connection);
    events->on_leave(client);
}

static void on_drained(void *owner)
{
    struct connection *connection = owner;
    const struct connection_events *events = connection->events;
    void *client = connection->owner;

    events->on_enter(client);
    if (connection->state == COMMIPC_READY)
        events->on_drained(client);
    events->on_leave(client);
}

static void on_end(void *owner, enum stream_end end, const char *detail)
{
    struct connection *connection = owner;
    const struct connection_events *events = connection->events;
    void *client = connection->owner;

    events->on_enter(client);
    lose(connection, end == STREAM_ENDED_BY_PEER ? "the hub closed the connection" : detail);
    events->on_leave(client);
}

static const struct stream_events stream_events = {
    .on_ready = on_ready, .on_bytes = on_bytes, .on_drained = on_drained, .on_end = on_end};

/* ----------------------------------------------------------------------------------------------- timing */

static void keep_alive(struct connection *connection)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct draft draft;

    if (now_ms >= connection->heard_ms + connection->options.idle_timeout_ms) {
        lose(connection, "the hub is silent");
        return;
    }
    if (now_ms >= connection->ping_ms) {
        connection->ping_ms = now_ms + connection->options.heartbeat_ms;
        draft_begin(&draft, "ping");
        /* With a full queue the hub hears from us anyway. */
        (void)connection_send(connection, draft_finish(&draft), true);
    }
    schedule(connection);
}

static void on_due(struct loop_timer *timer)
{
    struct connection *connection = container_of(timer, struct connection, timer);
    const struct connection_events *events = connection->events;
    void *client = connection->owner;

    /* Back into the heap, which has just lost an element and so has room for it. */
    set_timer(connection, clock_monotonic_ms() + FAR_MS);
    events->on_enter(client);
    switch (connection->state) {
    case COMMIPC_WAITING:
        attempt(connection);
        break;
    case COMMIPC_CONNECTING:
    case COMMIPC_IDENTIFYING:
        lose(connection, "the hub did not answer in time");
        break;
    case COMMIPC_READY:
        keep_alive(connection);
        break;
    case COMMIPC_STOPPED:
        break;
    }
    events->on_leave(client);
}

int connection_init(struct connection *connection, struct loop *loop,
                    const struct connection_options *options, const struct connection_events *events,
                    void *owner)
{
    int r = mailbox_new(&connection->mailbox, loop);

    if (r < 0)
        return r;
    connection->loop = loop;
    connection->options = *options;
    connection->events = events;
    connection->owner = owner;
    connection->state = COMMIPC_WAITING;
    connection->marks = (struct stream_marks){.high_bytes = options->max_queued_bytes / 4,
                                              .low_bytes = options->max_queued_bytes / 16,
                                              .max_bytes = options->max_queued_bytes};
    loop_timer_init(&connection->timer, on_due);
    r = loop_timer_arm(loop, &connection->timer, clock_monotonic_ms());
    if (r < 0) {
        mailbox_free(connection->mailbox);
        connection->mailbox = NULL;
    }
    return r;
}

void connection_close(struct connection *connection)
{
    drop_socket(connection);
    loop_timer_disarm(connection->loop, &connection->timer);
    connection->state = COMMIPC_STOPPED;
}

void connection_clear(struct connection *connection)
{
    if (!connection->mailbox)
        return;
    connection_close(connection);
    mailbox_free(connection->mailbox);
    connection->mailbox = NULL;
}
