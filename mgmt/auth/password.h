/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Passwords of people, as scrypt hashes
 *
 * "scrypt:15:8:1:SALT:HASH" in hex: 2^15, 8 and 1 are its costs, 32 MiB and some 100 ms. Any thread, but not
 * many at a time: the caller sees to that.
 */
#ifndef COMMHUB_MGMT_AUTH_PASSWORD_H
#define COMMHUB_MGMT_AUTH_PASSWORD_H

#include <stdbool.h>

#include "hub/base/bytes.h"

#define PASSWORD_LEAST_BYTES 10
#define PASSWORD_MOST_BYTES 1024
#define PASSWORD_HASH_SIZE 128

/* 0 or -ENOMEM. */
int password_hash(struct bytes password, char out_hash[PASSWORD_HASH_SIZE]);

/* Whether it is the one; takes as long for a @hash that is NULL, of a user that there is not. */
bool password_is(struct bytes password, const char *hash);

#endif
