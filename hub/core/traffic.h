/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Messages between clients: call, response, send, broadcast
 *
 * The rules of forwarding are in docs/protocol.md, "Forwarding rules"; envelope_forward() writes them.
 */
#ifndef COMMHUB_CORE_TRAFFIC_H
#define COMMHUB_CORE_TRAFFIC_H

#include "hub/core/clients.h"

int traffic_call(struct hub *hub, struct client *client, const struct message *message);
int traffic_response(struct hub *hub, struct client *client, const struct message *message);
int traffic_send(struct hub *hub, struct client *client, const struct message *message);
int traffic_broadcast(struct hub *hub, struct client *client, const struct message *message);

#endif
