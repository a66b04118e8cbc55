/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Setting a channel's password, by its owner or by the operator
 */
#ifndef COMMHUB_CORE_PASSWORDS_H
#define COMMHUB_CORE_PASSWORDS_H

#include "hub/core/channels.h"

int passwords_set(struct hub *hub, struct client *client, const struct message *message);

/* hub_configure_password() */
int passwords_configure(struct hub *hub, struct bytes channel, struct bytes password,
                        enum password_origin origin, const uint8_t signing_key[SIGNATURE_KEY_BYTES]);

#endif
