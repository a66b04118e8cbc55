/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the foreign hub has, as entries for the mesh
 */
#ifndef COMMHUB_FEDERATION_FOREIGN_OFFER_H
#define COMMHUB_FEDERATION_FOREIGN_OFFER_H

#include "federation/foreign_state.h"

/* The foreign hub itself. */
void foreign_offer_hub(struct foreign *foreign);

/* Tells what has changed on the item's side of the foreign hub. */
void foreign_offer_item(struct foreign *foreign, struct foreign_item *item);

/* Sends what is waiting. */
void foreign_offer_flush(struct foreign *foreign);

/* Sets what the foreign hub says of the item; @attributes NULL (or lost for want of memory): it has none. The
 * reference passes on. */
void foreign_offer_set(struct foreign *foreign, struct foreign_item *item, struct block *attributes);
void foreign_offer_withdraw(struct foreign *foreign, struct foreign_item *item);

/* A block of what was written, NULL: out of memory. Clears the buffer. */
struct block *foreign_offer_attributes(struct buffer *written);

#endif
