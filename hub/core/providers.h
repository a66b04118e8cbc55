/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Events, who provides them, and which provider gets a call
 *
 * An event exists as long as it has a provider. A peer (a remote hub) is a provider like others, but never
 * keeps a local one out, and is only asked when there is no local one.
 */
#ifndef COMMHUB_CORE_PROVIDERS_H
#define COMMHUB_CORE_PROVIDERS_H

#include "hub/core/channels.h"

struct event {
    struct map_node by_name;
    struct list in_channel;
    uint64_t serial;
    struct channel *channel;
    struct list providers; /* in order of registration */
    uint32_t n_local;
    uint32_t n_peers;
    struct provider *next_turn; /* round-robin: whose turn it is; NULL: the first's */
    bool is_group;
    bool is_stream;
    struct bytes raw_param_schema; /* owned */
    struct bytes raw_return_schema;
    struct client *schema_payer; /* whom the schemas are charged to; NULL: nobody */
    struct bytes name;
    uint8_t name_bytes[];
};

struct provider {
    struct list in_event;
    struct list in_client;
    struct event *event;
    struct client *client;
    uint32_t weight;         /* of a peer: how many providers its hub has */
    struct bytes owner_name; /* of a peer: its hub's first provider (owned); else empty */
};

/* What a registration says of the event. */
struct event_traits {
    bool is_group;
    bool is_stream;
    struct bytes raw_param_schema;
    struct bytes raw_return_schema;
    struct bytes owner_name; /* of a peer: its hub's first provider */
};

struct event *providers_find_event(const struct channel *channel, struct bytes name);

enum {
    PROVIDERS_E_TAKEN = 1, /* another provider stands and not both are of a group */
    PROVIDERS_E_TOO_MANY,
    PROVIDERS_E_TOO_MUCH, /* the client holds too many bytes of schemas */
};

/*
 * @client provides the event from now on; once more with other traits: they are replaced. 0, PROVIDERS_E_* or
 * -ENOMEM; then nothing has changed.
 */
int providers_add(struct hub *hub, struct channel *channel, struct client *client, struct bytes name,
                  const struct event_traits *traits, uint32_t weight, struct event **out_event);

/* Whether providers_add() would answer PROVIDERS_E_TAKEN. */
bool providers_is_taken(const struct channel *channel, const struct client *client, struct bytes name,
                        bool is_group);

/* Takes one provider away, and the event with the last. Calls outstanding at it are the caller's business. */
void providers_remove(struct hub *hub, struct provider *provider);

/* Takes away what @client provides on @channel (which the caller releases) or, with NULL, on all channels. */
void providers_remove_client(struct hub *hub, struct client *client, const struct channel *channel);

/* @client's registration for the event, NULL if it has none. */
struct provider *providers_find(const struct event *event, const struct client *client);

/*
 * Who gets the next message for the event, in this order:
 *   1. local providers, by the hub's policy: the one with the fewest outstanding calls (the earlier
 * registered among equals), or each in turn
 *   2. unless @asker is a peer itself: the peer with the fewest outstanding calls for its weight
 * NULL: nobody.
 */
struct client *providers_pick(struct hub *hub, struct event *event, const struct client *asker);

/* The second of these steps alone. */
struct client *providers_pick_peer(const struct event *event);

/* The id of the first provider, a local one where there is one; for channel_sync. */
struct bytes providers_owner(const struct event *event);

#endif
