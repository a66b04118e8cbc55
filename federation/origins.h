/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The hubs of the mesh, as far as anything is known of them
 *
 * A hub that can't be reached any more stays for its window of seen messages, until the place is needed.
 */
#ifndef COMMHUB_FEDERATION_ORIGINS_H
#define COMMHUB_FEDERATION_ORIGINS_H

#include "federation/mesh_state.h"

struct origin *origins_find(const struct mesh *mesh, const struct hub_id *id);

enum { ORIGINS_E_FULL = 1 };

/* The hub, made if it was not known: 0, ORIGINS_E_FULL or -ENOMEM. */
int origins_get(struct mesh *mesh, const struct hub_id *id, struct origin **out_origin);

/* Frees all of them; their routes must be gone. */
void origins_clear(struct mesh *mesh);

/* Whether a way leads to the hub. */
static inline bool origin_is_reachable(const struct origin *origin)
{
    return origin->hub_route && origin->hub_route->best;
}

#endif
