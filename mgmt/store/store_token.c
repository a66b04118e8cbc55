/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/store_token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/clock.h"
#include "mgmt/store/store_inside.h"

#define COLUMNS "id, name, sha256, origin, role, scopes, created_ms, created_by, expires_ms"

static const char *const origin_names[] = {"api", "first_run", "configuration"};

const char *store_token_origin_name(enum store_token_origin origin)
{
    return origin_names[origin];
}

static enum store_token_origin origin_of(struct bytes name)
{
    for (enum store_token_origin origin = STORE_TOKEN_FIRST_RUN; origin <= STORE_TOKEN_CONFIGURATION;
         origin++) {
        if (bytes_equal_text(name, origin_names[origin]))
            return origin;
    }
    return STORE_TOKEN_API;
}

static void read_row(struct db_statement *statement, void *row)
{
    struct store_token *out_token = row;
    struct bytes sha256 = db_column(statement, 2);

    *out_token = (struct store_token){
        .serial = db_column_number(statement, 0),
        .origin = origin_of(db_column(statement, 3)),
        .scopes = (unsigned)db_column_number(statement, 5),
        .created_ms = (uint64_t)db_column_number(statement, 6),
        .expires_ms = (uint64_t)db_column_number(statement, 8),
    };
    store_copy_text(out_token->name, sizeof out_token->name, db_column(statement, 1));
    store_copy_text(out_token->created_by, sizeof out_token->created_by, db_column(statement, 7));
    out_token->role = store_role(db_column(statement, 4));
    if (sha256.len == STORE_TOKEN_BYTES)
        memcpy(out_token->sha256, sha256.ptr, STORE_TOKEN_BYTES);
}

int store_token_list(struct store *store, int64_t after, size_t limit, struct store_tokens *out_tokens,
                     char out_why[STORE_WHY_SIZE])
{
    struct store_page page;
    int r = store_read_page(store, "SELECT " COLUMNS " FROM token WHERE id > ?1 ORDER BY id LIMIT ?2", after,
                            limit, sizeof *out_tokens->rows, read_row, &page, out_why);

    *out_tokens = (struct store_tokens){page.rows, page.n, page.has_more};
    return r;
}

int store_token_find(struct store *store, const char *name, struct store_token *out_token,
                     char out_why[STORE_WHY_SIZE])
{
    return store_find_named(store, "SELECT " COLUMNS " FROM token WHERE name = ?1", bytes_of_text(name),
                            read_row, out_token, out_why);
}

/* 0, STORE_TOKEN_E_TAKEN or a negative errno. */
static int insert(struct store *store, struct store_token *token)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db,
                       "INSERT INTO token (name, sha256, origin, role, scopes, created_ms, created_by, "
                       "expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (name) DO NOTHING "
                       "RETURNING id",
                       &statement);

    if (r < 0)
        return r;
    db_bind_text(statement, 1, bytes_of_text(token->name));
    db_bind_blob(statement, 2, bytes_of(token->sha256, STORE_TOKEN_BYTES));
    db_bind_text(statement, 3, bytes_of_text(origin_names[token->origin]));
    db_bind_text(statement, 4, bytes_of_text(role_name(token->role)));
    db_bind_number(statement, 5, token->scopes);
    db_bind_number(statement, 6, (int64_t)token->created_ms);
    db_bind_text(statement, 7, bytes_of_text(token->created_by));
    db_bind_number(statement, 8, (int64_t)token->expires_ms);
    r = db_step(statement);
    if (r == DB_ROW) {
        token->serial = db_column_number(statement, 0);
        return db_step(statement);
    }
    return r < 0 ? r : STORE_TOKEN_E_TAKEN;
}

int store_token_add(struct store *store, struct store_token *token, char out_why[STORE_WHY_SIZE])
{
    int r = store_begin(store);

    if (r == 0)
        r = insert(store, token);
    return store_end(store, r, out_why);
}

/* Also of the same hash: one token may have been given by the file and be the first run's. */
static int remove_like(struct store *store, enum store_token_origin origin, const uint8_t *sha256)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "DELETE FROM token WHERE origin = ?1 OR sha256 = ?2", &statement);

    if (r < 0)
        return r;
    db_bind_text(statement, 1, bytes_of_text(origin_names[origin]));
    db_bind_blob(statement, 2, sha256 ? bytes_of(sha256, STORE_TOKEN_BYTES) : BYTES_NONE);
    return db_step(statement);
}

/* The name is in no other token's way: names of origins cannot be given over the API. */
static int insert_of_origin(struct store *store, enum store_token_origin origin, const uint8_t *sha256)
{
    struct store_token token = {
        .origin = origin, .role = ROLE_ADMIN, .scopes = SCOPE_ALL, .created_ms = clock_wall_ms()};
    int r;

    snprintf(token.name, sizeof token.name, "%s",
             origin == STORE_TOKEN_FIRST_RUN ? "first-run" : "configuration");
    memcpy(token.sha256, sha256, STORE_TOKEN_BYTES);
    r = insert(store, &token);
    return r > 0 ? -EEXIST : r;
}

int store_token_set_origin(struct store *store, enum store_token_origin origin, const uint8_t *sha256,
                           char out_why[STORE_WHY_SIZE])
{
    int r = store_begin(store);

    if (r == 0)
        r = remove_like(store, origin, sha256);
    if (r == 0 && sha256)
        r = insert_of_origin(store, origin, sha256);
    return store_end(store, r, out_why);
}

int store_token_remove(struct store *store, const char *name, char out_why[STORE_WHY_SIZE])
{
    return store_remove_named(store, "DELETE FROM token WHERE name = ?1", bytes_of_text(name), out_why);
}
