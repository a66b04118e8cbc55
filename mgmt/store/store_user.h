/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Stored users
 *
 * Any thread; writes as store.h says.
 */
#ifndef COMMHUB_MGMT_STORE_STORE_USER_H
#define COMMHUB_MGMT_STORE_STORE_USER_H

#include "hub/base/name.h"
#include "mgmt/auth/password.h"
#include "mgmt/auth/role.h"
#include "mgmt/store/store.h"

struct store_user {
    int64_t serial; /* grows in the order of making; > 0 */
    char name[NAME_MAX_BYTES + 1];
    enum role role;
    char password_hash[PASSWORD_HASH_SIZE];
    bool is_enabled;
    uint64_t created_ms; /* wall clock */
    uint64_t changed_ms;
};

struct store_users {
    struct store_user *rows; /* for the caller to free() */
    size_t n;
    bool has_more;
};

/* At most @limit rows with a serial greater than @after. 0 or a negative errno. */
int store_user_list(struct store *store, int64_t after, size_t limit, struct store_users *out_users,
                    char out_why[STORE_WHY_SIZE]);

/* 0, STORE_E_UNKNOWN or a negative errno. */
int store_user_find(struct store *store, const char *name, struct store_user *out_user,
                    char out_why[STORE_WHY_SIZE]);

/*
 * Makes the user of that name, or changes it; serial and created_ms are those of the row and are set. The
 * sessions of one that is changed end. 0 or a negative errno.
 */
int store_user_put(struct store *store, struct store_user *user, char out_why[STORE_WHY_SIZE]);

/* His sessions end with him. 0, STORE_E_UNKNOWN or a negative errno. */
int store_user_remove(struct store *store, const char *name, char out_why[STORE_WHY_SIZE]);

/* How many enabled administrators there are, but for the user @except (may be NULL). */
int store_user_count_admins(struct store *store, const char *except, uint64_t *out_n,
                            char out_why[STORE_WHY_SIZE]);

#endif
