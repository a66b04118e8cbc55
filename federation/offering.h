/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the core is shown of the mesh
 *
 * One peer for each hub that can be reached, and on it what that hub has: services, topics, interest,
 * members.
 */
#ifndef COMMHUB_FEDERATION_OFFERING_H
#define COMMHUB_FEDERATION_OFFERING_H

#include "federation/mesh_state.h"

/* Brings the core up to date. Enters the core. */
void offering_settle(struct mesh *mesh);

/* All remote hubs are gone from the core. */
void offering_end_all(struct mesh *mesh);

/* Who had the topic or event before the others has gone: those whose word the core turned down, or had no use
 * for, are offered anew. */
void offering_reconsider_named(struct mesh *mesh, enum route_kind kind, struct bytes channel,
                               struct bytes name);

/* The core has dropped what it knew of the channel, and may be shown it again. */
void offering_reconsider_channel(struct mesh *mesh, struct bytes channel);

/* Something local has changed: what the core refused is offered again. */
void offering_reconsider_refused(struct mesh *mesh);

#endif
