/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a hub tells the mesh about itself: its version, since when it runs, and its links
 *
 * For people only; nothing is decided by it. It travels as the attributes of an entry of kind PROFILE, so
 * every hub has the profile of every other hub that it can reach, and no other. A MessagePack map; keys that
 * are not known are passed over.
 */
#ifndef COMMHUB_FEDERATION_PROFILE_H
#define COMMHUB_FEDERATION_PROFILE_H

#include "federation/hub_id.h"
#include "hub/base/buffer.h"
#include "hub/wire/msgpack_read.h"

/* Links beyond are counted in n_links and not named: a profile stays well below what one frame takes. */
#define PROFILE_MAX_LINKS 64U

struct profile_link {
    struct bytes hub_id; /* HUB_ID_BYTES; empty: the far side is not known yet */
    struct bytes bridge; /* empty: the other hub has dialed */
    bool is_outgoing;
    struct bytes state; /* link_state_name() of the hub that tells */
};

struct profile {
    struct bytes version;
    uint64_t started_s; /* Unix seconds */
    uint32_t n_links;   /* in all */
    uint32_t n_named;   /* of these, in @links */
    struct msgpack_reader links;
};

/* Begins a profile; the links follow by profile_write_link(), as many as @n_links says but at most
 * PROFILE_MAX_LINKS. A failed allocation stays in the buffer. */
void profile_write(struct buffer *out, struct bytes version, uint64_t started_s, uint32_t n_links);
void profile_write_link(struct buffer *out, const struct profile_link *link);

enum { PROFILE_E_BAD = 1 };

/* Views into @raw. 0 or PROFILE_E_BAD. */
int profile_read(struct bytes raw, struct profile *out_profile);

/* The next of n_named links. 0 or PROFILE_E_BAD. */
int profile_next_link(struct profile *profile, struct profile_link *out_link);

#endif
