/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Pictures of clients and channels (see view.h)
 */
#ifndef COMMHUB_CORE_HUB_VIEW_H
#define COMMHUB_CORE_HUB_VIEW_H

#include "hub/core/channel_counters.h"
#include "hub/core/hub.h"
#include "hub/core/view.h"

#define HUB_VIEW_FEW_CHANNELS 16    /* of a client, in a list */
#define HUB_VIEW_MANY_CHANNELS 1000 /* in its own picture */

struct view_client {
    uint64_t serial;
    const char *id;
    const char *mode; /* "client" or "bridge" */
    uint64_t since_s; /* Unix seconds */
    size_t n_channels;
    size_t n_named; /* of them, in joining order */
    const char **channels;
    uint64_t messages_in;
    uint64_t messages_out;
    void *owner; /* of the port: the session, valid on the loop's thread only; server_control fills the rest
                    from it */
    const char *address;
    uint64_t queued_bytes;
};

/* What a client holds. */
struct view_holdings {
    uint64_t n_events; /* that it provides */
    uint64_t n_topics;
    uint64_t n_subscriptions;
    uint64_t n_remotes;     /* of a bridge: members that it has announced */
    uint64_t n_calls_made;  /* outstanding, as the next */
    uint64_t n_calls_taken; /* that it has to answer */
    uint64_t held_bytes;    /* schemas, and requests that wait for a proof */
};

struct view_channel {
    uint64_t serial;
    const char *name;
    enum password_origin password_origin; /* PASSWORD_NONE: not protected */
    const char *owner;                    /* NULL: none */
    uint64_t n_members;                   /* here and at other hubs */
    uint64_t n_events;
    uint64_t n_topics;
    struct channel_counters counters;
};

struct view_counts {
    uint64_t n_clients; /* without peers */
    uint64_t n_channels;
    uint64_t n_events;
    uint64_t n_topics;
    uint64_t n_calls; /* outstanding */
};

/* All loop thread. A step of a page of struct view_client in order of arrival; list->channel: its members
 * only. 0, VIEW_E_GOES_ON, VIEW_E_UNKNOWN (no such channel) or -ENOMEM. */
int hub_view_clients(const struct hub *hub, struct view_list *list);

/* The same of struct view_channel in order of opening; list->member: the channels of that client only, of
 * which there are none where it is unknown. */
int hub_view_channels(const struct hub *hub, struct view_list *list);

/* One client, in memory of @view. 0, VIEW_E_UNKNOWN or -ENOMEM. */
int hub_view_client(const struct hub *hub, struct bytes id, struct view *view, struct view_client *out_client,
                    struct view_holdings *out_holdings);

/* One channel: the same. */
int hub_view_channel(const struct hub *hub, struct bytes name, struct view *view,
                     struct view_channel *out_channel);

struct view_counts hub_view_counts(const struct hub *hub);

#endif
