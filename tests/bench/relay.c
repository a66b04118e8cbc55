/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The floor under a hub: a relay that only frames
 *
 * It reads length-prefixed frames and passes each on, unread: what comes from the left goes to all on the
 * right, and back. The first frame of a connection says its side by one byte, 'l' or 'r'; a `ping` is
 * answered by a `pong`. It parses nothing, looks nothing up, protects nobody and drops nothing: what a hub
 * costs above this is what its work costs.
 *
 * usage: relay unix:/path | tcp://host:port
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hub/base/buffer.h"
#include "hub/io/address.h"
#include "hub/wire/frame.h"

#define READ_SIZE (256U * 1024)
#define MAX_BODY_BYTES (64U * 1024 * 1024)
#define EVENTS_A_TURN 256

enum side {
    SIDE_UNKNOWN,
    SIDE_LEFT,
    SIDE_RIGHT,
};

struct end {
    int fd;
    enum side side;
    struct buffer rest;
    struct buffer out;
    size_t n_written;
    struct end *next; /* of all */
};

static struct end *ends;
static int epoll_fd;
static struct buffer scratch;

static const uint8_t ping_body[] = "\x81\xa4type\xa4ping";
static const uint8_t pong_frame[] = "\0\0\0\x0b\x81\xa4type\xa4pong";

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void append(struct end *end, const void *ptr, size_t len)
{
    if (buffer_append(&end->out, ptr, len) < 0)
        die("memory");
}

static void watch(struct end *end, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = end};

    if (epoll_ctl(epoll_fd, operation, end->fd, &event) < 0)
        die("epoll");
}

static void drop(struct end *end)
{
    struct end **link = &ends;

    while (*link != end)
        link = &(*link)->next;
    *link = end->next;
    close(end->fd);
    buffer_clear(&end->rest);
    buffer_clear(&end->out);
    free(end);
}

static void on_frame(struct end *end, struct bytes frame)
{
    struct bytes body = bytes_from(frame, FRAME_HEAD_BYTES);

    if (end->side == SIDE_UNKNOWN) {
        end->side = body.ptr[0] == 'l' ? SIDE_LEFT : SIDE_RIGHT;
        return;
    }
    if (body.len == sizeof ping_body - 1 && memcmp(body.ptr, ping_body, body.len) == 0) {
        append(end, pong_frame, sizeof pong_frame - 1);
        return;
    }
    for (struct end *each = ends; each; each = each->next) {
        if (each->side != end->side && each->side != SIDE_UNKNOWN)
            append(each, frame.ptr, frame.len);
    }
}

/* Whether the end is still there. */
static bool read_end(struct end *end)
{
    struct bytes in;
    struct bytes body;
    size_t n_frame_bytes;
    ssize_t n;

    scratch.len = 0;
    if (buffer_append_bytes(&scratch, buffer_bytes(&end->rest)) < 0 ||
        buffer_reserve(&scratch, READ_SIZE) < 0)
        die("memory");
    n = read(end->fd, scratch.ptr + scratch.len, READ_SIZE);
    if (n < 0 && errno == EAGAIN)
        return true;
    if (n <= 0) {
        drop(end);
        return false;
    }
    scratch.len += (size_t)n;
    in = buffer_bytes(&scratch);
    while (frame_next(in, MAX_BODY_BYTES, &body, &n_frame_bytes) == 0) {
        on_frame(end, bytes_of(in.ptr, n_frame_bytes));
        in = bytes_from(in, n_frame_bytes);
    }
    end->rest.len = 0;
    if (buffer_append_bytes(&end->rest, in) < 0)
        die("memory");
    return true;
}

static void flush(struct end *end)
{
    ssize_t n;

    if (end->out.len == 0)
        return;
    n = send(end->fd, end->out.ptr + end->n_written, end->out.len - end->n_written, MSG_NOSIGNAL);
    if (n > 0)
        end->n_written += (size_t)n;
    if (end->n_written < end->out.len) {
        watch(end, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        return;
    }
    if (n >= 0 && end->n_written > (size_t)n)
        watch(end, EPOLL_CTL_MOD, EPOLLIN);
    end->out.len = 0;
    end->n_written = 0;
}

static void take_in(int listening)
{
    const int on = 1;
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct end *end = fd < 0 ? NULL : (struct end *)calloc(1, sizeof *end);

    if (!end)
        die("accept");
    /* Fails on a unix socket, which has no such delay. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    end->fd = fd;
    end->next = ends;
    ends = end;
    watch(end, EPOLL_CTL_ADD, EPOLLIN);
}

static int listen_on(const struct address *address)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_in host = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    const int on = 1;
    int fd = socket(address->kind == ADDRESS_UNIX ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r;

    if (fd < 0)
        die("socket");
    if (address->kind == ADDRESS_UNIX) {
        if (strlen(address->host) >= sizeof path.sun_path)
            die("path too long");
        memcpy(path.sun_path, address->host, strlen(address->host));
        r = bind(fd, (const struct sockaddr *)&path, sizeof path);
    } else {
        if (inet_pton(AF_INET, address->host, &host.sin_addr) != 1)
            die("not an IPv4 address");
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        r = bind(fd, (const struct sockaddr *)&host, sizeof host);
    }
    if (r < 0 || listen(fd, SOMAXCONN) < 0)
        die("listen");
    return fd;
}

static void turn(int listening)
{
    struct epoll_event events[EVENTS_A_TURN];
    int n = epoll_wait(epoll_fd, events, EVENTS_A_TURN, -1);

    for (int i = 0; i < n; i++) {
        struct end *end = (struct end *)events[i].data.ptr;

        if (!end)
            take_in(listening);
        else if (events[i].events & ~(uint32_t)EPOLLOUT)
            (void)read_end(end);
    }
    for (struct end *each = ends; each; each = each->next)
        flush(each);
}

int main(int argc, char **argv)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct address address;
    const char *why;
    int listening;

    if (argc != 2 || address_parse(argv[1], &address, &why) < 0 || address.kind == ADDRESS_TLS) {
        fputs("usage: relay unix:/path | tcp://host:port\n", stderr);
        return 2;
    }
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    listening = listen_on(&address);
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listening, &event) < 0)
        die("epoll");
    puts("ready");
    fflush(stdout);
    for (;;)
        turn(listening);
}
