/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One connection's life: TLS, identify, proof, ready, ending
 */
#ifndef COMMHUB_SERVER_SESSION_H
#define COMMHUB_SERVER_SESSION_H

#include "hub/server/server_state.h"

enum session_state {
    SESSION_AWAIT_TLS,
    SESSION_AWAIT_IDENTIFY,
    SESSION_AWAIT_PROOF,
    SESSION_READY,
    SESSION_ENDING,
};

struct handshake;

struct session {
    struct list in_server;
    struct server *server;
    struct stream *stream;
    struct client *client;       /* SESSION_READY only */
    struct handshake *handshake; /* SESSION_AWAIT_PROOF only */
    struct loop_timer timer;
    enum session_state state;
    enum end_reason end_reason;
    bool is_tls;
    bool is_in_frame;  /* a frame has begun and is not complete */
    uint64_t heard_ms; /* last complete frame, or the first byte of the one that is not */

    struct waiter waiter;    /* on a consumer's line, or that of one beyond this server: it is not read */
    struct session *awaited; /* that consumer; NULL: waits for none, or for one beyond */
    uint64_t waits_since_ms;
    struct list line;    /* producers that bring nothing until this one has drained */
    struct list is_full; /* on the server's list of full sessions */
    uint64_t full_ms;    /* since when */
    uint64_t stall_ms;   /* the full outbox is judged from period to period, */
    uint64_t sampled_ms; /* its progress from sample to sample */
    uint64_t stall_bytes;
    uint64_t sampled_bytes;
    bool makes_progress;

    char peer[];
};

/* Takes over @fd, which is closed on failure too. 0 or a negative errno. */
int session_new(struct server *server, int fd, struct tls_context *tls, const char *peer);

/* Ends the connection: what is queued is written for a second at most. The first reason stands. */
void session_end(struct session *session, enum end_reason reason);

/* The same, with an `error` for the client in front. */
void session_end_with_error(struct session *session, enum end_reason reason, struct bytes text);

/* Closes at once and frees; for server_free(). */
void session_free(struct session *session);

/* Whether it is not read, for somebody is full. */
static inline bool session_waits(const struct session *session)
{
    return !list_is_empty(&session->waiter.in_line);
}

extern const struct client_port session_port;

#endif
