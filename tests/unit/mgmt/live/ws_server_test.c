/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The live socket over real sockets: the handshake, records as they come, slow browsers
 */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "hub/base/clock.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

#define PROTOCOLS "commhub.live.v1, bearer." STAND_TOKEN
#define MOST_SOCKETS 20

static struct stand stand;

static int set_up(void **state)
{
    const struct mgmt_options options = {.slow_live_ms = 500, .most_live_sockets = MOST_SOCKETS};

    (void)state;
    stand_start(&stand, &options);
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

    return found ? found : "";
}

static long long number(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static json_t *next(int fd)
{
    int code;
    json_t *message = stand_next_live(fd, &code);

    if (!message)
        fail_msg("closed with %d", code);
    return message;
}

static int open_live(void)
{
    int fd = stand_open_live(&stand, PROTOCOLS, "", NULL);
    json_t *hello;

    assert_true(fd >= 0);
    hello = next(fd);
    assert_string_equal(text(hello, "type"), "hello");
    json_decref(hello);
    return fd;
}

static void expect_id(int fd, long long id)
{
    json_t *message = next(fd);

    assert_int_equal(number(message, "id"), id);
    json_decref(message);
}

static void test_records_come_as_they_are_made(void **state)
{
    int fd = open_live();
    json_t *message;

    (void)state;
    stand_log(&stand, "before");
    stand_send_live(fd, "{\"type\":\"subscribe\",\"streams\":[\"logs\"],\"since\":0}");
    message = next(fd);
    assert_int_equal(number(message, "id"), 1);
    assert_string_equal(text(message, "stream"), "logs");
    assert_string_equal(text(message, "type"), "server_log");
    assert_string_equal(text(json_object_get(message, "data"), "message"), "before");
    assert_string_equal(text(json_object_get(message, "data"), "level"), "info");
    assert_true(json_is_null(json_object_get(json_object_get(message, "data"), "client_id")));
    json_decref(message);
    stand_log(&stand, "after");
    message = next(fd);
    assert_string_equal(text(json_object_get(message, "data"), "message"), "after");
    json_decref(message);
    close(fd);
}

static void test_after_a_cut_it_goes_on_where_it_was(void **state)
{
    int fd = open_live();

    (void)state;
    for (int i = 0; i < 5; i++)
        stand_log(&stand, "x");
    stand_send_live(fd, "{\"type\":\"subscribe\",\"streams\":[\"logs\"],\"since\":0}");
    expect_id(fd, 1);
    expect_id(fd, 2);
    close(fd);
    fd = open_live();
    stand_send_live(fd, "{\"type\":\"subscribe\",\"streams\":[\"logs\"],\"since\":2}");
    expect_id(fd, 3);
    expect_id(fd, 4);
    expect_id(fd, 5);
    close(fd);
}

static void test_the_epoch_changes_with_a_restart(void **state)
{
    int fd = stand_open_live(&stand, PROTOCOLS, "", NULL);
    json_t *first = next(fd), *second;

    (void)state;
    close(fd);
    stand_restart(&stand);
    fd = stand_open_live(&stand, PROTOCOLS, "", NULL);
    second = next(fd);
    assert_string_not_equal(text(first, "epoch"), text(second, "epoch"));
    json_decref(first);
    json_decref(second);
    close(fd);
}

static void test_metrics_come_every_second(void **state)
{
    int fd = open_live();
    json_t *message;

    (void)state;
    stand_send_live(fd, "{\"type\":\"subscribe\",\"streams\":[\"metrics\"]}");
    for (int i = 0; i < 2; i++) {
        message = next(fd);
        assert_string_equal(text(message, "stream"), "metrics");
        assert_string_equal(text(message, "type"), "counters");
        assert_int_equal(number(json_object_get(message, "data"), "clients"), 3);
        assert_non_null(json_object_get(json_object_get(message, "data"), "messages_in"));
        json_decref(message);
    }
    close(fd);
}

static void test_the_handshake_is_judged_before_the_upgrade(void **state)
{
    static const struct {
        const char *what;
        const char *protocols;
        const char *headers;
        int status;
    } rows[] = {
        {"no token", "commhub.live.v1", "", 401},
        {"wrong token", "commhub.live.v1, bearer.wrong-token-wrong", "", 401},
        {"token in hex", "commhub.live.v1, bearer-hex.636f72726563742d686f7273652d62617474657279", "", 101},
        {"wrong token in hex", "commhub.live.v1, bearer-hex.77726f6e67", "", 401},
        {"token in what is no hex", "commhub.live.v1, bearer-hex.7x", "", 401},
        {"no protocol of ours", "bearer." STAND_TOKEN, "", 400},
        {"another origin", PROTOCOLS, "Origin: http://evil.example\r\n", 403},
        {"origin null", PROTOCOLS, "Origin: null\r\n", 403},
        {"same host, other port", PROTOCOLS, "Origin: http://hub:2\r\n", 403},
        {"same origin", PROTOCOLS, "Origin: http://hub:1\r\n", 101},
        {"token as header", "commhub.live.v1", "Authorization: Bearer " STAND_TOKEN "\r\n", 101},
        {"a body", PROTOCOLS, "Content-Length: 5\r\n", 400},
        {"two keys", PROTOCOLS, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct stand_answer answer;
        int fd = stand_open_live(&stand, rows[i].protocols, rows[i].headers, &answer);

        if (answer.status != rows[i].status)
            fail_msg("%s: %d, not %d", rows[i].what, answer.status, rows[i].status);
        if (fd >= 0) {
            char *protocol = stand_header(&answer, "Sec-WebSocket-Protocol");

            assert_string_equal(protocol, "commhub.live.v1");
            free(protocol);
            close(fd);
        }
        stand_answer_clear(&answer);
    }
}

static void test_a_connection_that_was_kept_can_be_upgraded(void **state)
{
    int fd = stand_connect(&stand);
    struct stand_answer answer;
    json_t *hello;

    (void)state;
    for (int i = 0; i < 3; i++) {
        stand_send(fd, "GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n");
        stand_read_answer(fd, true, &answer);
        assert_int_equal(answer.status, 200);
        stand_answer_clear(&answer);
    }
    stand_send(fd, "GET /api/v1/live HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "Sec-WebSocket-Protocol: " PROTOCOLS "\r\n\r\n");
    stand_read_answer(fd, true, &answer);
    assert_int_equal(answer.status, 101);
    assert_non_null(strstr(answer.head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")); /* RFC 6455, 1.3 */
    stand_answer_clear(&answer);
    hello = next(fd);
    assert_string_equal(text(hello, "type"), "hello");
    json_decref(hello);
    close(fd);
}

static void test_a_message_that_is_too_long_closes_it(void **state)
{
    int fd = open_live(), code = 0;
    uint8_t frame[8 + 6000] = {0x81, 0x80 | 126, 6000 >> 8, 6000 & 0xff};
    json_t *message;

    (void)state;
    assert_true(send(fd, frame, sizeof frame, MSG_NOSIGNAL) > 0);
    while ((message = stand_next_live(fd, &code)))
        json_decref(message);
    assert_int_equal(code, 1009);
    close(fd);
}

static void test_there_are_only_so_many(void **state)
{
    int fds[MOST_SOCKETS];
    struct stand_answer answer;
    int fd;

    (void)state;
    for (size_t i = 0; i < MOST_SOCKETS; i++)
        fds[i] = open_live();
    assert_int_equal(stand_open_live(&stand, PROTOCOLS, "", &answer), -1);
    assert_int_equal(answer.status, 503);
    stand_answer_clear(&answer);
    for (size_t i = 0; i < MOST_SOCKETS; i++)
        close(fds[i]);
    for (int tries = 0; (fd = stand_open_live(&stand, PROTOCOLS, "", NULL)) < 0 && tries < 100; tries++)
        usleep(20 * 1000);
    assert_true(fd >= 0);
    close(fd);
}

/* Much more than all buffers on the way hold. */
static void flood(size_t n)
{
    char message[3001];

    memset(message, 'x', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    for (size_t i = 0; i < n; i++) {
        stand_log(&stand, message);
        if (i % 20 == 0)
            usleep(11 * 1000);
    }
}

static void limit_receiving(int fd)
{
    int size = 64 * 1024;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

static void test_a_slow_browser_gets_a_counted_gap(void **state)
{
    int fd = open_live();
    long long last = 0;
    bool had_gap = false;

    (void)state;
    limit_receiving(fd);
    stand_send_live(fd, "{\"type\":\"subscribe\",\"streams\":[\"logs\"]}");
    usleep(50 * 1000);
    for (int i = 0; i < 6; i++) {
        /* Reads a little each time, so that it is slow but not stuck. */
        json_t *message;

        flood(600);
        for (int j = 0; j < 200; j++) {
            message = next(fd);
            if (strcmp(text(message, "type"), "gap") == 0) {
                assert_int_equal(number(message, "from"), last + 1);
                assert_int_equal(number(message, "count"),
                                 number(message, "to") - number(message, "from") + 1);
                last = number(message, "to");
                had_gap = true;
            } else {
                assert_int_equal(number(message, "id"), last + 1);
                last++;
            }
            json_decref(message);
        }
    }
    while (last < 3600) {
        json_t *message = next(fd);
        bool is_gap = strcmp(text(message, "type"), "gap") == 0;

        assert_int_equal(number(message, is_gap ? "from" : "id"), last + 1);
        last = number(message, is_gap ? "to" : "id");
        had_gap |= is_gap;
        json_decref(message);
    }
    assert_true(had_gap);
    close(fd);
}

static void test_a_browser_that_takes_nothing_is_closed_with_4408(void **state)
{
    int fd = open_live(), code = 0;
    json_t *message;

    (void)state;
    limit_receiving(fd);
    stand_send_live(fd, "{\"type\":\"subscribe\",\"streams\":[\"logs\"]}");
    usleep(50 * 1000);
    flood(3000);
    usleep(1300 * 1000);
    while ((message = stand_next_live(fd, &code)))
        json_decref(message);
    assert_int_equal(code, 4408);
    close(fd);
}

static void test_one_who_reads_is_not_held_up_by_one_who_does_not(void **state)
{
    int stuck = open_live(), reading = open_live();
    uint64_t started_ms;

    (void)state;
    limit_receiving(stuck);
    stand_send_live(stuck, "{\"type\":\"subscribe\",\"streams\":[\"logs\"]}");
    usleep(50 * 1000);
    flood(2000);
    stand_send_live(reading, "{\"type\":\"subscribe\",\"streams\":[\"logs\"],\"since\":2000}");
    started_ms = clock_monotonic_ms();
    stand_log(&stand, "hello");
    expect_id(reading, 2001);
    assert_true(clock_monotonic_ms() - started_ms < 1000);
    close(stuck);
    close(reading);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_records_come_as_they_are_made),
        TEST(test_after_a_cut_it_goes_on_where_it_was),
        TEST(test_the_epoch_changes_with_a_restart),
        TEST(test_metrics_come_every_second),
        TEST(test_the_handshake_is_judged_before_the_upgrade),
        TEST(test_a_connection_that_was_kept_can_be_upgraded),
        TEST(test_a_message_that_is_too_long_closes_it),
        TEST(test_there_are_only_so_many),
        TEST(test_a_slow_browser_gets_a_counted_gap),
        TEST(test_a_browser_that_takes_nothing_is_closed_with_4408),
        TEST(test_one_who_reads_is_not_held_up_by_one_who_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
