/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/auth/tokens.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/clock.h"
#include "hub/base/random.h"
#include "mgmt/store/data_dir.h"

#define MOST_TOKENS 16
#define FIRST_RUN_CHARACTERS 32 /* of 62: 190 bits */

struct tokens {
    struct throttle throttle;
    uint8_t sha256[MOST_TOKENS][STORE_TOKEN_BYTES];
    size_t n;
};

static void hash(struct bytes token, uint8_t out_sha256[STORE_TOKEN_BYTES])
{
    SHA256(token.ptr, token.len, out_sha256);
}

/* Any sign a header can carry as one word. A comma would end it among WebSocket protocols. */
static bool is_usable(const char *token)
{
    size_t len = strlen(token);

    for (const char *at = token; *at; at++) {
        if (*at <= ' ' || *at > '~' || *at == ',')
            return false;
    }
    return len >= TOKENS_LEAST_CHARACTERS && len <= TOKENS_MOST_CHARACTERS;
}

static char *trim(char *text)
{
    size_t len;

    text += strspn(text, " \t\r\n");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
    return text;
}

static int read_configured(const char *file, uint8_t out_sha256[STORE_TOKEN_BYTES],
                           char out_why[TOKENS_WHY_SIZE])
{
    char content[TOKENS_MOST_CHARACTERS + 64];
    char *token;
    int len = data_dir_read(file, content, sizeof content);
    int r = 0;

    if (len < 0 && len != -EFBIG) {
        snprintf(out_why, TOKENS_WHY_SIZE, "The admin token file %s cannot be read: %s", file,
                 strerror(-len));
        return len;
    }
    token = len < 0 ? content : trim(content);
    if (len < 0 || strlen(content) > (size_t)len || !is_usable(token)) {
        snprintf(
            out_why, TOKENS_WHY_SIZE,
            "The admin token file %s must hold one word of %d to %d visible ASCII characters without commas, "
            "for instance what `openssl rand -hex 24` prints",
            file, TOKENS_LEAST_CHARACTERS, TOKENS_MOST_CHARACTERS);
        r = -EINVAL;
    } else {
        hash(bytes_of_text(token), out_sha256);
    }
    OPENSSL_cleanse(content, sizeof content);
    return r;
}

int tokens_check_file(const char *file, char out_why[TOKENS_WHY_SIZE])
{
    uint8_t sha256[STORE_TOKEN_BYTES];

    return read_configured(file, sha256, out_why);
}

static int load_configured(struct store *store, const char *file, char out_why[TOKENS_WHY_SIZE])
{
    uint8_t sha256[STORE_TOKEN_BYTES];
    int r = read_configured(file, sha256, out_why);

    return r < 0 ? r : store_set_token(store, STORE_TOKEN_CONFIGURATION, sha256, out_why);
}

/* The file first: a token that is stored and nowhere written would lock everybody out. */
static int make_first_run(struct store *store, char out_why[TOKENS_WHY_SIZE])
{
    cleanup_free_ char *path = store_path(store, TOKENS_FIRST_RUN_FILE);
    char token[FIRST_RUN_CHARACTERS + 2];
    uint8_t sha256[STORE_TOKEN_BYTES];
    int r;

    if (!path) {
        snprintf(out_why, TOKENS_WHY_SIZE, "out of memory");
        return -ENOMEM;
    }
    random_alphanumeric(token, FIRST_RUN_CHARACTERS);
    hash(bytes_of(token, FIRST_RUN_CHARACTERS), sha256);
    token[FIRST_RUN_CHARACTERS] = '\n';
    r = data_dir_write(path, bytes_of(token, FIRST_RUN_CHARACTERS + 1));
    OPENSSL_cleanse(token, sizeof token);
    if (r < 0) {
        snprintf(out_why, TOKENS_WHY_SIZE, "The first-run token %s cannot be written: %s", path,
                 strerror(-r));
        return r;
    }
    return store_set_token(store, STORE_TOKEN_FIRST_RUN, sha256, out_why);
}

static int load(struct tokens *tokens, struct store *store, char out_why[TOKENS_WHY_SIZE])
{
    int n = store_tokens(store, tokens->sha256, MOST_TOKENS, out_why);

    tokens->n = n < 0 ? 0 : (size_t)n;
    return n < 0 ? n : 0;
}

int tokens_new(struct tokens **out_tokens, struct store *store, const char *token_file,
               bool *out_made_first_run, char out_why[TOKENS_WHY_SIZE])
{
    cleanup_(tokens_freep) struct tokens *tokens = calloc(1, sizeof *tokens);
    int r;

    *out_made_first_run = false;
    if (!tokens) {
        snprintf(out_why, TOKENS_WHY_SIZE, "out of memory");
        return -ENOMEM;
    }
    throttle_init(&tokens->throttle);
    if (token_file)
        r = load_configured(store, token_file, out_why);
    else
        r = store_set_token(store, STORE_TOKEN_CONFIGURATION, NULL, out_why);
    if (r == 0)
        r = load(tokens, store, out_why);
    if (r == 0 && tokens->n == 0) {
        r = make_first_run(store, out_why);
        if (r == 0)
            r = load(tokens, store, out_why);
        *out_made_first_run = r == 0;
    }
    if (r < 0)
        return r;
    *out_tokens = take(tokens);
    return 0;
}

void tokens_free(struct tokens *tokens)
{
    if (!tokens)
        return;
    throttle_clear(&tokens->throttle);
    free(tokens);
}

/* All are compared, each in constant time: the time tells nothing. */
static bool is_known(const struct tokens *tokens, struct bytes token)
{
    uint8_t sha256[STORE_TOKEN_BYTES];
    bool is_found = false;

    hash(token, sha256);
    for (size_t i = 0; i < tokens->n; i++)
        is_found |=
            bytes_equal_secret(bytes_of(sha256, sizeof sha256), bytes_of(tokens->sha256[i], sizeof sha256));
    return is_found;
}

int tokens_check(struct tokens *tokens, struct bytes token, const uint8_t peer_key[THROTTLE_KEY_BYTES],
                 struct principal *out_by, unsigned *out_wait_s)
{
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t wait_ms = throttle_wait_ms(&tokens->throttle, peer_key, now_ms);

    *out_wait_s = (unsigned)((wait_ms + 999) / 1000);
    if (token.len == 0)
        return TOKENS_E_MISSING;
    if (wait_ms > 0)
        return TOKENS_E_THROTTLED;
    if (is_known(tokens, token)) {
        *out_by = (struct principal){PRINCIPAL_TOKEN, ROLE_ADMIN, SCOPE_ALL, .name = "token:configured"};
        return 0;
    }
    throttle_count_wrong(&tokens->throttle, peer_key, now_ms);
    return TOKENS_E_WRONG;
}
