/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A session hands whole frames to the core and the core's frames to the stream
 *
 * Until a client is identified its frames may have 4 KiB and it has 10 s; the client id is bound to the
 * connection only then. What the stream has read but the session does not take (it is paused) stays with the
 * stream.
 *
 * The timer is lazy: it is not moved with every frame but looks, when due, whether it was due in earnest.
 */
#include "hub/server/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub/base/check.h"
#include "hub/base/metrics.h"
#include "hub/base/name.h"
#include "hub/base/random.h"
#include "hub/server/backpressure.h"
#include "hub/wire/answer.h"
#include "hub/wire/error_text.h"
#include "hub/wire/frame.h"
#include "hub/wire/proof.h"

#define IDENTIFY_WITHIN_MS 10000U /* docs/protocol.md: identify and conn_proof, together */
#define UNIDENTIFIED_FRAME_BYTES 4096U
#define LAST_WORDS_MS 1000U /* how long an ending connection may take to fetch its last frames */

#define CHALLENGE_BYTES 32 /* 64 hex characters */

/* What is known of a client that has yet to prove the connection secret. */
struct handshake {
    char challenge[2 * CHALLENGE_BYTES + 1];
    enum client_kind kind;
    size_t id_len;
    uint8_t id[];
};

static void end_by_text(struct session *session, enum end_reason reason, enum error_text text,
                        struct bytes first)
{
    char sentence[ERROR_TEXT_SIZE];

    session_end_with_error(session, reason, error_text_format(text, first, BYTES_NONE, sentence));
}

/* --- out --- */

static void port_send(void *owner, struct block *frame, enum frame_class frame_class)
{
    struct session *session = owner;

    switch (stream_send(session->stream, frame)) {
    case 0:
        metrics_add(METRICS_BYTES_OUT, frame->len);
        if (stream_is_full(session->stream))
            backpressure_met_full(session, frame_class);
        return;
    case STREAM_E_FULL:
        session_end(session, END_SLOW_CONSUMER);
        return;
    case STREAM_E_ENDING:
        return;
    default:
        metrics_count(METRICS_OUT_OF_MEMORY);
        session_end(session, END_OUT_OF_MEMORY);
        return;
    }
}

static void port_end(void *owner, enum end_reason reason)
{
    session_end(owner, reason);
}

static void port_wait(void *owner, struct list *line, bool is_for_many)
{
    backpressure_wait(owner, line, is_for_many);
}

const struct client_port session_port = {.send = port_send, .end = port_end, .wait = port_wait};

static void send_new(struct session *session, struct block *frame)
{
    if (!frame) {
        session_end(session, END_OUT_OF_MEMORY);
        return;
    }
    port_send(session, frame, FRAME_CONTROL);
    block_unref(frame);
}

void session_end(struct session *session, enum end_reason reason)
{
    if (session->state == SESSION_ENDING)
        return;
    if (reason == END_SLOW_CONSUMER)
        metrics_count(METRICS_SLOW_CONSUMERS_CLOSED);
    session->state = SESSION_ENDING;
    session->end_reason = reason;
    backpressure_forget(session);
    loop_timer_disarm(session->server->loop, &session->timer);
    /* Who does not read will not read its last words either. */
    stream_end(session->stream, reason == END_SLOW_CONSUMER ? 0 : LAST_WORDS_MS);
}

void session_end_with_error(struct session *session, enum end_reason reason, struct bytes text)
{
    struct block *frame;

    if (session->state == SESSION_ENDING)
        return;
    frame = answer_error(text, BYTES_NONE);
    if (frame)
        port_send(session, frame, FRAME_CONTROL);
    block_unref(frame);
    session_end(session, reason);
}

/* --- timer --- */

static void arm(struct session *session, uint64_t due_ms)
{
    if (loop_timer_arm(session->server->loop, &session->timer, due_ms) < 0)
        session_end(session, END_OUT_OF_MEMORY);
}

static uint64_t patience_ms(const struct session *session)
{
    const struct server_options *options = &session->server->options;

    return session->is_in_frame ? options->data_timeout_ms : options->idle_timeout_ms;
}

static void on_due(struct loop_timer *timer)
{
    struct session *session = container_of(timer, struct session, timer);
    uint64_t now_ms = loop_now_ms(session->server->loop);
    uint64_t due_ms;

    switch (session->state) {
    case SESSION_AWAIT_TLS:
    case SESSION_AWAIT_IDENTIFY:
    case SESSION_AWAIT_PROOF:
        end_by_text(session, END_NOT_IDENTIFIED, ERROR_IDENTIFY_TIMED_OUT, BYTES_NONE);
        return;
    case SESSION_READY:
        if (session_waits(session)) /* it is we who do not listen */
            session->heard_ms = now_ms;
        due_ms = session->heard_ms + patience_ms(session);
        if (due_ms > now_ms)
            arm(session, due_ms);
        else
            session_end(session, session->is_in_frame ? END_FRAME_UNFINISHED : END_IDLE);
        return;
    case SESSION_ENDING:
        return;
    }
}

/* --- in: identify and proof --- */

static void become_ready(struct session *session, struct bytes id, enum client_kind kind)
{
    struct server *server = session->server;
    int r;

    /* Before hub_client_add(), which may post to system channels: the client must first be told who it is. */
    if (!hub_id_is_free(server->hub, id)) {
        end_by_text(session, END_ID_IN_USE, ERROR_CLIENT_ID_IN_USE, id);
        return;
    }
    send_new(session, answer_identified(id, hub_server_id(server->hub)));
    if (session->state == SESSION_ENDING)
        return;
    r = hub_client_add(server->hub, id, kind, &session_port, session, server_time(server), &session->client);
    if (r != 0) {
        session_end(session, END_OUT_OF_MEMORY);
        return;
    }
    session->state = SESSION_READY;
    session->heard_ms = loop_now_ms(server->loop);
    arm(session, session->heard_ms + patience_ms(session));
}

static void challenge(struct session *session, struct bytes id, enum client_kind kind)
{
    struct handshake *handshake = malloc(sizeof *handshake + id.len);

    if (!handshake) {
        session_end(session, END_OUT_OF_MEMORY);
        return;
    }
    random_hex(handshake->challenge, CHALLENGE_BYTES);
    handshake->kind = kind;
    handshake->id_len = id.len;
    memcpy(handshake->id, id.ptr, id.len);
    session->handshake = handshake;
    session->state = SESSION_AWAIT_PROOF;
    send_new(session,
             answer_conn_challenge(bytes_of_text(handshake->challenge), hub_server_id(session->server->hub)));
}

/* Anybody can say that he is a bridge; whether it is believed is the operator's. */
static enum client_kind kind_of(struct session *session, struct bytes id, struct bytes mode)
{
    struct server *server = session->server;
    char text[512];

    if (!bytes_equal_text(mode, "bridge"))
        return CLIENT_LOCAL;
    if (server->options.takes_bridges)
        return CLIENT_BRIDGE;
    snprintf(text, sizeof text,
             "Client %.*s says that it is a bridge, and is a plain client: bridges are believed with "
             "--bridge-clients trusted",
             (int)id.len, (const char *)id.ptr);
    hub_log(server->hub, LOG_WARN, bytes_of_text(text), id, server_time(server));
    return CLIENT_LOCAL;
}

static void handle_identify(struct session *session, const struct message *message)
{
    struct bytes id;
    struct bytes mode = BYTES_NONE;
    enum client_kind kind;

    if (message_text(message, KEY_CLIENT_ID, &id) != 0) {
        end_by_text(session, END_BAD_IDENTIFY, ERROR_BAD_FIELD, BYTES_LITERAL("client_id"));
        return;
    }
    if (!name_is_valid(id)) {
        end_by_text(session, END_BAD_IDENTIFY, ERROR_BAD_NAME, BYTES_LITERAL("client_id"));
        return;
    }
    if (message_text(message, KEY_MODE, &mode) == MESSAGE_E_WRONG_TYPE) {
        end_by_text(session, END_BAD_IDENTIFY, ERROR_BAD_FIELD, BYTES_LITERAL("mode"));
        return;
    }
    kind = kind_of(session, id, mode);
    if (!hub_id_is_free(session->server->hub, id)) {
        end_by_text(session, END_ID_IN_USE, ERROR_CLIENT_ID_IN_USE, id);
        return;
    }
    if (session->server->options.connection_secret.len)
        challenge(session, id, kind);
    else
        become_ready(session, id, kind);
}

static void handle_proof(struct session *session, const struct message *message)
{
    struct handshake *handshake = session->handshake;
    char expected[PROOF_TEXT];
    struct bytes proof;

    if (message->type != MESSAGE_CONN_PROOF || message_text(message, KEY_PROOF, &proof) != 0 ||
        proof_of_connection(session->server->options.connection_secret, bytes_of_text(handshake->challenge),
                            expected) != 0 ||
        !proof_matches(expected, proof)) {
        metrics_count(METRICS_AUTH_FAILURES);
        end_by_text(session, END_AUTHENTICATION_FAILED, ERROR_AUTHENTICATION_FAILED, BYTES_NONE);
        return;
    }
    session->handshake = NULL;
    become_ready(session, bytes_of(handshake->id, handshake->id_len), handshake->kind);
    free(handshake);
}

static bool is_link_hello(const struct message *message)
{
    struct bytes type;

    return message->type == MESSAGE_UNKNOWN && message_text(message, KEY_TYPE, &type) == 0 &&
           bytes_equal_text(type, "link_hello");
}

/* --- in: frames --- */

enum frame_fate {
    FRAME_TAKEN,
    FRAME_LEFT_WITH_STREAM, /* the stream has another owner now and the session is gone */
};

static void forget(struct session *session)
{
    struct server *server = session->server;

    backpressure_forget(session);
    loop_timer_disarm(server->loop, &session->timer);
    list_unlink(&session->in_server);
    server->n_sessions--;
    if (server->current == session)
        server->current = NULL;
    if (session->handshake)
        explicit_bzero(session->handshake->challenge, sizeof session->handshake->challenge);
    free(session->handshake);
    free(session);
}

static enum frame_fate handle_first(struct session *session, const struct message *message)
{
    struct server *server = session->server;

    if (is_link_hello(message) && server->accept_link) {
        if (server->accept_link(server->accept_link_context, session->stream, message->body, session->peer) ==
            0) {
            forget(session);
            return FRAME_LEFT_WITH_STREAM;
        }
        session_end(session, END_OUT_OF_MEMORY);
        return FRAME_TAKEN;
    }
    if (message->type == MESSAGE_IDENTIFY)
        handle_identify(session, message);
    else
        end_by_text(session, END_BAD_IDENTIFY, ERROR_FIRST_FRAME_NOT_IDENTIFY, BYTES_NONE);
    return FRAME_TAKEN;
}

static void handle_ready(struct session *session, const struct message *message)
{
    struct server *server = session->server;

    server->current = session;
    if (hub_handle(server->hub, session->client, message, server_time(server)) < 0) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        end_by_text(session, END_OUT_OF_MEMORY, ERROR_OUT_OF_MEMORY, BYTES_NONE);
    }
    server->current = NULL;
}

static enum frame_fate handle_body(struct session *session, struct bytes body)
{
    struct message message;
    int fault = message_parse(body, &message);

    if (fault != 0) {
        metrics_count(METRICS_PROTOCOL_ERRORS);
        end_by_text(session, END_BAD_FRAME, ERROR_FRAME_MALFORMED, bytes_of_text(message_fault_text(fault)));
        return FRAME_TAKEN;
    }
    switch (session->state) {
    case SESSION_AWAIT_IDENTIFY:
        return handle_first(session, &message);
    case SESSION_AWAIT_PROOF:
        handle_proof(session, &message);
        return FRAME_TAKEN;
    case SESSION_READY:
        handle_ready(session, &message);
        return FRAME_TAKEN;
    case SESSION_AWAIT_TLS:
    case SESSION_ENDING:
        break;
    }
    unreachable();
}

static size_t frame_limit(const struct session *session)
{
    return session->state == SESSION_READY ? session->server->options.max_frame_bytes
                                           : UNIDENTIFIED_FRAME_BYTES;
}

static void refuse_frame(struct session *session, int fault)
{
    char limit[24];

    metrics_count(METRICS_PROTOCOL_ERRORS);
    snprintf(limit, sizeof limit, "%zu", frame_limit(session));
    if (fault == FRAME_E_TOO_LONG)
        end_by_text(session, END_BAD_FRAME, ERROR_FRAME_TOO_LONG, bytes_of_text(limit));
    else
        end_by_text(session, END_BAD_FRAME, ERROR_FRAME_EMPTY, BYTES_NONE);
}

static bool takes_frames(const struct session *session)
{
    return session->state != SESSION_ENDING && !session_waits(session);
}

static size_t on_bytes(void *owner, struct bytes in)
{
    struct session *session = owner;
    uint64_t now_ms = loop_now_ms(session->server->loop);
    size_t consumed = 0;

    while (takes_frames(session) && consumed < in.len) {
        struct bytes body;
        size_t frame_bytes;
        int r = frame_next(bytes_from(in, consumed), frame_limit(session), &body, &frame_bytes);

        if (r == FRAME_E_INCOMPLETE)
            break;
        if (r != 0) {
            refuse_frame(session, r);
            break;
        }
        consumed += frame_bytes;
        session->is_in_frame = false;
        session->heard_ms = now_ms;
        metrics_add(METRICS_BYTES_IN, frame_bytes);
        if (handle_body(session, body) == FRAME_LEFT_WITH_STREAM)
            return consumed;
    }
    if (session->state == SESSION_ENDING)
        return in.len;
    if (takes_frames(session) && consumed < in.len && !session->is_in_frame) {
        session->is_in_frame = true;
        session->heard_ms = now_ms;
    }
    /* The timer stands at the patience of before, which may have been the longer one. */
    if (session->state == SESSION_READY && session->timer.due_ms > session->heard_ms + patience_ms(session))
        arm(session, session->heard_ms + patience_ms(session));
    return consumed;
}

/* --- begin and end --- */

static void on_ready(void *owner)
{
    struct session *session = owner;

    if (session->state == SESSION_AWAIT_TLS)
        session->state = SESSION_AWAIT_IDENTIFY;
}

static void on_drained(void *owner)
{
    backpressure_drained(owner);
}

static enum end_reason reason_of(enum stream_end end)
{
    switch (end) {
    case STREAM_ENDED_BY_PEER:
    case STREAM_ENDED_BY_OWNER:
        return END_CLOSED_BY_CLIENT;
    case STREAM_ENDED_BY_ERROR:
        return END_IO_ERROR;
    case STREAM_ENDED_BY_TLS:
        return END_TLS_FAILED;
    case STREAM_ENDED_BY_MEMORY:
        return END_OUT_OF_MEMORY;
    }
    unreachable();
}

/* Of clients the core tells; a connection that never became one is told of here. */
static void log_refused(struct session *session, const char *detail)
{
    char text[512];
    int len = snprintf(text, sizeof text, "Connection from %s closed: %s%s%s", session->peer,
                       end_reason_text(session->end_reason), *detail ? ": " : "", detail);

    metrics_count(METRICS_CONNECTIONS_REFUSED);
    check(len > 0);
    hub_log(session->server->hub, LOG_INFO, bytes_of_text(text), BYTES_NONE, server_time(session->server));
}

static void on_end(void *owner, enum stream_end end, const char *detail)
{
    struct session *session = owner;
    struct server *server = session->server;
    struct stream *stream = session->stream;

    if (session->state != SESSION_ENDING)
        session->end_reason = reason_of(end);
    session->state = SESSION_ENDING;
    if (session->client)
        hub_client_gone(server->hub, session->client, session->end_reason, server_time(server));
    else
        log_refused(session, end == STREAM_ENDED_BY_OWNER ? "" : detail);
    forget(session);
    stream_free(stream);
}

static const struct stream_events events = {
    .on_ready = on_ready,
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
};

int session_new(struct server *server, int fd, struct tls_context *tls, const char *peer)
{
    size_t peer_len = strlen(peer) + 1;
    struct session *session = calloc(1, sizeof *session + peer_len);
    int r;

    if (!session) {
        close(fd);
        return -ENOMEM;
    }
    memcpy(session->peer, peer, peer_len);
    session->server = server;
    session->is_tls = tls != NULL;
    session->state = tls ? SESSION_AWAIT_TLS : SESSION_AWAIT_IDENTIFY;
    backpressure_begin(session);
    loop_timer_init(&session->timer, on_due);
    r = loop_timer_arm(server->loop, &session->timer, loop_now_ms(server->loop) + IDENTIFY_WITHIN_MS);
    if (r < 0) {
        close(fd);
        free(session);
        return r;
    }
    r = stream_new(&session->stream, server->loop, fd, tls, &events, &server->marks, session);
    if (r < 0) {
        loop_timer_disarm(server->loop, &session->timer);
        free(session);
        return r;
    }
    list_append(&server->sessions, &session->in_server);
    server->n_sessions++;
    return 0;
}

void session_free(struct session *session)
{
    struct stream *stream = session->stream;

    session->state = SESSION_ENDING;
    if (session->client)
        hub_client_gone(session->server->hub, session->client, END_SHUTDOWN, server_time(session->server));
    forget(session);
    stream_free(stream);
}
