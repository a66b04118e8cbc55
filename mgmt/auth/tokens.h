/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Bearer tokens: who may use the management plane
 *
 * Only SHA-256 of tokens is kept. After tokens_new() nothing changes: any thread may ask.
 */
#ifndef COMMHUB_MGMT_AUTH_TOKENS_H
#define COMMHUB_MGMT_AUTH_TOKENS_H

#include "hub/base/bytes.h"
#include "hub/base/cleanup.h"
#include "mgmt/auth/principal.h"
#include "mgmt/auth/throttle.h"
#include "mgmt/store/store.h"

struct tokens;

#define TOKENS_WHY_SIZE STORE_WHY_SIZE
#define TOKENS_LEAST_CHARACTERS 16
#define TOKENS_MOST_CHARACTERS 512
#define TOKENS_FIRST_RUN_FILE "first-run-token" /* in the data directory */

/*
 * Loads the tokens. With @token_file (may be NULL) that file's token is the configured one, and the
 * configured one of a former start is no more. Where there is no token at all a random one is made and
 * written to <data-dir>/first-run-token (0600); *@out_made_first_run tells. 0, or a negative errno and a
 * sentence.
 */
int tokens_new(struct tokens **out_tokens, struct store *store, const char *token_file,
               bool *out_made_first_run, char out_why[TOKENS_WHY_SIZE]);
void tokens_free(struct tokens *tokens);

/* Whether @file holds a token that will do, without touching anything else. 0, or a negative errno and a
 * sentence. */
int tokens_check_file(const char *file, char out_why[TOKENS_WHY_SIZE]);

DEFINE_CLEANUP(struct tokens *, tokens_free)

enum {
    TOKENS_E_MISSING = 1,
    TOKENS_E_WRONG,
    TOKENS_E_THROTTLED, /* the address was wrong too often: not even looked at */
};

/*
 * 0 and whose token it is, or TOKENS_E_*; with TOKENS_E_THROTTLED @out_wait_s says when to come again. No
 * token: empty @token.
 */
int tokens_check(struct tokens *tokens, struct bytes token, const uint8_t peer_key[THROTTLE_KEY_BYTES],
                 struct principal *out_by, unsigned *out_wait_s);

#endif
