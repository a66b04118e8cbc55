/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The way that an entry has come: origin first, the neighbour who told us last
 *
 * A hop is the hub that passed the entry on and the session of the link over which it did so. A session is
 * one connected life of a link and never comes back, so "this session is over" names every path that leads
 * over the link that broke, and none of those that the same link carries after it has returned.
 *
 * Packed as it stands on the wire, 24 bytes a hop (hub id, session big-endian), and read in place.
 */
#ifndef COMMHUB_FEDERATION_PATH_H
#define COMMHUB_FEDERATION_PATH_H

#include "federation/hub_id.h"
#include "hub/base/buffer.h"

#define PATH_HOP_BYTES (HUB_ID_BYTES + 8)

/* A path of more hubs is refused: no sensible mesh is wider, and a fault would be. */
#define PATH_MAX_HOPS 32
#define PATH_MAX_BYTES (PATH_MAX_HOPS * PATH_HOP_BYTES)

struct hop {
    struct hub_id hub;
    uint64_t session;
};

static inline size_t path_n_hops(struct bytes path)
{
    return path.len / PATH_HOP_BYTES;
}

struct hop path_at(struct bytes path, size_t i);
bool path_has_hub(struct bytes path, const struct hub_id *hub);
bool path_has_session(struct bytes path, uint64_t session);

/* Appends a hop behind a packed path: 0 or -ENOMEM (the buffer remembers it). */
int path_append(struct buffer *out, const struct hop *hop);

#endif
