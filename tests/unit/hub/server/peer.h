/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A server with a real loop and a real core, and the far ends of its connections. Included by unit tests
 * only.
 *
 * Connections are socket pairs. Nothing happens until the loop is turned: peer_hear() and turn_until() do.
 */
#ifndef COMMHUB_TESTS_PEER_H
#define COMMHUB_TESTS_PEER_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "hub/base/buffer.h"
#include "hub/base/clock.h"
#include "hub/core/hub_view.h"
#include "hub/server/server_state.h"
#include "hub/server/session.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"
#include "tests/support/unit.h"

#define SOME_KIBIBYTES 65536

struct stand {
    struct loop *loop;
    struct hub *hub;
    struct server *server;
    char log[8192]; /* the messages of the logs channel, a line each */
    unsigned n_drained;
};

struct peer {
    struct stand *stand;
    int fd;
    struct buffer in;
    size_t consumed;         /* of in */
    struct message heard;    /* the last frame heard; borrows in */
    struct session *session; /* as long as the hub has it */
};

static inline void stand_note(void *context, enum log_level level, enum log_stream stream, const char *event,
                              const struct log_field *fields, size_t n_fields)
{
    struct stand *stand = context;
    size_t len = strlen(stand->log);

    (void)level;
    (void)event;
    if (stream == LOG_LOGS && n_fields > 0)
        snprintf(stand->log + len, sizeof stand->log - len, "%.*s\n", (int)fields[0].text.len,
                 (const char *)fields[0].text.ptr);
}

static inline void stand_begin(struct stand *stand, const struct server_options *options)
{
    struct hub_options hub_options = {.server_id = BYTES_LITERAL("hub"), .call_deadline_ms = 60000};
    struct outlet outlet = {.note = stand_note, .context = stand};
    struct server_options defaults = {
        .idle_timeout_ms = 60000,
        .data_timeout_ms = 60000,
        .max_frame_bytes = 16U << 20,
        .max_connections = 100,
    };

    *stand = (struct stand){0};
    assert_int_equal(loop_new(&stand->loop), 0);
    assert_int_equal(hub_new(&stand->hub, &hub_options, &outlet), 0);
    assert_int_equal(server_new(&stand->server, stand->loop, stand->hub, options ? options : &defaults), 0);
}

static inline void stand_end(struct stand *stand)
{
    server_free(stand->server);
    assert_int_equal(hub_view_counts(stand->hub).n_clients, 0);
    hub_free(stand->hub);
    loop_free(stand->loop);
}

/* Turns @stand's loop until @condition holds; fails after ten seconds. */
#define turn_until(stand, condition)                                                                         \
    do {                                                                                                     \
        uint64_t give_up_ms_ = clock_monotonic_ms() + 10000;                                                 \
                                                                                                             \
        while (!(condition)) {                                                                               \
            assert_int_equal(loop_turn((stand)->loop, 5), 0);                                                \
            if (clock_monotonic_ms() > give_up_ms_)                                                          \
                fail_msg("never: %s", #condition);                                                           \
        }                                                                                                    \
    } while (0)

static inline void turn_a_little(struct stand *stand)
{
    for (int i = 0; i < 10; i++)
        assert_int_equal(loop_turn(stand->loop, 1), 0);
}

static inline bool stand_logged(const struct stand *stand, const char *words)
{
    return strstr(stand->log, words) != NULL;
}

static inline bool stand_has(const struct stand *stand, const char *id)
{
    return !hub_id_is_free(stand->hub, bytes_of_text(id));
}

static inline struct peer *peer_new(struct stand *stand)
{
    struct peer *peer = calloc(1, sizeof *peer);
    int fds[2];

    assert_non_null(peer);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    peer->stand = stand;
    peer->fd = fds[0];
    buffer_init(&peer->in);
    assert_int_equal(session_new(stand->server, fds[1], NULL, "test"), 0);
    peer->session = container_of(stand->server->sessions.prev, struct session, in_server);
    return peer;
}

static inline void peer_free(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    buffer_clear(&peer->in);
    free(peer);
}

static inline void peer_close(struct peer *peer)
{
    close(peer->fd);
    peer->fd = -1;
}

/* Writes all of it, turning the loop where the pipe is full. */
static inline void peer_say_bytes(struct peer *peer, const void *ptr, size_t len)
{
    const char *rest = ptr;

    while (len > 0) {
        ssize_t n = send(peer->fd, rest, len, MSG_NOSIGNAL);

        if (n < 0) {
            assert_int_equal(errno, EAGAIN);
            assert_int_equal(loop_turn(peer->stand->loop, 5), 0);
            continue;
        }
        rest += n;
        len -= (size_t)n;
    }
}

static inline void peer_say_body(struct peer *peer, struct bytes body)
{
    uint8_t head[4] = {(uint8_t)(body.len >> 24), (uint8_t)(body.len >> 16), (uint8_t)(body.len >> 8),
                       (uint8_t)body.len};

    peer_say_bytes(peer, head, sizeof head);
    peer_say_bytes(peer, body.ptr, body.len);
}

/* A body of keys and str values, NULL behind the last, and of @n_data bytes as `data` unless 0. */
static inline void write_body(struct buffer *out, size_t n_data, va_list pairs)
{
    const char *texts[32];
    uint32_t n = 0;
    void *data = calloc(1, n_data + 1);

    assert_non_null(data);
    while ((texts[n] = va_arg(pairs, const char *)))
        n++;
    assert_int_equal(n % 2, 0);
    msgpack_write_map(out, n / 2 + (n_data ? 1 : 0));
    for (uint32_t i = 0; i < n; i++)
        msgpack_write_str(out, bytes_of_text(texts[i]));
    if (n_data) {
        msgpack_write_str(out, BYTES_LITERAL("data"));
        msgpack_write_bin(out, bytes_of(data, n_data));
    }
    free(data);
}

static inline void peer_say_with(struct peer *peer, size_t n_data, ...)
{
    struct buffer body;
    va_list pairs;

    buffer_init(&body);
    va_start(pairs, n_data);
    write_body(&body, n_data, pairs);
    va_end(pairs);
    peer_say_body(peer, buffer_bytes(&body));
    buffer_clear(&body);
}

#define peer_say(peer, ...) peer_say_with((peer), 0, __VA_ARGS__, NULL)

/* Takes in what is there; false at the end of the stream. */
static inline bool peer_read(struct peer *peer)
{
    ssize_t n;

    assert_int_equal(buffer_reserve(&peer->in, SOME_KIBIBYTES), 0);
    n = recv(peer->fd, peer->in.ptr + peer->in.len, SOME_KIBIBYTES, 0);
    if (n > 0)
        peer->in.len += (size_t)n;
    else if (n < 0)
        assert_true(errno == EAGAIN || errno == ECONNRESET);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static inline bool peer_has_frame(struct peer *peer)
{
    struct bytes body;
    size_t frame_bytes;

    if (frame_next(bytes_from(buffer_bytes(&peer->in), peer->consumed), SIZE_MAX, &body, &frame_bytes) != 0)
        return false;
    peer->consumed += frame_bytes;
    assert_int_equal(message_parse(body, &peer->heard), 0);
    return true;
}

/* The next frame, which must have this type. */
static inline void peer_hear_at(struct peer *peer, const char *type, const char *file, int line)
{
    uint64_t give_up_ms = clock_monotonic_ms() + 10000;
    struct bytes text;

    while (!peer_has_frame(peer)) {
        assert_int_equal(loop_turn(peer->stand->loop, 5), 0);
        if ((!peer_read(peer) && !peer_has_frame(peer)) || clock_monotonic_ms() > give_up_ms) {
            print_error("no %s came; the log: %s\n", type, peer->stand->log);
            _fail(file, line);
        }
    }
    assert_int_equal(message_text(&peer->heard, KEY_TYPE, &text), 0);
    assert_bytes_at(text, bytes_of_text(type), file, line);
}

#define peer_hear(peer, type) peer_hear_at((peer), (type), __FILE__, __LINE__)

static inline void peer_hear_error_at(struct peer *peer, const char *sentence, const char *file, int line)
{
    struct bytes text;

    peer_hear_at(peer, "error", file, line);
    assert_int_equal(message_text(&peer->heard, KEY_MESSAGE, &text), 0);
    assert_bytes_at(text, bytes_of_text(sentence), file, line);
}

#define peer_hear_error(peer, sentence) peer_hear_error_at((peer), (sentence), __FILE__, __LINE__)

/* Nothing more comes but the end. */
static inline void peer_hear_end_at(struct peer *peer, const char *file, int line)
{
    uint64_t give_up_ms = clock_monotonic_ms() + 10000;

    while (peer_read(peer)) {
        assert_int_equal(loop_turn(peer->stand->loop, 5), 0);
        if (peer_has_frame(peer) || clock_monotonic_ms() > give_up_ms) {
            print_error("the connection goes on\n");
            _fail(file, line);
        }
    }
    if (peer_has_frame(peer))
        _fail(file, line);
    peer_close(peer);
    turn_a_little(peer->stand);
}

#define peer_hear_end(peer) peer_hear_end_at((peer), __FILE__, __LINE__)

static inline void peer_hear_pong(struct peer *peer)
{
    peer_say(peer, "type", "ping");
    peer_hear(peer, "pong");
}

/* An identified client. */
static inline struct peer *peer_enter(struct stand *stand, const char *id)
{
    struct peer *peer = peer_new(stand);

    peer_say(peer, "type", "identify", "client_id", id);
    peer_hear(peer, "identified");
    return peer;
}

#endif
