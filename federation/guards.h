/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Channels with a password, and the links on which they are proven
 *
 * A guarded channel crosses a link only if both of its hubs have proven to each other that they hold the
 * channel's password. Each side tells, for each channel that it guards, one proof: an HMAC under a key that
 * was stretched from the password, over the link's session and who proves to whom. So a proof is worth
 * nothing on another link, in another session, or sent back; and it says nothing to a hub that does not hold
 * the password, not even the channel's name: how many channels are guarded is all that is seen.
 *
 * Who hears a proof looks it up among those that it expects for its own channels. One that is not expected is
 * kept, for the same password may be set here later.
 *
 * The order on the wire is the rule that the rest stands on: a hub tells its own proof before it takes the
 * far side's for proven, and so before it tells anything of the channel. What comes of a guarded channel over
 * a link on which it is not proven is therefore never honest, and is refused.
 */
#ifndef COMMHUB_FEDERATION_GUARDS_H
#define COMMHUB_FEDERATION_GUARDS_H

#include "federation/mesh_state.h"

/* How many of the far side's proofs are kept; further ones are refused and counted. */
#define GUARDS_MAX_HEARD 65536U

/* The channel has a password; whatever was proven under another one is over. @secret: MESH_SECRET_BYTES, or
 * NULL: it can't be proven. */
void guards_set(struct mesh *mesh, struct bytes channel, const uint8_t *secret);

/* It has none any more. */
void guards_unset(struct mesh *mesh, struct bytes channel);

/* The key that was asked for by the outlet's stretch(); passed over where the secret is another one by now.
 */
void guards_take_key(struct mesh *mesh, struct bytes channel, const uint8_t *secret, const uint8_t *key);

/* Whether anything of @channel may pass by the link, in either direction. */
bool guards_let(const struct mesh_link *link, struct bytes channel);

bool guards_has(const struct mesh *mesh, struct bytes channel);

/* Something of the channel came by a link on which it is not proven: told once. */
void guards_refused(struct mesh_link *link, struct bytes channel);

/* Tells our proofs, ahead of everything else. */
void guards_link_up(struct mesh_link *link);
void guards_link_down(struct mesh_link *link);

/* The far side's first table is complete: what it has not proven by now is told. */
void guards_link_synced(struct mesh_link *link);

/* PROVE or UNPROVE: 0 or MESH_E_BAD_MESSAGE. */
int guards_hear(struct mesh_link *link, struct bytes proofs, bool is_proven);

/* AGAIN: the far side had refused what we told of the channel, and would take it now. */
void guards_tell_again(struct mesh_link *link, struct bytes channel);

struct mesh_link_guards guards_count(const struct mesh_link *link);

void guards_clear(struct mesh *mesh);

#endif
