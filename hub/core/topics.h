/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Topics and their subscriptions
 *
 * A topic exists as long as it has an owner or a subscription: subscribing comes before declaring as well.
 * Its owner hears of the first subscription and of the last one's end. A peer subscribes on behalf of
 * everybody behind it.
 */
#ifndef COMMHUB_CORE_TOPICS_H
#define COMMHUB_CORE_TOPICS_H

#include "hub/core/channels.h"

struct topic {
    struct map_node by_name;
    struct list in_channel;
    uint64_t serial;
    struct list in_owner; /* unlinked where there is no owner */
    struct channel *channel;
    struct client *owner;
    struct bytes owner_name; /* of a peer's topic: the client there (owned); else empty */
    struct bytes raw_schema; /* owned */
    size_t charged_bytes;
    struct list subscriptions; /* in order of subscribing */
    uint32_t n_subscriptions;
    uint32_t n_local;        /* without peers */
    bool is_pinned;          /* stays although unused: its list is being walked */
    struct bytes name;       /* inside data_event */
    struct bytes data_event; /* "subscription.<name>.data", what a publish is received as */
    uint8_t event_bytes[];
};

struct subscription {
    struct map_node by_pair;
    struct pair pair;
    struct list in_topic;
    struct list in_client;
    struct topic *topic;
    struct client *client;
};

struct topic *topics_find(const struct channel *channel, struct bytes name);

/* The id of the owner, BYTES_NONE where there is none. */
struct bytes topics_owner_id(const struct topic *topic);

enum {
    TOPICS_E_OWNED = 1, /* by another client */
    TOPICS_E_TOO_MANY,
    TOPICS_E_TOO_MUCH,
};

/* @client owns the topic from now on, with this schema. @owner_name: see struct topic. 0, TOPICS_E_* or
 * -ENOMEM. */
int topics_declare(struct hub *hub, struct channel *channel, struct client *client, struct bytes name,
                   struct bytes raw_schema, struct bytes owner_name, struct topic **out_topic);

/* The topic has no owner any more; its local subscriptions end with it, as the protocol has it, unless
 * @keeps_subscriptions. */
void topics_undeclare(struct hub *hub, struct topic *topic, bool keeps_subscriptions);

/* Subscriptions older than their topic: its new owner hears of the first subscription now. */
void topics_tell_waiting(struct hub *hub, struct topic *topic);

/* 0 (also where it is subscribed already), TOPICS_E_TOO_MANY or -ENOMEM. */
int topics_subscribe(struct hub *hub, struct channel *channel, struct client *client, struct bytes name);
struct subscription *topics_subscription(const struct hub *hub, const struct client *client,
                                         const struct topic *topic);
void topics_unsubscribe(struct hub *hub, struct subscription *subscription);

/* Takes away what @client owns and subscribes on @channel (which the caller releases) or, with NULL, on all
 * channels. */
void topics_remove_client(struct hub *hub, struct client *client, struct channel *channel);

/*
 * The channel gets a password: whoever but @except owns or subscribes a topic there loses it. Those who are
 * not members, and so are not told otherwise, are sent @notice (borrowed).
 */
void topics_remove_others(struct hub *hub, struct channel *channel, const struct client *except,
                          struct block *notice);

/* Sends a borrowed frame to the local subscribers. Answers how many there were. */
size_t topics_send(struct topic *topic, struct block *frame);

#endif
