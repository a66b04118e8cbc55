/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Stored bearer tokens: SHA-256 of them, and what they are good for
 *
 * Any thread; writes as store.h says.
 */
#ifndef COMMHUB_MGMT_STORE_STORE_TOKEN_H
#define COMMHUB_MGMT_STORE_STORE_TOKEN_H

#include "hub/base/name.h"
#include "mgmt/auth/principal.h"
#include "mgmt/store/store.h"

#define STORE_TOKEN_BYTES 32 /* a SHA-256 */

enum store_token_origin {
    STORE_TOKEN_API,
    STORE_TOKEN_FIRST_RUN,
    STORE_TOKEN_CONFIGURATION,
};

/* "api", "first_run", "configuration". */
const char *store_token_origin_name(enum store_token_origin origin);

struct store_token {
    int64_t serial; /* grows in the order of making; > 0 */
    char name[NAME_MAX_BYTES + 1];
    uint8_t sha256[STORE_TOKEN_BYTES];
    enum store_token_origin origin;
    enum role role;
    unsigned scopes;
    uint64_t created_ms; /* wall clock, as expires_ms */
    char created_by[PRINCIPAL_NAME_SIZE];
    uint64_t expires_ms; /* 0: never */
};

struct store_tokens {
    struct store_token *rows; /* for the caller to free() */
    size_t n;
    bool has_more;
};

/* At most @limit rows with a serial greater than @after. 0 or a negative errno. */
int store_token_list(struct store *store, int64_t after, size_t limit, struct store_tokens *out_tokens,
                     char out_why[STORE_WHY_SIZE]);

/* 0, STORE_E_UNKNOWN or a negative errno. */
int store_token_find(struct store *store, const char *name, struct store_token *out_token,
                     char out_why[STORE_WHY_SIZE]);

enum { STORE_TOKEN_E_TAKEN = 1 };

/* A new row; its serial is set. 0, STORE_TOKEN_E_TAKEN where there is one of that name, or a negative errno.
 */
int store_token_add(struct store *store, struct store_token *token, char out_why[STORE_WHY_SIZE]);

/*
 * Makes @sha256 the one token of that origin, named after it and good for everything; or, where it is NULL,
 * takes that away. 0 or a negative errno.
 */
int store_token_set_origin(struct store *store, enum store_token_origin origin, const uint8_t *sha256,
                           char out_why[STORE_WHY_SIZE]);

/* 0, STORE_E_UNKNOWN or a negative errno. */
int store_token_remove(struct store *store, const char *name, char out_why[STORE_WHY_SIZE]);

#endif
