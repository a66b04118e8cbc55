/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who may do what: every route with every kind of credential, users, tokens, sessions, the first
 * administrator
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "hub/base/check.h"
#include "mgmt/auth/admins.h"
#include "mgmt/mgmt.h"
#include "mgmt/rest/access.h"
#include "mgmt/rest/routes.h"
#include "mgmt/store/data_dir.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

#define PASSWORD "correct horse"

static struct stand stand;

static int set_up(void **state)
{
    (void)state;
    stand_start(&stand, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stand_stop(&stand);
    return 0;
}

static const char *text(json_t *object, const char *name)
{
    const char *found = json_string_value(json_object_get(object, name));

    return found ? found : "(none)";
}

static struct stand_answer ask(const char *method, const char *target, const char *body)
{
    return stand_ask(&stand, method, target, STAND_TOKEN, body);
}

static void expect_with(const char *token, const char *method, const char *target, const char *body,
                        int status)
{
    struct stand_answer answer = stand_ask(&stand, method, target, token, body);

    if (answer.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, target, answer.status, status, answer.body);
    stand_answer_clear(&answer);
}

static void expect(const char *method, const char *target, const char *body, int status)
{
    expect_with(STAND_TOKEN, method, target, body, status);
}

/* A token for the caller to free(). */
static char *make_token(const char *name, const char *role, const char *scopes)
{
    char body[256], *token;
    struct stand_answer answer;

    snprintf(body, sizeof body, "{\"name\": \"%s\", \"role\": \"%s\", \"scopes\": [%s]}", name, role, scopes);
    answer = ask("POST", "/api/v1/tokens", body);
    if (answer.status != 201)
        fail_msg("%d: %s", answer.status, answer.body);
    token = strdup(text(answer.json, "token"));
    stand_answer_clear(&answer);
    return token;
}

/* ---- every route, every credential ---- */

/* "/api/v1/channels/{name}" -> "/api/v1/channels/x", with dry_run where there is that, and without calls that
 * wait.
 */
static void fill_in(const struct route *route, char *out_target, size_t size)
{
    size_t len = 0;

    for (const char *at = route->pattern; *at && len + 20 < size; at++) {
        if (*at == '{') {
            out_target[len++] = 'x';
            at = strchr(at, '}');
        } else {
            out_target[len++] = *at;
        }
    }
    snprintf(out_target + len, size - len, "%s", route->has_dry_run ? "?dry_run=true" : "");
}

/* Messages through the gateway are broken ones: the hub that is played answers none. */
static const char *body_for(const struct route *route)
{
    return !route->takes_body ? NULL : route->is_quiet ? "{" : "{}";
}

static int status_with(const struct route *route, const char *token)
{
    const char *type = strcmp(route->method, "PATCH") == 0 ? "merge-patch+json" : "json";
    struct stand_answer answer;
    char target[256], headers[512];
    int status;

    fill_in(route, target, sizeof target);
    snprintf(headers, sizeof headers, "%s%s%sContent-Type: application/%s\r\n",
             token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "", type);
    answer = stand_ask_with(&stand, route->method, target, headers, body_for(route));
    status = answer.status;
    stand_answer_clear(&answer);
    return status;
}

static void check_row(const struct route *route, const char *what, const char *token, enum role role,
                      unsigned scopes)
{
    bool has_scope = (scopes & (unsigned)route->scope) == (unsigned)route->scope;
    int wanted = route->role == ROLE_NONE ? 0 : !token ? 401 : role < route->role || !has_scope ? 403 : 0;
    int status = status_with(route, token);

    if (!status)
        fail_msg("%s %s with %s was not answered", route->method, route->pattern, what);
    if (wanted ? status != wanted : (status == 401 || status == 403) && route->role != ROLE_NONE)
        fail_msg("%s %s with %s: %d, not %d", route->method, route->pattern, what, status, wanted);
}

static void test_who_is_refused_is_told_how_to_ask(void **state)
{
    struct stand_answer answer = stand_ask(&stand, "GET", "/api/v1/hub", NULL, NULL);
    char *challenge = stand_header(&answer, "WWW-Authenticate");

    (void)state;
    assert_int_equal(answer.status, 401);
    assert_string_equal(challenge, "Bearer realm=\"CommHub\"");
    free(challenge);
    stand_answer_clear(&answer);
}

static void test_every_route_answers_every_credential_as_the_table_says(void **state)
{
    char *tokens[ROLE_COUNT] = {NULL}, *of_scope[SCOPE_COUNT];
    size_t n;
    const struct route *routes = routes_all(&n);

    (void)state;
    for (enum role role = ROLE_VIEWER; role <= ROLE_ADMIN; role++)
        tokens[role] = make_token(role_name(role), role_name(role), "");
    for (unsigned i = 0; i < SCOPE_COUNT; i++) {
        const char *name = scope_name((enum scope)(1u << i));
        char scopes[32];

        snprintf(scopes, sizeof scopes, "\"%s\"", name);
        of_scope[i] = make_token(name, "operator", scopes);
    }
    for (size_t i = 0; i < n; i++) {
        check_row(&routes[i], "no credential", NULL, ROLE_NONE, 0);
        for (enum role role = ROLE_VIEWER; role <= ROLE_ADMIN; role++)
            check_row(&routes[i], role_name(role), tokens[role], role, SCOPE_ALL);
        for (unsigned k = 0; k < SCOPE_COUNT; k++)
            check_row(&routes[i], scope_name((enum scope)(1u << k)), of_scope[k], ROLE_OPERATOR, 1u << k);
    }
    for (enum role role = ROLE_VIEWER; role <= ROLE_ADMIN; role++)
        free(tokens[role]);
    for (unsigned i = 0; i < SCOPE_COUNT; i++)
        free(of_scope[i]);
}

/* ---- tokens ---- */

static void test_a_token_is_shown_once_and_good_until_it_is_removed(void **state)
{
    char *token = make_token("deploy", "operator", "\"mesh\", \"hub\"");
    struct stand_answer answer = ask("GET", "/api/v1/tokens/deploy", NULL);

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_null(strstr(answer.body, token));
    assert_string_equal(text(answer.json, "created_by"), "token:configuration");
    assert_int_equal(json_array_size(json_object_get(answer.json, "scopes")), 2);
    stand_answer_clear(&answer);
    answer = stand_ask(&stand, "GET", "/api/v1/session", token, NULL);
    assert_string_equal(text(answer.json, "name"), "token:deploy");
    assert_string_equal(text(answer.json, "role"), "operator");
    stand_answer_clear(&answer);
    stand_restart(&stand);
    expect_with(token, "GET", "/api/v1/hub", NULL, 200);
    expect("DELETE", "/api/v1/tokens/deploy", NULL, 204);
    expect_with(token, "GET", "/api/v1/hub", NULL, 401);
    expect("DELETE", "/api/v1/tokens/deploy", NULL, 404);
    free(token);
}

static void test_a_token_of_some_scopes_can_not_make_itself_one_of_all(void **state)
{
    char *token = make_token("narrow", "admin", "\"access\"");

    (void)state;
    expect_with(token, "GET", "/api/v1/users", NULL, 200);
    expect_with(token, "POST", "/api/v1/tokens", "{\"name\": \"wide\", \"role\": \"admin\"}", 403);
    expect_with(token, "PUT", "/api/v1/users/eve", "{\"role\": \"admin\", \"password\": \"0123456789\"}",
                403);
    expect_with(token, "PATCH", "/api/v1/users/eve", "{\"password\": \"0123456789\"}", 403);
    free(token);
}

static void test_the_configured_token_can_not_be_removed_here(void **state)
{
    (void)state;
    expect("DELETE", "/api/v1/tokens/configuration", NULL, 409);
    expect("POST", "/api/v1/tokens", "{\"name\": \"configuration\", \"role\": \"admin\"}", 422);
}

/* ---- users ---- */

static void test_a_user_is_made_changed_and_removed(void **state)
{
    struct stand_answer answer =
        ask("PUT", "/api/v1/users/alice%20%3Cb%3E", "{\"role\": \"admin\", \"password\": \"" PASSWORD "\"}");

    (void)state;
    assert_int_equal(answer.status, 201);
    assert_string_equal(text(answer.json, "name"), "alice <b>");
    assert_null(strstr(answer.body, "scrypt"));
    stand_answer_clear(&answer);
    expect("PUT", "/api/v1/users/bob", "{\"role\": \"viewer\", \"password\": \"" PASSWORD "\"}", 201);
    answer = ask("PATCH", "/api/v1/users/bob", "{\"role\": \"operator\"}");
    assert_int_equal(answer.status, 200);
    assert_string_equal(text(answer.json, "role"), "operator");
    assert_true(json_is_true(json_object_get(answer.json, "enabled")));
    stand_answer_clear(&answer);
    answer = ask("GET", "/api/v1/users?limit=1", NULL);
    assert_int_equal(json_array_size(json_object_get(answer.json, "items")), 1);
    assert_true(json_is_string(json_object_get(answer.json, "next")));
    stand_answer_clear(&answer);
    expect("DELETE", "/api/v1/users/bob", NULL, 204);
    expect("GET", "/api/v1/users/bob", NULL, 404);
    expect("PATCH", "/api/v1/users/bob", "{}", 404);
}

static void test_the_last_administrator_stays(void **state)
{
    (void)state;
    expect("PUT", "/api/v1/users/alice", "{\"role\": \"admin\", \"password\": \"" PASSWORD "\"}", 201);
    expect("DELETE", "/api/v1/users/alice", NULL, 409);
    expect("PATCH", "/api/v1/users/alice", "{\"enabled\": false}", 409);
    expect("PATCH", "/api/v1/users/alice", "{\"role\": \"viewer\"}", 409);
    expect("PUT", "/api/v1/users/bob", "{\"role\": \"admin\", \"password\": \"" PASSWORD "\"}", 201);
    expect("DELETE", "/api/v1/users/alice", NULL, 204);
}

static void test_a_write_over_another_ones_change_is_refused(void **state)
{
    struct stand_answer answer;
    char headers[512], *etag;

    (void)state;
    expect("PUT", "/api/v1/users/bob", "{\"role\": \"viewer\", \"password\": \"" PASSWORD "\"}", 201);
    answer = ask("GET", "/api/v1/users/bob", NULL);
    etag = stand_header(&answer, "ETag");
    stand_answer_clear(&answer);
    snprintf(headers, sizeof headers,
             "Authorization: Bearer " STAND_TOKEN "\r\nContent-Type: application/merge-patch+json\r\n"
             "If-Match: %s\r\n",
             etag);
    answer = stand_ask_with(&stand, "PATCH", "/api/v1/users/bob", headers, "{\"role\": \"operator\"}");
    assert_int_equal(answer.status, 200);
    stand_answer_clear(&answer);
    answer = stand_ask_with(&stand, "PATCH", "/api/v1/users/bob", headers, "{\"role\": \"viewer\"}");
    assert_int_equal(answer.status, 412);
    stand_answer_clear(&answer);
    snprintf(headers, sizeof headers, "Authorization: Bearer " STAND_TOKEN "\r\nIf-Match: %s\r\n", etag);
    answer = stand_ask_with(&stand, "DELETE", "/api/v1/users/bob", headers, NULL);
    assert_int_equal(answer.status, 412);
    stand_answer_clear(&answer);
    free(etag);
}

static int ask_if(const char *method, const char *target, const char *condition, const char *etag,
                  const char *body)
{
    bool is_patch = strcmp(method, "PATCH") == 0;
    struct stand_answer answer;
    char headers[512];
    int status;

    snprintf(headers, sizeof headers,
             "Authorization: Bearer " STAND_TOKEN "\r\nContent-Type: %s\r\n%s: %s\r\n",
             is_patch ? "application/merge-patch+json" : "application/json", condition, etag);
    answer = stand_ask_with(&stand, method, target, headers, body);
    status = answer.status;
    stand_answer_clear(&answer);
    return status;
}

/* What has no name of its own has a tag, too: settings, and the definitions as a whole. */
static void test_documents_are_written_only_over_what_was_read(void **state)
{
    static const struct {
        const char *target, *method, *body;
    } rows[] = {
        {"/api/v1/hub/settings", "PATCH", "{\"idle-timeout\": 30}"},
        {"/api/v1/definitions", "POST",
         "{\"version\": 1, \"bridges\": {\"w\": {\"address\": \"tcp://w:1\"}}}"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct stand_answer answer = ask("GET", rows[i].target, NULL);
        char *etag = stand_header(&answer, "ETag");

        stand_answer_clear(&answer);
        assert_row(rows[i].target, etag != NULL);
        assert_row(rows[i].target, ask_if("GET", rows[i].target, "If-None-Match", etag, NULL) == 304);
        assert_row(rows[i].target,
                   ask_if(rows[i].method, rows[i].target, "If-Match", "\"0-0\"", rows[i].body) == 412);
        assert_row(rows[i].target, ask_if("GET", rows[i].target, "If-None-Match", etag, NULL) == 304);
        assert_row(rows[i].target,
                   ask_if(rows[i].method, rows[i].target, "If-Match", etag, rows[i].body) == 200);
        assert_row(rows[i].target,
                   ask_if(rows[i].method, rows[i].target, "If-Match", etag, rows[i].body) == 412);
        free(etag);
    }
}

static void test_what_has_not_changed_is_not_sent_again(void **state)
{
    struct stand_answer answer;
    char headers[512], *etag;

    (void)state;
    expect("PUT", "/api/v1/users/bob", "{\"role\": \"viewer\", \"password\": \"" PASSWORD "\"}", 201);
    answer = ask("GET", "/api/v1/users/bob", NULL);
    etag = stand_header(&answer, "ETag");
    stand_answer_clear(&answer);
    snprintf(headers, sizeof headers, "Authorization: Bearer " STAND_TOKEN "\r\nIf-None-Match: \"x\", %s\r\n",
             etag);
    answer = stand_ask_with(&stand, "GET", "/api/v1/users/bob", headers, NULL);
    assert_int_equal(answer.status, 304);
    stand_answer_clear(&answer);
    free(etag);
}

static void test_a_dry_run_says_what_would_be_and_changes_nothing(void **state)
{
    struct stand_answer answer = ask("PUT", "/api/v1/users/bob?dry_run=true",
                                     "{\"role\": \"viewer\", \"password\": \"" PASSWORD "\"}");
    char *type = stand_header(&answer, "Content-Type");

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_string_equal(type, "application/vnd.commhub.plan+json");
    assert_int_equal(json_integer_value(json_object_get(answer.json, "status")), 201);
    assert_true(json_is_null(json_object_get(answer.json, "before")));
    assert_string_equal(text(json_object_get(answer.json, "after"), "role"), "viewer");
    assert_null(strstr(answer.body, PASSWORD));
    free(type);
    stand_answer_clear(&answer);
    expect("GET", "/api/v1/users/bob", NULL, 404);
    expect("PUT", "/api/v1/users/bob?dry_run=true", "{\"role\": \"king\"}", 422);
    expect("POST", "/api/v1/tokens?dry_run=true", "{\"name\": \"t\", \"role\": \"viewer\"}", 200);
    expect("GET", "/api/v1/tokens/t", NULL, 404);
    expect("POST", "/api/v1/hub/reload?dry_run=true", NULL, 200);
    expect("DELETE", "/api/v1/clients/client-1?dry_run=true", NULL, 200);
    expect("DELETE", "/api/v1/clients/nobody?dry_run=true", NULL, 404);
    expect("POST", "/api/v1/bridges/none/retry?dry_run=true", NULL, 404);
}

/* Wrong input of every field, with its pointer and text. */
static void test_wrong_members_are_named(void **state)
{
    static const struct {
        const char *method, *target, *body, *pointer, *detail;
    } rows[] = {
        {"PUT", "/api/v1/users/x", "{}", "#/role", "is needed"},
        {"PUT", "/api/v1/users/x", "{\"role\": 1}", "#/role", "must be text, not a number"},
        {"PUT", "/api/v1/users/x", "{\"role\": \"root\"}", "#/role", "must be viewer, operator or admin"},
        {"PUT", "/api/v1/users/x", "{\"role\": \"viewer\"}", "#/password", "is needed for a new user"},
        {"PUT", "/api/v1/users/x", "{\"role\": \"viewer\", \"password\": \"short\"}", "#/password",
         "must have at least 10 bytes"},
        {"PUT", "/api/v1/users/x", "{\"role\": \"viewer\", \"enabled\": 1}", "#/enabled",
         "must be true or false, not a number"},
        {"PUT", "/api/v1/users/x", "{\"colour\": 1}", "#/colour", "is not known here"},
        {"PUT", "/api/v1/users/x%07", "{\"role\": \"viewer\", \"password\": \"0123456789\"}", "",
         "1 to 255 bytes of UTF-8 without control characters"},
        {"POST", "/api/v1/tokens", "{\"role\": \"viewer\"}", "#/name", "is needed"},
        {"POST", "/api/v1/tokens", "{\"name\": \"a\\u0007\"}", "#/name", "must not have control characters"},
        {"POST", "/api/v1/tokens", "{\"name\": \"first-run\"}", "#/name", "is not made here"},
        {"POST", "/api/v1/tokens", "{\"name\": \"a\"}", "#/role", "is needed"},
        {"POST", "/api/v1/tokens", "{\"scopes\": [\"mesh\", \"all\"]}", "#/scopes/1", "must be hub, clients"},
        {"POST", "/api/v1/tokens", "{\"scopes\": \"mesh\"}", "#/scopes", "must be an array, not text"},
        {"POST", "/api/v1/tokens", "{\"lifetime_s\": 59}", "#/lifetime_s", "whole number from 60"},
        {"POST", "/api/v1/tokens", "{\"token\": \"mine\"}", "#/token", "is not known here"},
        {"POST", "/api/v1/session", "{\"password\": \"x\"}", "#/name", "is needed"},
        {"POST", "/api/v1/session", "{\"name\": \"x\"}", "#/password", "is needed"},
        {"POST", "/api/v1/session", "{\"more\": \"x\"}", "#/more", "is not known here"},
        {"POST", "/api/v1/setup", "{\"name\": \"\"}", "#/name", "must not be empty"},
        {"POST", "/api/v1/setup", "{\"password\": \"short\"}", "#/password", "at least 10 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct stand_answer answer = ask(rows[i].method, rows[i].target, rows[i].body);
        bool is_named = false;
        json_t *fault;
        size_t k;

        json_array_foreach(json_object_get(answer.json, "errors"), k, fault)
        {
            is_named |= strcmp(text(fault, "pointer"), rows[i].pointer) == 0 &&
                        strstr(text(fault, "detail"), rows[i].detail);
        }
        if (answer.status != 422 || !is_named)
            fail_msg("%s %s: %d %s", rows[i].target, rows[i].body, answer.status, answer.body);
        stand_answer_clear(&answer);
    }
}

/* ---- bridges and clients by the same conventions ---- */

static void test_a_bridge_is_patched_paused_and_tried(void **state)
{
    struct stand_answer answer;
    char headers[512], *etag;

    (void)state;
    expect("PUT", "/api/v1/bridges/w?dry_run=true", "{\"address\": \"tcp://w:1\"}", 200);
    expect("GET", "/api/v1/bridges/w", NULL, 404);
    expect("PUT", "/api/v1/bridges/w", "{\"address\": \"tcp://w:1\", \"secret\": \"s\", \"cost\": 7}", 201);
    answer = ask("GET", "/api/v1/bridges/w", NULL);
    etag = stand_header(&answer, "ETag");
    stand_answer_clear(&answer);
    expect("POST", "/api/v1/bridges/w/pause", NULL, 200);
    assert_true(fake_controls_bridge("w")->is_paused);
    assert_string_equal(fake_controls_bridge("w")->secret, "s");
    snprintf(headers, sizeof headers, "Authorization: Bearer " STAND_TOKEN "\r\nIf-Match: %s\r\n", etag);
    answer = stand_ask_with(&stand, "DELETE", "/api/v1/bridges/w", headers, NULL);
    assert_int_equal(answer.status, 412);
    stand_answer_clear(&answer);
    expect("POST", "/api/v1/bridges/w/resume", NULL, 200);
    assert_false(fake_controls_bridge("w")->is_paused);
    answer = ask("PATCH", "/api/v1/bridges/w", "{\"cost\": null}");
    assert_int_equal(answer.status, 200);
    assert_int_equal(json_integer_value(json_object_get(answer.json, "cost")), 1);
    assert_string_equal(text(answer.json, "address"), "tcp://w:1");
    stand_answer_clear(&answer);
    expect("PATCH", "/api/v1/bridges/w", "{\"cost\": 0}", 422);
    expect("PATCH", "/api/v1/bridges/none", "{}", 404);
    expect("POST", "/api/v1/bridges/w/retry", NULL, 200);
    expect("POST", "/api/v1/bridges/none/retry", NULL, 404);
    expect("DELETE", "/api/v1/bridges/w?dry_run=true", NULL, 200);
    expect("DELETE", "/api/v1/bridges/w", NULL, 204);
    free(etag);
}

static void test_a_password_is_only_tried(void **state)
{
    (void)state;
    expect("PUT", "/api/v1/channels/c/password?dry_run=true", "{\"password\": \"x\"}", 200);
    assert_null(fake_controls_password("c"));
    expect("DELETE", "/api/v1/channels/c/password", NULL, 404);
}

static void test_a_client_is_disconnected(void **state)
{
    (void)state;
    expect("DELETE", "/api/v1/clients/client-1", NULL, 204);
    expect("DELETE", "/api/v1/clients/client-9%3Cb%3E", NULL, 404);
}

/* ---- sessions ---- */

static void make_alice(void)
{
    expect("PUT", "/api/v1/users/alice", "{\"role\": \"operator\", \"password\": \"" PASSWORD "\"}", 201);
}

/* "Cookie: commhub-...=...\r\n" for the caller to free(). */
static char *sign_in(void)
{
    struct stand_answer answer = stand_ask(&stand, "POST", "/api/v1/session", NULL,
                                           "{\"name\": \"alice\", \"password\": \"" PASSWORD "\"}");
    char *set = stand_header(&answer, "Set-Cookie"), *cookie = NULL;

    assert_int_equal(answer.status, 201);
    assert_string_equal(text(answer.json, "role"), "operator");
    assert_non_null(set);
    assert_non_null(strstr(set, "; Path=/; HttpOnly; SameSite=Strict"));
    check(asprintf(&cookie, "Cookie: other=1; %.*s\r\n", (int)strcspn(set, ";"), set) > 0);
    free(set);
    stand_answer_clear(&answer);
    return cookie;
}

static int status_by(const char *cookie, const char *method, const char *target, const char *more)
{
    struct stand_answer answer;
    char headers[1024];
    int status;

    snprintf(headers, sizeof headers, "%s%s", cookie, more);
    answer = stand_ask_with(&stand, method, target, headers, NULL);
    status = answer.status;
    stand_answer_clear(&answer);
    return status;
}

static void test_a_session_opens_what_its_user_may_until_it_is_ended(void **state)
{
    char *cookie;

    (void)state;
    make_alice();
    cookie = sign_in();
    assert_int_equal(status_by(cookie, "GET", "/api/v1/hub", ""), 200);
    assert_int_equal(status_by(cookie, "GET", "/api/v1/users", ""), 403);
    stand_restart(&stand);
    assert_int_equal(status_by(cookie, "GET", "/api/v1/hub", ""), 200);
    assert_int_equal(status_by(cookie, "DELETE", "/api/v1/session", "Origin: http://hub\r\n"), 204);
    assert_int_equal(status_by(cookie, "GET", "/api/v1/hub", ""), 401);
    free(cookie);
}

static void test_a_session_writes_from_pages_of_the_hub_alone(void **state)
{
    char *cookie;

    (void)state;
    make_alice();
    cookie = sign_in();
    assert_int_equal(status_by(cookie, "DELETE", "/api/v1/bridges/x", ""), 403);
    assert_int_equal(status_by(cookie, "DELETE", "/api/v1/bridges/x", "Origin: http://evil\r\n"), 403);
    assert_int_equal(status_by(cookie, "DELETE", "/api/v1/bridges/x", "Origin: http://hub:81\r\n"), 403);
    assert_int_equal(status_by(cookie, "DELETE", "/api/v1/bridges/x", "Origin: null\r\n"), 403);
    assert_int_equal(status_by(cookie, "DELETE", "/api/v1/bridges/x", "Origin: http://hub\r\n"), 404);
    free(cookie);
}

static void test_an_origin_is_the_hubs_own_with_its_scheme(void **state)
{
    static const struct {
        const char *origin;
        bool is_plain_own, is_tls_own;
    } rows[] = {
        {"https://hub:1", true, true},     {"HTTPS://HUB:1", true, true},   {"http://hub:1", true, false},
        {"https://hub", false, false},     {"https://hub:2", false, false}, {"https://hub:1/", false, false},
        {"ftp://hub:1", false, false},     {"hub:1", false, false},         {"null", false, false},
        {"https://a@hub:1", false, false},
    };
    struct rest plain = {.options.is_secure = false}, tls = {.options.is_secure = true};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct request request = {.n_headers = 2, .headers = {{"Host", "hub:1"}, {"Origin", rows[i].origin}}};

        assert_row(rows[i].origin, access_is_same_origin(&plain, &request) == rows[i].is_plain_own);
        assert_row(rows[i].origin, access_is_same_origin(&tls, &request) == rows[i].is_tls_own);
    }
}

static void test_sessions_are_listed_and_ended_by_administrators(void **state)
{
    struct stand_answer answer;
    char target[64], *cookie;
    json_t *session;

    (void)state;
    make_alice();
    cookie = sign_in();
    answer = ask("GET", "/api/v1/sessions", NULL);
    session = json_array_get(json_object_get(answer.json, "items"), 0);
    assert_string_equal(text(session, "user"), "alice");
    assert_true(json_is_false(json_object_get(session, "is_own")));
    snprintf(target, sizeof target, "/api/v1/sessions/%s", text(session, "id"));
    stand_answer_clear(&answer);
    expect("DELETE", target, NULL, 204);
    expect("DELETE", target, NULL, 404);
    expect("DELETE", "/api/v1/sessions/x", NULL, 404);
    assert_int_equal(status_by(cookie, "GET", "/api/v1/hub", ""), 401);
    free(cookie);
}

static void test_a_changed_user_is_signed_out(void **state)
{
    char *cookie;

    (void)state;
    make_alice();
    cookie = sign_in();
    expect("PATCH", "/api/v1/users/alice", "{\"role\": \"viewer\"}", 200);
    assert_int_equal(status_by(cookie, "GET", "/api/v1/hub", ""), 401);
    free(cookie);
}

static void test_a_user_takes_a_new_password(void **state)
{
    struct stand_answer answer;
    char headers[1024], *cookie;

    (void)state;
    make_alice();
    cookie = sign_in();
    snprintf(headers, sizeof headers, "%sOrigin: http://hub\r\nContent-Type: application/json\r\n", cookie);
    answer = stand_ask_with(&stand, "PUT", "/api/v1/session/password", headers,
                            "{\"former_password\": \"wrong\", \"password\": \"battery staple\"}");
    assert_int_equal(answer.status, 422);
    assert_non_null(strstr(answer.body, "#/former_password"));
    stand_answer_clear(&answer);
    answer = stand_ask_with(&stand, "PUT", "/api/v1/session/password", headers,
                            "{\"former_password\": \"" PASSWORD "\", \"password\": \"battery staple\"}");
    assert_int_equal(answer.status, 204);
    stand_answer_clear(&answer);
    assert_int_equal(status_by(cookie, "GET", "/api/v1/hub", ""), 401);
    expect_with(NULL, "POST", "/api/v1/session", "{\"name\": \"alice\", \"password\": \"" PASSWORD "\"}",
                401);
    expect_with(NULL, "POST", "/api/v1/session", "{\"name\": \"alice\", \"password\": \"battery staple\"}",
                201);
    free(cookie);
}

static void test_a_wrong_password_and_an_unknown_name_are_told_the_same(void **state)
{
    struct stand_answer wrong, unknown;

    (void)state;
    make_alice();
    wrong = stand_ask(&stand, "POST", "/api/v1/session", NULL, "{\"name\": \"alice\", \"password\": \"x\"}");
    unknown = stand_ask(&stand, "POST", "/api/v1/session", NULL, "{\"name\": \"bob\", \"password\": \"x\"}");
    assert_int_equal(wrong.status, 401);
    assert_int_equal(unknown.status, 401);
    assert_string_equal(text(wrong.json, "detail"), text(unknown.json, "detail"));
    stand_answer_clear(&wrong);
    stand_answer_clear(&unknown);
}

/* ---- the first administrator ---- */

static bool setup_is_needed(void)
{
    struct stand_answer answer = stand_ask(&stand, "GET", "/api/v1/setup", NULL, NULL);
    bool is_needed = json_is_true(json_object_get(answer.json, "needed"));

    assert_int_equal(answer.status, 200);
    stand_answer_clear(&answer);
    return is_needed;
}

static void test_the_first_administrator_is_made_once(void **state)
{
    static const char body[] = "{\"name\": \"root\", \"password\": \"" PASSWORD "\"}";

    (void)state;
    assert_true(setup_is_needed());
    expect_with(NULL, "POST", "/api/v1/setup", body, 401);
    expect("POST", "/api/v1/setup", body, 201);
    assert_false(setup_is_needed());
    expect("POST", "/api/v1/setup", body, 409);
}

static void test_the_first_run_token_is_spent_by_the_setup(void **state)
{
    char token[64], *path;
    struct stat stat_of;

    (void)state;
    stand.token_file[0] = '\0'; /* without a configured one */
    stand_restart(&stand);
    path = store_path(stand.store, "first-run-token");
    assert_int_equal(data_dir_read(path, token, sizeof token), 33);
    token[32] = '\0';
    expect_with(token, "DELETE", "/api/v1/tokens/first-run", NULL, 409);
    expect_with(token, "POST", "/api/v1/setup", "{\"name\": \"root\", \"password\": \"" PASSWORD "\"}", 201);
    expect_with(token, "GET", "/api/v1/hub", NULL, 401);
    assert_int_equal(stat(path, &stat_of), -1);
    stand_restart(&stand);
    assert_int_equal(stat(path, &stat_of), -1); /* no other one is made */
    free(path);
}

static void test_an_open_port_needs_an_administrator(void **state)
{
    struct mgmt_options options = {
        .mailbox = stand.mailbox, .log = stand.log, .listen = "0.0.0.0:0", .server_id = "x", .version = "1"};
    char dir[] = "/tmp/commhub-open-XXXXXX", why[MGMT_WHY_SIZE];
    struct mgmt *mgmt;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(store_open(&options.store, dir, why), 0);
    assert_int_equal(mgmt_start(&mgmt, &options, why), -EACCES);
    assert_non_null(strstr(why, "commhub admin init"));
    assert_int_equal(admins_put(options.store, "root", BYTES_LITERAL("short"), why), -EINVAL);
    assert_int_equal(admins_put(options.store, "root", BYTES_LITERAL(PASSWORD), why), 0);
    assert_int_equal(mgmt_start(&mgmt, &options, why), 0);
    mgmt_stop(mgmt);
    store_close(options.store);
    stand_remove(dir);
}

static void test_a_password_file_makes_the_administrator_of_a_fresh_hub(void **state)
{
    cleanup_free_ char *file = store_path(stand.store, "password");
    char why[STORE_WHY_SIZE];
    bool made;

    (void)state;
    assert_true(admins_make_from_file(stand.store, file, &made, why) < 0);
    assert_int_equal(data_dir_write(file, BYTES_LITERAL("  " PASSWORD "\n")), 0);
    assert_int_equal(admins_make_from_file(stand.store, file, &made, why), 0);
    assert_true(made);
    assert_int_equal(admins_make_from_file(stand.store, file, &made, why), 0);
    assert_false(made);
    expect_with(NULL, "POST", "/api/v1/session", "{\"name\": \"admin\", \"password\": \"" PASSWORD "\"}",
                201);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_who_is_refused_is_told_how_to_ask),
        TEST(test_every_route_answers_every_credential_as_the_table_says),
        TEST(test_a_token_is_shown_once_and_good_until_it_is_removed),
        TEST(test_a_token_of_some_scopes_can_not_make_itself_one_of_all),
        TEST(test_the_configured_token_can_not_be_removed_here),
        TEST(test_a_user_is_made_changed_and_removed),
        TEST(test_the_last_administrator_stays),
        TEST(test_a_write_over_another_ones_change_is_refused),
        TEST(test_documents_are_written_only_over_what_was_read),
        TEST(test_what_has_not_changed_is_not_sent_again),
        TEST(test_a_dry_run_says_what_would_be_and_changes_nothing),
        TEST(test_wrong_members_are_named),
        TEST(test_a_bridge_is_patched_paused_and_tried),
        TEST(test_a_password_is_only_tried),
        TEST(test_a_client_is_disconnected),
        TEST(test_a_session_opens_what_its_user_may_until_it_is_ended),
        TEST(test_a_session_writes_from_pages_of_the_hub_alone),
        TEST(test_an_origin_is_the_hubs_own_with_its_scheme),
        TEST(test_sessions_are_listed_and_ended_by_administrators),
        TEST(test_a_changed_user_is_signed_out),
        TEST(test_a_user_takes_a_new_password),
        TEST(test_a_wrong_password_and_an_unknown_name_are_told_the_same),
        TEST(test_the_first_administrator_is_made_once),
        TEST(test_the_first_run_token_is_spent_by_the_setup),
        TEST(test_an_open_port_needs_an_administrator),
        TEST(test_a_password_file_makes_the_administrator_of_a_fresh_hub),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
