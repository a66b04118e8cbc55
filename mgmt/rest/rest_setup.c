/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The first administrator
 *
 * Made once, with the token of the first start (or a configured one). The first-run token is spent thereby.
 */
#include <stdio.h>

#include "mgmt/auth/admins.h"
#include "mgmt/rest/change.h"
#include "mgmt/rest/json_form.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/resources.h"
#include "mgmt/rest/rest_users.h"

void rest_setup_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    uint64_t n = 0;
    int r = store_user_count_admins(rest->options.store, NULL, &n, why);

    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else
        json_value_reply(reply, 200, json_pack("{s:b}", "needed", n == 0));
}

static void make(struct rest *rest, struct store_user *user, const char *password,
                 const struct request *request, struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    int r = password_hash(bytes_of_text(password), user->password_hash);

    if (r < 0) {
        problem_reply(reply, request, 500, "out of memory");
        return;
    }
    r = admins_store(rest->options.store, user, why);
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    sessions_forget_user(rest->options.sessions, user->serial);
    tokens_forget_first_run(rest->options.tokens);
    rest_log(rest, LOG_INFO, request, "The first administrator, %s, was made", user->name);
    json_value_reply(reply, 201, rest_users_json(user));
}

static void make_locked(struct rest *rest, struct store_user *user, const char *password,
                        const struct request *request, struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    uint64_t n = 0;
    int r = store_user_count_admins(rest->options.store, NULL, &n, why);

    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else if (n > 0)
        problem_reply(reply, request, 409, "There is an administrator already.");
    else if (!change_is_tried(request, reply, 201, NULL,
                              json_pack("{s:o, s:s, s:b}", "name", json_value_text(user->name), "role",
                                        role_name(user->role), "enabled", 1)))
        make(rest, user, password, request, reply);
}

void rest_setup_post(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct store_user user = {.role = ROLE_ADMIN, .is_enabled = true};
    struct problem_faults faults = {0};
    const char *name, *password;
    struct json_form form;
    json_t *root;

    if (!json_form_read(&form, &root, &faults, request, reply))
        return;
    name = json_form_text(&form, "name", true, 1, NAME_MAX_BYTES);
    password = json_form_text(&form, "password", true, PASSWORD_LEAST_BYTES, PASSWORD_MOST_BYTES);
    json_form_finish(&form);
    if (name && !name_is_valid(bytes_of_text(name)))
        problem_add(&faults, "#/name", "must not have control characters");
    if (problem_faults_are_any(&faults)) {
        problem_reply_faults(reply, request, &faults);
    } else {
        snprintf(user.name, sizeof user.name, "%s", name);
        pthread_mutex_lock(&rest->write_mutex);
        make_locked(rest, &user, password, request, reply);
        pthread_mutex_unlock(&rest->write_mutex);
    }
    json_decref(root);
}
