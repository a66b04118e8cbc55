/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Read-only pictures of the hub for other threads
 *
 * Taken on the loop's thread, then free of it: all texts are copies in the view's own memory and
 * zero-terminated. Lists come in order of arrival and in pages: at most @limit rows with a serial greater
 * than @after; the last row's serial is where to go on. Raw schemas are copied as MessagePack.
 */
#ifndef COMMHUB_CORE_HUB_VIEW_H
#define COMMHUB_CORE_HUB_VIEW_H

#include "hub/core/hub.h"

struct view_client {
    uint64_t serial;
    const char *id;
    const char *mode; /* "client" or "bridge" */
    uint64_t since_s; /* Unix seconds */
    size_t n_channels;
    const char **channels;
    uint64_t messages_in;
    uint64_t messages_out;
    void *owner; /* of the port: the session, valid on the loop's thread only; server_control fills the rest
                    from it */
    const char *address;
    uint64_t queued_bytes;
};

struct view_member {
    const char *id;
    const char *mode;
    bool is_local;
    size_t n_path;
    const char **path;
};

struct view_event {
    const char *name;
    bool is_group;
    bool is_stream;
    size_t n_providers;
    const char **providers; /* ids; of a remote hub: its server id */
    struct bytes raw_param_schema;
    struct bytes raw_return_schema;
};

struct view_topic {
    const char *name;
    const char *owner; /* NULL: subscribed but not declared */
    uint64_t n_subscribers;
};

struct view_channel {
    uint64_t serial;
    const char *name;
    enum password_origin password_origin; /* PASSWORD_NONE: not protected */
    const char *owner;                    /* NULL: none */
    size_t n_members;
    struct view_member *members; /* local ones in joining order, then remote ones */
    size_t n_events;
    struct view_event *events;
    size_t n_topics;
    struct view_topic *topics;
};

struct view; /* owns everything that the rows point to */

struct view_clients {
    struct view *view;
    size_t n_clients;
    struct view_client *clients;
    bool has_more;
};

struct view_channels {
    struct view *view;
    size_t n_channels;
    struct view_channel *channels;
    bool has_more;
};

struct view_counts {
    uint64_t n_clients; /* without peers */
    uint64_t n_channels;
    uint64_t n_events;
    uint64_t n_topics;
    uint64_t n_calls; /* outstanding */
};

/* Loop thread. 0 or -ENOMEM. */
int hub_view_clients(const struct hub *hub, uint64_t after, size_t limit, struct view_clients *out_clients);
int hub_view_channels(const struct hub *hub, uint64_t after, size_t limit,
                      struct view_channels *out_channels);

/* One by name: n_channels is 0 where there is none. */
int hub_view_channel(const struct hub *hub, struct bytes name, struct view_channels *out_channels);
struct view_counts hub_view_counts(const struct hub *hub);

/* Any thread. */
void hub_view_free(struct view *view);

/* A zero-terminated copy in the view's memory; NULL: out of memory. For server_control. */
const char *hub_view_text(struct view *view, const char *text);

#endif
