/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The table from message type to what the hub does with it
 *
 * A handler answers 0, or -ENOMEM where the message could not be carried out for want of memory; all else it
 * answers to the client itself.
 */
#ifndef COMMHUB_CORE_HANDLERS_H
#define COMMHUB_CORE_HANDLERS_H

#include "hub/core/clients.h"

int handlers_run(struct hub *hub, struct client *client, const struct message *message);

#endif
