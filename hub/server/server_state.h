/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The server's insides, for the files of this folder only
 */
#ifndef COMMHUB_SERVER_SERVER_STATE_H
#define COMMHUB_SERVER_SERVER_STATE_H

#include "hub/server/server.h"

#define SERVER_MAX_LISTENERS 32

struct session;

struct server {
    struct loop *loop;
    struct hub *hub;
    struct server_options options;
    struct stream_marks marks;

    struct listener *listeners[SERVER_MAX_LISTENERS];
    size_t n_listeners;

    struct list sessions;
    size_t n_sessions;
    struct list guests;
    struct session *current;   /* whose frame is being carried out: the producer of what is sent meanwhile */
    struct list full_sessions; /* outbox above high, see backpressure.c */
    struct loop_timer full_timer;

    struct loop_timer tick_timer; /* call deadlines */

    server_accept_link_fn *accept_link;
    void *accept_link_context;

    bool is_draining;
    uint64_t drain_until_ms;
    struct loop_timer drain_timer;
    void (*on_drained)(void *context);
    void *on_drained_context;
};

/* A connection has come; takes over @fd. */
void server_accept(struct server *server, int fd, bool is_tls, const char *peer);

#endif
