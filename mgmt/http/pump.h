/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Carries the bytes of every connection to the library that serves it
 *
 * A thread of its own. The essay is in pump.c.
 */
#ifndef COMMHUB_MGMT_HTTP_PUMP_H
#define COMMHUB_MGMT_HTTP_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "hub/base/bytes.h"

struct pump;
struct buffer;
struct tls_context;

struct pump_options {
    int listen_fd; /* becomes the pump's */
    size_t most_connections;
    uint64_t head_ms;        /* how long a connection may take until a request's head is whole */
    uint64_t idle_ms;        /* a connection that answer() has answered last is closed after so long */
    struct tls_context *tls; /* a reference is taken; NULL: the port speaks plain HTTP */
    void *context;

    /* All on the pump's thread. @fd goes over to the function, in any case. */
    void (*serve)(void *context, int fd, const struct sockaddr *peer, socklen_t peer_len);
    void (*serve_upgraded)(void *context, int fd);
    /* @request has come whole and alone, and all before it are answered: appends the answer; false: serve()'s
     * descriptor gets it. May be NULL. */
    bool (*answer)(void *context, struct bytes request, const struct sockaddr *peer,
                   struct buffer *out_answer);
    /* The client of a descriptor that serve() got has gone before its owner closed it. May be NULL. */
    void (*client_left)(void *context, int fd);
    /* A request is refused: appends the whole answer, after which the connection ends. */
    void (*refuse)(void *context, unsigned status, const char *why, struct buffer *out_answer);
    void (*tick)(void *context, uint64_t now_ms); /* every quarter of a second; may be NULL */
};

/* 0 or a negative errno; nothing runs before pump_start(). */
int pump_new(struct pump **out_pump, const struct pump_options *options);
int pump_start(struct pump *pump);

/* Connections that come from now on speak TLS by @tls, of which a reference is taken. Any thread. */
void pump_renew_tls(struct pump *pump, struct tls_context *tls);

/* Ends the thread and cuts all connections; the descriptors given away stay with those who got them. */
void pump_stop(struct pump *pump);

/* After pump_stop(), and when nobody calls the functions below any more. */
void pump_free(struct pump *pump);

/*
 * Any thread; @fd is the descriptor that serve() got, which its owner has not closed yet. An answer begins,
 * before any of it is written: a streamed one goes on until the client ends; it is out; the connection is to
 * be upgraded as soon as the owner closes @fd, which must be at once: @head (taken) is what
 * serve_upgraded()'s descriptor reads first.
 */
void pump_answer_begins(struct pump *pump, int fd, bool is_streamed);
void pump_answer_is_out(struct pump *pump, int fd);
void pump_upgrade(struct pump *pump, int fd, char *head);

#endif
