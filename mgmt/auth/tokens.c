/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/auth/tokens.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/base/random.h"
#include "mgmt/store/data_dir.h"

#define FIRST_RUN_CHARACTERS (TOKENS_TEXT_SIZE - 1)

struct tokens {
    struct store *store;
    pthread_mutex_t mutex;    /* guards rows */
    struct store_tokens rows; /* with room for TOKENS_MOST */
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

    return r < 0 ? r : store_token_set_origin(store, STORE_TOKEN_CONFIGURATION, sha256, out_why);
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
    return store_token_set_origin(store, STORE_TOKEN_FIRST_RUN, sha256, out_why);
}

static int load(struct tokens *tokens, char out_why[TOKENS_WHY_SIZE])
{
    struct store_tokens rows, former;
    int r = store_token_list(tokens->store, 0, TOKENS_MOST, &rows, out_why);

    if (r < 0)
        return r;
    pthread_mutex_lock(&tokens->mutex);
    former = tokens->rows;
    tokens->rows = rows;
    pthread_mutex_unlock(&tokens->mutex);
    free(former.rows);
    return 0;
}

static int fill(struct tokens *tokens, const char *token_file, bool may_make_first_run,
                bool *out_made_first_run, char out_why[TOKENS_WHY_SIZE])
{
    int r;

    if (token_file)
        r = load_configured(tokens->store, token_file, out_why);
    else
        r = store_token_set_origin(tokens->store, STORE_TOKEN_CONFIGURATION, NULL, out_why);
    if (r == 0)
        r = load(tokens, out_why);
    if (r < 0 || tokens->rows.n || !may_make_first_run)
        return r;
    r = make_first_run(tokens->store, out_why);
    if (r == 0)
        r = load(tokens, out_why);
    *out_made_first_run = r == 0;
    return r;
}

int tokens_new(struct tokens **out_tokens, struct store *store, const char *token_file,
               bool may_make_first_run, bool *out_made_first_run, char out_why[TOKENS_WHY_SIZE])
{
    cleanup_(tokens_freep) struct tokens *tokens = calloc(1, sizeof *tokens);
    int r;

    *out_made_first_run = false;
    if (!tokens) {
        snprintf(out_why, TOKENS_WHY_SIZE, "out of memory");
        return -ENOMEM;
    }
    tokens->store = store;
    pthread_mutex_init(&tokens->mutex, NULL);
    r = fill(tokens, token_file, may_make_first_run, out_made_first_run, out_why);
    if (r < 0)
        return r;
    *out_tokens = take(tokens);
    return 0;
}

void tokens_free(struct tokens *tokens)
{
    if (!tokens)
        return;
    pthread_mutex_destroy(&tokens->mutex);
    free(tokens->rows.rows);
    free(tokens);
}

static void name_principal(const struct store_token *token, struct principal *out_by)
{
    *out_by = (struct principal){PRINCIPAL_TOKEN, token->role, token->scopes, token->serial, ""};
    snprintf(out_by->name, sizeof out_by->name, "token:%s", token->name);
}

/* All are compared, each in constant time: the time tells nothing. */
bool tokens_find(struct tokens *tokens, struct bytes token, struct principal *out_by)
{
    const struct store_token *found = NULL;
    uint8_t sha256[STORE_TOKEN_BYTES];

    hash(token, sha256);
    pthread_mutex_lock(&tokens->mutex);
    for (size_t i = 0; i < tokens->rows.n; i++) {
        const struct store_token *row = &tokens->rows.rows[i];

        if (bytes_equal_secret(bytes_of(sha256, sizeof sha256), bytes_of(row->sha256, sizeof row->sha256)))
            found = row;
    }
    if (found && found->expires_ms && found->expires_ms <= clock_wall_ms())
        found = NULL;
    if (found)
        name_principal(found, out_by);
    pthread_mutex_unlock(&tokens->mutex);
    return found != NULL;
}

bool tokens_have(struct tokens *tokens, enum store_token_origin origin)
{
    bool is_there = false;

    pthread_mutex_lock(&tokens->mutex);
    for (size_t i = 0; i < tokens->rows.n; i++)
        is_there |= tokens->rows.rows[i].origin == origin;
    pthread_mutex_unlock(&tokens->mutex);
    return is_there;
}

/* Without allocating: what is stored is in force. */
static void append(struct tokens *tokens, const struct store_token *token)
{
    pthread_mutex_lock(&tokens->mutex);
    check(tokens->rows.n < TOKENS_MOST);
    tokens->rows.rows[tokens->rows.n++] = *token;
    pthread_mutex_unlock(&tokens->mutex);
}

int tokens_make(struct tokens *tokens, struct store_token *token, char out_text[TOKENS_TEXT_SIZE],
                char out_why[TOKENS_WHY_SIZE])
{
    size_t n;
    int r;

    pthread_mutex_lock(&tokens->mutex);
    n = tokens->rows.n;
    pthread_mutex_unlock(&tokens->mutex);
    if (n >= TOKENS_MOST)
        return TOKENS_E_FULL;
    random_alphanumeric(out_text, TOKENS_TEXT_SIZE - 1);
    hash(bytes_of_text(out_text), token->sha256);
    token->origin = STORE_TOKEN_API;
    token->created_ms = clock_wall_ms();
    r = store_token_add(tokens->store, token, out_why);
    if (r == 0)
        append(tokens, token);
    return r;
}

/* Under the mutex. In place: what is taken away must be gone even where there is no memory for a new list. */
static void drop(struct tokens *tokens, size_t i)
{
    struct store_token *row = &tokens->rows.rows[i];

    memmove(row, row + 1, (tokens->rows.n - i - 1) * sizeof *row);
    tokens->rows.n--;
}

static void forget(struct tokens *tokens, const char *name, enum store_token_origin *out_origin)
{
    pthread_mutex_lock(&tokens->mutex);
    for (size_t i = 0; i < tokens->rows.n; i++) {
        if (strcmp(tokens->rows.rows[i].name, name) != 0)
            continue;
        *out_origin = tokens->rows.rows[i].origin;
        drop(tokens, i);
        break;
    }
    pthread_mutex_unlock(&tokens->mutex);
}

void tokens_forget_first_run(struct tokens *tokens)
{
    pthread_mutex_lock(&tokens->mutex);
    for (size_t i = tokens->rows.n; i-- > 0;) {
        if (tokens->rows.rows[i].origin == STORE_TOKEN_FIRST_RUN)
            drop(tokens, i);
    }
    pthread_mutex_unlock(&tokens->mutex);
}

int tokens_remove(struct tokens *tokens, const char *name, char out_why[TOKENS_WHY_SIZE])
{
    enum store_token_origin origin = STORE_TOKEN_API;
    int r = store_token_remove(tokens->store, name, out_why);

    if (r)
        return r;
    forget(tokens, name, &origin);
    if (origin == STORE_TOKEN_FIRST_RUN) {
        cleanup_free_ char *path = store_path(tokens->store, TOKENS_FIRST_RUN_FILE);

        if (path)
            unlink(path);
    }
    return 0;
}
