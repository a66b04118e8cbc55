/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Guests at a hub that the test plays (guest_control.h)
 *
 * The event `echo` is answered at once with its data, `nobody` has no provider; all else waits for the test.
 * The functions here are for the test's thread.
 */
#ifndef COMMHUB_TESTS_UNIT_MGMT_FAKE_GUESTS_H
#define COMMHUB_TESTS_UNIT_MGMT_FAKE_GUESTS_H

#include <stddef.h>

#include "hub/base/bytes.h"
#include "hub/io/mailbox.h"

size_t fake_guests_count(struct mailbox *mailbox);

/* The id and the data of the guest that came last. */
void fake_guests_last(struct mailbox *mailbox, char out_id[256], char out_data[64]);

/* Gives @raw (MessagePack) to all guests that wait, as the answer or as one message of many. */
void fake_guests_tell(struct mailbox *mailbox, struct bytes raw);

/* Frees those whom the management plane has left behind when the mailbox was closed. */
void fake_guests_free_all(void);

#endif
