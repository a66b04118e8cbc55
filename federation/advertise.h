/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a link is told of our routes
 *
 * Only the best way of each route; never back to the link that it came from nor to a hub that is in its path
 * already; never what the bridge's filter holds back. A full table and an end mark when a link comes up, then
 * changes.
 */
#ifndef COMMHUB_FEDERATION_ADVERTISE_H
#define COMMHUB_FEDERATION_ADVERTISE_H

#include "federation/mesh_state.h"

/* The full table and the end mark, for a link that is new or is to forget what it was told; after
 * advertise_held(). */
void advertise_all(struct mesh_link *link);

/* Tells or withdraws a route on one link, as may be now, and tells it again where it has been told;
 * advertise_flush() sends it. */
void advertise_route(struct mesh_link *link, struct route *route);

/* Tells all links what has changed, as far as pacer.h lets it be told now. Routes that nothing holds any more
 * are freed. */
void advertise_flush(struct mesh *mesh);

/* The same, with all that was held. */
void advertise_held(struct mesh *mesh);

#endif
