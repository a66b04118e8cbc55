/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Users
 *
 * Whoever makes users can give himself everything his role may, so it takes a credential of all scopes. One
 * enabled administrator is always left.
 */
#include "mgmt/rest/rest_users.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "mgmt/rest/access.h"
#include "mgmt/rest/change.h"
#include "mgmt/rest/etag.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/listing.h"
#include "mgmt/rest/merge_patch.h"
#include "mgmt/rest/resources.h"
#include "mgmt/rest/role_json.h"

/* ---- showing ---- */

json_t *rest_users_json(const struct store_user *user)
{
    return json_pack("{s:o, s:s, s:b, s:o, s:o}", "name", json_value_text(user->name), "role",
                     role_name(user->role), "enabled", user->is_enabled, "created_at",
                     json_value_time(user->created_ms), "changed_at", json_value_time(user->changed_ms));
}

LISTING_COLUMN(store_user, name, text)
LISTING_COLUMN(store_user, changed_ms, number)

static struct listing_value column_role(const void *row)
{
    return (struct listing_value){.text = role_name(((const struct store_user *)row)->role)};
}

static struct listing_value column_enabled(const void *row)
{
    return (struct listing_value){.text = ((const struct store_user *)row)->is_enabled ? "true" : "false"};
}

static uint64_t place_of(const void *row)
{
    return (uint64_t)((const struct store_user *)row)->serial;
}

static json_t *row_json(const struct request *request, const void *row)
{
    (void)request;
    return rest_users_json(row);
}

static bool read_rows(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct store_users users;
    char why[STORE_WHY_SIZE];
    int r = store_user_list(ask->rest->options.store, (int64_t)ask->after, ask->limit, &users, why);

    if (r < 0) {
        rest_reply_store_fault(ask->reply, ask->request, r, why);
        return false;
    }
    *out_chunk = listing_rows(users.rows, users.n, users.n ? place_of(&users.rows[users.n - 1]) : ask->after,
                              users.has_more);
    return true;
}

void rest_users_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {
        {"name", column_name, .sorts = true, LISTING_PART},
        {"role", column_role, .sorts = true, LISTING_WORD, RESOURCES_ROLES},
        {"enabled", column_enabled, .sorts = true, LISTING_WORD, "true false"},
        {"changed_at", column_changed_ms, .sorts = true},
    };
    static const struct listing listing = {
        .name = "users",
        .order = "created_at",
        .row_bytes = sizeof(struct store_user),
        .columns = columns,
        .n_columns = sizeof columns / sizeof *columns,
        .place = place_of,
        .row_json = row_json,
        .read = read_rows,
    };

    listing_reply(&listing, rest, request, reply);
}

/* True and the user; else the reply is filled. */
static bool find(struct rest *rest, const char *name, struct store_user *out_user,
                 const struct request *request, struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    int r = store_user_find(rest->options.store, name, out_user, why);

    if (r == 0)
        return true;
    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else
        problem_reply(reply, request, 404, "There is no user of that name.");
    return false;
}

void rest_users_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct store_user user;

    if (find(rest, request->segments[RESOURCES_NAME_SEGMENT], &user, request, reply))
        etag_reply(reply, request, 200, rest_users_json(&user), NULL);
}

/* ---- writing ---- */

/* What the body says. */
struct wish {
    enum role role;
    bool is_enabled;
    const char *password; /* NULL: it stays */
};

static void read_wish(struct wish *wish, struct json_form *form)
{
    wish->role = role_json_read(form);
    wish->is_enabled = json_form_bool(form, "enabled", true);
    wish->password = json_form_text(form, "password", false, PASSWORD_LEAST_BYTES, PASSWORD_MOST_BYTES);
    json_form_finish(form);
}

bool rest_users_leave_an_admin(struct rest *rest, const char *name, const struct request *request,
                               struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    uint64_t n;
    int r = store_user_count_admins(rest->options.store, name, &n, why);

    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else if (n == 0)
        problem_reply(reply, request, 409, "This is the last enabled administrator: make another one first.");
    return r == 0 && n > 0;
}

/* Hashes under the write lock: writes of users are rare, and everything else goes on. */
static bool store(struct rest *rest, struct store_user *user, const char *password,
                  const struct request *request, struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    int r;

    if (password && password_hash(bytes_of_text(password), user->password_hash) < 0) {
        problem_reply(reply, request, 500, "out of memory");
        return false;
    }
    r = store_user_put(rest->options.store, user, why);
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return false;
    }
    sessions_forget_user(rest->options.sessions, user->serial);
    return true;
}

static void put_checked(struct rest *rest, struct store_user *user, const struct store_user *old,
                        const struct wish *wish, const struct request *request, struct reply *reply)
{
    bool was_admin = old && old->is_enabled && old->role == ROLE_ADMIN;
    unsigned status = old ? 200 : 201;
    json_t *after;

    user->role = wish->role;
    user->is_enabled = wish->is_enabled;
    if (was_admin && !(user->is_enabled && user->role == ROLE_ADMIN) &&
        !rest_users_leave_an_admin(rest, user->name, request, reply))
        return;
    after =
        json_pack("{s:o, s:s, s:b, s:b}", "name", json_value_text(user->name), "role", role_name(user->role),
                  "enabled", user->is_enabled, "password_changes", wish->password != NULL);
    if (change_is_tried(request, reply, status, old ? rest_users_json(old) : NULL, after))
        return;
    if (!store(rest, user, wish->password, request, reply))
        return;
    rest_log(rest, LOG_INFO, request, "The user %s was %s", user->name, old ? "changed" : "made");
    etag_reply(reply, request, status, rest_users_json(user), NULL);
}

/* @found: what store_user_find() answered for @user. */
static void put_wish(struct rest *rest, struct store_user *user, int found, struct json_form *form,
                     const struct request *request, struct reply *reply)
{
    struct store_user old = *user;
    struct wish wish = {0};

    read_wish(&wish, form);
    if (!name_is_valid(bytes_of_text(request->segments[RESOURCES_NAME_SEGMENT])))
        problem_add(form->faults, "", "the user's name in the address must be " NAME_RULE);
    if (found != 0 && !wish.password && !json_object_get(form->object, "password"))
        problem_add(form->faults, "#/password", "is needed for a new user");
    if (problem_faults_are_any(form->faults))
        problem_reply_faults(reply, request, form->faults);
    else
        put_checked(rest, user, found == 0 ? &old : NULL, &wish, request, reply);
}

static void put_locked(struct rest *rest, struct json_form *form, const struct request *request,
                       struct reply *reply)
{
    const char *name = request->segments[RESOURCES_NAME_SEGMENT];
    struct store_user user = {0};
    char why[STORE_WHY_SIZE];
    int found = store_user_find(rest->options.store, name, &user, why);
    json_t *now = found == 0 ? rest_users_json(&user) : NULL;

    snprintf(user.name, sizeof user.name, "%s", name);
    if (found < 0)
        rest_reply_store_fault(reply, request, found, why);
    else if (etag_allows(request, now, reply))
        put_wish(rest, &user, found, form, request, reply);
    json_decref(now);
}

void rest_users_put(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};
    struct json_form form;
    json_t *root;

    if (!access_may_grant(request, reply) || !json_form_read(&form, &root, &faults, request, reply))
        return;
    pthread_mutex_lock(&rest->write_mutex);
    put_locked(rest, &form, request, reply);
    pthread_mutex_unlock(&rest->write_mutex);
    json_decref(root);
}

static void patch_locked(struct rest *rest, const json_t *patch, struct problem_faults *faults,
                         const struct request *request, struct reply *reply)
{
    struct json_form form = {.pointer = "#", .faults = faults};
    struct store_user user;
    json_t *now, *wish;

    if (!find(rest, request->segments[RESOURCES_NAME_SEGMENT], &user, request, reply))
        return;
    now = rest_users_json(&user);
    wish = json_pack("{s:s, s:b}", "role", role_name(user.role), "enabled", user.is_enabled);
    form.object = merge_patch(wish, patch);
    if (!form.object)
        problem_reply(reply, request, 500, "out of memory");
    else if (etag_allows(request, now, reply))
        put_wish(rest, &user, 0, &form, request, reply);
    json_decref(form.object);
    json_decref(wish);
    json_decref(now);
}

void rest_users_patch(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};
    struct json_form form;
    json_t *root;

    if (!access_may_grant(request, reply) || !json_form_read(&form, &root, &faults, request, reply))
        return;
    pthread_mutex_lock(&rest->write_mutex);
    patch_locked(rest, root, &faults, request, reply);
    pthread_mutex_unlock(&rest->write_mutex);
    json_decref(root);
}

static void delete_checked(struct rest *rest, const struct store_user *user, const struct request *request,
                           struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    int r;

    if (user->is_enabled && user->role == ROLE_ADMIN &&
        !rest_users_leave_an_admin(rest, user->name, request, reply))
        return;
    if (change_is_tried(request, reply, 204, rest_users_json(user), NULL))
        return;
    r = store_user_remove(rest->options.store, user->name, why);
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    sessions_forget_user(rest->options.sessions, user->serial);
    rest_log(rest, LOG_INFO, request, "The user %s was removed", user->name);
    reply_set_empty(reply, 204);
}

static void delete_locked(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct store_user user;
    json_t *now;

    if (!find(rest, request->segments[RESOURCES_NAME_SEGMENT], &user, request, reply))
        return;
    now = rest_users_json(&user);
    if (etag_allows(request, now, reply))
        delete_checked(rest, &user, request, reply);
    json_decref(now);
}

void rest_users_delete(struct rest *rest, const struct request *request, struct reply *reply)
{
    pthread_mutex_lock(&rest->write_mutex);
    delete_locked(rest, request, reply);
    pthread_mutex_unlock(&rest->write_mutex);
}
