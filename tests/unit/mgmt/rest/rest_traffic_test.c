/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Answers that wait for the hub, and streams of them
 */
#include <pthread.h>
#include <unistd.h>

#include "hub/base/clock.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/fake_guests.h"
#include "tests/unit/mgmt/stand.h"

#define CALL(event) "/api/v1/channels/room/events/" event "/call"
#define N_WAITING 20 /* more than the server has threads */

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
    fake_guests_free_all();
    return 0;
}

static int ask(const char *method, const char *target, const char *more_headers, const char *body)
{
    struct buffer text = {0};
    int fd = stand_connect(&stand);

    buffer_append_format(&text,
                         "%s %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " STAND_TOKEN
                         "\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                         method, target, more_headers, strlen(body), body);
    buffer_append(&text, "", 1);
    assert_true(stand_send(fd, (const char *)text.ptr));
    buffer_clear(&text);
    return fd;
}

static void wait_for_guests(size_t n)
{
    uint64_t give_up_ms = clock_monotonic_ms() + 10000;

    while (fake_guests_count(stand.mailbox) != n && clock_monotonic_ms() < give_up_ms)
        usleep(2000);
    assert_int_equal(fake_guests_count(stand.mailbox), n);
}

static void test_the_body_is_the_data_and_the_data_the_answer(void **state)
{
    struct stand_answer answer =
        stand_ask(&stand, "POST", CALL("echo"), STAND_TOKEN, "{\"a\":{\"$bin\":\"AA==\"}}");
    json_t *wanted = json_pack("{s:{s:{s:s}}, s:s, s:s}", "data", "a", "$bin", "AA==", "sender_id",
                               "provider", "server_id", "hub");

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_true(json_equal(answer.json, wanted));
    json_decref(wanted);
    stand_answer_clear(&answer);
    wait_for_guests(0);
}

static void test_many_calls_wait_and_no_thread_with_them(void **state)
{
    int fds[N_WAITING];
    struct stand_answer answer;

    (void)state;
    for (size_t i = 0; i < N_WAITING; i++)
        fds[i] = ask("POST", CALL("wait"), "", "1");
    wait_for_guests(N_WAITING);
    answer = stand_ask(&stand, "GET", "/api/v1/hub", STAND_TOKEN, NULL);
    assert_int_equal(answer.status, 200);
    stand_answer_clear(&answer);
    fake_guests_tell(stand.mailbox, BYTES_LITERAL("\x07"));
    for (size_t i = 0; i < N_WAITING; i++) {
        stand_read_answer(fds[i], true, &answer);
        assert_int_equal(answer.status, 200);
        assert_int_equal(json_integer_value(json_object_get(answer.json, "data")), 7);
        stand_answer_clear(&answer);
        close(fds[i]);
    }
    wait_for_guests(0);
}

static void test_a_kept_connection_goes_on_after_an_answer_that_waited(void **state)
{
    int fd = ask("POST", CALL("wait"), "", "1");
    struct stand_answer answer;

    (void)state;
    wait_for_guests(1);
    fake_guests_tell(stand.mailbox, BYTES_LITERAL("\xc3"));
    stand_read_answer(fd, true, &answer);
    assert_int_equal(answer.status, 200);
    stand_answer_clear(&answer);
    assert_true(stand_send(fd, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"));
    stand_read_answer(fd, true, &answer);
    assert_int_equal(answer.status, 200);
    stand_answer_clear(&answer);
    close(fd);
}

static void test_the_guest_goes_when_its_client_does(void **state)
{
    int fd = ask("GET", "/api/v1/channels/room/topics/news/subscribe", "", "");

    (void)state;
    wait_for_guests(1);
    close(fd);
    wait_for_guests(0);
}

static void test_what_is_told_comes_as_events(void **state)
{
    int fd = ask("GET", "/api/v1/channels/room/broadcasts", "", "");
    struct buffer text = {0};

    (void)state;
    wait_for_guests(1);
    fake_guests_tell(stand.mailbox, BYTES_LITERAL("\x01"));
    fake_guests_tell(stand.mailbox, BYTES_LITERAL("\x02"));
    stand_read_all(fd, &text, 300);
    assert_int_equal(buffer_append(&text, "", 1), 0);
    assert_non_null(strstr((const char *)text.ptr, "event: message\nid: 1\ndata: {\"data\":1,"));
    assert_non_null(strstr((const char *)text.ptr, "event: message\nid: 2\ndata: {\"data\":2,"));
    buffer_clear(&text);
    close(fd);
    wait_for_guests(0);
}

static void test_stopping_ends_those_who_wait(void **state)
{
    int call = ask("POST", CALL("wait"), "", "1");
    int stream = ask("GET", "/api/v1/channels/room/broadcasts", "", "");
    struct buffer text = {0};

    (void)state;
    wait_for_guests(2);
    stand_restart(&stand);
    stand_read_all(call, &text, 0);
    stand_read_all(stream, &text, 0);
    buffer_clear(&text);
    close(call);
    close(stream);
}

static void test_the_asker_is_the_sender(void **state)
{
    char id[256], data[64];
    int fd = ask("POST", CALL("wait"), "", "[true]");

    (void)state;
    wait_for_guests(1);
    fake_guests_last(stand.mailbox, id, data);
    assert_memory_equal(id, "http:token:", 11);
    assert_memory_equal(data, "\x91\xc3", 2);
    close(fd);
}

static void test_wrong_requests_are_told_what_is_wrong(void **state)
{
    static const struct {
        const char *what;
        const char *target;
        const char *headers;
        const char *body;
        int status;
        const char *text;
    } rows[] = {
        {"nobody provides it", CALL("nobody"), "", "1", 404, "No provider"},
        {"no JSON", CALL("echo"), "", "{", 400, "not JSON"},
        {"a member twice", CALL("echo"), "", "{\"a\":1,\"a\":2}", 400, "not JSON"},
        {"an integer too large", CALL("echo"), "", "18446744073709551615", 400, "too big"},
        {"a wrapper that is none", CALL("echo"), "", "{\"$x\":1}", 422, "$bin"},
        {"a timeout that is none", CALL("echo") "?timeout=soon", "", "1", 400, "?timeout"},
        {"no number as timeout", CALL("echo") "?timeout=nan", "", "1", 400, "?timeout"},
        {"no time", CALL("echo") "?timeout=0", "", "1", 400, "?timeout"},
        {"too much time", CALL("echo") "?timeout=3601", "", "1", 400, "?timeout"},
        {"a control character in a name", "/api/v1/channels/a%0Ab/events/echo/call", "", "1", 400, "control"},
        {"a broadcast of no event", "/api/v1/channels/room/broadcast", "", "1", 400, "?event"},
        {"a broadcast of an empty event", "/api/v1/channels/room/broadcast?event=", "", "1", 400, "?event"},
        {"a password with half an escape", CALL("echo"), "CommHub-Channel-Password: a%2\r\n", "1", 400,
         "percent-encoded"},
        {"a password with a zero", CALL("echo"), "CommHub-Channel-Password: a%00\r\n", "1", 400,
         "percent-encoded"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = ask("POST", rows[i].target, rows[i].headers, rows[i].body);
        struct stand_answer answer;

        stand_read_answer(fd, true, &answer);
        if (answer.status != rows[i].status || !strstr(answer.body, rows[i].text))
            fail_msg("%s: %d %s", rows[i].what, answer.status, answer.body);
        stand_answer_clear(&answer);
        close(fd);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_body_is_the_data_and_the_data_the_answer),
        TEST(test_many_calls_wait_and_no_thread_with_them),
        TEST(test_a_kept_connection_goes_on_after_an_answer_that_waited),
        TEST(test_the_guest_goes_when_its_client_does),
        TEST(test_what_is_told_comes_as_events),
        TEST(test_stopping_ends_those_who_wait),
        TEST(test_the_asker_is_the_sender),
        TEST(test_wrong_requests_are_told_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
