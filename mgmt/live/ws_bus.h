/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The hub's own protocol over WebSocket
 *
 * A browser's binary messages are a stream of bytes (their boundaries mean nothing) that is carried to the
 * hub over a socket pair, and back: to the hub it is a connection like any other. What is on the way is
 * bounded each way; behind that each side is pushed back on. The library's thread alone.
 */
#ifndef COMMHUB_MGMT_LIVE_WS_BUS_H
#define COMMHUB_MGMT_LIVE_WS_BUS_H

#include <libwebsockets.h>

#define WS_BUS_PROTOCOL "commipc.v1"
#define WS_BUS_HUB_PROTOCOL "commhub.hub" /* of the raw end that leads to the hub */
#define WS_BUS_RECEIVE_BYTES 16384

/* What lws_protocols.user of both points to. */
struct ws_bus_hub {
    void *context;
    /* Takes over @fd, also where it fails (< 0). @peer is who is behind it. */
    int (*connect)(void *context, int fd, const char *peer);
};

/* Callbacks of the two protocols. */
int ws_bus_on_browser(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
int ws_bus_on_hub(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

#endif
