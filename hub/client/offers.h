/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The events and topics of a channel that the hub has told of
 *
 * Filled by channel_sync, kept current by metadata_update. The hub does not tell when one is gone: what is
 * kept is what was offered since the channel was opened. Bounded; what is beyond is left out.
 */
#ifndef COMMHUB_CLIENT_OFFERS_H
#define COMMHUB_CLIENT_OFFERS_H

#include "hub/client/channel.h"

#define OFFERS_MOST 10000

void offers_sync(struct commipc_channel *channel, const struct message *message);
void offers_update(struct commipc_channel *channel, const struct message *message);
void offers_forget(struct commipc_channel *channel);

#endif
