/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Stored passwords of channels: those that an operator has set
 *
 * Any thread; writes as store.h says.
 */
#ifndef COMMHUB_MGMT_STORE_STORE_PASSWORD_H
#define COMMHUB_MGMT_STORE_STORE_PASSWORD_H

#include "mgmt/store/store.h"

/* Visits all; an answer other than 0 ends the walk. 0, the visit's answer, or a negative errno. */
int store_password_each(struct store *store,
                        int (*visit)(struct bytes channel, struct bytes password, void *context),
                        void *context, char out_why[STORE_WHY_SIZE]);

/* 0 or a negative errno. */
int store_password_set(struct store *store, struct bytes channel, struct bytes password,
                       char out_why[STORE_WHY_SIZE]);

/* Appends the password, for the caller to seal_wipe(): 0, STORE_E_UNKNOWN or a negative errno. */
int store_password_find(struct store *store, struct bytes channel, struct buffer *out_password,
                        char out_why[STORE_WHY_SIZE]);

/* 0, STORE_E_UNKNOWN or a negative errno. */
int store_password_remove(struct store *store, struct bytes channel, char out_why[STORE_WHY_SIZE]);

#endif
