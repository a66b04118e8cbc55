/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the mesh needs at the foreign hub, asked for
 */
#ifndef COMMHUB_FEDERATION_FOREIGN_WISH_H
#define COMMHUB_FEDERATION_FOREIGN_WISH_H

#include "federation/foreign_state.h"

/* Opens the channel, or finds out whether it may. */
void foreign_wish_channel(struct foreign *foreign, struct foreign_channel *channel);

/* Provides, declares, subscribes, announces; or takes it back where the protocol has a word for that. */
void foreign_wish_item(struct foreign *foreign, struct foreign_item *item);

/* Whether a hub of the mesh that has the service provides it itself: one that a bridge program of the package
 * only passes on may well be the foreign hub's own, in a circle. */
bool foreign_wish_is_provided_by(const struct foreign *foreign, const struct foreign_item *service,
                                 const struct foreign_hub *hub);

/* Asks for the channel's services and topics again. */
void foreign_wish_refresh(struct foreign *foreign, struct foreign_channel *channel);

/* An answer to one of these requests; @error is empty where it was granted. @request is still there. */
void foreign_wish_answered(struct foreign *foreign, const struct foreign_request *request,
                           struct bytes error);

/* The foreign hub wants a password for what was asked. */
void foreign_wish_barred(struct foreign *foreign, const struct foreign_request *request);

/* We are in the channel no more: everything asked there is to be asked anew. */
void foreign_wish_lost_channel(struct foreign *foreign, struct foreign_channel *channel);

#endif
