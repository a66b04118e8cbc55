/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One port for two libraries
 *
 *     browser --TCP--> pump                                 requests that are brief
 *                           <--socketpair--> libmicrohttpd   all others
 *                           <--socketpair--> libwebsockets   after an upgrade
 *
 * The way to libmicrohttpd and back costs two switches of threads and a dozen system calls more than what
 * a small GET asks for. So a request that comes whole and alone, and to which the answer is there at once
 * (pump_options.answer), is answered here; all others are libmicrohttpd's, also the tenth on a kept
 * connection. When a handler accepts an upgrade it leaves a fresh head with the connection (pump_upgrade) and
 * lets libmicrohttpd close its end without an answer. That end of file is the signal: the pump finds the
 * head, opens a second socketpair, writes the head into it and goes on pumping to libwebsockets. Storing
 * first and signalling by the close leaves no race; a signal of its own could be overtaken by the end of
 * file.
 *
 * Rules that hold throughout:
 * - Level-triggered epoll. A descriptor from which nothing is wanted is taken out of epoll, for EPOLLHUP is
 * reported whatever one asks for.
 * - A flow is a bounded buffer: no room means no reading, which pushes back to the sender.
 * - The end of one side is passed on when its flow has drained, as half a close; so a client that shuts its
 * sending side down still gets its answer.
 * - An answer may be out before all of the request was read (413). Then the rest is read and thrown away for
 * a while, because closing with unread bytes would reset the connection and take the answer along.
 * - Every request is judged before the library sees it (request_scan.h): a head is held back until it is
 * whole. At the first byte that must be refused the client's bytes end for the library, which answers what
 * came before and closes its end; the refusal is what the client gets then. It is left out where the library
 * has not answered all that was whole, or has answered the refused request already by its head (401, 413).
 * - What is answered here is asked for alone: never while the library owes an answer on that connection, nor
 * where bytes of another request are there. While such requests come the library may find the connection idle
 * and close its end; then it gets a new one when it is needed again.
 * - Connections are freed only after the batch of events in which they died.
 *
 * - TLS is the transport of the client's side alone. What OpenSSL has read ahead is unknown to epoll, so a
 * connection that has such bytes and room for them asks for the next turn by waiting for EPOLLOUT.
 */
#include "mgmt/http/pump.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hub/base/buffer.h"
#include "hub/base/check.h"
#include "hub/base/cleanup.h"
#include "hub/base/clock.h"
#include "hub/base/list.h"
#include "hub/base/priority.h"
#include "hub/io/tls.h"
#include "hub/io/transport.h"
#include "mgmt/http/request_scan.h"

#define FLOW_BYTES (HEAD_SCAN_BYTES + 1) /* holds the longest head back, and the byte that is too much */
#define EVENTS_A_BATCH 64
#define ROUNDS_A_TURN 8 /* then others have their turn */
#define TICK_MS 250
#define LINGER_MS 2000                   /* for the client to read the answer and close */
#define UPGRADED_SEND_BYTES (128 * 1024) /* the kernel would hold 4 MiB for a browser that does not read */
#define STALL_MS 30000                   /* without progress once the server's side has ended */

#define NO_HEAD UINT64_MAX /* of head_due_ms: none is awaited; the next one's first byte starts the clock */

struct flow {
    uint8_t *ptr; /* NULL while empty */
    size_t size;
    size_t start;
    size_t end;
    bool is_shut; /* the end was passed on */
};

struct side {
    struct connection *connection; /* NULL: the listener, the wake-up */
    int fd;                        /* -1: none yet */
    uint32_t armed;                /* events in epoll; 0: not in it */
    bool has_ended;                /* nothing more to read */
};

struct connection {
    struct list link;
    struct side client;
    struct transport transport; /* of the client's bytes */
    int shaking_wants;          /* TRANSPORT_WANTS_*: the handshake is not done; 0: it is */
    struct side server;
    struct flow up;
    struct flow down;
    bool server_is_deaf; /* its end is closed for what the client sends: thrown away */
    bool is_upgraded;
    bool is_ours; /* the last request was answered here: the library owes nothing */
    bool is_dead;
    atomic_bool is_streamed; /* the answer that is on the way has no end: a client that ends has left */
    int served_fd;           /* the number of the other end of server.fd while the HTTP library has it; -1 */
    uint64_t linger_due_ms;
    uint64_t progress_ms;
    uint64_t head_due_ms;
    struct request_scan scan;
    bool is_refused;         /* nothing that comes is passed on; scan says why */
    atomic_ullong n_answers; /* that were begun; here or by the HTTP library */
    atomic_ullong n_out;     /* of which all is on its way to the client */
    char *upgrade_head;      /* under the pump's mutex */
    struct sockaddr_storage peer;
    socklen_t peer_len;
};

struct pump {
    struct pump_options options;
    pthread_t thread;
    bool is_running;
    int epoll_fd;
    int wake_fd;
    struct side listener;
    struct side wake;
    struct list connections;
    struct list dead;
    size_t n_connections;
    uint64_t accept_again_ms;
    uint8_t *spare;          /* the pump's own memory for a flow; NULL: it is in use */
    pthread_mutex_t mutex;   /* guards by_fd, upgrade_head and tls */
    struct tls_context *tls; /* of new connections; NULL: plain */
    struct connection **by_fd;
    size_t n_by_fd;
    atomic_bool is_stopping;
};

/* ---- epoll ---- */

static void arm(struct pump *pump, struct side *side, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = side};
    int operation = !side->armed ? EPOLL_CTL_ADD : !events ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

    if (side->armed == events || side->fd < 0)
        return;
    if (epoll_ctl(pump->epoll_fd, operation, side->fd, &event) == 0)
        side->armed = events;
    else if (side->connection)
        side->connection->is_dead = true; /* out of kernel memory: better cut than hang */
}

static void close_side(struct pump *pump, struct side *side)
{
    if (side->fd < 0)
        return;
    arm(pump, side, 0);
    close(side->fd);
    side->fd = -1;
    side->armed = 0;
    side->has_ended = false;
}

/* ---- flows ---- */

static size_t flow_used(const struct flow *flow)
{
    return flow->end - flow->start;
}

/* One block is kept for the next flow that begins: a request that is answered at once needs no other. */
static void flow_drop(struct pump *pump, struct flow *flow)
{
    if (!pump->spare && flow->size == FLOW_BYTES) {
        pump->spare = flow->ptr;
        flow->ptr = NULL;
    }
    free(flow->ptr);
    flow->ptr = NULL;
    flow->start = flow->end = flow->size = 0;
}

static bool flow_has_room(const struct flow *flow)
{
    return flow_used(flow) < FLOW_BYTES;
}

/* Where the next bytes go, and how many; 0 when out of memory. */
static size_t flow_room(struct pump *pump, struct flow *flow, uint8_t **out_place)
{
    if (!flow->ptr) {
        flow->ptr = pump->spare ? pump->spare : malloc(FLOW_BYTES);
        pump->spare = NULL;
        if (!flow->ptr)
            return 0;
        flow->size = FLOW_BYTES;
    }
    if (flow->start > 0 && flow->end == flow->size) {
        memmove(flow->ptr, flow->ptr + flow->start, flow_used(flow));
        flow->end -= flow->start;
        flow->start = 0;
    }
    *out_place = flow->ptr + flow->end;
    return flow->size - flow->end;
}

/* An empty flow takes over what the buffer holds, however much it is. */
static void flow_fill(struct flow *flow, struct buffer *buffer)
{
    *flow =
        (struct flow){.ptr = buffer->ptr, .size = buffer->size, .end = buffer->len, .is_shut = flow->is_shut};
    *buffer = (struct buffer){0};
}

static void flow_sent(struct pump *pump, struct flow *flow, size_t n)
{
    flow->start += n;
    if (flow->start == flow->end)
        flow_drop(pump, flow);
}

/* ---- one connection ---- */

static bool is_later(ssize_t r)
{
    return r == -EAGAIN || r == -EINTR;
}

static ssize_t client_send(struct connection *connection, uint8_t *bytes, size_t len)
{
    struct iovec piece = {bytes, len};

    return connection->transport.table->writev(&connection->transport, &piece, 1);
}

/* Whether bytes of the client wait of which epoll knows nothing. */
static bool client_has_pending(const struct connection *connection)
{
    const struct transport_table *table = connection->transport.table;

    return !connection->client.has_ended && table->is_pending && table->is_pending(&connection->transport);
}

/* Tells the client that nothing more follows. */
static bool client_shut(struct connection *connection)
{
    int r = connection->transport.table->shutdown(&connection->transport);

    /* No room for TLS' own goodbye: the answer told its length, the end of the descriptor has to do. */
    return r == 0 || (r == -EAGAIN && shutdown(connection->client.fd, SHUT_WR) == 0);
}

/* Goes on with the handshake; true once it is done. */
static bool client_is_shaken(struct connection *connection)
{
    int r;

    if (!connection->shaking_wants)
        return true;
    r = connection->transport.table->handshake(&connection->transport);
    connection->is_dead = r < 0;
    connection->shaking_wants = r < 0 ? 0 : r;
    return r == 0;
}

/* What the library may see of the client's bytes and has not got yet. */
static size_t passable(const struct connection *connection)
{
    size_t used = flow_used(&connection->up);

    return used > connection->scan.n_held ? used - connection->scan.n_held : 0;
}

/* The server's side has ended and down is empty: says why, where nobody has answered that request yet. */
static void answer_refused(struct pump *pump, struct connection *connection)
{
    cleanup_(buffer_clear) struct buffer answer = {0};
    const struct request_scan *scan = &connection->scan;
    uint8_t *place;

    connection->is_refused = false;
    connection->server_is_deaf = true;
    if (atomic_load(&connection->n_answers) != scan->n_whole)
        return;
    pump->options.refuse(pump->options.context, scan->status, scan->why, &answer);
    if (answer.failed || answer.len > FLOW_BYTES || !flow_room(pump, &connection->down, &place)) {
        connection->is_dead = true;
        return;
    }
    memcpy(place, answer.ptr, answer.len);
    connection->down.end += answer.len;
    connection->progress_ms = clock_monotonic_ms();
}

static bool write_client(struct pump *pump, struct connection *connection)
{
    struct flow *flow = &connection->down;
    ssize_t n;

    if (!flow_used(flow))
        return false;
    n = client_send(connection, flow->ptr + flow->start, flow_used(flow));
    if (n < 0) {
        connection->is_dead = !is_later(n);
        return false;
    }
    flow_sent(pump, flow, (size_t)n);
    connection->progress_ms = clock_monotonic_ms();
    return true;
}

/* A socketpair answers ECONNRESET instead of an end where its other end was closed with bytes unread. */
static bool read_server(struct pump *pump, struct connection *connection)
{
    struct flow *flow = &connection->down;
    uint8_t *place;
    size_t room;
    ssize_t n;

    if (connection->server.fd < 0 || connection->server.has_ended || !flow_has_room(flow))
        return false;
    room = flow_room(pump, flow, &place);
    if (!room) {
        connection->is_dead = true;
        return false;
    }
    n = recv(connection->server.fd, place, room, 0);
    if (n > 0) {
        flow->end += (size_t)n;
        return true;
    }
    if (!flow_used(flow))
        flow_drop(pump, flow);
    if (n < 0 && is_later(-errno))
        return false;
    connection->server.has_ended = true;
    connection->progress_ms = clock_monotonic_ms();
    return true;
}

static bool write_server(struct pump *pump, struct connection *connection)
{
    struct flow *flow = &connection->up;
    size_t len = passable(connection);
    ssize_t n;

    if (connection->server.fd < 0 || len == 0)
        return false;
    n = send(connection->server.fd, flow->ptr + flow->start, len, MSG_NOSIGNAL);
    if (n > 0) {
        flow_sent(pump, flow, (size_t)n);
        return true;
    }
    if (is_later(-errno))
        return false;
    connection->server_is_deaf = true;
    flow_drop(pump, flow);
    return true;
}

/* A socketpair whose far end the caller gives away: that end, or -1. */
static int open_server(struct connection *connection)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    connection->server.fd = pair[0];
    return pair[1];
}

/* The far end's number must be known before the HTTP library's threads can ask for it. */
static bool enter_served(struct pump *pump, struct connection *connection, int fd)
{
    bool is_entered = true;

    pthread_mutex_lock(&pump->mutex);
    if ((size_t)fd >= pump->n_by_fd) {
        size_t n = (size_t)fd + 64;
        struct connection **longer = reallocarray(pump->by_fd, n, sizeof(struct connection *));

        if (longer) {
            memset(longer + pump->n_by_fd, 0, (n - pump->n_by_fd) * sizeof(struct connection *));
            pump->by_fd = longer;
            pump->n_by_fd = n;
        }
        is_entered = longer != NULL;
    }
    if (is_entered) {
        pump->by_fd[fd] = connection;
        connection->served_fd = fd;
    }
    pthread_mutex_unlock(&pump->mutex);
    return is_entered;
}

/* Takes the connection out of the table, and the head that was left for it, if any. */
static char *leave_served(struct pump *pump, struct connection *connection)
{
    char *head;
    int fd = connection->served_fd;

    pthread_mutex_lock(&pump->mutex);
    if (fd >= 0 && pump->by_fd[fd] == connection)
        pump->by_fd[fd] = NULL;
    connection->served_fd = -1;
    head = connection->upgrade_head;
    connection->upgrade_head = NULL;
    pthread_mutex_unlock(&pump->mutex);
    return head;
}

/* The library has found the connection idle, which it was not. */
static void leave_library(struct pump *pump, struct connection *connection)
{
    free(leave_served(pump, connection));
    close_side(pump, &connection->server);
    connection->up.is_shut = false;
}

/* Whether the client has all answers but that to the request that has just come. */
static bool is_settled(struct pump *pump, struct connection *connection)
{
    while (read_server(pump, connection))
        ;
    if (connection->server.has_ended && connection->is_ours)
        leave_library(pump, connection);
    return atomic_load(&connection->n_out) + 1 == connection->scan.n_whole && !connection->server.has_ended &&
           !flow_used(&connection->down);
}

/* Up holds one request and nothing else: true if it is answered here. */
static bool answer(struct pump *pump, struct connection *connection)
{
    cleanup_(buffer_clear) struct buffer answer = {0};
    const struct flow *up = &connection->up;
    const struct sockaddr *peer = (const struct sockaddr *)&connection->peer;

    if (!pump->options.answer || !is_settled(pump, connection) ||
        !pump->options.answer(pump->options.context, bytes_of(up->ptr + up->start, flow_used(up)), peer,
                              &answer))
        return false;
    connection->is_dead = answer.failed;
    flow_drop(pump, &connection->up);
    flow_fill(&connection->down, &answer);
    connection->progress_ms = clock_monotonic_ms();
    atomic_fetch_add(&connection->n_answers, 1);
    atomic_fetch_add(&connection->n_out, 1);
    return true;
}

/* Bytes have come: the last @n of up. */
static void judge(struct pump *pump, struct connection *connection, size_t n)
{
    struct flow *flow = &connection->up;
    struct request_scan *scan = &connection->scan;
    uint64_t n_before = scan->n_whole;
    bool is_alone = scan->part == REQUEST_SCAN_HEAD && scan->n_held == flow_used(flow) - n;

    if (!request_scan_feed(scan, bytes_of(flow->ptr + flow->end - n, n))) {
        flow->end -= scan->n_held;
        scan->n_held = 0;
        if (!flow_used(flow))
            flow_drop(pump, flow);
        connection->is_refused = true;
    }
    is_alone =
        is_alone && scan->n_whole == n_before + 1 && scan->part == REQUEST_SCAN_HEAD && scan->n_held == 0;
    if (passable(connection))
        connection->is_ours = is_alone && !connection->is_refused && answer(pump, connection);
    if (scan->n_held == 0)
        connection->head_due_ms = NO_HEAD;
    else if (connection->head_due_ms == NO_HEAD)
        connection->head_due_ms = clock_monotonic_ms() + pump->options.head_ms;
}

static bool read_client(struct pump *pump, struct connection *connection)
{
    struct flow *flow = &connection->up;
    uint8_t *place;
    size_t room;
    ssize_t n;

    if (connection->client.has_ended || !flow_has_room(flow))
        return false;
    room = flow_room(pump, flow, &place);
    n = room ? connection->transport.table->read(&connection->transport, place, room) : -ENOMEM;
    if (n < 0) {
        if (!flow_used(flow))
            flow_drop(pump, flow);
        connection->is_dead = !is_later(n);
        return false;
    }
    if (n == 0) {
        connection->client.has_ended = true;
        if (!flow_used(flow))
            flow_drop(pump, flow);
        return true;
    }
    if (!connection->server_is_deaf && !connection->is_refused)
        flow->end += (size_t)n;
    if (!flow_used(flow))
        flow_drop(pump, flow);
    else if (!connection->server_is_deaf && !connection->is_refused && !connection->is_upgraded)
        judge(pump, connection, (size_t)n);
    return true;
}

static void begin_serving(struct pump *pump, struct connection *connection)
{
    int fd = open_server(connection);

    if (fd < 0 || !enter_served(pump, connection, fd)) {
        if (fd >= 0)
            close(fd);
        connection->is_dead = true;
        return;
    }
    pump->options.serve(pump->options.context, fd, (const struct sockaddr *)&connection->peer,
                        connection->peer_len);
}

/* What the client sent along with its request has gone to the first library; it had no right to. */
static void upgrade(struct pump *pump, struct connection *connection, const char *head)
{
    int send_bytes = UPGRADED_SEND_BYTES;
    size_t len = strlen(head);
    uint8_t *place;
    int fd;

    setsockopt(connection->client.fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    close_side(pump, &connection->server);
    flow_drop(pump, &connection->up);
    connection->up.is_shut = false;
    connection->server_is_deaf = false;
    connection->is_upgraded = true;
    connection->is_refused = false;
    connection->scan = (struct request_scan){0};
    connection->head_due_ms = NO_HEAD;
    fd = len <= FLOW_BYTES && flow_room(pump, &connection->up, &place) ? open_server(connection) : -1;
    if (fd < 0) {
        connection->is_dead = true;
        return;
    }
    memcpy(place, head, len);
    connection->up.end += len;
    pump->options.serve_upgraded(pump->options.context, fd);
}

/* The server's side has ended and the client has got all of it. */
static void after_server(struct pump *pump, struct connection *connection)
{
    char *head = connection->is_upgraded ? NULL : leave_served(pump, connection);

    if (head) {
        upgrade(pump, connection, head);
        free(head);
        return;
    }
    connection->server_is_deaf = true;
    flow_drop(pump, &connection->up);
    if (connection->client.has_ended || !client_shut(connection))
        connection->is_dead = true;
    connection->down.is_shut = true;
    connection->linger_due_ms = clock_monotonic_ms() + LINGER_MS;
}

/* The client's bytes have ended, or must be taken for ended, and all that may be passed on has been. */
static void end_client(struct connection *connection)
{
    if (connection->server.fd < 0) {
        connection->server.has_ended = true;
    } else if (!connection->up.is_shut) {
        shutdown(connection->server.fd, SHUT_WR);
        connection->up.is_shut = true;
    }
}

/* What follows from ends and emptied flows. */
static void pass_ends_on(struct pump *pump, struct connection *connection)
{
    if (connection->server.fd >= 0 && connection->server.has_ended && connection->is_ours)
        leave_library(pump, connection);
    if (connection->server.fd < 0 && passable(connection))
        begin_serving(pump, connection);
    else if ((connection->client.has_ended || connection->is_refused) && !passable(connection))
        end_client(connection);
    if (connection->is_dead)
        return;
    if (connection->server.has_ended && !flow_used(&connection->down) && connection->is_refused)
        answer_refused(pump, connection);
    if (connection->server.has_ended && !flow_used(&connection->down) && !connection->down.is_shut)
        after_server(pump, connection);
    else if (connection->down.is_shut && connection->client.has_ended)
        connection->is_dead = true;
}

static void bury(struct pump *pump, struct connection *connection)
{
    int fd = connection->served_fd;

    free(leave_served(pump, connection));
    if (fd >= 0 && pump->options.client_left)
        pump->options.client_left(pump->options.context, fd);
    if (connection->transport.table && connection->transport.table->clear)
        connection->transport.table->clear(&connection->transport);
    connection->transport.table = NULL;
    close_side(pump, &connection->client);
    close_side(pump, &connection->server);
    flow_drop(pump, &connection->up);
    flow_drop(pump, &connection->down);
    list_unlink(&connection->link);
    list_append(&pump->dead, &connection->link);
    pump->n_connections--;
}

static void want(struct pump *pump, struct connection *connection)
{
    struct side *client = &connection->client;
    struct side *server = &connection->server;
    bool has_room = flow_has_room(&connection->up);
    bool must_write = flow_used(&connection->down) || connection->transport.wants_write ||
                      (has_room && client_has_pending(connection));

    if (connection->shaking_wants) {
        arm(pump, client, connection->shaking_wants == TRANSPORT_WANTS_READ ? EPOLLIN : EPOLLOUT);
        return;
    }
    arm(pump, client,
        (!client->has_ended && has_room ? (uint32_t)EPOLLIN : 0) | (must_write ? (uint32_t)EPOLLOUT : 0));
    arm(pump, server,
        (!server->has_ended && flow_has_room(&connection->down) ? (uint32_t)EPOLLIN : 0) |
            (passable(connection) ? (uint32_t)EPOLLOUT : 0));
}

static void turn(struct pump *pump, struct connection *connection)
{
    bool has_moved = client_is_shaken(connection);

    for (int i = 0; i < ROUNDS_A_TURN && has_moved && !connection->is_dead; i++) {
        has_moved = read_client(pump, connection);
        if (!connection->is_dead)
            has_moved |= write_server(pump, connection);
        if (!connection->is_dead)
            has_moved |= read_server(pump, connection);
        if (!connection->is_dead)
            has_moved |= write_client(pump, connection);
        if (!connection->is_dead)
            pass_ends_on(pump, connection);
    }
    if (!connection->is_dead)
        want(pump, connection);
    if (connection->is_dead)
        bury(pump, connection);
}

/* ---- the thread ---- */

static int choose_transport(struct pump *pump, struct connection *connection, int fd)
{
    int r = 0;

    pthread_mutex_lock(&pump->mutex);
    if (pump->tls) {
        connection->shaking_wants = TRANSPORT_WANTS_READ;
        r = transport_tls_init(&connection->transport, fd, pump->tls);
    } else {
        transport_plain_init(&connection->transport, fd);
    }
    pthread_mutex_unlock(&pump->mutex);
    return r;
}

static void add_connection(struct pump *pump, int fd, const struct sockaddr_storage *peer, socklen_t peer_len)
{
    struct connection *connection = calloc(1, sizeof *connection);
    int yes = 1;

    if (!connection || choose_transport(pump, connection, fd) < 0) {
        free(connection);
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    connection->client = (struct side){.connection = connection, .fd = fd};
    connection->server = (struct side){.connection = connection, .fd = -1};
    connection->served_fd = -1;
    connection->peer = *peer;
    connection->peer_len = peer_len;
    connection->head_due_ms = clock_monotonic_ms() + pump->options.head_ms;
    list_append(&pump->connections, &connection->link);
    pump->n_connections++;
    turn(pump, connection);
}

static void accept_some(struct pump *pump)
{
    for (int i = 0; i < EVENTS_A_BATCH && pump->n_connections < pump->options.most_connections; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t peer_len = sizeof peer;
        int fd =
            accept4(pump->listener.fd, (struct sockaddr *)&peer, &peer_len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            add_connection(pump, fd, &peer, peer_len);
            continue;
        }
        /* Out of descriptors: what waits would wake us at once, again and again. */
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pump->accept_again_ms = clock_monotonic_ms() + TICK_MS;
        return;
    }
}

static void arm_listener(struct pump *pump, uint64_t now_ms)
{
    bool may_accept = pump->n_connections < pump->options.most_connections && now_ms >= pump->accept_again_ms;

    arm(pump, &pump->listener, may_accept ? (uint32_t)EPOLLIN : 0);
}

static bool is_overdue(const struct connection *connection, uint64_t idle_ms, uint64_t now_ms)
{
    if (now_ms >= connection->head_due_ms && flow_has_room(&connection->up))
        return true; /* without room it is not the client who dawdles */
    if (connection->client.has_ended && atomic_load(&connection->is_streamed))
        return true;
    if (connection->is_ours && connection->head_due_ms == NO_HEAD &&
        now_ms >= connection->progress_ms + idle_ms)
        return true;
    if (connection->down.is_shut)
        return now_ms >= connection->linger_due_ms;
    return connection->server.has_ended && now_ms >= connection->progress_ms + STALL_MS;
}

static void cut_overdue(struct pump *pump, uint64_t now_ms)
{
    list_for_each (link, &pump->connections) {
        struct connection *connection = container_of(link, struct connection, link);

        if (is_overdue(connection, pump->options.idle_ms, now_ms))
            bury(pump, connection);
    }
}

static void free_dead(struct pump *pump)
{
    list_for_each (link, &pump->dead) {
        struct connection *connection = container_of(link, struct connection, link);

        list_unlink(&connection->link);
        free(connection);
    }
}

static void serve_event(struct pump *pump, struct side *side)
{
    if (side == &pump->listener)
        accept_some(pump);
    else if (side->connection && side->fd >= 0)
        turn(pump, side->connection);
}

static void *run(void *argument)
{
    struct pump *pump = argument;
    uint64_t tick_ms = 0;

    priority_give_way();
    while (!atomic_load(&pump->is_stopping)) {
        struct epoll_event events[EVENTS_A_BATCH];
        uint64_t now_ms = clock_monotonic_ms();
        bool is_quiet = pump->n_connections == 0 && now_ms >= pump->accept_again_ms;
        int n;

        arm_listener(pump, now_ms);
        n = epoll_wait(pump->epoll_fd, events, EVENTS_A_BATCH, is_quiet ? -1 : TICK_MS);
        for (int i = 0; i < n; i++)
            serve_event(pump, events[i].data.ptr);
        now_ms = clock_monotonic_ms();
        if (now_ms >= tick_ms) {
            cut_overdue(pump, now_ms);
            if (pump->options.tick)
                pump->options.tick(pump->options.context, now_ms);
            tick_ms = now_ms + TICK_MS;
        }
        free_dead(pump);
    }
    return NULL;
}

/* ---- from outside ---- */

int pump_new(struct pump **out_pump, const struct pump_options *options)
{
    struct pump *pump = calloc(1, sizeof *pump);

    if (!pump) {
        close(options->listen_fd);
        return -ENOMEM;
    }
    pump->options = *options;
    pump->listener = (struct side){.fd = options->listen_fd};
    list_init(&pump->connections);
    list_init(&pump->dead);
    pthread_mutex_init(&pump->mutex, NULL);
    pump->tls = options->tls ? tls_context_ref(options->tls) : NULL;
    pump->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    pump->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pump->wake = (struct side){.fd = pump->wake_fd};
    if (pump->epoll_fd >= 0 && pump->wake_fd >= 0)
        arm(pump, &pump->wake, EPOLLIN);
    if (!pump->wake.armed) {
        pump_free(pump);
        return -EMFILE;
    }
    *out_pump = pump;
    return 0;
}

int pump_start(struct pump *pump)
{
    int error = pthread_create(&pump->thread, NULL, run, pump);

    pump->is_running = error == 0;
    return -error;
}

void pump_stop(struct pump *pump)
{
    uint64_t one = 1;

    if (!pump->is_running)
        return;
    atomic_store(&pump->is_stopping, true);
    check(write(pump->wake_fd, &one, sizeof one) == sizeof one);
    pthread_join(pump->thread, NULL);
    pump->is_running = false;
    list_for_each (link, &pump->connections) {
        bury(pump, container_of(link, struct connection, link));
    }
    free_dead(pump);
    close_side(pump, &pump->listener);
}

void pump_free(struct pump *pump)
{
    if (!pump)
        return;
    check(!pump->is_running);
    close_side(pump, &pump->listener);
    if (pump->wake_fd >= 0)
        close(pump->wake_fd);
    if (pump->epoll_fd >= 0)
        close(pump->epoll_fd);
    pthread_mutex_destroy(&pump->mutex);
    tls_context_unref(pump->tls);
    free(pump->spare);
    free(pump->by_fd);
    free(pump);
}

void pump_renew_tls(struct pump *pump, struct tls_context *tls)
{
    struct tls_context *former;

    pthread_mutex_lock(&pump->mutex);
    former = pump->tls;
    pump->tls = tls_context_ref(tls);
    pthread_mutex_unlock(&pump->mutex);
    tls_context_unref(former);
}

/* Under the mutex; NULL if the client has gone meanwhile. */
static struct connection *served(struct pump *pump, int fd)
{
    return fd >= 0 && (size_t)fd < pump->n_by_fd ? pump->by_fd[fd] : NULL;
}

void pump_answer_begins(struct pump *pump, int fd, bool is_streamed)
{
    struct connection *connection;

    pthread_mutex_lock(&pump->mutex);
    connection = served(pump, fd);
    if (connection) {
        atomic_fetch_add(&connection->n_answers, 1);
        atomic_store(&connection->is_streamed, is_streamed);
    }
    pthread_mutex_unlock(&pump->mutex);
}

void pump_answer_is_out(struct pump *pump, int fd)
{
    struct connection *connection;

    pthread_mutex_lock(&pump->mutex);
    connection = served(pump, fd);
    if (connection) {
        atomic_fetch_add(&connection->n_out, 1);
        atomic_store(&connection->is_streamed, false);
    }
    pthread_mutex_unlock(&pump->mutex);
}

void pump_upgrade(struct pump *pump, int fd, char *head)
{
    struct connection *connection;

    pthread_mutex_lock(&pump->mutex);
    connection = served(pump, fd);
    if (connection && !connection->upgrade_head) {
        connection->upgrade_head = head;
        head = NULL;
    }
    pthread_mutex_unlock(&pump->mutex);
    free(head);
}
