/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Messages that have no way now, and wait for one
 *
 * The essay is in parked.c. Kept for ROUTE_TABLE_MISSED_MS and within PARKED_MOST_BYTES; calls never wait
 * here.
 */
#ifndef COMMHUB_FEDERATION_PARKED_H
#define COMMHUB_FEDERATION_PARKED_H

#include "federation/mesh_state.h"

/* Of all that wait at a hub, in bytes of their frames. */
#define PARKED_MOST_BYTES (32U << 20)

/* Whether what is for the route's hub has to wait: there is no way and there may soon be one, or others wait
 * and go first. */
bool parked_holds(const struct route *route);

/* Keeps a message whose trail ends with us, one for many for the route's hub alone: copied.
 * MESH_REFUSAL_COUNT, or why not. */
enum mesh_refusal parked_add_one(struct mesh *mesh, struct route *route, const struct link_one *one);
enum mesh_refusal parked_add_many(struct mesh *mesh, struct route *route, const struct link_many *many);

/* Sends what has a way now, where a route has changed so that there may be some, or it is time for another
 * try.
 */
void parked_send(struct mesh *mesh);

/* Gives up what has waited for too long. */
void parked_expire(struct mesh *mesh);

void parked_clear(struct mesh *mesh);

#endif
