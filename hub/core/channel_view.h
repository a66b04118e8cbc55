/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Pictures of what is in a channel (see view.h): its members, events and topics
 */
#ifndef COMMHUB_CORE_CHANNEL_VIEW_H
#define COMMHUB_CORE_CHANNEL_VIEW_H

#include "hub/core/hub.h"
#include "hub/core/view.h"

#define CHANNEL_VIEW_PROVIDERS 100 /* of an event that are named */

struct view_member {
    uint64_t place; /* in the list */
    const char *id;
    const char *mode;
    bool is_local;
    size_t n_path;
    const char **path;
};

struct view_event {
    uint64_t serial;
    const char *name;
    bool is_group;
    bool is_stream;
    size_t n_providers;
    size_t n_named;
    const char **providers; /* ids; of a remote hub: its server id */
    struct bytes raw_param_schema;
    struct bytes raw_return_schema;
};

struct view_topic {
    uint64_t serial;
    const char *name;
    const char *owner; /* NULL: subscribed but not declared */
    uint64_t n_subscribers;
};

/*
 * Loop thread. A step of a page of list->channel's: struct view_member, local ones in joining order, then
 * those at other hubs (one that is moved to another way meanwhile may be missed or come twice); struct
 * view_event and struct view_topic in order of making. 0, VIEW_E_GOES_ON, VIEW_E_UNKNOWN or -ENOMEM.
 */
int channel_view_members(const struct hub *hub, struct view_list *list);
int channel_view_events(const struct hub *hub, struct view_list *list);
int channel_view_topics(const struct hub *hub, struct view_list *list);

#endif
