/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Passwords that an operator gives to channels
 *
 * The wish is stored first, then the hub is told; if the hub does not take it, the former wish is stored
 * again.
 */
#include <errno.h>
#include <openssl/crypto.h>

#include "hub/base/name.h"
#include "hub/wire/signature.h"
#include "mgmt/rest/change.h"
#include "mgmt/rest/json_form.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/resources.h"
#include "mgmt/store/seal.h"
#include "mgmt/store/store_password.h"

#define MOST_PASSWORD_BYTES 1024
#define SYSTEM_CHANNEL_PREFIX "__comm_ipc_"

struct asking {
    struct rest *rest;
    struct bytes channel;
    struct bytes password;
    const uint8_t *signing_key;
    bool is_pinned;
    int result;
};

static void run_find_origin(void *argument)
{
    struct asking *asking = argument;
    struct view *view = NULL;
    struct view_channel channel = {0};

    asking->result = server_control_channel(asking->rest->options.server, asking->channel, &view, &channel);
    asking->is_pinned = channel.password_origin == PASSWORD_BY_CONFIGURATION;
    view_free(view);
}

static void run_set(void *argument)
{
    struct asking *asking = argument;

    asking->result = server_control_set_password(asking->rest->options.server, asking->channel,
                                                 asking->password, asking->signing_key);
}

static bool is_changeable(struct asking *asking, const struct request *request, struct reply *reply)
{
    if (!rest_ask(asking->rest, run_find_origin, asking, request, reply))
        return false;
    if (asking->result < 0)
        problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
    else if (asking->is_pinned)
        problem_reply(
            reply, request, 409,
            "This password is set by the hub's configuration (--system-passwords-file): change it there.");
    else
        return true;
    return false;
}

/* The store's former state again; @old is NULL where there was none. */
static void take_back(struct asking *asking, const struct buffer *old, const struct request *request)
{
    struct store *store = asking->rest->options.store;
    char why[STORE_WHY_SIZE];
    int r = old ? store_password_set(store, asking->channel, buffer_bytes(old), why)
                : store_password_remove(store, asking->channel, why);

    if (r < 0)
        rest_log(asking->rest, LOG_ERROR, request,
                 "A channel's password is stored but not in force, and could not be taken back: %s", why);
}

/* True if the hub has it; else the reply is filled and the store is as it was. */
static bool apply(struct asking *asking, const struct buffer *old, const struct request *request,
                  struct reply *reply)
{
    bool is_asked = rest_ask(asking->rest, run_set, asking, request, reply);

    if (is_asked && asking->result == 0)
        return true;
    if (is_asked)
        problem_reply(reply, request, 500, "The hub did not take the password: out of memory.");
    take_back(asking, old, request);
    return false;
}

static void log_change(struct asking *asking, const struct request *request, const char *what)
{
    rest_log(asking->rest, LOG_INFO, request, "The password of channel %.*s was %s", (int)asking->channel.len,
             (const char *)asking->channel.ptr, what);
}

static json_t *password_json(const struct asking *asking, bool is_set)
{
    return json_pack("{s:o, s:b}", "channel", json_value_bytes(asking->channel), "password_set", is_set);
}

static void put(struct asking *asking, const struct request *request, struct reply *reply)
{
    cleanup_(seal_wipe) struct buffer old = {0};
    struct store *store = asking->rest->options.store;
    char why[STORE_WHY_SIZE];
    int found, r;

    if (!is_changeable(asking, request, reply))
        return;
    found = store_password_find(store, asking->channel, &old, why);
    if (found >= 0 &&
        change_is_tried(request, reply, 204, password_json(asking, found == 0), password_json(asking, true)))
        return;
    r = found < 0 ? found : store_password_set(store, asking->channel, asking->password, why);
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    if (!apply(asking, found == 0 ? &old : NULL, request, reply))
        return;
    log_change(asking, request, "set");
    reply_set_empty(reply, 204);
}

static void put_locked(struct asking *asking, const struct request *request, struct reply *reply)
{
    uint8_t key[SIGNATURE_KEY_BYTES];
    int r = 0;

    /* The hub signs what it posts on system channels. Deriving takes long: here, not on the loop. */
    if (bytes_start_with(asking->channel, BYTES_LITERAL(SYSTEM_CHANNEL_PREFIX))) {
        r = signature_derive_key(asking->password, asking->channel, key);
        asking->signing_key = key;
    }
    if (r < 0) {
        problem_reply(reply, request, 500, "The signing key could not be derived.");
    } else {
        pthread_mutex_lock(&asking->rest->write_mutex);
        put(asking, request, reply);
        pthread_mutex_unlock(&asking->rest->write_mutex);
    }
    OPENSSL_cleanse(key, sizeof key);
}

void rest_passwords_put(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct asking asking = {.rest = rest,
                            .channel = bytes_of_text(request->segments[RESOURCES_NAME_SEGMENT])};
    struct problem_faults faults = {0};
    struct json_form form;
    const char *password;
    json_t *root;

    if (!json_form_read(&form, &root, &faults, request, reply))
        return;
    password = json_form_text(&form, "password", true, 1, MOST_PASSWORD_BYTES);
    json_form_finish(&form);
    if (!name_is_valid(asking.channel))
        problem_add(&faults, "", "the channel's name in the address must be " NAME_RULE);
    if (problem_faults_are_any(&faults)) {
        problem_reply_faults(reply, request, &faults);
    } else {
        asking.password = bytes_of_text(password);
        put_locked(&asking, request, reply);
    }
    json_decref(root);
}

static void delete_locked(struct asking *asking, const struct request *request, struct reply *reply)
{
    cleanup_(seal_wipe) struct buffer old = {0};
    struct store *store = asking->rest->options.store;
    char why[STORE_WHY_SIZE];
    int r;

    if (!is_changeable(asking, request, reply))
        return;
    r = store_password_find(store, asking->channel, &old, why);
    if (r == 0 &&
        change_is_tried(request, reply, 204, password_json(asking, true), password_json(asking, false)))
        return;
    if (r == 0)
        r = store_password_remove(store, asking->channel, why);
    if (r == STORE_E_UNKNOWN) {
        problem_reply(reply, request, 404, "No operator has given that channel a password.");
        return;
    }
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    if (!apply(asking, &old, request, reply))
        return;
    log_change(asking, request, "taken away");
    reply_set_empty(reply, 204);
}

void rest_passwords_delete(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct asking asking = {.rest = rest,
                            .channel = bytes_of_text(request->segments[RESOURCES_NAME_SEGMENT])};

    pthread_mutex_lock(&rest->write_mutex);
    delete_locked(&asking, request, reply);
    pthread_mutex_unlock(&rest->write_mutex);
}
