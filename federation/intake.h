/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Taking in what a link tells
 *
 * Every entry that passes the checks is kept, one for each link. What is refused is counted by its reason,
 * and takes away what the same link had told before: it has just said that this is no longer so.
 */
#ifndef COMMHUB_FEDERATION_INTAKE_H
#define COMMHUB_FEDERATION_INTAKE_H

#include "federation/mesh_state.h"

/* ENTRIES. 0, MESH_E_BAD_MESSAGE or -ENOMEM. */
int intake_entries(struct mesh_link *link, uint32_t n_entries, struct bytes raw);

/* The origin has started anew: what it said in earlier lives is over. */
void intake_renew(struct mesh *mesh, struct origin *origin, uint64_t incarnation);

#endif
