/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The log over HTTP: lists, long polls, streams
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "hub/base/clock.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

#define RING_RECORDS 100 /* as the stand has it */

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

static void log_at(enum log_level level, enum log_stream stream, const char *message)
{
    struct log_field fields[] = {log_text("message", bytes_of_text(message))};

    log_record(stand.log, level, stream, stream == LOG_ERRORS ? "server_error" : "server_log", fields, 1);
}

static json_t *list(const char *query)
{
    char target[300];
    struct stand_answer answer;
    json_t *json;

    snprintf(target, sizeof target, "/api/v1/events?%s", query);
    answer = stand_ask(&stand, "GET", target, STAND_TOKEN, NULL);
    if (answer.status != 200)
        fail_msg("%s: %d %s", query, answer.status, answer.body);
    json = json_incref(answer.json);
    stand_answer_clear(&answer);
    return json;
}

static long long number(json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

/* The messages of all items, one after the other. */
static void assert_messages(const char *query, const char *wanted)
{
    json_t *json = list(query), *item;
    char all[256] = "";
    size_t i;

    json_array_foreach(json_object_get(json, "items"), i, item)
    {
        json_t *data = json_object_get(item, "data");
        const char *message = json_string_value(json_object_get(data, "message"));

        strncat(all, message ? message : "?", sizeof all - strlen(all) - 1);
    }
    if (strcmp(all, wanted) != 0)
        fail_msg("%s: %s, not %s", query, all, wanted);
    json_decref(json);
}

static void test_records_are_found_by_stream_level_and_text(void **state)
{
    static const struct {
        const char *query;
        const char *messages;
    } rows[] = {
        {"", "abCde"},
        {"streams=logs", "abd"},
        {"streams=errors,links", "Ce"},
        {"level=warning", "bCe"},
        {"level=error", "e"},
        {"text=c", "C"},
        {"text=A", "a"},
        {"streams=logs&level=warning&text=b", "b"},
        {"limit=2", "ab"},
    };
    char query[64];
    uint64_t before = log_range(stand.log).latest;

    (void)state;
    log_at(LOG_INFO, LOG_LOGS, "a");
    log_at(LOG_WARN, LOG_LOGS, "b");
    log_at(LOG_WARN, LOG_ERRORS, "C");
    log_at(LOG_DEBUG, LOG_LOGS, "d");
    log_at(LOG_ERROR, LOG_LINKS, "e");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(query, sizeof query, "since=%llu&%s", (unsigned long long)before, rows[i].query);
        if (!*rows[i].query)
            query[strlen(query) - 1] = '\0';
        assert_messages(query, rows[i].messages);
    }
}

static void test_a_reader_goes_on_where_it_was(void **state)
{
    json_t *json;
    char query[64];
    long long next;

    (void)state;
    json = list("");
    next = number(json, "next");
    assert_int_equal(next, number(json, "latest"));
    json_decref(json);
    log_at(LOG_INFO, LOG_LOGS, "one");
    log_at(LOG_INFO, LOG_LOGS, "two");
    snprintf(query, sizeof query, "since=%lld&limit=1", next);
    json = list(query);
    assert_int_equal(number(json, "next"), next + 1);
    assert_true(json_is_true(json_object_get(json, "more")));
    assert_false(json_is_true(json_object_get(json, "reset")));
    json_decref(json);
    snprintf(query, sizeof query, "since=%lld", next + 1);
    assert_messages(query, "two");
}

static void test_what_is_not_to_be_had_any_more_is_a_reset(void **state)
{
    json_t *json;

    (void)state;
    for (int i = 0; i < 2 * RING_RECORDS; i++)
        log_at(LOG_INFO, LOG_LOGS, "x");
    json = list("since=1&limit=1000");
    assert_true(json_is_true(json_object_get(json, "reset")));
    assert_int_equal(json_array_size(json_object_get(json, "items")), RING_RECORDS);
    json_decref(json);
    json = list("since=1000000");
    assert_true(json_is_true(json_object_get(json, "reset")));
    json_decref(json);
    json = list("since=150&epoch=of-another-start");
    assert_true(json_is_true(json_object_get(json, "reset")));
    json_decref(json);
    json = list("since=150");
    assert_false(json_is_true(json_object_get(json, "reset")));
    json_decref(json);
}

struct delayed {
    const char *message;
    unsigned after_ms;
};

static void *log_later(void *argument)
{
    struct delayed *delayed = argument;

    usleep(delayed->after_ms * 1000);
    log_at(LOG_INFO, LOG_SYSTEM, "not this");
    log_at(LOG_INFO, LOG_LOGS, delayed->message);
    return NULL;
}

static void test_a_long_poll_answers_when_there_is_something(void **state)
{
    struct delayed delayed = {"came", 300};
    uint64_t began_ms = clock_monotonic_ms();
    pthread_t thread;
    char query[64];

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, log_later, &delayed), 0);
    snprintf(query, sizeof query, "since=%llu&wait=8&streams=logs",
             (unsigned long long)log_range(stand.log).latest);
    assert_messages(query, "came");
    pthread_join(thread, NULL);
    assert_in_range(clock_monotonic_ms() - began_ms, 250, 6000);
    began_ms = clock_monotonic_ms();
    snprintf(query, sizeof query, "since=%llu&wait=1", (unsigned long long)log_range(stand.log).latest);
    assert_messages(query, "");
    assert_in_range(clock_monotonic_ms() - began_ms, 900, 6000);
}

static void test_a_stream_has_the_live_sockets_messages_and_ids(void **state)
{
    struct buffer text = {0};
    char wanted[64];
    int fd = stand_connect(&stand);

    (void)state;
    log_at(LOG_INFO, LOG_LOGS, "before");
    assert_true(stand_send(fd, "GET /api/v1/events?streams=logs&text=e HTTP/1.1\r\nHost: a\r\n"
                               "Accept: text/event-stream\r\nAuthorization: Bearer " STAND_TOKEN "\r\n\r\n"));
    usleep(100000);
    log_at(LOG_INFO, LOG_LOGS, "later");
    stand_read_all(fd, &text, 700);
    buffer_append(&text, "", 1);
    assert_non_null(strstr((const char *)text.ptr, "data: {\"type\":\"hello\",\"epoch\":"));
    assert_non_null(strstr((const char *)text.ptr, "\"before\""));
    snprintf(wanted, sizeof wanted, "id: %llu\ndata: {\"id\":%llu,",
             (unsigned long long)log_range(stand.log).latest,
             (unsigned long long)log_range(stand.log).latest);
    assert_non_null(strstr((const char *)text.ptr, wanted));
    assert_non_null(strstr((const char *)text.ptr, "\"later\""));
    buffer_clear(&text);
    close(fd);
}

static void test_wrong_queries_are_told_what_is_right(void **state)
{
    static const char *const rows[] = {
        "since=-1",          "since=x",         "since=99999999999999999999",
        "streams=",          "streams=x",       "streams=logs,logs",
        "streams=metrics",   "level=loud",      "limit=0",
        "limit=1001",        "wait=61",         "wait=-1",
        "streams=logs,,log", "since=1&since=2", "other=1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char target[128];
        struct stand_answer answer;

        snprintf(target, sizeof target, "/api/v1/events?%s", rows[i]);
        answer = stand_ask(&stand, "GET", target, STAND_TOKEN, NULL);
        if (answer.status != 400)
            fail_msg("%s: %d", rows[i], answer.status);
        stand_answer_clear(&answer);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_records_are_found_by_stream_level_and_text),
        TEST(test_a_reader_goes_on_where_it_was),
        TEST(test_what_is_not_to_be_had_any_more_is_a_reset),
        TEST(test_a_long_poll_answers_when_there_is_something),
        TEST(test_a_stream_has_the_live_sockets_messages_and_ids),
        TEST(test_wrong_queries_are_told_what_is_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
