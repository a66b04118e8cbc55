/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Members that sit at other hubs
 *
 * Announced by a bridge (announce_remote) or by federation's peers, for list_members and membership updates.
 * The same id may be known through several of them: the shortest path is shown, the others are kept for when
 * it goes.
 */
#ifndef COMMHUB_CORE_REMOTES_H
#define COMMHUB_CORE_REMOTES_H

#include "hub/core/channels.h"

#define REMOTES_MAX_HOPS 32 /* as for messages: a longer way is a fault of the mesh */

struct remote {
    struct map_node by_id;
    struct list in_channel; /* in order of arrival */
    struct list in_via;
    struct channel *channel;
    struct client *via; /* the bridge or peer */
    struct bytes id;
    struct bytes mode;
    struct bytes raw_path; /* MessagePack array of str */
    uint32_t n_hops;
    uint64_t serial; /* of paths as short as others, the first stands */
    size_t charged_bytes;
    uint8_t storage[];
};

struct remote_traits {
    struct bytes id;
    struct bytes mode;
    struct bytes raw_path;
    uint32_t n_hops;
};

/*
 * A bridge's longer path than it told before is ignored; a peer's new path replaces the old one. Members are
 * told when the id is new or what is shown of it has changed. 0, REMOTES_E_* or -ENOMEM.
 */
enum {
    REMOTES_E_TOO_MANY = 1,
    REMOTES_E_TOO_MUCH, /* the bridge holds too many bytes */
};
int remotes_add(struct hub *hub, struct channel *channel, struct client *via,
                const struct remote_traits *traits);

/* What @via said of @id is taken back; members are told when nobody knows the id any more. */
void remotes_remove(struct hub *hub, struct channel *channel, const struct client *via, struct bytes id);

/* All that @via said of @channel (which the caller releases) or, with NULL, of all channels. */
void remotes_remove_client(struct hub *hub, struct client *via, const struct channel *channel);

/* What anybody but @except announced in the channel; members are not told, for they are about to go. */
void remotes_remove_others(struct channel *channel, const struct client *except);

/* Whether a better one with the same id is known: then it is not shown. */
bool remotes_is_shadowed(const struct remote *remote);

#endif
