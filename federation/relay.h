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
#include "hub/core/peering.h"

/* A client's call, send or answer for a remote hub: the core's frame, and what is known of it. */
void relay_pass(struct origin *to, struct block *frame, const struct outlet_one *known);

/* The same where the core tells no more of it: what it says itself. Of that only answers go to other hubs. */
void relay_from_core(struct origin *to, struct block *frame);

/* A broadcast or publish of a local client. */
void relay_multicast(struct mesh *mesh, struct bytes channel, struct bytes topic, struct block *frame);

/* A message that waits in a spool goes to its hub, which gives it to its subscribers once: whether it went.
 */
bool relay_durable(struct mesh *mesh, const struct hub_id *to, struct bytes channel, struct bytes topic,
                   struct bytes body, const struct spool_stamp *stamp);

/* Tells the hub whose spool it is that all up to the stamp was taken; lost where there is no way. */
void relay_taken(struct mesh *mesh, const struct hub_id *to, const struct spool_stamp *taken);

/* No answer of ours to a call from that hub will find it any more: its callers are told so as soon as they
 * can be, and the calls are not watched any more. */
void relay_give_back(struct origin *from);

/* What a link brought. 0 or MESH_E_BAD_MESSAGE. */
int relay_one(struct mesh_link *link, const struct link_one *one);
int relay_many(struct mesh_link *link, const struct link_many *many);

/* The route by which a message for one goes, where it does not go back by the way of its call. */
struct route *relay_route_of(const struct mesh *mesh, const struct link_one *one);

/* The best of its ways for that message, wherever it has been; NULL: there is none. */
struct candidate *relay_way_of(const struct route *route, const struct link_one *one);

/* A message for one can't go on: it is counted, and a call is answered. */
void relay_lose(struct mesh *mesh, const struct link_one *lost, enum mesh_refusal refusal);

/* Whether a message for one may wait for a way: who calls does not, and what a spool keeps is sent again. */
bool relay_may_be_parked(const struct link_one *one);

/* A message that has waited goes by the way that its route now has; its trail ends with us. */
void relay_parked(struct mesh *mesh, const struct route *route, const struct link_message *message);

/* Puts a route's hub on the list of those that get the message for many (of @bytes) by @link:
 * MESH_REFUSAL_COUNT, or why not. */
enum mesh_refusal relay_address(const struct route *route, struct mesh_link *link, size_t bytes);

/* Sends the message, whose trail ends with us, over every link that has receivers on its list, and empties
 * the lists. Answers how many they were. */
unsigned relay_send_addressed(struct mesh *mesh, const struct link_message *message);

/* Sends a message for one, whose trail ends with us, by that link: MESH_REFUSAL_COUNT, or why it may not. */
enum mesh_refusal relay_send_one(struct mesh_link *link, const struct link_one *one);

#endif
