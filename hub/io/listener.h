/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Listening sockets
 *
 * unix: a stale socket file (nobody answers on it) is replaced, a live one is refused, any other file there
 * is left alone and refused; the file is made with @mode under a lock file's protection and removed at
 * listener_free() if it is still ours. tcp and tls: SO_REUSEADDR; accepted connections get TCP_NODELAY,
 * keepalive (15 s idle, 5 s interval, 3 probes) and TCP_USER_TIMEOUT 30 s, so that a dead peer is found
 * within half a minute. All on the loop's thread.
 *
 * When descriptors run out, accepting pauses for 100 ms and on_trouble() is told once a second at most.
 */
#ifndef COMMHUB_IO_LISTENER_H
#define COMMHUB_IO_LISTENER_H

#include <sys/types.h>

#include "hub/io/address.h"
#include "hub/io/loop.h"

struct listener;

#define LISTENER_PEER_SIZE 128

struct listener_events {
    /* A connection, non-blocking and close-on-exec; the callee owns @fd. @peer: "127.0.0.1:5123",
     * "[::1]:5123" or "unix:pid=12,uid=0". */
    void (*on_connection)(void *owner, struct listener *listener, int fd, const char *peer);
    void (*on_trouble)(void *owner, struct listener *listener, int error);
};

struct listener_options {
    mode_t unix_mode;       /* 0: 0600 */
    const char *unix_group; /* NULL: unchanged */
    int backlog;            /* 0: SOMAXCONN */
};

#define LISTENER_WHY_SIZE 512

/* 0, or a negative errno with a sentence in @out_why that says what to do. */
int listener_new(struct listener **out_listener, struct loop *loop, const struct address *address,
                 const struct listener_options *options, const struct listener_events *events, void *owner,
                 char out_why[LISTENER_WHY_SIZE]);
void listener_free(struct listener *listener);

/* The address as it is, with the port that was chosen. */
const struct address *listener_address(const struct listener *listener);

/* Stops and starts accepting; waiting connections stay in the backlog. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);

#endif
