/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a foreign hub and the mesh have in common: channels, and in them items
 *
 * An item is one thing of one kind and name (enum route_kind: a service, a topic, interest, a member). It has
 * two sides: what the foreign hub has of it (`is_theirs`), which is told to the mesh, and which hubs of the
 * mesh have it (`hubs`), which is asked of the foreign hub. The table decides nothing; see foreign_offer.c
 * (theirs) and foreign_wish.c (ours). Items and channels that hold nothing are released.
 */
#ifndef COMMHUB_FEDERATION_FOREIGN_TABLE_H
#define COMMHUB_FEDERATION_FOREIGN_TABLE_H

#include "federation/route_table.h"

/* As many as a link of the mesh may bring. */
#define FOREIGN_TABLE_MAX_ITEMS 100000U
#define FOREIGN_TABLE_MAX_OWNERS 256U

enum foreign_channel_state {
    FOREIGN_CLOSED,  /* we are not in it */
    FOREIGN_ASKING,  /* we have asked who is in it */
    FOREIGN_OPENING, /* we have asked to be let in */
    FOREIGN_OPEN,
    FOREIGN_BARRED, /* it has a password, or the hub refused it */
};

struct foreign_channel {
    struct map_node by_name;
    struct list in_table;
    struct list unsettled;
    struct list items;
    enum foreign_channel_state state;
    bool is_named;      /* the bridge names it, without a pattern */
    bool is_populated;  /* somebody else is known to be in it */
    bool was_asked;     /* and nobody was in it */
    bool wants_refresh; /* what we know of it may be out of date */
    uint64_t refreshed_ms;
    size_t n_ours; /* items that hubs of the mesh have */
    struct bytes name;
    uint8_t storage[];
};

enum foreign_standing {
    FOREIGN_UNASKED,
    FOREIGN_ASKED,
    FOREIGN_GRANTED,
    FOREIGN_REFUSED,
};

struct foreign_hub {
    struct hub_id id;
    uint64_t life; /* its incarnation */
    struct block *attributes;
    uint32_t n_calls; /* from the foreign hub, outstanding there */
};

struct foreign_owner {
    struct list in_item;
    struct bytes id;
    uint8_t storage[];
};

struct foreign_item {
    struct map_node by_key;
    struct list in_channel;
    struct list unsettled;
    struct foreign_channel *channel;
    enum route_kind kind;
    struct bytes name;

    bool is_theirs;
    bool is_listed; /* while a channel_sync is read: it stands in it */
    bool is_told;   /* the mesh knows it */
    struct block *their_attributes;
    struct block *told_attributes;
    bool is_stream;     /* SERVICE: it was registered as one, which release 0.1.5 tells but once */
    struct list owners; /* who provides it or has declared it there */
    size_t n_owners;

    struct foreign_hub *hubs;
    size_t n_hubs;
    size_t max_hubs;
    struct block *path; /* MEMBER: the way to it, packed as on links */
    enum foreign_standing standing;
    uint64_t retry_ms; /* REFUSED: when to ask again */
    uint8_t key[];
};

struct foreign_table {
    struct map channels;
    struct list all_channels;
    struct map items;
};

void foreign_table_init(struct foreign_table *table);
void foreign_table_clear(struct foreign_table *table);

struct foreign_channel *foreign_table_channel(const struct foreign_table *table, struct bytes name);

/* The channel, made if there was none. NULL: out of memory. */
struct foreign_channel *foreign_table_get_channel(struct foreign_table *table, struct bytes name);

struct foreign_item *foreign_table_item(const struct foreign_table *table, enum route_kind kind,
                                        struct bytes channel, struct bytes name);

/* The item and its channel, made if there were none. 0, FOREIGN_TABLE_E_FULL or -ENOMEM. */
enum { FOREIGN_TABLE_E_FULL = 1 };
int foreign_table_get_item(struct foreign_table *table, enum route_kind kind, struct bytes channel,
                           struct bytes name, struct foreign_item **out_item);

/* A hub of the mesh has it, as it says in @attributes (borrowed), or has it no more. 0 or -ENOMEM. */
int foreign_table_add_hub(struct foreign_item *item, const struct hub_id *hub, uint64_t life,
                          struct block *attributes);
void foreign_table_remove_hub(struct foreign_item *item, const struct hub_id *hub);

/* As one of those hubs says; empty: none of them has it. */
struct bytes foreign_table_attributes(const struct foreign_item *item);

struct foreign_hub *foreign_table_hub(const struct foreign_item *item, const struct hub_id *hub);

/* A client of the foreign hub owns it. 0, FOREIGN_TABLE_E_FULL or -ENOMEM. */
int foreign_table_add_owner(struct foreign_item *item, struct bytes id);
bool foreign_table_remove_owner(struct foreign_item *item, struct bytes id);
void foreign_table_remove_owners(struct foreign_item *item);

/* Frees the item, then the channel, if nothing holds them. */
void foreign_table_release_item(struct foreign_table *table, struct foreign_item *item);
void foreign_table_release_channel(struct foreign_table *table, struct foreign_channel *channel);

#endif
