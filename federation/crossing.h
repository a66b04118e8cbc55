/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The border of a link: what of our tables and messages may pass it, and under which names
 *
 * Inside of a mesh a channel has this hub's name everywhere. Names of the far side exist only between the
 * border and the wire: what leaves is renamed last, what comes is renamed first.
 */
#ifndef COMMHUB_FEDERATION_CROSSING_H
#define COMMHUB_FEDERATION_CROSSING_H

#include "federation/mesh_state.h"

/*
 * Whether the link may be told of an entry, and may bring one. Filters are about messages: the far side is
 * told of our services and interest if messages for them may come in, of our topics and members if what
 * they send may go out. @held_back: the classes that are held back on the way so far; something must be left.
 */
bool crossing_lets_tell(const struct mesh_link *link, enum route_kind kind, struct bytes channel,
                        struct bytes name, uint32_t held_back);
bool crossing_lets_take(const struct mesh_link *link, enum route_kind kind, struct bytes channel,
                        struct bytes name, uint32_t held_back);

/* The classes that are held back (set of 1 << enum bridge_class) on a way that held back @before and leads on
 * over the link. Of services only: all other entries are about one class, and do not cross without it. */
uint32_t crossing_held_back(const struct mesh_link *link, enum route_kind kind, uint32_t before);

/* Whether it is a call or a send (set of 1 << enum bridge_class); both: not known. */
uint32_t crossing_classes_of(const struct link_one *one);

/* Whether messages of the channel may pass in one direction at least. */
bool crossing_lets_channel(const struct mesh_link *link, struct bytes channel);

/* Whether it has another name on the other side, or none. */
bool crossing_renames(const struct mesh_link *link, struct bytes channel);

/* Why a message may not pass, or MESH_REFUSAL_COUNT. Takes it into account against the limit of messages. */
enum mesh_refusal crossing_judge_one(struct mesh_link *link, enum bridge_direction direction,
                                     const struct link_one *one);
enum mesh_refusal crossing_judge_many(struct mesh_link *link, enum bridge_direction direction,
                                      const struct link_many *many);

/* The channel's name on the other side; false: it has none. */
bool crossing_rename(const struct mesh_link *link, enum bridge_direction direction, struct bytes channel,
                     struct bridge_remap_room *room, struct bytes *out_name);

/* A message under the names of the other side; what it borrows besides the message is its own. */
struct crossing {
    struct bridge_remap_room room;
    struct block *frame; /* the body that was written anew; NULL: it stayed as it was */
};

/* 0, CROSSING_E_NAMELESS (the channel has no name there) or -ENOMEM. To be cleared in any case. */
enum { CROSSING_E_NAMELESS = 1 };
int crossing_rename_one(struct crossing *crossing, const struct mesh_link *link,
                        enum bridge_direction direction, struct link_one *one);
int crossing_rename_many(struct crossing *crossing, const struct mesh_link *link,
                         enum bridge_direction direction, struct link_many *many);
void crossing_clear(struct crossing *crossing);

#endif
