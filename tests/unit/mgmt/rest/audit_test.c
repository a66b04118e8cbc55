/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What stands in the audit log, and that nobody alters it unseen
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hub/base/check.h"
#include "mgmt/store/store_audit.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

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

static int ask_with(const char *token, const char *method, const char *target, const char *body)
{
    struct stand_answer answer = stand_ask(&stand, method, target, token, body);
    int status = answer.status;

    stand_answer_clear(&answer);
    return status;
}

static int ask(const char *method, const char *target, const char *body)
{
    return ask_with(STAND_TOKEN, method, target, body);
}

/* The rows, newest first; to be json_decref()ed. */
static json_t *rows(const char *query)
{
    char target[128];
    struct stand_answer answer;
    json_t *items;

    snprintf(target, sizeof target, "/api/v1/audit%s", query);
    answer = stand_ask(&stand, "GET", target, STAND_TOKEN, NULL);
    assert_int_equal(answer.status, 200);
    items = json_incref(json_object_get(answer.json, "items"));
    stand_answer_clear(&answer);
    return items;
}

static void test_a_write_is_recorded_with_what_it_changed_and_without_secrets(void **state)
{
    json_t *items, *row;
    char *dumped;

    (void)state;
    assert_int_equal(
        ask("PUT", "/api/v1/users/bob", "{\"role\": \"viewer\", \"password\": \"a canary bird\"}"), 201);
    assert_int_equal(ask("PATCH", "/api/v1/users/bob", "{\"role\": \"operator\"}"), 200);
    assert_int_equal(ask("GET", "/api/v1/users/bob", NULL), 200);
    items = rows("");
    assert_int_equal(json_array_size(items), 2);
    row = json_array_get(items, 0);
    assert_string_equal(text(row, "who"), "token:configuration");
    assert_string_equal(text(row, "method"), "PATCH");
    assert_string_equal(text(row, "target"), "/api/v1/users/bob");
    assert_int_equal(json_integer_value(json_object_get(row, "status")), 200);
    assert_string_equal(text(json_object_get(row, "before"), "role"), "viewer");
    assert_string_equal(text(json_object_get(row, "after"), "role"), "operator");
    assert_non_null(strstr(text(row, "address"), "127.0.0.1:"));
    dumped = json_dumps(items, 0);
    assert_null(strstr(dumped, "canary"));
    free(dumped);
    json_decref(items);
}

static void test_refused_writes_are_recorded_too(void **state)
{
    json_t *items;

    (void)state;
    assert_int_equal(ask_with(NULL, "DELETE", "/api/v1/bridges/x", NULL), 401);
    assert_int_equal(ask("DELETE", "/api/v1/bridges/x", NULL), 404);
    assert_int_equal(ask("PUT", "/api/v1/bridges/x", "{}"), 422);
    assert_int_equal(ask("PUT", "/api/v1/users/x?dry_run=true", "{}"), 422);
    assert_int_equal(ask("POST", "/api/v1/tokens?dry_run=true", "{\"name\": \"t\", \"role\": \"viewer\"}"),
                     200);
    items = rows("");
    assert_int_equal(json_array_size(items), 4);
    assert_true(json_is_null(json_object_get(json_array_get(items, 3), "who")));
    json_decref(items);
    items = rows("?status=422&method=PUT&target=/api/v1/users");
    assert_int_equal(json_array_size(items), 1);
    json_decref(items);
    items = rows("?who=nobody");
    assert_int_equal(json_array_size(items), 0);
    json_decref(items);
}

static void test_strangers_can_not_fill_the_log(void **state)
{
    json_t *items;

    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(ask_with(NULL, "DELETE", "/api/v1/bridges/x", NULL), 401);
    assert_int_equal(ask("DELETE", "/api/v1/bridges/x", NULL), 404);
    items = rows("");
    assert_true(json_array_size(items) < 10);
    assert_true(json_integer_value(json_object_get(json_array_get(items, 0), "omitted")) > 10);
    json_decref(items);
}

static void test_the_log_is_read_in_pages(void **state)
{
    struct stand_answer answer;
    char target[64];

    (void)state;
    for (int i = 0; i < 3; i++)
        ask("DELETE", "/api/v1/bridges/x", NULL);
    answer = stand_ask(&stand, "GET", "/api/v1/audit?limit=2", STAND_TOKEN, NULL);
    assert_int_equal(json_array_size(json_object_get(answer.json, "items")), 2);
    snprintf(target, sizeof target, "/api/v1/audit?limit=2&cursor=%s", text(answer.json, "next"));
    stand_answer_clear(&answer);
    answer = stand_ask(&stand, "GET", target, STAND_TOKEN, NULL);
    assert_int_equal(json_array_size(json_object_get(answer.json, "items")), 1);
    assert_true(json_is_null(json_object_get(answer.json, "next")));
    stand_answer_clear(&answer);
}

static void run_sql(const char *sql)
{
    char *path = store_path(stand.store, "commhub.db");
    sqlite3 *db;

    check(sqlite3_open(path, &db) == SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    check(sqlite3_close(db) == SQLITE_OK);
    free(path);
}

#define DEFINITIONS                                                                                          \
    "{\"version\": 1, \"bridges\": {\"west\": {\"address\": \"tcp://west:1\"}}, \"channels\": {\"v\": "      \
    "{\"password\": {\"value\": \"a canary bird\"}}}}"

/* Each kind of thing that is stored, and what is there of it. */
static const struct {
    const char *method, *target, *body;
    int status;
    const char *count;
} stored[] = {
    {"PUT", "/api/v1/users/bob", "{\"role\": \"viewer\", \"password\": \"a canary bird\"}", 201,
     "SELECT count(*) FROM user"},
    {"POST", "/api/v1/setup", "{\"name\": \"bob\", \"password\": \"a canary bird\"}", 201,
     "SELECT count(*) FROM user"},
    {"POST", "/api/v1/tokens", "{\"name\": \"t\", \"role\": \"viewer\"}", 201,
     "SELECT count(*) FROM token WHERE origin = 'api'"},
    {"PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://west:1\"}", 201, "SELECT count(*) FROM bridge"},
    {"PUT", "/api/v1/channels/v/password", "{\"password\": \"canary\"}", 204,
     "SELECT count(*) FROM channel_password"},
    {"POST", "/api/v1/definitions", DEFINITIONS, 200,
     "SELECT (SELECT count(*) FROM bridge) + (SELECT count(*) FROM channel_password)"},
};

static int number_of(const char *sql)
{
    char *path = store_path(stand.store, "commhub.db");
    sqlite3_stmt *statement;
    sqlite3 *db;
    int n;

    check(sqlite3_open(path, &db) == SQLITE_OK);
    check(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK);
    check(sqlite3_step(statement) == SQLITE_ROW);
    n = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    check(sqlite3_close(db) == SQLITE_OK);
    free(path);
    return n;
}

static void test_what_can_not_be_recorded_is_not_done(void **state)
{
    for (size_t i = 0; i < N_ELEMENTS(stored); i++) {
        const char *target = stored[i].target;

        run_sql("CREATE TRIGGER no_row BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no row'); END");
        assert_row(target, ask(stored[i].method, target, stored[i].body) == 500);
        assert_row(target, number_of(stored[i].count) == 0);
        run_sql("DROP TRIGGER no_row");
        assert_row(target, number_of("SELECT count(*) FROM audit") == 0);
        assert_row(target, ask(stored[i].method, target, stored[i].body) == stored[i].status);
        assert_row(target, number_of(stored[i].count) > 0);
        assert_row(target, number_of("SELECT count(*) FROM audit") > 0);
        tear_down(state);
        set_up(state);
    }
}

static void test_definitions_have_a_row_for_each_object_they_change(void **state)
{
    static const char *const targets[] = {"/api/v1/definitions", "/api/v1/channels/v/password",
                                          "/api/v1/bridges/west"};
    char *dumped;
    json_t *items, *row;

    (void)state;
    assert_int_equal(ask("PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://west:2\"}"), 201);
    assert_int_equal(ask("POST", "/api/v1/definitions", DEFINITIONS), 200);
    assert_int_equal(ask("POST", "/api/v1/definitions?mode=replace", "{\"version\": 1}"), 200);
    items = rows("");
    assert_int_equal(json_array_size(items), 7);
    for (size_t i = 0; i < 2 * N_ELEMENTS(targets); i++) {
        row = json_array_get(items, i);
        assert_row(targets[i % 3], strncmp(text(row, "target"), targets[i % 3], strlen(targets[i % 3])) == 0);
        assert_string_equal(text(row, "request_id"), text(json_array_get(items, i / 3 * 3), "request_id"));
    }
    row = json_array_get(items, 2);
    assert_string_equal(text(row, "method"), "DELETE");
    assert_string_equal(text(json_object_get(row, "before"), "address"), "tcp://west:1");
    assert_true(json_is_null(json_object_get(row, "after")));
    row = json_array_get(items, 5);
    assert_string_equal(text(row, "method"), "PUT");
    assert_string_equal(text(json_object_get(row, "before"), "address"), "tcp://west:2");
    assert_string_equal(text(json_object_get(row, "after"), "address"), "tcp://west:1");
    dumped = json_dumps(items, 0);
    assert_null(strstr(dumped, "canary"));
    free(dumped);
    json_decref(items);
}

static void test_what_the_hub_refuses_in_the_end_has_a_row_that_says_so(void **state)
{
    json_t *items;

    (void)state;
    fake_controls.refuses_bridges = true;
    assert_int_equal(ask("PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://west:1\"}"), 422);
    items = rows("");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(items, 0), "status")), 422);
    json_decref(items);
    assert_int_equal(number_of("SELECT count(*) FROM bridge"), 0);
}

static json_int_t broken_at(void)
{
    struct stand_answer answer = stand_ask(&stand, "POST", "/api/v1/audit/verify", STAND_TOKEN, NULL);
    json_t *found = json_object_get(answer.json, "broken_at");
    json_int_t at = json_is_integer(found) ? json_integer_value(found) : 0;

    assert_int_equal(answer.status, 200);
    assert_true(json_is_true(json_object_get(answer.json, "is_whole")) == (at == 0));
    stand_answer_clear(&answer);
    return at;
}

static void test_an_altered_row_is_named(void **state)
{
    static const char *const alterations[] = {
        "UPDATE audit SET who = 'mallory' WHERE id = 3",
        "UPDATE audit SET before = 'x' || before WHERE id = 3",
        "UPDATE audit SET status = 204, target = 'x' WHERE id = 3",
        "UPDATE audit SET method = 'DELETEx' WHERE id = 3",
        "DELETE FROM audit WHERE id = 3",
        "DELETE FROM audit WHERE id >= 3",
        "UPDATE audit SET hash = zeroblob(32) WHERE id = 3",
    };

    for (size_t i = 0; i < N_ELEMENTS(alterations); i++) {
        for (int k = 0; k < 5; k++)
            ask("DELETE", "/api/v1/bridges/x", NULL);
        assert_int_equal(broken_at(), 0);
        run_sql(alterations[i]);
        assert_row(alterations[i], broken_at() == 3);
        tear_down(state);
        set_up(state);
    }
}

static void test_what_is_dropped_for_age_leaves_a_chain_that_holds(void **state)
{
    struct store_audit row = {.method = "PUT", .target = "/x", .status = 200};
    struct store_audit_verdict verdict;
    char why[STORE_WHY_SIZE];

    (void)state;
    for (int i = 0; i < 250; i++)
        assert_int_equal(store_audit_append(stand.store, &row, 120, why), 0);
    assert_int_equal(store_audit_verify(stand.store, &verdict, why), 0);
    assert_int_equal(verdict.broken_at, 0);
    assert_int_equal(verdict.n_checked, 120);
    run_sql("DELETE FROM audit WHERE id = 131");
    assert_int_equal(store_audit_verify(stand.store, &verdict, why), 0);
    assert_int_equal(verdict.broken_at, 131);
}

static json_t *next_live(int fd)
{
    int code;
    json_t *message = stand_next_live(fd, &code);

    if (!message)
        fail_msg("closed with %d", code);
    return message;
}

static int subscribe_to_audit(const char *token)
{
    char protocols[256];
    int fd;

    snprintf(protocols, sizeof protocols, "commhub.live.v1, bearer.%s", token);
    fd = stand_open_live(&stand, protocols, "", NULL);
    assert_true(fd >= 0);
    json_decref(next_live(fd)); /* hello */
    stand_send_live(fd, "{\"type\": \"subscribe\", \"streams\": [\"audit\"], \"since\": 0}");
    return fd;
}

static void test_who_may_read_the_audit_log_hears_of_its_rows_as_they_are_written(void **state)
{
    int fd = subscribe_to_audit(STAND_TOKEN);
    json_t *message, *data;

    (void)state;
    assert_int_equal(
        ask("PUT", "/api/v1/users/bob", "{\"role\": \"viewer\", \"password\": \"a canary bird\"}"), 201);
    assert_int_equal(ask("PUT", "/api/v1/bridges/x", "{}"), 422);
    message = next_live(fd);
    assert_string_equal(text(message, "stream"), "audit");
    assert_string_equal(text(message, "type"), "audit");
    data = json_object_get(message, "data");
    assert_int_equal(json_integer_value(json_object_get(data, "id")), 1);
    assert_string_equal(text(data, "who"), "token:configuration");
    assert_string_equal(text(data, "method"), "PUT");
    assert_string_equal(text(data, "target"), "/api/v1/users/bob");
    assert_int_equal(json_integer_value(json_object_get(data, "status")), 201);
    json_decref(message);
    message = next_live(fd);
    data = json_object_get(message, "data");
    assert_int_equal(json_integer_value(json_object_get(data, "id")), 2);
    assert_int_equal(json_integer_value(json_object_get(data, "status")), 422);
    json_decref(message);
    close(fd);
}

static void test_others_do_not_hear_of_them(void **state)
{
    struct stand_answer made =
        stand_ask(&stand, "POST", "/api/v1/tokens", STAND_TOKEN, "{\"name\": \"t\", \"role\": \"operator\"}");
    const char *token = text(made.json, "token");
    struct stand_answer listed;
    json_t *message;
    int fd;

    (void)state;
    assert_int_equal(made.status, 201);
    fd = subscribe_to_audit(token);
    message = next_live(fd);
    assert_string_equal(text(message, "type"), "error");
    assert_non_null(strstr(text(message, "detail"), "admin"));
    json_decref(message);
    close(fd);
    assert_int_equal(ask_with(token, "GET", "/api/v1/events?streams=logs,audit", NULL), 403);
    listed = stand_ask(&stand, "GET", "/api/v1/events", STAND_TOKEN, NULL);
    assert_null(strstr(listed.body, "\"stream\":\"audit\""));
    stand_answer_clear(&listed);
    listed = stand_ask(&stand, "GET", "/api/v1/events?streams=audit", STAND_TOKEN, NULL);
    assert_int_equal(json_array_size(json_object_get(listed.json, "items")), 1);
    stand_answer_clear(&listed);
    stand_answer_clear(&made);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_write_is_recorded_with_what_it_changed_and_without_secrets),
        TEST(test_refused_writes_are_recorded_too),
        TEST(test_strangers_can_not_fill_the_log),
        TEST(test_what_can_not_be_recorded_is_not_done),
        TEST(test_definitions_have_a_row_for_each_object_they_change),
        TEST(test_what_the_hub_refuses_in_the_end_has_a_row_that_says_so),
        TEST(test_the_log_is_read_in_pages),
        TEST(test_an_altered_row_is_named),
        TEST(test_what_is_dropped_for_age_leaves_a_chain_that_holds),
        TEST(test_who_may_read_the_audit_log_hears_of_its_rows_as_they_are_written),
        TEST(test_others_do_not_hear_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
