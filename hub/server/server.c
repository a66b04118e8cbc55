/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/server/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hub/base/clock.h"
#include "hub/base/metrics.h"
#include "hub/core/hub_view.h"
#include "hub/server/backpressure.h"
#include "hub/server/guest_control.h"
#include "hub/server/session.h"
#include "hub/wire/answer.h"
#include "hub/wire/error_text.h"

/*
 * An outbox holds back its producers above high and takes nothing above max. High is a few turns of the
 * loop's reading; max leaves a consumer that has stalled for a moment some seconds of traffic. A frame of the
 * largest size fits in any case.
 */
#define OUTBOX_HIGH_BYTES (1U << 20)
#define OUTBOX_LOW_BYTES (256U << 10)
#define OUTBOX_MAX_BYTES (32U << 20)

#define TICK_MS 500 /* how late a call's deadline may be noticed */
#define DRAIN_LOOK_MS 20

struct hub_time server_time(const struct server *server)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME_COARSE, &wall); /* seconds are all that is asked for */
    return (struct hub_time){.now_ms = loop_now_ms(server->loop), .wall_s = (uint64_t)wall.tv_sec};
}

static void on_tick(struct loop_timer *timer)
{
    struct server *server = container_of(timer, struct server, tick_timer);

    hub_tick(server->hub, server_time(server));
    loop_timer_arm(server->loop, timer,
                   loop_now_ms(server->loop) + TICK_MS); /* keeps its place: cannot fail */
}

/* Plain clients are told why, if the socket takes it at once; a TLS client would not understand. */
static void refuse_full(struct server *server, int fd, bool is_tls, const char *peer)
{
    char sentence[ERROR_TEXT_SIZE];
    struct bytes why = error_text_format(ERROR_HUB_FULL, BYTES_NONE, BYTES_NONE, sentence);
    struct block *frame = is_tls ? NULL : answer_error(why, BYTES_NONE);
    char text[256];

    if (frame) {
        ssize_t sent = send(fd, frame->ptr, frame->len, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)sent;
    }
    block_unref(frame);
    close(fd);
    metrics_count(METRICS_CONNECTIONS_REFUSED);
    snprintf(text, sizeof text, "Connection from %s refused: %s", peer, end_reason_text(END_HUB_FULL));
    hub_log(server->hub, LOG_WARN, bytes_of_text(text), BYTES_NONE, server_time(server));
}

void server_accept(struct server *server, int fd, bool is_tls, const char *peer)
{
    if (server->n_sessions >= server->options.max_connections) {
        refuse_full(server, fd, is_tls, peer);
        return;
    }
    metrics_count(METRICS_CONNECTIONS_ACCEPTED);
    if (session_new(server, fd, is_tls ? server->options.tls : NULL, peer) < 0) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        metrics_count(METRICS_CONNECTIONS_REFUSED);
    }
}

static void on_connection(void *owner, struct listener *listener, int fd, const char *peer)
{
    server_accept(owner, fd, listener_address(listener)->kind == ADDRESS_TLS, peer);
}

static void on_trouble(void *owner, struct listener *listener, int error)
{
    struct server *server = owner;
    char address[ADDRESS_TEXT_SIZE];
    char text[512];

    address_text(listener_address(listener), address);
    snprintf(text, sizeof text, "Accepting on %s pauses: %s", address, strerror(error));
    hub_log(server->hub, LOG_ERROR, bytes_of_text(text), BYTES_NONE, server_time(server));
}

static void on_drain_due(struct loop_timer *timer);

int server_new(struct server **out_server, struct loop *loop, struct hub *hub,
               const struct server_options *options)
{
    struct server *server = calloc(1, sizeof *server);
    size_t two_frames = 2 * options->max_frame_bytes;
    int r;

    if (!server)
        return -ENOMEM;
    server->loop = loop;
    server->hub = hub;
    server->options = *options;
    server->marks = (struct stream_marks){
        .high_bytes = OUTBOX_HIGH_BYTES,
        .low_bytes = OUTBOX_LOW_BYTES,
        .max_bytes = two_frames > OUTBOX_MAX_BYTES ? two_frames : OUTBOX_MAX_BYTES,
    };
    list_init(&server->sessions);
    list_init(&server->guests);
    list_init(&server->full_sessions);
    loop_timer_init(&server->full_timer, backpressure_inspect);
    loop_timer_init(&server->tick_timer, on_tick);
    loop_timer_init(&server->drain_timer, on_drain_due);
    r = loop_timer_arm(loop, &server->tick_timer, loop_now_ms(loop) + TICK_MS);
    if (r < 0) {
        free(server);
        return r;
    }
    *out_server = server;
    return 0;
}

void server_set_options(struct server *server, const struct server_options *options)
{
    size_t max_frame_bytes = server->options.max_frame_bytes;
    struct listener_options unix_socket = server->options.unix_socket;

    server->options = *options;
    server->options.max_frame_bytes = max_frame_bytes;
    server->options.unix_socket = unix_socket;
}

static void close_listeners(struct server *server)
{
    while (server->n_listeners)
        listener_free(server->listeners[--server->n_listeners]);
}

void server_free(struct server *server)
{
    if (!server)
        return;
    close_listeners(server);
    guest_control_free_all(server);
    while (!list_is_empty(&server->sessions))
        session_free(list_first_entry(&server->sessions, struct session, in_server));
    loop_timer_disarm(server->loop, &server->full_timer);
    loop_timer_disarm(server->loop, &server->tick_timer);
    loop_timer_disarm(server->loop, &server->drain_timer);
    free(server);
}

int server_listen(struct server *server, const struct address *address, char out_why[LISTENER_WHY_SIZE])
{
    static const struct listener_events events = {on_connection, on_trouble};
    int r;

    if (server->n_listeners == SERVER_MAX_LISTENERS) {
        snprintf(out_why, LISTENER_WHY_SIZE, "more than %d addresses to listen on: join some",
                 SERVER_MAX_LISTENERS);
        return -ENOSPC;
    }
    if (address->kind == ADDRESS_TLS && !server->options.tls) {
        snprintf(out_why, LISTENER_WHY_SIZE, "tls://%s:%u needs --tls-cert and --tls-key", address->host,
                 address->port);
        return -EINVAL;
    }
    r = listener_new(&server->listeners[server->n_listeners], server->loop, address,
                     &server->options.unix_socket, &events, server, out_why);
    if (r == 0)
        server->n_listeners++;
    return r;
}

size_t server_listener_count(const struct server *server)
{
    return server->n_listeners;
}

void server_listener_text(const struct server *server, size_t i, char out_text[ADDRESS_TEXT_SIZE])
{
    address_text(listener_address(server->listeners[i]), out_text);
}

void server_set_link_acceptor(struct server *server, server_accept_link_fn *accept, void *context)
{
    server->accept_link = accept;
    server->accept_link_context = context;
}

static void end_all(struct server *server)
{
    char sentence[ERROR_TEXT_SIZE];
    struct bytes text = error_text_format(ERROR_SHUTTING_DOWN, BYTES_NONE, BYTES_NONE, sentence);

    list_for_each (link, &server->sessions)
        session_end_with_error(container_of(link, struct session, in_server), END_SHUTDOWN, text);
    guest_control_end_all(server);
}

/* First the calls are waited for, then every connection is ended, then the last of them is waited for. */
static void on_drain_due(struct loop_timer *timer)
{
    struct server *server = container_of(timer, struct server, drain_timer);
    uint64_t now_ms = loop_now_ms(server->loop);

    if (hub_view_counts(server->hub).n_calls == 0 || now_ms >= server->drain_until_ms)
        end_all(server);
    if (server->n_sessions == 0)
        server->on_drained(server->on_drained_context);
    else
        loop_timer_arm(server->loop, timer, now_ms + DRAIN_LOOK_MS); /* keeps its place: cannot fail */
}

void server_drain(struct server *server, uint64_t grace_ms, void (*on_drained)(void *context), void *context)
{
    uint64_t now_ms = loop_now_ms(server->loop);

    server->drain_until_ms = server->is_draining ? now_ms : now_ms + grace_ms;
    server->is_draining = true;
    server->on_drained = on_drained;
    server->on_drained_context = context;
    close_listeners(server);
    if (loop_timer_arm(server->loop, &server->drain_timer, now_ms) < 0)
        on_drained(context);
}
