/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Secrets at rest: AES-256-GCM under the master key
 *
 * A sealed secret is nonce (12 bytes), ciphertext, tag (16 bytes). It is bound to its purpose
 * ("bridge:west"): a row's secret moved into another row does not open. Any thread.
 */
#ifndef COMMHUB_MGMT_STORE_SEAL_H
#define COMMHUB_MGMT_STORE_SEAL_H

#include "hub/base/buffer.h"

#define SEAL_KEY_BYTES 32
#define SEAL_OVERHEAD_BYTES (12 + 16)
#define SEAL_WHY_SIZE 512

struct seal_key {
    uint8_t bytes[SEAL_KEY_BYTES];
};

/*
 * Reads the key file (64 hex characters), or makes it (0600) where @may_make and it is missing. 0, or a
 * negative errno and a sentence: -ENOENT when it is missing and may not be made.
 */
int seal_key_load(struct seal_key *out_key, const char *path, bool may_make, char out_why[SEAL_WHY_SIZE]);
void seal_key_clear(struct seal_key *key);

/* Appends the sealed secret: 0 or -ENOMEM. */
int seal_close(const struct seal_key *key, struct bytes purpose, struct bytes secret,
               struct buffer *out_sealed);

enum { SEAL_E_WRONG = 1 }; /* another key, another purpose, or damaged */

/* Appends the secret: 0, SEAL_E_WRONG or -ENOMEM. The caller wipes what it got. */
int seal_open(const struct seal_key *key, struct bytes purpose, struct bytes sealed,
              struct buffer *out_secret);

/* Clears a buffer that held a secret, overwriting it. */
void seal_wipe(struct buffer *secret);

#endif
