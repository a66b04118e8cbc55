/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/io/listener.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/base/check.h"
#include "hub/io/tcp_socket.h"
#include "hub/io/unix_socket.h"

/* Fairness: ten thousand that come at once are taken in over some turns. */
#define MOST_ACCEPTED_A_TURN 64
#define REST_MS 100
#define TROUBLE_EVERY_MS 1000

struct listener {
    struct loop_source source;
    struct loop *loop;
    struct address address;
    struct unix_socket unix_socket;
    const struct listener_events *events;
    void *owner;
    struct loop_timer rest;
    uint64_t trouble_due_ms; /* not told before */
    bool is_paused;          /* by the owner */
    bool is_busy;            /* inside on_ready() */
    bool is_freed;           /* inside it listener_free() was called */
};

__attribute__((format(printf, 3, 4))) static int refuse(char out_why[LISTENER_WHY_SIZE], int error,
                                                        const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(out_why, LISTENER_WHY_SIZE, format, arguments);
    va_end(arguments);
    return -error;
}

/* ------------------------------------------------------------------------------------------- accepting */

static bool is_accepting(const struct listener *listener)
{
    return !listener->is_paused && listener->rest.place == LOOP_TIMER_IDLE;
}

static void aim(struct listener *listener)
{
    loop_want(listener->loop, &listener->source, is_accepting(listener) ? EPOLLIN : 0);
}

static void on_rested(struct loop_timer *timer)
{
    aim(container_of(timer, struct listener, rest));
}

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void meet_shortage(struct listener *listener, int error)
{
    uint64_t now_ms = loop_now_ms(listener->loop);

    /* Without memory for the timer accepting simply goes on, and most likely comes here again. */
    if (loop_timer_arm(listener->loop, &listener->rest, now_ms + REST_MS) == 0)
        aim(listener);
    if (now_ms < listener->trouble_due_ms)
        return;
    listener->trouble_due_ms = now_ms + TROUBLE_EVERY_MS;
    listener->events->on_trouble(listener->owner, listener, error);
}

static void describe_unix_peer(int fd, char out_peer[LISTENER_PEER_SIZE])
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        snprintf(out_peer, LISTENER_PEER_SIZE, "unix");
    else
        snprintf(out_peer, LISTENER_PEER_SIZE, "unix:pid=%ld,uid=%lu", (long)peer.pid,
                 (unsigned long)peer.uid);
}

/* One connection: 0, or the negative errno of accept. */
static int accept_one(struct listener *listener)
{
    union tcp_socket_address peer;
    socklen_t size = sizeof peer;
    char text[LISTENER_PEER_SIZE];
    bool is_unix = listener->address.kind == ADDRESS_UNIX;
    int fd = accept4(listener->source.fd, is_unix ? NULL : &peer.any, is_unix ? NULL : &size,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (is_unix) {
        describe_unix_peer(fd, text);
    } else {
        tcp_socket_tune(fd);
        tcp_socket_text(&peer.any, text, sizeof text);
    }
    listener->events->on_connection(listener->owner, listener, fd, text);
    return 0;
}

static void on_ready(struct loop_source *source, uint32_t events)
{
    struct listener *listener = container_of(source, struct listener, source);

    (void)events;
    listener->is_busy = true;
    for (int n = 0; n < MOST_ACCEPTED_A_TURN && !listener->is_freed && is_accepting(listener); n++) {
        int r = accept_one(listener);

        if (r == -EAGAIN)
            break;
        if (is_shortage(-r)) {
            meet_shortage(listener, -r);
            break;
        }
        /* Any other failure is that of one connection, which is gone: ECONNABORTED, and the network errors
         * that accept() passes on. */
    }
    listener->is_busy = false;
    if (listener->is_freed)
        free(listener);
}

/* -------------------------------------------------------------------------------------------- listening */

static int explain_bind(const struct address *address, int error, char out_why[LISTENER_WHY_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];

    address_text(address, text);
    if (error == EADDRINUSE)
        return refuse(
            out_why, error,
            "%s is taken by another program (\"ss -ltnp\" names it); stop it, or choose another port", text);
    if (error == EADDRNOTAVAIL)
        return refuse(out_why, error, "%s is no address of this machine; \"ip address\" lists them", text);
    if (error == EACCES)
        return refuse(out_why, error, "this user may not listen on %s; choose a port above 1023", text);
    return refuse(out_why, error, "cannot listen on %s: %s", text, strerrordesc_np(error));
}

static int listen_at(const struct addrinfo *info, int backlog, int *out_fd)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    int off = 0;
    int error;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* [::] means everywhere, whatever the machine's default is. */
    if (info->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, backlog) == 0) {
        *out_fd = fd;
        return 0;
    }
    error = errno;
    close(fd);
    return -error;
}

/* IPv4 first: a name that stands for both is most often "localhost", and peers say 127.0.0.1 for it. */
static int listen_at_first(const struct addrinfo *found, int backlog, int *out_fd)
{
    static const int families[] = {AF_INET, AF_INET6};
    int r = -EADDRNOTAVAIL;

    for (size_t i = 0; i < 2; i++) {
        for (const struct addrinfo *info = found; info; info = info->ai_next) {
            if (info->ai_family != families[i])
                continue;
            r = listen_at(info, backlog, out_fd);
            if (r == 0)
                return 0;
        }
    }
    return r;
}

static int listen_inet(struct listener *listener, int backlog, char out_why[LISTENER_WHY_SIZE])
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct address *address = &listener->address;
    union tcp_socket_address bound;
    socklen_t size = sizeof bound;
    struct addrinfo *found;
    char port[8];
    int r;

    snprintf(port, sizeof port, "%u", (unsigned)address->port);
    r = getaddrinfo(address->host, port, &hints, &found);
    if (r == EAI_MEMORY)
        return refuse(out_why, ENOMEM, "out of memory");
    if (r)
        return refuse(out_why, EADDRNOTAVAIL,
                      "cannot resolve \"%s\": %s; listen on a number such as 127.0.0.1", address->host,
                      gai_strerror(r));
    r = listen_at_first(found, backlog, &listener->source.fd);
    freeaddrinfo(found);
    if (r < 0)
        return explain_bind(address, -r, out_why);
    check(getsockname(listener->source.fd, &bound.any, &size) == 0);
    address->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    return 0;
}

static int open_socket(struct listener *listener, const struct listener_options *options,
                       char out_why[LISTENER_WHY_SIZE])
{
    int backlog = options->backlog ? options->backlog : SOMAXCONN;

    if (listener->address.kind == ADDRESS_UNIX)
        return unix_socket_listen(&listener->unix_socket, listener->address.host,
                                  options->unix_mode ? options->unix_mode : 0600, options->unix_group,
                                  backlog, &listener->source.fd, out_why, LISTENER_WHY_SIZE);
    return listen_inet(listener, backlog, out_why);
}

static void close_socket(struct listener *listener)
{
    if (listener->address.kind == ADDRESS_UNIX)
        unix_socket_close(&listener->unix_socket, listener->source.fd);
    else
        close(listener->source.fd);
}

int listener_new(struct listener **out_listener, struct loop *loop, const struct address *address,
                 const struct listener_options *options, const struct listener_events *events, void *owner,
                 char out_why[LISTENER_WHY_SIZE])
{
    struct listener *listener = calloc(1, sizeof *listener);
    int r;

    if (!listener)
        return refuse(out_why, ENOMEM, "out of memory");
    listener->loop = loop;
    listener->address = *address;
    listener->events = events;
    listener->owner = owner;
    loop_timer_init(&listener->rest, on_rested);
    r = open_socket(listener, options, out_why);
    if (r < 0) {
        free(listener);
        return r;
    }
    listener->source.events = EPOLLIN;
    listener->source.on_ready = on_ready;
    r = loop_add(loop, &listener->source);
    if (r < 0) {
        close_socket(listener);
        free(listener);
        return refuse(out_why, -r, "cannot watch the socket: %s", strerrordesc_np(-r));
    }
    *out_listener = listener;
    return 0;
}

void listener_free(struct listener *listener)
{
    if (!listener)
        return;
    loop_remove(listener->loop, &listener->source);
    loop_timer_disarm(listener->loop, &listener->rest);
    close_socket(listener);
    if (listener->is_busy)
        listener->is_freed = true;
    else
        free(listener);
}

const struct address *listener_address(const struct listener *listener)
{
    return &listener->address;
}

void listener_pause(struct listener *listener)
{
    listener->is_paused = true;
    aim(listener);
}

void listener_resume(struct listener *listener)
{
    listener->is_paused = false;
    aim(listener);
}
