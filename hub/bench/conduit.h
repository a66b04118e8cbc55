/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One connection of the load generator
 *
 * Plain or TLS, non-blocking. What is to be sent gathers in `out` and is written once a turn. The bytes of an
 * incomplete message wait in `rest`; an idle connection holds no memory in either.
 */
#ifndef COMMHUB_BENCH_CONDUIT_H
#define COMMHUB_BENCH_CONDUIT_H

#include <sys/types.h>

#include "hub/base/buffer.h"
#include "hub/io/address.h"

struct conduit_tls; /* OpenSSL's context */

enum role {
    ROLE_CALLER,
    ROLE_PROVIDER,
    ROLE_PUBLISHER,
    ROLE_SUBSCRIBER,
    ROLE_IDLE,
};

/* Where the fields stood in the last message that was read in full; most that follow have the same shape. */
struct conduit_shape {
    size_t n_bytes; /* of the message; 0: none seen */
    size_t id_at;
    size_t payload_at;
};

struct conduit {
    int fd; /* -1: not connected */
    enum role role;
    uint32_t role_index;
    uint32_t step;    /* how far the handshake has come; the dialect's own */
    uint32_t watched; /* epoll events that are asked for */
    bool has_joined;
    bool has_settled;
    uint32_t n_pings; /* that have no answer yet */
    bool is_dirty;
    struct conduit_shape shape;
    struct ssl_st *tls;
    struct buffer rest;
    struct buffer out;
    size_t n_written; /* of `out` */
    struct conduit *next_dirty;
};

struct conduit_tls_files {
    const char *ca; /* NULL: the system's authorities */
    const char *certificate;
    const char *key;
};

#define CONDUIT_WHY_SIZE 512

/* 0, or -EINVAL or -ENOMEM with a sentence in @out_why. */
int conduit_tls_new(struct conduit_tls **out_tls, const struct conduit_tls_files *files,
                    char out_why[CONDUIT_WHY_SIZE]);
void conduit_tls_free(struct conduit_tls *tls);

void conduit_init(struct conduit *conduit);

/*
 * Connects, waiting at most 10 s; a TLS handshake is left to the reads and writes that follow. @tls belongs
 * to tls:// addresses, @name is what the peer's certificate must bear. 0 or a negative errno with a sentence.
 */
int conduit_open(struct conduit *conduit, const struct address *address, struct conduit_tls *tls,
                 const char *name, char out_why[CONDUIT_WHY_SIZE]);
void conduit_close(struct conduit *conduit);

/* Reads at most @size bytes: their number, 0 at the end of the stream, -EAGAIN, or a negative errno. */
ssize_t conduit_read(struct conduit *conduit, void *ptr, size_t size);

/* Room for @len bytes at the end of what is to be sent, which the caller fills; NULL: out of memory. */
uint8_t *conduit_room(struct conduit *conduit, size_t len);

/* Whether what is left to be sent waits for room; within TLS it may wait for the peer to speak. */
bool conduit_waits_for_room(const struct conduit *conduit);

/* Writes what can be written: 0 all of it, -EAGAIN some is left, or a negative errno. */
int conduit_flush(struct conduit *conduit);

#endif
