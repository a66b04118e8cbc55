/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * register: opening a channel and providing an event
 *
 * Order matters to clients: channel_sync goes out before the answer (docs/protocol.md, "Details").
 */
#ifndef COMMHUB_CORE_REGISTER_H
#define COMMHUB_CORE_REGISTER_H

#include "hub/core/clients.h"

int register_handle(struct hub *hub, struct client *client, const struct message *message);

#endif
