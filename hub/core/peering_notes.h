/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the core tells federation's observer (peering.h); nothing where there is no observer, and nothing of
 * system channels
 *
 * For the files of this folder only.
 */
#ifndef COMMHUB_CORE_PEERING_NOTES_H
#define COMMHUB_CORE_PEERING_NOTES_H

#include "hub/core/hub_state.h"
#include "hub/wire/message.h"

struct channel;
struct event;
struct topic;

/* The event's local providers have changed. */
void peering_note_service(struct hub *hub, struct event *event);

/* The topic's local owner has come or gone. */
void peering_note_topic(struct hub *hub, struct topic *topic);

/* @topic NULL: the channel's openers */
void peering_note_interest(struct hub *hub, struct channel *channel, struct topic *topic, bool is_wanted);
void peering_note_member(struct hub *hub, struct channel *channel, struct client *client, bool has_joined);

/* Whether a message for many on @channel (by name, for the channel may not exist here) goes out to the mesh.
 */
bool peering_has_listeners(const struct hub *hub, const struct channel *channel, struct bytes name);
/* Whether a broadcast of a local client is one that the mesh has had. */
bool peering_has_passed(const struct hub *hub, struct bytes channel, const struct message *broadcast);
/* Whether the mesh has room for a publish that must not be lost. */
bool peering_may_publish(const struct hub *hub, struct bytes channel, struct bytes topic, size_t n_bytes);
void peering_note_multicast(struct hub *hub, struct bytes channel, struct bytes topic, struct block *frame);

/*
 * A channel's password changes in three steps, so that nothing of the time under one is taken for said under
 * the other: everything is withdrawn from the mesh and what peers hold is dropped; the new state is noted;
 * what is left there is told anew.
 */
void peering_withdraw_channel(struct hub *hub, struct channel *channel);
void peering_note_guard(struct hub *hub, struct channel *channel);
void peering_return_channel(struct hub *hub, struct channel *channel);

#endif
