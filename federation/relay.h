/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Messages over the mesh
 *
 * To one: the core has chosen the hub; every hub on the way only looks up its own next hop toward it. To
 * many: the frame carries the list of hubs that get it by this link; each hub splits what is left of the list
 * over its own next hops, so a link carries a message at most once in each direction. The essay is in
 * relay.c.
 */
#ifndef COMMHUB_FEDERATION_RELAY_H
#define COMMHUB_FEDERATION_RELAY_H

#include "federation/mesh_state.h"

/* The core's frame for a remote hub. */
void relay_from_core(struct origin *to, struct block *frame);

/* A broadcast or publish of a local client. */
void relay_multicast(struct mesh *mesh, struct bytes channel, struct bytes topic, struct block *frame);

/* What a link brought. 0 or MESH_E_BAD_MESSAGE. */
int relay_one(struct mesh_link *link, const struct link_one *one);
int relay_many(struct mesh_link *link, const struct link_many *many);

/* A session is over: calls that went by it are answered with an error, soon. */
void relay_session_over(struct mesh *mesh, uint64_t session);

/* Answers the calls to @origin that could not be sent. Enters the core. */
void relay_answer_lost_calls(struct origin *origin);

/* Forgets them: the core has answered them itself. */
void relay_forget_lost_calls(struct origin *origin);

#endif
