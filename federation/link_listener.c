/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_listener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "federation/link.h"
#include "hub/base/metrics.h"
#include "hub/wire/frame.h"

#define GREET_WITHIN_MS 5000U

struct link_listener {
    struct list in_federation;
    struct federation *federation;
    struct listener *listener;
};

/* A connection that has yet to say who it is. */
struct caller {
    struct list in_federation;
    struct federation *federation;
    struct stream *stream;
    struct loop_timer timer;
    bool is_ending;
    char why[FEDERATION_DETAIL_SIZE];
    char peer[LISTENER_PEER_SIZE];
};

static const struct stream_marks marks = {
    .high_bytes = 64U << 10, .low_bytes = 16U << 10, .max_bytes = 128U << 10};

static void forget(struct caller *caller)
{
    loop_timer_disarm(caller->federation->loop, &caller->timer);
    list_unlink(&caller->in_federation);
    caller->federation->n_callers--;
    free(caller);
}

static void tell_refused(struct federation *federation, const char *peer, const char *why)
{
    char text[FEDERATION_DETAIL_SIZE + LISTENER_PEER_SIZE + 64];

    metrics_count(METRICS_CONNECTIONS_REFUSED);
    snprintf(text, sizeof text, "Link from %s refused: %s", peer, why);
    hub_log(federation->hub, LOG_WARN, bytes_of_text(text), BYTES_NONE, federation_time(federation));
}

static void end(struct caller *caller, const char *why)
{
    if (caller->is_ending)
        return;
    caller->is_ending = true;
    snprintf(caller->why, sizeof caller->why, "%s", why);
    stream_end(caller->stream, 0);
}

static void on_due(struct loop_timer *timer)
{
    end(container_of(timer, struct caller, timer), "it has not greeted as a hub within 5 s");
}

/* Whether a certificate speaks for the caller. */
static bool bears_allowed_name(const struct caller *caller)
{
    const struct federation *federation = caller->federation;

    for (size_t i = 0; i < federation->n_link_peers; i++) {
        if (stream_peer_bears(caller->stream, federation->link_peers[i]))
            return true;
    }
    return false;
}

static enum link_trust trust_of(const struct caller *caller)
{
    if (caller->federation->n_link_peers == 0)
        return LINK_TRUST_SECRET;
    return bears_allowed_name(caller) ? LINK_TRUST_CERTIFICATE : LINK_TRUST_NONE;
}

static size_t on_bytes(void *owner, struct bytes in)
{
    struct caller *caller = owner;
    struct bytes body;
    size_t frame_bytes;
    int r;

    if (caller->is_ending)
        return in.len;
    r = frame_next(in, LINK_WIRE_MAX_HANDSHAKE_BYTES, &body, &frame_bytes);
    if (r == FRAME_E_INCOMPLETE)
        return 0;
    if (r != 0) {
        metrics_count(METRICS_PROTOCOL_ERRORS);
        end(caller, "what it said is no message of the link protocol; clients have addresses of their own");
        return in.len;
    }
    if (link_accept(caller->federation, caller->stream, body, caller->peer, trust_of(caller)) < 0) {
        end(caller, "out of memory, or too many links");
        return in.len;
    }
    forget(caller);
    return frame_bytes;
}

static void on_end(void *owner, enum stream_end stream_end, const char *detail)
{
    struct caller *caller = owner;

    (void)stream_end;
    tell_refused(caller->federation, caller->peer, caller->is_ending ? caller->why : detail);
    stream_free(caller->stream);
    forget(caller);
}

static void on_ready(void *owner)
{
    (void)owner;
}

static void on_drained(void *owner)
{
    (void)owner;
}

static const struct stream_events events = {
    .on_ready = on_ready,
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
};

static int begin(struct caller *caller, int fd, struct tls_context *tls)
{
    struct federation *federation = caller->federation;
    int r = loop_timer_arm(federation->loop, &caller->timer, loop_now_ms(federation->loop) + GREET_WITHIN_MS);

    if (r < 0) {
        close(fd);
        return r;
    }
    r = stream_new(&caller->stream, federation->loop, fd, tls, &events, &marks, caller);
    if (r < 0)
        loop_timer_disarm(federation->loop, &caller->timer);
    return r;
}

static void on_connection(void *owner, struct listener *listener, int fd, const char *peer)
{
    struct link_listener *place = owner;
    struct federation *federation = place->federation;
    bool is_tls = listener_address(listener)->kind == ADDRESS_TLS;
    struct caller *caller;

    if (federation->n_callers >= LINK_LISTENER_MAX_CALLERS) {
        close(fd);
        tell_refused(federation, peer, "64 connections that have not proven themselves are there already");
        return;
    }
    caller = calloc(1, sizeof *caller);
    if (!caller) {
        close(fd);
        metrics_count(METRICS_OUT_OF_MEMORY);
        return;
    }
    caller->federation = federation;
    snprintf(caller->peer, sizeof caller->peer, "%s", peer);
    loop_timer_init(&caller->timer, on_due);
    if (begin(caller, fd, is_tls ? federation->link_tls : NULL) < 0) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        free(caller);
        return;
    }
    metrics_count(METRICS_CONNECTIONS_ACCEPTED);
    list_append(&federation->callers, &caller->in_federation);
    federation->n_callers++;
}

static void on_trouble(void *owner, struct listener *listener, int error)
{
    const struct link_listener *place = owner;
    struct federation *federation = place->federation;
    char address[ADDRESS_TEXT_SIZE];
    char text[512];

    address_text(listener_address(listener), address);
    snprintf(text, sizeof text, "Accepting links on %s pauses: %s", address, strerror(error));
    hub_log(federation->hub, LOG_ERROR, bytes_of_text(text), BYTES_NONE, federation_time(federation));
}

int link_listener_new(struct federation *federation, const struct address *address,
                      const struct listener_options *options, char out_why[LISTENER_WHY_SIZE])
{
    static const struct listener_events listener_events = {on_connection, on_trouble};
    struct link_listener *place;
    int r;

    if (address->kind == ADDRESS_TLS && !federation->link_tls) {
        snprintf(out_why, LISTENER_WHY_SIZE, "tls://%s:%u needs --link-tls-cert and --link-tls-key",
                 address->host, address->port);
        return -EINVAL;
    }
    place = calloc(1, sizeof *place);
    if (!place) {
        snprintf(out_why, LISTENER_WHY_SIZE, "out of memory");
        return -ENOMEM;
    }
    place->federation = federation;
    r = listener_new(&place->listener, federation->loop, address, options, &listener_events, place, out_why);
    if (r < 0) {
        free(place);
        return r;
    }
    list_append(&federation->link_listeners, &place->in_federation);
    return 0;
}

const struct address *link_listener_address(const struct list *in_federation)
{
    return listener_address(
        container_of((struct list *)in_federation, struct link_listener, in_federation)->listener);
}

void link_listener_free_all(struct federation *federation)
{
    list_for_each (at, &federation->link_listeners) {
        struct link_listener *place = container_of(at, struct link_listener, in_federation);

        list_unlink(&place->in_federation);
        listener_free(place->listener);
        free(place);
    }
    list_for_each (at, &federation->callers) {
        struct caller *caller = container_of(at, struct caller, in_federation);

        stream_free(caller->stream);
        forget(caller);
    }
}
