/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What holds for every route: names of requests, arguments, methods, how much may be asked
 */
#include <string.h>

#include "mgmt/rest/rest.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

#define SIGNED "Authorization: Bearer " STAND_TOKEN "\r\n"

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

static void assert_header(const struct stand_answer *answer, const char *name, const char *value)
{
    char *found = stand_header(answer, name);

    if (!found)
        fail_msg("no header %s in %s", name, answer->head);
    assert_string_equal(found, value);
    free(found);
}

static void expect(const char *method, const char *target, int status, const char *detail)
{
    struct stand_answer answer = stand_ask(&stand, method, target, STAND_TOKEN, NULL);
    const char *found = json_string_value(json_object_get(answer.json, "detail"));

    if (answer.status != status || (detail && (!found || !strstr(found, detail))))
        fail_msg("%s %s: %d, not %d: %s", method, target, answer.status, status, answer.body);
    stand_answer_clear(&answer);
}

/* A GET whose query has one fault. */
static void expect_fault(const char *target, const char *pointer, const char *detail)
{
    struct stand_answer answer = stand_ask(&stand, "GET", target, STAND_TOKEN, NULL);
    json_t *errors = json_object_get(answer.json, "errors"), *error = json_array_get(errors, 0);

    if (answer.status != 400 || json_array_size(errors) != 1)
        fail_msg("%s: %d %s", target, answer.status, answer.body);
    assert_string_equal(json_string_value(json_object_get(error, "pointer")), pointer);
    assert_string_equal(json_string_value(json_object_get(error, "detail")), detail);
    stand_answer_clear(&answer);
}

static void test_a_request_keeps_the_name_it_came_with(void **state)
{
    struct stand_answer answer =
        stand_ask_with(&stand, "GET", "/api/v1/bridges/none", SIGNED "X-Request-Id: job-7.a_B\r\n", NULL);

    (void)state;
    assert_header(&answer, "X-Request-Id", "job-7.a_B");
    assert_string_equal(json_string_value(json_object_get(answer.json, "request_id")), "job-7.a_B");
    stand_answer_clear(&answer);
}

static void test_a_name_that_would_not_do_in_a_log_is_not_kept(void **state)
{
    static const char *const names[] = {
        "a b", "", "\"", "<b>", "0123456789012345678901234567890123456789012345678901234567890123456789"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        char headers[256], *found;
        struct stand_answer answer;

        snprintf(headers, sizeof headers, SIGNED "X-Request-Id: %s\r\n", names[i]);
        answer = stand_ask_with(&stand, "GET", "/api/v1/hub", headers, NULL);
        found = stand_header(&answer, "X-Request-Id");
        assert_row(names[i], answer.status == 200 && found && strlen(found) == 16);
        free(found);
        stand_answer_clear(&answer);
    }
}

static void test_a_query_has_no_unknown_and_no_repeated_arguments(void **state)
{
    (void)state;
    expect_fault("/api/v1/clients?colour=red", "?colour",
                 "is not known here: this takes limit cursor sort id mode address channel");
    expect_fault("/api/v1/clients?limit=1&limit=2", "?limit", "stands twice");
    expect_fault("/api/v1/hub?limit=1", "?limit", "is not known here: this takes no arguments");
    expect_fault("/api/v1/clients?dry_run=true", "?dry_run", "is not taken: this cannot be tried");
    expect("GET", "/api/v1/clients?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17", 400, "more than 16 arguments");
    expect("GET", "/livez?verbose", 200, NULL);
}

static void test_a_body_that_is_no_json_is_not_quoted(void **state)
{
    static const struct {
        const char *body, *detail;
    } rows[] = {
        {"", "The body is not JSON: there is nothing in it."},
        {"{\"password\": canary}", "The body is not JSON: invalid token (line 1, column 19)."},
        {"{\"password\": \"canary", "The body is not JSON: premature end of input (line 1, column 20)."},
        {"{\"password\": \"canary\\u0000\"}",
         "The body is not JSON: a text has \\u0000, which is not taken (line 1, column 27)."},
        {"{\"canary\": 1, \"canary\": 2}", "The body is not JSON: duplicate object key (line 1, column 22)."},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct stand_answer answer = stand_ask(&stand, "POST", "/api/v1/setup", STAND_TOKEN, rows[i].body);

        assert_row(rows[i].body, answer.status == 400);
        assert_string_equal(json_string_value(json_object_get(answer.json, "detail")), rows[i].detail);
        stand_answer_clear(&answer);
    }
}

static void test_a_condition_that_cannot_be_looked_at_is_refused(void **state)
{
    static const struct {
        const char *method, *target, *header;
    } rows[] = {
        {"PUT", "/api/v1/channels/c/password", "If-Match: \"1\""},
        {"PUT", "/api/v1/channels/c/password", "If-None-Match: *"},
        {"DELETE", "/api/v1/clients/client-1", "If-Match: *"},
        {"POST", "/api/v1/hub/reload", "If-Match: \"1\""},
        {"POST", "/api/v1/tokens", "If-None-Match: *"},
        {"PUT", "/api/v1/mesh/hubs/00000000000000000000000000000000/bridges/w", "If-Match: \"1\""},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        char headers[256];
        struct stand_answer answer;

        snprintf(headers, sizeof headers, SIGNED "Content-Type: application/json\r\n%s\r\n", rows[i].header);
        answer = stand_ask_with(&stand, rows[i].method, rows[i].target, headers, "{}");
        assert_row(rows[i].target, answer.status == 412);
        assert_string_equal(json_string_value(json_object_get(answer.json, "title")), "Precondition Failed");
        stand_answer_clear(&answer);
    }
}

static void test_options_says_what_a_path_takes(void **state)
{
    struct stand_answer answer = stand_ask(&stand, "OPTIONS", "/api/v1/bridges/x", NULL, NULL);

    (void)state;
    assert_int_equal(answer.status, 204);
    assert_non_null(strstr(answer.head, "Allow: GET, HEAD, PUT,"));
    stand_answer_clear(&answer);
    expect("OPTIONS", "/api/v1/nothing", 404, NULL);
}

static void test_who_asks_too_much_is_told_when_to_come_again(void **state)
{
    struct stand_answer answer;
    char *wait;

    (void)state;
    stand_stop(&stand);
    stand_start(&stand, &(struct mgmt_options){.requests_per_s = 10});
    for (int i = 0; i < 20; i++)
        expect("GET", "/api/v1/nothing", 404, NULL);
    /* What time has given back meanwhile is asked away. */
    for (int i = 0; i < 100; i++) {
        answer = stand_ask(&stand, "GET", "/api/v1/hub", STAND_TOKEN, NULL);
        if (answer.status != 200)
            break;
        stand_answer_clear(&answer);
    }
    assert_int_equal(answer.status, 429);
    wait = stand_header(&answer, "Retry-After");
    assert_string_equal(wait, "1");
    assert_header(&answer, "RateLimit-Policy", "\"default\";q=20;w=2");
    free(wait);
    stand_answer_clear(&answer);
    expect("GET", "/livez", 200, NULL); /* probes are not counted */
}

static void test_more_headers_than_can_be_read_are_a_problem_too(void **state)
{
    static const char line[] = "X-Many: 1\r\n";
    char headers[(HEAD_SCAN_HEADERS + 1) * (sizeof line - 1) + 1];
    struct stand_answer answer;

    (void)state;
    for (size_t i = 0; i < HEAD_SCAN_HEADERS + 1; i++)
        memcpy(headers + i * (sizeof line - 1), line, sizeof line);
    answer = stand_ask_with(&stand, "GET", "/api/v1/hub", headers, NULL);
    assert_int_equal(answer.status, 431);
    assert_header(&answer, "Content-Type", "application/problem+json");
    stand_answer_clear(&answer);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_request_keeps_the_name_it_came_with),
        TEST(test_a_name_that_would_not_do_in_a_log_is_not_kept),
        TEST(test_a_query_has_no_unknown_and_no_repeated_arguments),
        TEST(test_a_body_that_is_no_json_is_not_quoted),
        TEST(test_a_condition_that_cannot_be_looked_at_is_refused),
        TEST(test_options_says_what_a_path_takes),
        TEST(test_who_asks_too_much_is_told_when_to_come_again),
        TEST(test_more_headers_than_can_be_read_are_a_problem_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
