/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Incoming calls that the program has yet to answer
 *
 * A call owns a copy of its message, for the answer may take long.
 */
#ifndef COMMHUB_CLIENT_COMMIPC_CALL_H
#define COMMHUB_CLIENT_COMMIPC_CALL_H

#include "hub/client/channel.h"

/* A `call`, or a `send` that has been found authentic: gives it to whoever provides the event. */
void commipc_call_take(struct commipc_channel *channel, const struct message *message);

/* For a call on a channel that is not ours. */
void commipc_call_refuse(struct commipc_client *client, const struct message *message, const char *text);

/* The connection by which they came is gone: nobody waits for their answers. */
void commipc_call_orphan_all(struct commipc_client *client);
void commipc_call_free_all(struct commipc_client *client);

#endif
