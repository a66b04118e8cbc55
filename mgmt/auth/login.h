/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Trying a name and a password
 *
 * Wrong tries are bounded for the user and for the address, and so is how many are computed at a time. A
 * name that nobody has takes as long as a wrong password. Any thread.
 */
#ifndef COMMHUB_MGMT_AUTH_LOGIN_H
#define COMMHUB_MGMT_AUTH_LOGIN_H

#include "mgmt/auth/throttle.h"
#include "mgmt/store/store_user.h"

#define LOGIN_MOST_AT_A_TIME 2 /* 32 MiB and a processor each */

struct login {
    struct store *store;
    struct throttle *addresses; /* shared with wrong tokens */
    struct throttle users;
    pthread_mutex_t mutex; /* guards n_running */
    unsigned n_running;
};

void login_init(struct login *login, struct store *store, struct throttle *addresses);
void login_clear(struct login *login);

enum {
    LOGIN_E_WRONG = 1, /* no such user, or disabled, or the wrong password: nobody is told which */
    LOGIN_E_THROTTLED, /* not even looked at */
    LOGIN_E_BUSY,
};

/* 0 and the user, LOGIN_E_*, or a negative errno and a sentence. @out_wait_ms with LOGIN_E_THROTTLED. */
int login_try(struct login *login, const char *name, struct bytes password,
              const uint8_t peer_key[THROTTLE_KEY_BYTES], struct store_user *out_user, uint64_t *out_wait_ms,
              char out_why[STORE_WHY_SIZE]);

#endif
