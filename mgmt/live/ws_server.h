/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The WebSockets: the only file, with ws_bus.c, that knows libwebsockets
 *
 * A thread of its own, on which everything of the library happens but the wake-up.
 */
#ifndef COMMHUB_MGMT_LIVE_WS_SERVER_H
#define COMMHUB_MGMT_LIVE_WS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/base/log.h"
#include "mgmt/live/ws_bus.h"

struct ws_server;

struct ws_server_options {
    struct log *log;
    const char *epoch;
    size_t most_sessions;
    struct ws_bus_hub hub; /* for browsers that speak the hub's own protocol */
    uint64_t slow_ms;      /* a browser that takes nothing for so long is closed with 4408 */
    void *context;
    char *(*metrics)(void *context); /* `data` of a metrics message as JSON, for free(); NULL: not now */
};

#define WS_SERVER_METRICS_MS 1000

/* 0 or a negative errno; the thread runs then. */
int ws_server_new(struct ws_server **out_server, const struct ws_server_options *options);

/* Any thread: serves a descriptor from which the head of an upgrade, checked before, is to be read. */
void ws_server_serve(struct ws_server *server, int fd);

/* Any thread. */
bool ws_server_has_room(struct ws_server *server);

/* Cuts all sessions. */
void ws_server_free(struct ws_server *server);

#endif
