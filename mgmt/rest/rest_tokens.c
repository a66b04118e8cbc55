/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Bearer tokens: shown once, when they are made
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/clock.h"
#include "mgmt/rest/access.h"
#include "mgmt/rest/change.h"
#include "mgmt/rest/etag.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/listing.h"
#include "mgmt/rest/resources.h"
#include "mgmt/rest/role_json.h"
#include "mgmt/store/store_user.h"

#define LEAST_LIFETIME_S 60
#define MOST_LIFETIME_S ((int64_t)10 * 366 * 24 * 3600)

/* ---- showing ---- */

static json_t *token_json(const struct store_token *token)
{
    return json_pack("{s:o, s:s, s:o, s:s, s:o, s:o, s:o}", "name", json_value_text(token->name), "role",
                     role_name(token->role), "scopes", role_json_scopes(token->scopes), "origin",
                     store_token_origin_name(token->origin), "created_at", json_value_time(token->created_ms),
                     "created_by", json_value_text_or_null(token->created_by), "expires_at",
                     token->expires_ms ? json_value_time(token->expires_ms) : json_null());
}

LISTING_COLUMN(store_token, name, text)
LISTING_COLUMN(store_token, created_by, text)

static struct listing_value column_role(const void *row)
{
    return (struct listing_value){.text = role_name(((const struct store_token *)row)->role)};
}

static struct listing_value column_origin(const void *row)
{
    return (struct listing_value){.text = store_token_origin_name(((const struct store_token *)row)->origin)};
}

/* Those without an end come last. */
static struct listing_value column_expires(const void *row)
{
    const struct store_token *token = row;

    return (struct listing_value){.number = token->expires_ms ? token->expires_ms : UINT64_MAX};
}

static uint64_t place_of(const void *row)
{
    return (uint64_t)((const struct store_token *)row)->serial;
}

static json_t *row_json(const struct request *request, const void *row)
{
    (void)request;
    return token_json(row);
}

static bool read_rows(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct store_tokens tokens;
    char why[STORE_WHY_SIZE];
    int r = store_token_list(ask->rest->options.store, (int64_t)ask->after, ask->limit, &tokens, why);

    if (r < 0) {
        rest_reply_store_fault(ask->reply, ask->request, r, why);
        return false;
    }
    *out_chunk = listing_rows(tokens.rows, tokens.n,
                              tokens.n ? place_of(&tokens.rows[tokens.n - 1]) : ask->after, tokens.has_more);
    return true;
}

void rest_tokens_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {
        {"name", column_name, .sorts = true, LISTING_PART},
        {"role", column_role, .sorts = true, LISTING_WORD, RESOURCES_ROLES},
        {"origin", column_origin, .sorts = true, LISTING_WORD, "api first_run configuration"},
        {"created_by", column_created_by, .sorts = true, LISTING_PART},
        {"expires_at", column_expires, .sorts = true},
    };
    static const struct listing listing = {
        .name = "tokens",
        .order = "created_at",
        .row_bytes = sizeof(struct store_token),
        .columns = columns,
        .n_columns = sizeof columns / sizeof *columns,
        .place = place_of,
        .row_json = row_json,
        .read = read_rows,
    };

    listing_reply(&listing, rest, request, reply);
}

/* True and the token; else the reply is filled. */
static bool find(struct rest *rest, struct store_token *out_token, const struct request *request,
                 struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    int r = store_token_find(rest->options.store, request->segments[RESOURCES_NAME_SEGMENT], out_token, why);

    if (r == 0)
        return true;
    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else
        problem_reply(reply, request, 404, "There is no token of that name.");
    return false;
}

void rest_tokens_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct store_token token;

    if (find(rest, &token, request, reply))
        etag_reply(reply, request, 200, token_json(&token), NULL);
}

/* ---- making ---- */

static void read_wish(struct store_token *token, struct json_form *form)
{
    const char *name = json_form_text(form, "name", true, 1, NAME_MAX_BYTES);
    int64_t lifetime_s;

    if (name && !name_is_valid(bytes_of_text(name)))
        problem_add(form->faults, "#/name", "must not have control characters");
    else if (name && (strcmp(name, "first-run") == 0 || strcmp(name, "configuration") == 0))
        problem_add(form->faults, "#/name", "is the name of a token that is not made here");
    snprintf(token->name, sizeof token->name, "%s", name ? name : "");
    token->role = role_json_read(form);
    token->scopes = role_json_read_scopes(form);
    lifetime_s = json_form_number(form, "lifetime_s", LEAST_LIFETIME_S, MOST_LIFETIME_S, 0);
    token->expires_ms = lifetime_s ? clock_wall_ms() + (uint64_t)lifetime_s * 1000 : 0;
    json_form_finish(form);
}

static void reply_made(const struct store_token *token, const char *text, struct reply *reply)
{
    json_t *json = token_json(token);

    if (json_object_set_new(json, "token", json_string(text))) {
        json_decref(json);
        json = NULL;
    }
    json_value_reply(reply, 201, json);
}

static void make(struct rest *rest, struct store_token *token, const struct request *request,
                 struct reply *reply)
{
    char text[TOKENS_TEXT_SIZE], why[STORE_WHY_SIZE];
    int r = tokens_make(rest->options.tokens, token, text, why);

    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else if (r == TOKENS_E_TAKEN)
        problem_reply(reply, request, 409, "There is a token of that name already.");
    else if (r == TOKENS_E_FULL)
        problem_reply(reply, request, 409, "There are %d tokens, as many as may be: remove one first.",
                      TOKENS_MOST);
    if (r == 0) {
        rest_log(rest, LOG_INFO, request, "The token %s (%s) was made", token->name, role_name(token->role));
        reply_made(token, text, reply);
    }
    OPENSSL_cleanse(text, sizeof text);
}

static void make_locked(struct rest *rest, struct store_token *token, const struct request *request,
                        struct reply *reply)
{
    struct store_token former;
    char why[STORE_WHY_SIZE];
    int r = store_token_find(rest->options.store, token->name, &former, why);

    snprintf(token->created_by, sizeof token->created_by, "%s", request->by.name);
    token->created_ms = clock_wall_ms();
    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else if (r == 0)
        problem_reply(reply, request, 409, "There is a token of that name already.");
    else if (!change_is_tried(request, reply, 201, NULL, token_json(token)))
        make(rest, token, request, reply);
}

void rest_tokens_post(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};
    struct store_token token = {0};
    struct json_form form;
    json_t *root;

    if (!access_may_grant(request, reply) || !json_form_read(&form, &root, &faults, request, reply))
        return;
    read_wish(&token, &form);
    if (problem_faults_are_any(&faults)) {
        problem_reply_faults(reply, request, &faults);
    } else {
        pthread_mutex_lock(&rest->write_mutex);
        make_locked(rest, &token, request, reply);
        pthread_mutex_unlock(&rest->write_mutex);
    }
    json_decref(root);
}

/* ---- removing ---- */

/* The first-run token may be all there is to get in with. */
static bool may_remove(struct rest *rest, const struct store_token *token, const struct request *request,
                       struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    uint64_t n_admins = 0;
    int r = 0;

    if (token->origin == STORE_TOKEN_CONFIGURATION) {
        problem_reply(reply, request, 409,
                      "This token is set by the hub's configuration (--admin-token-file): change it there.");
        return false;
    }
    if (token->origin == STORE_TOKEN_API || tokens_have(rest->options.tokens, STORE_TOKEN_CONFIGURATION))
        return true;
    r = store_user_count_admins(rest->options.store, NULL, &n_admins, why);
    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else if (n_admins == 0)
        problem_reply(reply, request, 409,
                      "Without it nobody could administer the hub: make an administrator "
                      "first (POST /api/v1/setup).");
    return r == 0 && n_admins > 0;
}

static void delete_checked(struct rest *rest, const struct store_token *token, const struct request *request,
                           struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    int r;

    if (change_is_tried(request, reply, 204, token_json(token), NULL))
        return;
    r = tokens_remove(rest->options.tokens, token->name, why);
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    rest_log(rest, LOG_INFO, request, "The token %s was removed", token->name);
    reply_set_empty(reply, 204);
}

static void delete_locked(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct store_token token;
    json_t *now;

    if (!find(rest, &token, request, reply) || !may_remove(rest, &token, request, reply))
        return;
    now = token_json(&token);
    if (etag_allows(request, now, reply))
        delete_checked(rest, &token, request, reply);
    json_decref(now);
}

void rest_tokens_delete(struct rest *rest, const struct request *request, struct reply *reply)
{
    pthread_mutex_lock(&rest->write_mutex);
    delete_locked(rest, request, reply);
    pthread_mutex_unlock(&rest->write_mutex);
}
