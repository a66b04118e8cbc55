/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Other names of channels on the far side of a bridge
 *
 * A rule replaces what a name begins with; the longest that fits is taken, and a name that none fits stays as
 * it is. What goes out and comes back must have its first name, else answers and withdrawals would be for
 * another channel. For the rules themselves that is checked before they are used: the two directions must be
 * each other's inverse, and one that is left out is. Names that the rules do not speak of can still collide
 * with what they make (with `a.` out as `b.`, a channel that is called `b.x` here): such a name does not
 * cross.
 */
#ifndef COMMHUB_FEDERATION_BRIDGE_REMAP_H
#define COMMHUB_FEDERATION_BRIDGE_REMAP_H

#include "federation/bridge_spec.h"
#include "hub/base/bytes.h"
#include "hub/base/name.h"

struct bridge_remap_rule {
    char *here;
    char *there;
};

struct bridge_remap {
    size_t n;
    struct bridge_remap_rule *rules;
};

/* Where a new name is put together. */
struct bridge_remap_room {
    uint8_t octets[NAME_MAX_BYTES];
};

/* Copies the rules, which must be sound: 0 or -ENOMEM. */
int bridge_remap_init(struct bridge_remap *remap, const struct bridge_renames *in,
                      const struct bridge_renames *out);
void bridge_remap_clear(struct bridge_remap *remap);

/* A prefix is at most 255 bytes of UTF-8 without control characters; it may be empty. */
bool bridge_remap_prefix_is_valid(const char *prefix);

/* The rule of @rules whose `from` is the longest that @name begins with; NULL: none. */
const struct bridge_rename *bridge_remap_find(const struct bridge_renames *rules, struct bytes name);

/*
 * The far side's name of a channel of ours, and ours of one of theirs; false where it has none and so does
 * not cross. The name may be in @room.
 */
bool bridge_remap_out(const struct bridge_remap *remap, struct bytes here, struct bridge_remap_room *room,
                      struct bytes *out_there);
bool bridge_remap_in(const struct bridge_remap *remap, struct bytes there, struct bridge_remap_room *room,
                     struct bytes *out_here);

#endif
