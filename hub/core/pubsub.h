/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Topics: add_subscription, remove_subscription, subscribe, unsubscribe, publish
 */
#ifndef COMMHUB_CORE_PUBSUB_H
#define COMMHUB_CORE_PUBSUB_H

#include "hub/core/clients.h"

struct topic;

int pubsub_declare(struct hub *hub, struct client *client, const struct message *message);
int pubsub_undeclare(struct hub *hub, struct client *client, const struct message *message);
int pubsub_subscribe(struct hub *hub, struct client *client, const struct message *message);
int pubsub_unsubscribe(struct hub *hub, struct client *client, const struct message *message);
int pubsub_publish(struct hub *hub, struct client *client, const struct message *message);

/* metadata_update of a declared topic to the channel's openers but @except. */
void pubsub_tell_topic(struct topic *topic, const struct client *except);

#endif
