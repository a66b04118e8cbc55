/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the foreign hub tells of its channels: who is in them, what they provide
 */
#ifndef COMMHUB_FEDERATION_FOREIGN_NEWS_H
#define COMMHUB_FEDERATION_FOREIGN_NEWS_H

#include "federation/foreign_state.h"

/* channel_sync: all services and topics of a channel that we have just opened, or asked for again. */
void foreign_news_sync(struct foreign *foreign, const struct message *message);

/* metadata_update: one service, topic or member. */
void foreign_news_update(struct foreign *foreign, const struct message *message);

/* new_registration on the system channel: somebody has opened a channel or provides in it. */
void foreign_news_registration(struct foreign *foreign, const struct message *message);

/* The answer to list_members. */
void foreign_news_members(struct foreign *foreign, struct bytes channel, struct bytes raw_data);

/* An error that no request has asked for. */
void foreign_news_error(struct foreign *foreign, const struct message *message);

/* The first subscriber of a topic of ours has come there, or the last has gone. */
void foreign_news_subscribers(struct foreign *foreign, struct bytes channel, struct bytes topic,
                              bool has_some);

#endif
