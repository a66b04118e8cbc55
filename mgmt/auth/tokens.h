/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Bearer tokens: who may use the management plane without a password
 *
 * Only SHA-256 of tokens is kept, in the store and, for the sake of speed, here. Any thread.
 */
#ifndef COMMHUB_MGMT_AUTH_TOKENS_H
#define COMMHUB_MGMT_AUTH_TOKENS_H

#include "hub/base/bytes.h"
#include "hub/base/cleanup.h"
#include "mgmt/auth/principal.h"
#include "mgmt/store/store_token.h"

struct tokens;

#define TOKENS_WHY_SIZE STORE_WHY_SIZE
#define TOKENS_LEAST_CHARACTERS 16
#define TOKENS_MOST_CHARACTERS 512
#define TOKENS_TEXT_SIZE 33                     /* of one that is made here: 32 of 62 characters, 190 bits */
#define TOKENS_MOST 1000                        /* each request compares with all */
#define TOKENS_FIRST_RUN_FILE "first-run-token" /* in the data directory */

/*
 * Loads the tokens. With @token_file (may be NULL) that file's token is the configured one, and the
 * configured one of a former start is no more. Where there is no token at all and @may_make_first_run, a
 * random one is made and written to <data-dir>/first-run-token (0600); *@out_made_first_run tells. 0, or a
 * negative errno and a sentence.
 */
int tokens_new(struct tokens **out_tokens, struct store *store, const char *token_file,
               bool may_make_first_run, bool *out_made_first_run, char out_why[TOKENS_WHY_SIZE]);
void tokens_free(struct tokens *tokens);

/* Whether @file holds a token that will do, without touching anything else. 0, or a negative errno and a
 * sentence. */
int tokens_check_file(const char *file, char out_why[TOKENS_WHY_SIZE]);

DEFINE_CLEANUP(struct tokens *, tokens_free)

/* Whose token it is; false: nobody's, or its time is over. */
bool tokens_find(struct tokens *tokens, struct bytes token, struct principal *out_by);

/* Whether one of that origin is in force. */
bool tokens_have(struct tokens *tokens, enum store_token_origin origin);

enum { TOKENS_E_TAKEN = STORE_TOKEN_E_TAKEN, TOKENS_E_FULL };

/*
 * Makes a token and stores it: @token says all but hash, origin and serial, which are set. 0 and the token
 * itself, which is nowhere else; TOKENS_E_*; or a negative errno and a sentence.
 */
int tokens_make(struct tokens *tokens, struct store_token *token, char out_text[TOKENS_TEXT_SIZE],
                char out_why[TOKENS_WHY_SIZE]);

/* The store has withdrawn the first-run token (admins_store()): it lets nobody in any more. */
void tokens_forget_first_run(struct tokens *tokens);

/* 0, STORE_E_UNKNOWN, or a negative errno and a sentence. With the first-run token its file goes too. */
int tokens_remove(struct tokens *tokens, const char *name, char out_why[TOKENS_WHY_SIZE]);

#endif
