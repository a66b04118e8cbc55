/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Two ends, each the library's, share one struct bus; whoever ends last frees it
 *
 * The end of one side is passed on when what it had said has been written. A message to the browser has what
 * came from the hub since the last one. The library keeps what a socket does not take, and calls for more
 * only when that is out, so each way holds at most twice FLOW_BYTES and a read.
 */
#include "mgmt/live/ws_bus.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/base/buffer.h"

#define FLOW_BYTES ((size_t)64 * 1024)
#define PEER_SIZE 96

struct flow {
    struct buffer bytes; /* behind LWS_PRE, which the library asks for */
    bool is_paused;      /* its source is not read */
};

struct bus {
    struct lws *browser; /* NULL: ended */
    struct lws *hub;
    struct flow up; /* to the hub */
    struct flow down;
};

/* The browser's per-session memory. */
struct browser {
    struct bus *bus;
};

/* ---- flows ---- */

static size_t flow_used(const struct flow *flow)
{
    return flow->bytes.len ? flow->bytes.len - LWS_PRE : 0;
}

static int flow_take(struct flow *flow, struct lws *source, const void *in, size_t len)
{
    struct buffer *bytes = &flow->bytes;

    if (!bytes->len) {
        if (buffer_reserve(bytes, LWS_PRE + len) < 0)
            return -1;
        bytes->len = LWS_PRE;
    }
    if (buffer_append(bytes, in, len) < 0)
        return -1;
    if (flow_used(flow) >= FLOW_BYTES && !flow->is_paused) {
        flow->is_paused = true;
        lws_rx_flow_control(source, 0);
    }
    return 0;
}

/* Writes all that waits; the library keeps what does not fit. */
static int flow_write(struct flow *flow, struct lws *source, struct lws *sink, enum lws_write_protocol how)
{
    size_t used = flow_used(flow);

    if (!used)
        return 0;
    if (lws_write(sink, flow->bytes.ptr + LWS_PRE, used, how) < (int)used)
        return -1;
    flow->bytes.len = 0;
    if (flow->bytes.size > 2 * FLOW_BYTES)
        buffer_clear(&flow->bytes);
    if (flow->is_paused && source)
        lws_rx_flow_control(source, 1);
    flow->is_paused = false;
    return 0;
}

/* True: the library still holds a part of what was written, which would be lost if the sink ended now; it
 * calls again. */
static bool flow_is_held(struct lws *sink)
{
    if (!lws_partial_buffered(sink))
        return false;
    lws_callback_on_writable(sink);
    return true;
}

/* ---- both ends ---- */

static void free_if_ended(struct bus *bus)
{
    if (bus->browser || bus->hub)
        return;
    buffer_clear(&bus->up.bytes);
    buffer_clear(&bus->down.bytes);
    free(bus);
}

static int open_hub(struct bus *bus)
{
    const struct ws_bus_hub *hub = lws_get_protocol(bus->browser)->user;
    lws_adopt_desc_t description = {.vh = lws_get_vhost(bus->browser),
                                    .type = LWS_ADOPT_SOCKET,
                                    .vh_prot_name = WS_BUS_HUB_PROTOCOL,
                                    .opaque = bus};
    char peer[PEER_SIZE] = "ws";
    int pair[2];

    /* The head is our own (rest_live.c), and has the browser's address as its host. */
    lws_hdr_copy(bus->browser, peer, sizeof peer, WSI_TOKEN_HOST);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    if (hub->connect(hub->context, pair[1], peer) < 0) {
        close(pair[0]);
        return -1;
    }
    description.fd.sockfd = pair[0];
    bus->hub = lws_adopt_descriptor_vhost_via_info(&description); /* closes it where it fails */
    return bus->hub ? 0 : -1;
}

static int begin(struct lws *wsi, struct browser *browser)
{
    struct bus *bus = calloc(1, sizeof *bus);

    if (!bus)
        return -1;
    bus->browser = wsi;
    browser->bus = bus;
    return open_hub(bus);
}

static int receive(struct bus *bus, const void *in, size_t len)
{
    if (!lws_frame_is_binary(bus->browser)) {
        lws_close_reason(bus->browser, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, NULL, 0);
        return -1;
    }
    if (!bus->hub)
        return 0; /* it has ended, and the browser is about to hear of it */
    lws_callback_on_writable(bus->hub);
    return flow_take(&bus->up, bus->browser, in, len);
}

static int write_browser(struct bus *bus)
{
    if (flow_write(&bus->down, bus->hub, bus->browser, LWS_WRITE_BINARY) < 0)
        return -1;
    if (bus->hub || flow_is_held(bus->browser))
        return 0;
    lws_close_reason(bus->browser, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
    return -1;
}

static void end_browser(struct bus *bus)
{
    if (!bus)
        return;
    bus->browser = NULL;
    if (bus->hub)
        lws_callback_on_writable(bus->hub);
    free_if_ended(bus);
}

int ws_bus_on_browser(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct browser *browser = user;

    if (reason == LWS_CALLBACK_ESTABLISHED)
        return begin(wsi, browser);
    if (reason == LWS_CALLBACK_RECEIVE)
        return receive(browser->bus, in, len);
    if (reason == LWS_CALLBACK_SERVER_WRITEABLE)
        return write_browser(browser->bus);
    if (reason == LWS_CALLBACK_CLOSED)
        end_browser(browser->bus);
    return 0;
}

static int write_hub(struct bus *bus)
{
    if (flow_write(&bus->up, bus->browser, bus->hub, LWS_WRITE_RAW) < 0)
        return -1;
    return bus->browser || flow_is_held(bus->hub) ? 0 : -1;
}

static void end_hub(struct bus *bus)
{
    bus->hub = NULL;
    if (bus->browser)
        lws_callback_on_writable(bus->browser);
    free_if_ended(bus);
}

int ws_bus_on_hub(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct bus *bus = lws_get_opaque_user_data(wsi);

    (void)user;
    if (reason == LWS_CALLBACK_RAW_RX && bus->browser) {
        lws_callback_on_writable(bus->browser);
        return flow_take(&bus->down, wsi, in, len);
    }
    if (reason == LWS_CALLBACK_RAW_WRITEABLE)
        return write_hub(bus);
    if (reason == LWS_CALLBACK_RAW_CLOSE && bus->hub)
        end_hub(bus);
    return 0;
}
