/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the store keeps of the log, as a list
 */
#include <stdio.h>
#include <string.h>

#include "hub/base/check.h"
#include "mgmt/store/store_event.h"
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

/* One record of the present start of the hub, @minute minutes behind 2026-01-31T12:00:00Z. */
static void keep(unsigned minute, enum log_stream stream, enum log_level level, const char *type,
                 const char *data)
{
    static const struct store_event_bounds bounds = {.most = INT64_MAX, .most_bytes = INT64_MAX};
    struct store_event row = {.incarnation = store_identity(stand.store)->incarnation,
                              .id = minute + 1,
                              .time_ms = 1769860800000 + minute * UINT64_C(60000),
                              .stream = stream,
                              .level = level,
                              .data = (char *)data};
    struct store_event_figures figures;
    char why[STORE_WHY_SIZE];

    snprintf(row.type, sizeof row.type, "%s", type);
    check(store_event_write(stand.store, &row, 1, &bounds, &figures, why) == 0);
}

static void keep_some(void)
{
    keep(0, LOG_LOGS, LOG_INFO, "server_log", "{\"message\":\"a\"}");
    keep(1, LOG_LOGS, LOG_WARN, "server_log", "{\"message\":\"B\"}");
    keep(2, LOG_ERRORS, LOG_WARN, "server_error", "{\"message\":\"c\"}");
    keep(3, LOG_LINKS, LOG_ERROR, "link_state", "{\"message\":\"d\"}");
    keep(4, LOG_SYSTEM, LOG_INFO, "new_registration", "{\"message\":\"e\"}");
}

static struct stand_answer ask(const char *query, const char *token)
{
    char target[512];

    snprintf(target, sizeof target, "/api/v1/events/history?%s", query);
    return stand_ask(&stand, "GET", target, token, NULL);
}

static void add_messages(const json_t *items, char *all, size_t size)
{
    json_t *item;
    size_t i;

    json_array_foreach((json_t *)items, i, item)
    {
        const char *message = json_string_value(json_object_get(json_object_get(item, "data"), "message"));

        strncat(all, message ? message : "?", size - strlen(all) - 1);
    }
}

/* The messages of all pages, one after the other. */
static void assert_messages(const char *query, const char *wanted)
{
    char next[512], all[64] = "";

    snprintf(next, sizeof next, "%s", query);
    while (*next) {
        struct stand_answer answer = ask(next, STAND_TOKEN);
        const char *cursor = json_string_value(json_object_get(answer.json, "next"));

        if (answer.status != 200)
            fail_msg("%s: %d %s", next, answer.status, answer.body);
        add_messages(json_object_get(answer.json, "items"), all, sizeof all);
        *next = '\0';
        if (cursor)
            snprintf(next, sizeof next, "%s&cursor=%s", query, cursor);
        stand_answer_clear(&answer);
    }
    if (strcmp(all, wanted) != 0)
        fail_msg("%s: %s, not %s", query, all, wanted);
}

static void test_kept_records_are_found_and_paged(void **state)
{
    static const char *const rows[][2] = {
        {"limit=2", "edcBa"},
        {"limit=1&sort=-time", "edcBa"},
        {"limit=2&sort=time", "aBcde"},
        {"limit=1&streams=logs", "Ba"},
        {"limit=1&streams=links,errors", "dc"},
        {"limit=1&level=warning", "dcB"},
        {"limit=1&text=b", "B"},
        {"limit=1&text=", "edcBa"},
        {"limit=1&from=2026-01-31T12:01:00Z&until=2026-01-31T12:03:00Z", "cB"},
        {"limit=1&from=2026-01-31T14:01:00%2B02:00&sort=time", "Bcde"},
        {"limit=1&streams=logs&level=warning&text=B&from=2026-01-31T00:00:00Z&sort=time", "B"},
        {"limit=1&until=1960-01-01T00:00:00Z", ""},
    };

    (void)state;
    assert_messages("limit=2", "");
    keep_some();
    for (size_t i = 0; i < N_ELEMENTS(rows); i++)
        assert_messages(rows[i][0], rows[i][1]);
}

static void test_a_record_is_known_by_the_start_that_made_it(void **state)
{
    char epoch[STORE_EPOCH_SIZE];
    struct stand_answer answer;
    json_t *item;

    (void)state;
    keep_some();
    store_epoch(stand.store, store_identity(stand.store)->incarnation, epoch);
    stand_restart(&stand);
    keep(7, LOG_LOGS, LOG_INFO, "server_log", "{\"message\":\"f\",\"n\":7}");
    answer = ask("limit=2", STAND_TOKEN);
    item = json_array_get(json_object_get(answer.json, "items"), 1);
    assert_string_equal(json_string_value(json_object_get(item, "epoch")), epoch);
    assert_int_equal(json_integer_value(json_object_get(item, "id")), 5);
    assert_string_equal(json_string_value(json_object_get(item, "time")), "2026-01-31T12:04:00.000Z");
    assert_string_equal(json_string_value(json_object_get(item, "stream")), "system");
    assert_string_equal(json_string_value(json_object_get(item, "level")), "info");
    assert_string_equal(json_string_value(json_object_get(item, "type")), "new_registration");
    item = json_array_get(json_object_get(answer.json, "items"), 0);
    store_epoch(stand.store, store_identity(stand.store)->incarnation, epoch);
    assert_string_equal(json_string_value(json_object_get(item, "epoch")), epoch);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(item, "data"), "n")), 7);
    stand_answer_clear(&answer);
    /* The ring says the same epoch of its own. */
    answer = stand_ask(&stand, "GET", "/api/v1/events", STAND_TOKEN, NULL);
    assert_string_equal(json_string_value(json_object_get(answer.json, "epoch")), epoch);
    stand_answer_clear(&answer);
}

static void test_a_gap_is_shown_whatever_is_asked_for(void **state)
{
    struct stand_answer answer;
    json_t *item;

    (void)state;
    keep(1, LOG_LOGS, LOG_ERROR, STORE_EVENT_GAP, "{\"message\":\"x\",\"from\":1,\"to\":7,\"count\":7}");
    assert_messages("streams=links&level=error", "x");
    answer = ask("", STAND_TOKEN);
    item = json_array_get(json_object_get(answer.json, "items"), 0);
    assert_true(json_is_null(json_object_get(item, "stream")));
    assert_string_equal(json_string_value(json_object_get(item, "type")), "gap");
    stand_answer_clear(&answer);
}

static void assert_page(const char *query, const char *wanted)
{
    struct stand_answer answer = ask(query, STAND_TOKEN);
    char all[64] = "";

    add_messages(json_object_get(answer.json, "items"), all, sizeof all);
    if (answer.status != 200 || strcmp(all, wanted) != 0)
        fail_msg("%s: %d %s, not %s", query, answer.status, all, wanted);
    stand_answer_clear(&answer);
}

static void test_records_that_come_and_go_between_pages_shift_nothing(void **state)
{
    static const struct store_event_bounds four = {.most = 4, .most_bytes = INT64_MAX};
    struct store_event_figures figures;
    char why[STORE_WHY_SIZE], query[512];
    struct stand_answer answer;

    (void)state;
    keep_some();
    answer = ask("limit=2", STAND_TOKEN);
    snprintf(query, sizeof query, "limit=2&cursor=%s",
             json_string_value(json_object_get(answer.json, "next")));
    stand_answer_clear(&answer);
    keep(9, LOG_LOGS, LOG_INFO, "server_log", "{\"message\":\"z\"}");
    assert_page(query, "cB");
    check(store_event_write(stand.store, NULL, 0, &four, &figures, why) == 0);
    assert_page(query, "c"); /* as far as it is still there */
}

static void test_it_is_for_those_who_may_see_events(void **state)
{
    static const char made[] = "{\"name\": \"mesh\", \"role\": \"viewer\", \"scopes\": [\"mesh\"]}";
    struct stand_answer answer, token;

    (void)state;
    answer = ask("", NULL);
    assert_int_equal(answer.status, 401);
    stand_answer_clear(&answer);
    token = stand_ask(&stand, "POST", "/api/v1/tokens", STAND_TOKEN, made);
    assert_int_equal(token.status, 201);
    answer = ask("", json_string_value(json_object_get(token.json, "token")));
    assert_int_equal(answer.status, 403);
    stand_answer_clear(&answer);
    stand_answer_clear(&token);
}

/* A page of HTML stays text, and so does what looks like SQL; a cursor of another filter is refused. */
static void test_hostile_words_are_only_words(void **state)
{
    struct stand_answer answer;

    (void)state;
    keep(1, LOG_LOGS, LOG_INFO, "server_log", "{\"message\":\"<b>'; DROP TABLE event;--\"}");
    assert_messages("text=%3Cb%3E%27%3B%20drop", "<b>'; DROP TABLE event;--");
    assert_messages("text=%25", "");
    assert_messages("text=%27%20OR%201%3D1", "");
    answer = ask("text=x&cursor=0000000000000000.1", STAND_TOKEN);
    assert_int_equal(answer.status, 400);
    stand_answer_clear(&answer);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_kept_records_are_found_and_paged),
        TEST(test_a_record_is_known_by_the_start_that_made_it),
        TEST(test_a_gap_is_shown_whatever_is_asked_for),
        TEST(test_records_that_come_and_go_between_pages_shift_nothing),
        TEST(test_it_is_for_those_who_may_see_events),
        TEST(test_hostile_words_are_only_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
