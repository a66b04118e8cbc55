/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The asker's own session: signing in and out, a new password; who one is
 */
#include <openssl/crypto.h>
#include <stdio.h>

#include "hub/base/clock.h"
#include "hub/base/text.h"
#include "mgmt/rest/access.h"
#include "mgmt/rest/change.h"
#include "mgmt/rest/json_form.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/resources.h"
#include "mgmt/rest/role_json.h"

static json_t *principal_json(const struct principal *by)
{
    return json_pack("{s:s, s:o, s:s, s:o}", "kind", by->kind == PRINCIPAL_SESSION ? "session" : "token",
                     "name", json_value_text(by->name), "role", role_name(by->role), "scopes",
                     role_json_scopes(by->scopes));
}

void rest_session_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    (void)rest;
    json_value_reply(reply, 200, principal_json(&request->by));
}

/* An empty word takes the cookie away. */
static void set_cookie(const struct rest *rest, const char *word, struct reply *reply)
{
    char value[REPLY_VALUE_SIZE];

    snprintf(value, sizeof value, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", rest->cookie, word,
             rest->options.is_secure ? "; Secure" : "", *word ? "" : "; Max-Age=0");
    reply_add_header(reply, "Set-Cookie", value);
    OPENSSL_cleanse(value, sizeof value);
}

/* ---- trying a password ---- */

static void refuse_throttled(const struct request *request, struct reply *reply, uint64_t wait_ms)
{
    unsigned wait_s = (unsigned)((wait_ms + 999) / 1000);
    char wait[16];

    snprintf(wait, sizeof wait, "%u", wait_s);
    problem_reply(
        reply, request, 429,
        "There were too many wrong passwords for this name or from this address. Try again in %u s.", wait_s);
    reply_add_header(reply, "Retry-After", wait);
}

/* Who is not signed in yet has no credential (401); who is has one and wrote a wrong word (422). */
static void refuse_wrong(const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};

    if (request->by.kind == PRINCIPAL_SESSION) {
        problem_add(&faults, "#/former_password", "is not the present password");
        problem_reply_faults(reply, request, &faults);
        return;
    }
    problem_reply(reply, request, 401, "The name or the password is wrong.");
    reply_add_header(reply, "WWW-Authenticate", "Bearer realm=\"CommHub\"");
}

/* True and the user, or the reply is filled. */
static bool is_right(struct rest *rest, const char *name, const char *password, struct store_user *out_user,
                     const struct request *request, struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    uint64_t wait_ms;
    int r =
        login_try(&rest->login, name, bytes_of_text(password), request->peer_key, out_user, &wait_ms, why);

    if (r == 0)
        return true;
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
    } else if (r == LOGIN_E_THROTTLED) {
        refuse_throttled(request, reply, wait_ms);
    } else if (r == LOGIN_E_BUSY) {
        problem_reply(reply, request, 503, "Others are signing in: try again at once.");
        reply_add_header(reply, "Retry-After", "1");
    } else {
        rest_log(rest, LOG_WARN, request, "Refused a wrong password or name");
        refuse_wrong(request, reply);
    }
    return false;
}

/* ---- signing in and out ---- */

/* Cut where a character ends, for it is shown. */
static void set_agent(struct store_session *session, const struct request *request)
{
    const char *agent = request_header(request, "User-Agent");

    snprintf(session->address, sizeof session->address, "%s", request->peer);
    if (agent)
        text_escape(bytes_of_text(agent), session->agent, sizeof session->agent);
}

/* True and the cookie is set, or the reply is filled. */
static bool begin(struct rest *rest, const struct store_user *user, struct store_session *session,
                  const struct request *request, struct reply *reply)
{
    char word[SESSIONS_WORD_SIZE], why[STORE_WHY_SIZE];
    int r;

    set_agent(session, request);
    r = sessions_begin(rest->options.sessions, user, session, word, clock_wall_ms(), why);
    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else if (r == SESSIONS_E_FULL)
        problem_reply(reply, request, 503, "There are %d sessions, as many as may be.", SESSIONS_MOST);
    else
        set_cookie(rest, word, reply);
    OPENSSL_cleanse(word, sizeof word);
    return r == 0;
}

static void sign_in(struct rest *rest, const char *name, const char *password, const struct request *request,
                    struct reply *reply)
{
    struct principal by = {.kind = PRINCIPAL_SESSION, .scopes = SCOPE_ALL};
    struct store_session session = {0};
    struct store_user user;

    change_note(request, NULL, json_pack("{s:o}", "name", json_value_text(name)));
    if (!is_right(rest, name, password, &user, request, reply))
        return;
    by.role = user.role;
    snprintf(by.name, sizeof by.name, "%s", user.name);
    if (change_is_tried(request, reply, 201, NULL, principal_json(&by)) ||
        !begin(rest, &user, &session, request, reply))
        return;
    rest_log(rest, LOG_INFO, request, "%s has signed in", user.name);
    json_value_reply(reply, 201, principal_json(&by));
}

void rest_session_post(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};
    const char *name, *password;
    struct json_form form;
    json_t *root;

    if (!access_is_same_origin(rest, request)) {
        problem_reply(reply, request, 403, "Pages of other origins may not sign in.");
        return;
    }
    if (!json_form_read(&form, &root, &faults, request, reply))
        return;
    name = json_form_text(&form, "name", true, 1, NAME_MAX_BYTES);
    password = json_form_text(&form, "password", true, 1, PASSWORD_MOST_BYTES);
    json_form_finish(&form);
    if (problem_faults_are_any(&faults))
        problem_reply_faults(reply, request, &faults);
    else
        sign_in(rest, name, password, request, reply);
    json_decref(root);
}

void rest_session_delete(struct rest *rest, const struct request *request, struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    int r;

    if (request->by.kind != PRINCIPAL_SESSION) {
        problem_reply(reply, request, 409,
                      "A token has no session to end. To withdraw it, remove the token.");
        return;
    }
    if (change_is_tried(request, reply, 204, principal_json(&request->by), NULL))
        return;
    r = sessions_end(rest->options.sessions, request->by.serial, why);
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    reply_set_empty(reply, 204);
    set_cookie(rest, "", reply);
}

/* ---- a new password of one's own ---- */

static void change_password(struct rest *rest, struct store_user *user, const char *password,
                            const struct request *request, struct reply *reply)
{
    struct store_session session = {0};
    char why[STORE_WHY_SIZE];
    int r = password_hash(bytes_of_text(password), user->password_hash);

    if (r < 0) {
        problem_reply(reply, request, 500, "out of memory");
        return;
    }
    r = store_user_put(rest->options.store, user, why);
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    sessions_forget_user(rest->options.sessions, user->serial);
    rest_log(rest, LOG_INFO, request, "%s has a new password", user->name);
    if (begin(rest, user, &session, request, reply))
        reply_set_empty(reply, 204);
}

static void put_password(struct rest *rest, const char *former, const char *password,
                         const struct request *request, struct reply *reply)
{
    struct store_user user;

    if (!is_right(rest, request->by.name, former, &user, request, reply))
        return;
    if (!change_is_tried(request, reply, 204, NULL,
                         json_pack("{s:o, s:b}", "name", json_value_text(user.name), "password_changes", 1)))
        change_password(rest, &user, password, request, reply);
}

void rest_session_put_password(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};
    const char *former, *password;
    struct json_form form;
    json_t *root;

    if (request->by.kind != PRINCIPAL_SESSION) {
        problem_reply(reply, request, 409, "A token has no password.");
        return;
    }
    if (!json_form_read(&form, &root, &faults, request, reply))
        return;
    former = json_form_text(&form, "former_password", true, 1, PASSWORD_MOST_BYTES);
    password = json_form_text(&form, "password", true, PASSWORD_LEAST_BYTES, PASSWORD_MOST_BYTES);
    json_form_finish(&form);
    if (problem_faults_are_any(&faults)) {
        problem_reply_faults(reply, request, &faults);
    } else {
        pthread_mutex_lock(&rest->write_mutex);
        put_password(rest, former, password, request, reply);
        pthread_mutex_unlock(&rest->write_mutex);
    }
    json_decref(root);
}
