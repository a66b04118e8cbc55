/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Stored settings: those that were changed over REST
 *
 * Any thread; writes as store.h says.
 */
#ifndef COMMHUB_MGMT_STORE_STORE_SETTING_H
#define COMMHUB_MGMT_STORE_STORE_SETTING_H

#include "mgmt/store/store.h"

struct store_setting {
    const char *name;
    const char *value; /* NULL: it is taken out */
};

/* Visits all; an answer other than 0 ends the walk and is the function's own. The store is locked meanwhile.
 */
int store_setting_each(struct store *store, int (*visit)(const struct store_setting *setting, void *context),
                       void *context, char out_why[STORE_WHY_SIZE]);

/* Writes all of them or none. 0 or a negative errno. */
int store_setting_write(struct store *store, const struct store_setting *settings, size_t n,
                        char out_why[STORE_WHY_SIZE]);

#endif
