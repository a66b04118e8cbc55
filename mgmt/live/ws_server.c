/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How libwebsockets is used, and why so
 *
 * - No listening socket: descriptors are queued by ws_server_serve() and adopted on the library's thread,
 * woken by lws_cancel_service(), the one function that other threads may call.
 * - No extensions: its permessage-deflate answers offers wrongly and keeps pointers into our buffers.
 * - fd_limit_per_thread keeps its table of descriptors as small as our limit, whatever RLIMIT_NOFILE is.
 * - A record in the log wakes the thread at most every WAKE_MS, and not at all while nobody listens: writing
 * a log line costs the hub's loop one system call in that time.
 *
 * A slow browser: while the socket is full nothing is read from the ring for it. When it has taken nothing
 * for slow_ms the close code 4408 is due; it can be sent only when the socket has room again, so the session
 * waits GRACE_MS more for that and is cut then.
 */
#include "mgmt/live/ws_server.h"

#include <errno.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub/base/buffer.h"
#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/base/list.h"
#include "hub/base/priority.h"
#include "mgmt/live/live_session.h"

#define WAKE_MS 10
#define GRACE_MS 5000
#define MESSAGES_A_TURN 32 /* then other sessions have their turn */
#define RECEIVE_BYTES 4096 /* of one message of a browser; a subscribe has some 100 */
#define CLOSE_TOO_SLOW 4408

struct socket {
    struct list link;
    struct lws *wsi;
    struct live_session live;
    bool is_waiting; /* for room in the socket */
    uint64_t waiting_since_ms;
    uint64_t closing_since_ms; /* 0: not for slowness */
    size_t n_received;
    uint8_t received[RECEIVE_BYTES];
};

/* A descriptor on its way from the pump into the library; ends with the connection. */
struct arrival {
    struct list link;
    int fd;
};

struct ws_server {
    struct ws_server_options options;
    struct lws_context *context;
    struct lws_vhost *vhost;
    pthread_t thread;
    bool is_running;
    atomic_bool is_stopping;
    atomic_bool is_wake_due;  /* a wake-up is on its way */
    atomic_size_t n_arrivals; /* waiting, or being connections */
    atomic_size_t n_sockets;

    pthread_mutex_t mutex;
    struct list arrivals; /* under the mutex */

    struct lws_protocols protocols[4]; /* closed by an empty one */

    /* The library's thread alone. */
    struct list adopted; /* of struct arrival */
    struct list sockets;
    lws_sorted_usec_list_t wake_timer;
    lws_sorted_usec_list_t second_timer;
    struct live_source source;
    char *metrics;
    struct buffer message;
};

/* ---- sessions ---- */

static void want_to_write(struct socket *socket)
{
    if (socket->is_waiting)
        return;
    socket->is_waiting = true;
    socket->waiting_since_ms = clock_monotonic_ms();
    lws_callback_on_writable(socket->wsi);
}

/* One message as a text frame. The library wants room before it for its header. */
static int send_message(struct ws_server *server, struct socket *socket)
{
    struct buffer *message = &server->message;
    size_t len = message->len - LWS_PRE;

    return lws_write(socket->wsi, message->ptr + LWS_PRE, len, LWS_WRITE_TEXT) < (int)len ? -EPIPE : 0;
}

static int begin_message(struct ws_server *server)
{
    server->message.len = 0;
    server->message.failed = false;
    if (buffer_reserve(&server->message, LWS_PRE) < 0)
        return -ENOMEM;
    server->message.len = LWS_PRE;
    return 0;
}

static int close_slow(struct socket *socket)
{
    static const char why[] = "too slow";

    lws_close_reason(socket->wsi, CLOSE_TOO_SLOW, (unsigned char *)(uintptr_t)why, sizeof why - 1);
    return -1;
}

/* 0, or -1 to end the connection. */
static int write_some(struct ws_server *server, struct socket *socket)
{
    socket->is_waiting = false;
    if (socket->closing_since_ms)
        return close_slow(socket);
    for (int i = 0; i < MESSAGES_A_TURN && !lws_send_pipe_choked(socket->wsi); i++) {
        int r = begin_message(server);

        if (r == 0)
            r = live_session_next(&socket->live, &server->source, &server->message);
        if (r == 0)
            break;
        if (r < 0 || send_message(server, socket) < 0)
            return -1;
    }
    if (live_session_has_more(&socket->live, server->options.log))
        want_to_write(socket);
    return 0;
}

static int receive(struct ws_server *server, struct socket *socket, const void *bytes, size_t len)
{
    if (lws_frame_is_binary(socket->wsi)) {
        lws_close_reason(socket->wsi, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, NULL, 0);
        return -1;
    }
    if (len > RECEIVE_BYTES - socket->n_received) {
        lws_close_reason(socket->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
        return -1;
    }
    if (len)
        memcpy(socket->received + socket->n_received, bytes, len);
    socket->n_received += len;
    if (!lws_is_final_fragment(socket->wsi) || lws_remaining_packet_payload(socket->wsi))
        return 0;
    live_session_receive(&socket->live, &server->source, bytes_of(socket->received, socket->n_received));
    socket->n_received = 0;
    want_to_write(socket);
    return 0;
}

static void begin_socket(struct ws_server *server, struct socket *socket, struct lws *wsi)
{
    char target[16] = "";

    *socket = (struct socket){.wsi = wsi};
    /* The head is of our own making (mgmt/rest/rest_live.c): its target says what they may. */
    (void)lws_hdr_copy(wsi, target, sizeof target, WSI_TOKEN_GET_URI);
    live_session_init(&socket->live, strcmp(target, LIVE_SESSION_AUDIT_TARGET) == 0);
    list_append(&server->sockets, &socket->link);
    atomic_fetch_add(&server->n_sockets, 1);
    want_to_write(socket);
}

static void end_socket(struct ws_server *server, struct socket *socket)
{
    list_unlink(&socket->link);
    atomic_fetch_sub(&server->n_sockets, 1);
}

/* ---- time ---- */

static void want_all(struct ws_server *server)
{
    list_for_each (link, &server->sockets) {
        struct socket *socket = container_of(link, struct socket, link);

        if (live_session_has_more(&socket->live, server->options.log))
            want_to_write(socket);
    }
}

/* From here on a record wakes the thread again; what came meanwhile is seen now. */
static void on_wake_timer(lws_sorted_usec_list_t *timer)
{
    struct ws_server *server = lws_container_of(timer, struct ws_server, wake_timer);

    atomic_store(&server->is_wake_due, false);
    want_all(server);
}

static bool wants_metrics(struct ws_server *server)
{
    list_for_each (link, &server->sockets) {
        if (container_of(link, struct socket, link)->live.wants_metrics)
            return true;
    }
    return false;
}

static void take_metrics(struct ws_server *server)
{
    if (!wants_metrics(server))
        return;
    free(server->metrics);
    server->metrics = server->options.metrics(server->options.context);
    server->source.metrics = server->metrics;
    server->source.metrics_wall_ms = clock_wall_ms();
    list_for_each (link, &server->sockets) {
        struct socket *socket = container_of(link, struct socket, link);

        live_session_note_metrics(&socket->live);
        if (socket->live.owes_metrics)
            want_to_write(socket);
    }
}

static void cut_slow(struct ws_server *server, uint64_t now_ms)
{
    list_for_each (link, &server->sockets) {
        struct socket *socket = container_of(link, struct socket, link);

        if (!socket->is_waiting)
            continue;
        if (socket->closing_since_ms && now_ms >= socket->closing_since_ms + GRACE_MS)
            lws_set_timeout(socket->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
        else if (!socket->closing_since_ms && now_ms >= socket->waiting_since_ms + server->options.slow_ms)
            socket->closing_since_ms = now_ms;
    }
}

static uint64_t second_ms(const struct ws_server *server)
{
    return server->options.slow_ms < WS_SERVER_METRICS_MS ? server->options.slow_ms : WS_SERVER_METRICS_MS;
}

static void on_second_timer(lws_sorted_usec_list_t *timer)
{
    struct ws_server *server = lws_container_of(timer, struct ws_server, second_timer);

    cut_slow(server, clock_monotonic_ms());
    take_metrics(server);
    lws_sul_schedule(server->context, 0, timer, on_second_timer, (lws_usec_t)second_ms(server) * 1000);
}

/* ---- arrivals ---- */

static void arrival_end(struct ws_server *server, struct arrival *arrival)
{
    list_unlink(&arrival->link);
    free(arrival);
    atomic_fetch_sub(&server->n_arrivals, 1);
}

static bool is_adopted(struct ws_server *server, const struct arrival *wanted)
{
    list_for_each (link, &server->adopted) {
        if (container_of(link, struct arrival, link) == wanted)
            return true;
    }
    return false;
}

/* Where adopting fails the library has closed the descriptor, and may or may not have told its end. */
static void adopt(struct ws_server *server, struct arrival *arrival)
{
    lws_adopt_desc_t description = {
        .vh = server->vhost, .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP, .opaque = arrival};

    description.fd.sockfd = arrival->fd;
    list_append(&server->adopted, &arrival->link);
    if (!lws_adopt_descriptor_vhost_via_info(&description) && is_adopted(server, arrival))
        arrival_end(server, arrival);
}

static struct arrival *next_arrival(struct ws_server *server)
{
    struct arrival *arrival;

    pthread_mutex_lock(&server->mutex);
    arrival = list_first_entry(&server->arrivals, struct arrival, link);
    if (arrival)
        list_unlink(&arrival->link);
    pthread_mutex_unlock(&server->mutex);
    return arrival;
}

static void on_woken(struct ws_server *server)
{
    struct arrival *arrival;

    while ((arrival = next_arrival(server)))
        adopt(server, arrival);
    if (atomic_load(&server->is_wake_due))
        lws_sul_schedule(server->context, 0, &server->wake_timer, on_wake_timer, (lws_usec_t)WAKE_MS * 1000);
}

/* ---- the library ---- */

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct ws_server *server = lws_context_user(lws_get_context(wsi));
    struct arrival *arrival;

    if (reason == LWS_CALLBACK_ESTABLISHED)
        begin_socket(server, user, wsi);
    else if (reason == LWS_CALLBACK_SERVER_WRITEABLE)
        return write_some(server, user);
    else if (reason == LWS_CALLBACK_RECEIVE)
        return receive(server, user, in, len);
    else if (reason == LWS_CALLBACK_CLOSED)
        end_socket(server, user);
    else if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED)
        on_woken(server);
    else if (reason == LWS_CALLBACK_WSI_DESTROY && (arrival = lws_get_opaque_user_data(wsi)) &&
             is_adopted(server, arrival))
        arrival_end(server, arrival);
    return 0;
}

static int on_bus(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    if (reason == LWS_CALLBACK_WSI_DESTROY)
        return on_event(wsi, reason, user, in, len);
    return ws_bus_on_browser(wsi, reason, user, in, len);
}

/* The first is also the one of connections that have not said yet what they want. */
static void fill_protocols(struct ws_server *server)
{
    server->protocols[0] = (struct lws_protocols){.name = "commhub.live.v1",
                                                  .callback = on_event,
                                                  .per_session_data_size = sizeof(struct socket),
                                                  .rx_buffer_size = RECEIVE_BYTES};
    server->protocols[1] = (struct lws_protocols){.name = WS_BUS_PROTOCOL,
                                                  .callback = on_bus,
                                                  .per_session_data_size = sizeof(void *),
                                                  .rx_buffer_size = WS_BUS_RECEIVE_BYTES,
                                                  .user = &server->options.hub};
    server->protocols[2] = (struct lws_protocols){.name = WS_BUS_HUB_PROTOCOL, .callback = ws_bus_on_hub};
}

static const lws_retry_bo_t idle_policy = {.secs_since_valid_ping = 30, .secs_since_valid_hangup = 45};

static int open_context(struct ws_server *server)
{
    struct lws_context_creation_info options = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
        .gid = -1,
        .uid = -1,
        .user = server,
        .protocols = server->protocols,
        .retry_and_idle_policy = &idle_policy,
        .timeout_secs = 10,
        .pt_serv_buf_size = WS_BUS_RECEIVE_BYTES,
        .fd_limit_per_thread = (unsigned)(2 * server->options.most_sessions + 32), /* a bus has two */
        .vhost_name = "live",
    };

    fill_protocols(server);
    lws_set_log_level(0, NULL);
    server->context = lws_create_context(&options);
    if (!server->context)
        return -ENOMEM;
    server->vhost = lws_create_vhost(server->context, &options);
    if (!server->vhost)
        return -ENOMEM;
    lws_sul_schedule(server->context, 0, &server->second_timer, on_second_timer,
                     (lws_usec_t)second_ms(server) * 1000);
    return 0;
}

static void *run(void *argument)
{
    struct ws_server *server = argument;

    priority_give_way();
    while (!atomic_load(&server->is_stopping)) {
        if (lws_service(server->context, 0) < 0)
            break;
    }
    return NULL;
}

/* ---- other threads ---- */

/* A record was made, perhaps on the hub's loop. */
static void on_record(const struct log_record *record, void *context)
{
    struct ws_server *server = context;

    (void)record;
    if (atomic_load(&server->n_sockets) > 0 && !atomic_exchange(&server->is_wake_due, true))
        lws_cancel_service(server->context);
}

int ws_server_new(struct ws_server **out_server, const struct ws_server_options *options)
{
    struct ws_server *server = calloc(1, sizeof *server);
    int r;

    if (!server)
        return -ENOMEM;
    server->options = *options;
    server->source = (struct live_source){.log = options->log, .epoch = options->epoch};
    pthread_mutex_init(&server->mutex, NULL);
    list_init(&server->arrivals);
    list_init(&server->adopted);
    list_init(&server->sockets);
    r = open_context(server);
    if (r == 0)
        r = log_add_sink(options->log, on_record, server);
    if (r == 0)
        r = -pthread_create(&server->thread, NULL, run, server);
    server->is_running = r == 0;
    if (r < 0)
        ws_server_free(server);
    else
        *out_server = server;
    return r;
}

void ws_server_serve(struct ws_server *server, int fd)
{
    struct arrival *arrival = calloc(1, sizeof *arrival);

    if (!arrival) {
        close(fd);
        return;
    }
    arrival->fd = fd;
    atomic_fetch_add(&server->n_arrivals, 1);
    pthread_mutex_lock(&server->mutex);
    list_append(&server->arrivals, &arrival->link);
    pthread_mutex_unlock(&server->mutex);
    lws_cancel_service(server->context);
}

bool ws_server_has_room(struct ws_server *server)
{
    return atomic_load(&server->n_arrivals) < server->options.most_sessions;
}

static void drop_arrivals(struct ws_server *server)
{
    struct arrival *arrival;

    while ((arrival = next_arrival(server))) {
        close(arrival->fd);
        arrival_end(server, arrival);
    }
}

void ws_server_free(struct ws_server *server)
{
    if (!server)
        return;
    log_remove_sink(server->options.log, on_record, server);
    atomic_store(&server->is_stopping, true);
    if (server->is_running) {
        lws_cancel_service(server->context);
        pthread_join(server->thread, NULL);
    }
    if (server->context)
        lws_context_destroy(server->context);
    drop_arrivals(server);
    check(list_is_empty(&server->adopted));
    pthread_mutex_destroy(&server->mutex);
    buffer_clear(&server->message);
    free(server->metrics);
    free(server);
}
