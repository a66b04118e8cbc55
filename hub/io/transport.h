/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A transport: how the bytes of a stream get through its descriptor, as a table of functions
 *
 * The stream owns the descriptor and is the only caller. No function blocks, calls back, or raises SIGPIPE.
 * A failure is final: after it only detail() and clear() are called. One thread at a time.
 */
#ifndef COMMHUB_IO_TRANSPORT_H
#define COMMHUB_IO_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct transport;
struct tls_context;

enum {
    TRANSPORT_WANTS_READ = 1, /* call again when the descriptor is readable */
    TRANSPORT_WANTS_WRITE,    /* call again when it is writable */
};

struct transport_table {
    /*
     * Negotiates: 0 done, TRANSPORT_WANTS_*, or a negative errno (-EPROTO: the peer or its certificate is not
     * to our liking). NULL: there is nothing to negotiate.
     */
    int (*handshake)(struct transport *transport);

    /*
     * Reads at most @size > 0 bytes: their number, 0 at the end of what the peer sends, -EAGAIN when nothing
     * is there, else a negative errno. The memory is the caller's and is not kept.
     */
    ssize_t (*read)(struct transport *transport, void *ptr, size_t size);

    /* Whether bytes wait above the descriptor, of which epoll knows nothing. NULL: never. */
    bool (*is_pending)(const struct transport *transport);

    /*
     * Writes from the front of @n pieces: the number of bytes, fewer than given only if the descriptor takes
     * no more now; -EAGAIN when it takes nothing; else a negative errno. The pieces are the caller's. After
     * -EAGAIN or a short count the next call must begin with the bytes that come next and offer no fewer.
     */
    ssize_t (*writev)(struct transport *transport, const struct iovec *pieces, int n);

    /*
     * Tells the peer that nothing more follows; reading goes on: 0, -EAGAIN (call again when writable), or a
     * negative errno.
     */
    int (*shutdown)(struct transport *transport);

    /* Why a function failed, in words that go beyond the errno; NULL: there are none. Valid until clear(). */
    const char *(*detail)(const struct transport *transport);

    /* The common name of the peer's verified certificate, "" without one. NULL function: never one. */
    const char *(*peer_name)(const struct transport *transport);

    /* Whether the peer has shown a verified certificate that bears @name. NULL function: it has none. */
    bool (*peer_bears)(const struct transport *transport, const char *name);

    /* Releases what init made, but not the descriptor. NULL: there is nothing. */
    void (*clear)(struct transport *transport);
};

struct transport {
    const struct transport_table *table;
    int fd;
    /* read() cannot go on before the descriptor is writable (a TLS answer to a key update is on its way). */
    bool wants_write;
    void *session;
};

void transport_plain_init(struct transport *transport, int fd);

/* Takes a reference to @tls: 0 or -ENOMEM, and then @transport is as it was. */
int transport_tls_init(struct transport *transport, int fd, struct tls_context *tls);

#endif
