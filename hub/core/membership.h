/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who is in a channel: list_members, announce_remote, forget_remote, and what a member leaves behind
 */
#ifndef COMMHUB_CORE_MEMBERSHIP_H
#define COMMHUB_CORE_MEMBERSHIP_H

#include "hub/core/channels.h"
#include "hub/wire/error_text.h"

int membership_list(struct hub *hub, struct client *client, const struct message *message);
int membership_announce(struct hub *hub, struct client *client, const struct message *message);
int membership_forget(struct hub *hub, struct client *client, const struct message *message);

/*
 * Sends every member but @except the error @text (%1: the channel) and takes membership and providers away.
 * Topics and subscriptions stay, as with the reference.
 */
void membership_expel(struct hub *hub, struct channel *channel, const struct client *except,
                      enum error_text text);

/* The same, and whatever anybody but @except has in the channel, member or not: topics, subscriptions, remote
 * members. */
void membership_expel_all(struct hub *hub, struct channel *channel, const struct client *except,
                          enum error_text text);

/* The client's connection has ended: it leaves all its channels; the channel policy is applied where it was
 * the owner. */
void membership_end(struct hub *hub, struct client *client);

#endif
