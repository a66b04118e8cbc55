/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Producers that wait for receivers at other hubs
 *
 * A message that meets something full, a client's outbox or a link, holds the client that brought it, and
 * nobody else. Where that client sits at another hub, its hub is told so, and told when there is room again.
 * In between it is told again every second, and who is held and hears nothing for three seconds goes by
 * itself: so nobody stays held by a hub that can't be reached any more, and no word need be kept.
 *
 * Holding is a request, no promise: what is under way still comes. How much that can be is a matter of the
 * links' credit (credit.h).
 */
#ifndef COMMHUB_FEDERATION_HOLDS_H
#define COMMHUB_FEDERATION_HOLDS_H

#include "federation/mesh_state.h"

/* Records of either kind; beyond that nobody more is held. */
#define HOLDS_MAX 4096U
#define HOLDS_AGAIN_MS 1000U
#define HOLDS_LAST_MS 3000U

void holds_init(struct holds *holds);

/* Forgets all: those held for other hubs go, the others are told nothing. */
void holds_clear(struct holds *holds);

/* Whoever has brought the ONE or MANY waits on @line, here or at another hub. */
void holds_producer(struct mesh *mesh, struct list *line, const struct link_message *message);

/* The sender of the client's message @body, which is at @hub and not here, waits on @line. */
void holds_add(struct mesh *mesh, const struct hub_id *hub, struct bytes body, struct list *line,
               bool is_for_many);

/* What a link brought: 0 or MESH_E_BAD_MESSAGE. */
int holds_receive(struct mesh_link *link, const struct link_hold *hold);

/* Tells again what still holds, and lets go of what has not been told again. */
void holds_look(struct mesh *mesh);

#endif
