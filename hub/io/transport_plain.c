/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Bytes as they are, for unix and tcp
 */
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

#include "hub/io/transport.h"

static ssize_t plain_read(struct transport *transport, void *ptr, size_t size)
{
    ssize_t n;

    do
        n = recv(transport->fd, ptr, size, 0);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t plain_writev(struct transport *transport, const struct iovec *pieces, int n)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)n};
    ssize_t written;

    /* writev() itself would raise SIGPIPE. */
    do
        written = sendmsg(transport->fd, &message, MSG_NOSIGNAL);
    while (written < 0 && errno == EINTR);
    return written < 0 ? -errno : written;
}

static int plain_shutdown(struct transport *transport)
{
    return shutdown(transport->fd, SHUT_WR) < 0 ? -errno : 0;
}

static const struct transport_table plain = {
    .read = plain_read,
    .writev = plain_writev,
    .shutdown = plain_shutdown,
};

void transport_plain_init(struct transport *transport, int fd)
{
    *transport = (struct transport){.table = &plain, .fd = fd};
}
