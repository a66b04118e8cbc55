/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The hub's tables, for the files of this folder only
 *
 * Who owns what: the hub owns clients and channels; a channel owns its events, topics and remote members.
 * What one party holds in another's table (membership, provider, call, subscription, challenge, remote
 * member) hangs on both parties' lists, so that whoever leaves first is unlinked in the time of what it held.
 */
#ifndef COMMHUB_CORE_HUB_STATE_H
#define COMMHUB_CORE_HUB_STATE_H

#include "hub/base/list.h"
#include "hub/base/map.h"
#include "hub/base/roll.h"
#include "hub/core/hub.h"

struct peering_observer;

/*
 * Caps on what one client can make the hub keep. Far above what programs use, low enough that one client
 * alone cannot exhaust a small machine.
 */
#define CLIENT_MAX_MEMBERSHIPS 16384
#define CLIENT_MAX_PROVIDERS 16384
#define CLIENT_MAX_TOPICS 16384
#define CLIENT_MAX_SUBSCRIPTIONS 65536
#define CLIENT_MAX_CALLS 65536
#define PEER_MAX_CALLS 100000 /* of all clients at one remote hub */
#define CLIENT_MAX_CHALLENGES 64
#define CLIENT_MAX_REMOTES 100000
#define CLIENT_MAX_HELD_BYTES (16U << 20) /* schemas, and requests that wait for a proof */

struct hub {
    struct hub_options options;
    char *server_id;
    struct outlet outlet;
    struct hub_time time; /* of what is being carried out now */
    uint64_t last_serial;

    struct map clients_by_id; /* peers are not in it: their names are not clients' names */
    struct list clients;
    struct roll clients_by_serial; /* without peers and guests */

    struct map channels_by_name;
    struct list channels;
    struct roll channels_by_serial;
    uint64_t n_events;
    uint64_t n_topics;

    struct map members_by_pair;       /* {client, channel} */
    struct map subscriptions_by_pair; /* {client, topic} */

    struct map calls_by_key;
    struct list
        calls_by_deadline; /* all have the same deadline interval, so order of arrival is order of deadline */

    struct client *producer; /* whose message is being carried out; NULL: nobody's */

    const struct peering_observer *observer;
    void *observer_context;

    uint64_t reports_second; /* rate limit of error records, see request.c */
    uint32_t n_reports;
};

static inline uint64_t hub_next_serial(struct hub *hub)
{
    return ++hub->last_serial;
}

static inline struct bytes hub_id_text(const struct hub *hub)
{
    return bytes_of_text(hub->server_id);
}

/* The key of a table row that belongs to two parties. */
struct pair {
    const void *first;
    const void *second;
};

static inline struct bytes pair_bytes(const struct pair *pair)
{
    return bytes_of(pair, sizeof *pair);
}

#endif
