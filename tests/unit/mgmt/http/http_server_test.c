/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Pump and HTTP server with raw sockets
 */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "mgmt/http/http_server.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

#define AUTHORIZATION "Authorization: Bearer " STAND_TOKEN "\r\n"

static struct stand stand;

static int set_up(void **state)
{
    const struct mgmt_options options = {.head_ms = 600, .most_connections = 300, .idle_s = 3};

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

/* Sends @request and answers all that comes until the end, as text for free(). */
static char *talk(const char *request, bool shuts_down)
{
    struct buffer out = {0};
    int fd = stand_connect(&stand);

    stand_send(fd, request);
    if (shuts_down)
        shutdown(fd, SHUT_WR);
    stand_read_all(fd, &out, 0);
    close(fd);
    return buffer_append(&out, "", 1) == 0 ? (char *)out.ptr : NULL;
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;

    while ((text = strstr(text, part))) {
        text += strlen(part);
        n++;
    }
    return n;
}

static void test_smuggled_requests_are_refused_and_the_line_is_cut(void **state)
{
    /* In each, a proxy could see one request where a careless server sees two. */
    static const struct {
        const char *what;
        const char *headers;
        const char *body;
    } rows[] = {
        {"two lengths", "Content-Length: 0\r\nContent-Length: 44\r\n", ""},
        {"two equal lengths", "Content-Length: 44\r\nContent-Length: 44\r\n", ""},
        {"length and chunked", "Content-Length: 44\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"},
        {"chunked and length", "Transfer-Encoding: chunked\r\nContent-Length: 44\r\n", "0\r\n\r\n"},
        {"chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"},
        {"other encoding", "Transfer-Encoding: xchunked\r\n", ""},
        {"space before the colon", "Transfer-Encoding : chunked\r\n", ""},
        {"two hosts", "Host: b\r\n", ""},
        {"list of lengths", "Content-Length: 0, 44\r\n", ""},
        {"signed length", "Content-Length: +0\r\n", ""},
        {"folded length", "Content-Length: 0\r\n 44\r\n", ""},
        {"length on the next line", "Content-Length:\r\n 44\r\n", ""},
        {"folded encoding", "Transfer-Encoding:\r\n\tchunked\r\n", "0\r\n\r\n"},
        {"length after a bare carriage return", "X: y\rContent-Length: 44\r\n", ""},
        {"hexadecimal length", "Content-Length: 0x2c\r\n", ""},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        char request[512];
        char *answer;

        snprintf(request, sizeof request,
                 "GET /livez HTTP/1.1\r\nHost: a\r\n%s\r\n%sGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n",
                 rows[i].headers, rows[i].body);
        answer = talk(request, false);
        if (count(answer, "HTTP/1.1 400") + count(answer, "HTTP/1.1 501") != 1 ||
            strstr(answer, "HTTP/1.1 2"))
            fail_msg("%s: %s", rows[i].what, answer);
        free(answer);
    }
}

static void test_requests_are_answered_in_order_when_they_come_together(void **state)
{
    char *answer = talk("GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
                        "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                        false);

    (void)state;
    if (count(answer, "HTTP/1.1 ") != 3)
        fail_msg("%s", answer);
    assert_true(strstr(answer, "HTTP/1.1 404") > strstr(answer, "HTTP/1.1 200"));
    assert_non_null(strstr(strstr(answer, "HTTP/1.1 404"), "HTTP/1.1 200"));
    free(answer);
}

static void test_a_client_that_has_shut_its_side_gets_its_answer(void **state)
{
    char *answer = talk("GET /livez HTTP/1.0\r\n\r\n", true);

    (void)state;
    assert_non_null(strstr(answer, " 200 "));
    assert_non_null(strstr(answer, "ok\n"));
    free(answer);
}

static void test_a_head_may_come_byte_by_byte(void **state)
{
    const char *request = "GET /api/v1/hub HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION "\r\n";
    struct stand_answer answer;
    int fd = stand_connect(&stand);

    (void)state;
    for (const char *at = request; *at; at++) {
        char byte[2] = {*at};

        stand_send(fd, byte);
        usleep(1000);
    }
    stand_read_answer(fd, true, &answer);
    assert_int_equal(answer.status, 200);
    stand_answer_clear(&answer);
    close(fd);
}

static char *long_text(size_t len)
{
    char *text = malloc(len + 1);

    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = '\0';
    return text;
}

/* @request with @n letters after the first |, which is left out. */
static char *grow(const char *request, size_t n)
{
    const char *at = strchr(request, '|');
    char *filler = long_text(n), *grown = NULL;

    check(at && asprintf(&grown, "%.*s%s%s", (int)(at - request), request, filler, at + 1) > 0);
    free(filler);
    return grown;
}

static void test_a_head_that_is_no_good_is_a_problem_like_any_other(void **state)
{
    static const struct {
        const char *request;
        size_t n;
        const char *status;
        const char *detail;
    } rows[] = {
        {"GET /| HTTP/1.1\r\nHost: a\r\n\r\n", 60 * 1024, " 414 ", "longer than 16 KiB"},
        {"GET /livez HTTP/1.1\r\nHost: a\r\nX: |\r\n\r\n", 60 * 1024, " 431 ", "longer than 32 KiB"},
        {"hello|\r\n", 0, " 400 ", "METHOD ADDRESS HTTP/1.1"},
        {"GET /livez HTTP/1.1\r\n|\r\n", 0, " 400 ", "Host is missing"},
        {"GET /livez HTTP/3.0\r\nHost: a\r\n|\r\n", 0, " 505 ", "1.1 and 1.0"},
        {"PUT /api/v1/users/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1e9\r\n|\r\n", 0, " 400 ",
         "Content-Length"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        char *request = grow(rows[i].request, rows[i].n);
        char *answer = talk(request, false), *body = strstr(answer, "\r\n\r\n{");

        if (!strstr(answer, rows[i].status) || !strstr(answer, "Content-Type: application/problem+json") ||
            !body || !strstr(body, rows[i].detail) || !strstr(body, "request_id") ||
            !strstr(answer, "X-Content-Type-Options: nosniff"))
            fail_msg("%.60s: %.900s", rows[i].request, answer);
        free(request);
        free(answer);
    }
}

static void test_a_head_as_long_as_it_may_be_is_served(void **state)
{
    char *request =
        grow("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: |\r\n\r\n", 32 * 1024 - 64);
    char *answer = talk(request, false);

    (void)state;
    if (!strstr(answer, " 200 "))
        fail_msg("%.900s", answer);
    free(answer);
    free(request);
}

static char *put_request(const char *length_header, const char *body)
{
    char *request = NULL;

    assert_true(asprintf(&request,
                         "PUT /api/v1/bridges/x HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION
                         "Content-Type: application/json\r\n%s\r\n%s",
                         length_header, body) > 0);
    return request;
}

/* A reset could take the answer along: it must not come while the client still sends. */
static void test_a_body_that_is_too_long_is_413_and_the_sender_is_not_reset(void **state)
{
    char *part = long_text((size_t)100 * 1024);
    char *request = put_request("Content-Length: 1048577\r\n", part);
    struct stand_answer answer;
    int fd = stand_connect(&stand);

    (void)state;
    assert_true(stand_send(fd, request));
    stand_read_answer(fd, true, &answer);
    assert_int_equal(answer.status, 413);
    assert_int_equal(json_integer_value(json_object_get(answer.json, "status")), 413);
    for (int i = 0; i < 5; i++) {
        usleep(50 * 1000);
        assert_true(stand_send(fd, part));
    }
    stand_answer_clear(&answer);
    close(fd);
    free(request);
    free(part);
}

static void test_a_chunked_body_is_counted_as_it_comes(void **state)
{
    char *filler = long_text((size_t)70000);
    char *body = NULL, *request, *answer;
    struct buffer chunks = {0};

    (void)state;
    for (int i = 0; i < 17; i++)
        buffer_append_format(&chunks, "11170\r\n%s\r\n", filler);
    buffer_append_text(&chunks, "0\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    body = buffer_take_text(&chunks);
    request = put_request("Transfer-Encoding: chunked\r\n", body);
    answer = talk(request, false);
    assert_non_null(strstr(answer, "HTTP/1.1 413"));
    assert_int_equal(count(answer, "HTTP/1.1 "), 2); /* and the connection is still in step */
    free(answer);
    free(request);
    free(body);
    free(filler);

    request = put_request("Transfer-Encoding: chunked\r\nConnection: close\r\n",
                          "5\r\n{\"add\r\n16\r\nress\": \"tcp://west:1\"}\r\n0\r\n\r\n");
    answer = talk(request, false);
    assert_non_null(strstr(answer, "HTTP/1.1 201"));
    free(answer);
    free(request);
}

static void test_a_request_that_is_no_good_gets_its_problem_after_the_answers_to_those_before(void **state)
{
#define LIVEZ "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
#define TRIED                                                                                                \
    "PUT /api/v1/bridges/x?dry_run=true HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION                               \
    "Content-Type: application/json\r\n"
#define WISH "{\"address\": \"tcp://w:1\"}"
    static const struct {
        const char *request;
        size_t n_before;
        const char *detail;
    } rows[] = {
        {LIVEZ "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 1, "more than one Host"},
        {LIVEZ LIVEZ TRIED "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 2, "one Content-Length"},
        {LIVEZ TRIED "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 1, "There are both"},
        {TRIED "Content-Length: 24\r\n\r\n" WISH "hello\r\n", 1, "METHOD ADDRESS HTTP/1.1"},
        {TRIED "Transfer-Encoding: chunked\r\n\r\n18\r\n" WISH "\r\n0\r\n\r\nhello\r\n", 1, "METHOD ADDRESS"},
        {TRIED "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 0, "not a hexadecimal number"},
        {LIVEZ TRIED "Transfer-Encoding: chunked\r\n\r\n18\r\n" WISH "0\r\n\r\n" LIVEZ, 1,
         "longer than its size"},
        {TRIED "Transfer-Encoding: chunked\r\n\r\n18\r\n" WISH "\r\n0\r\nno header\r\n", 0, "not a token"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        char *answer = talk(rows[i].request, false), *problem = strstr(answer, "HTTP/1.1 400");

        if (count(answer, "HTTP/1.1 200") != rows[i].n_before || count(answer, "HTTP/1.1 400") != 1 ||
            strstr(problem, "HTTP/1.1 200") || !strstr(problem, "Content-Type: application/problem+json") ||
            !strstr(problem, "Connection: close") || !strstr(problem, rows[i].detail))
            fail_msg("%s: %s", rows[i].detail, answer);
        free(answer);
    }
}

/* Its head has settled it; a second answer would be taken for that of the next request. */
static void test_a_request_is_answered_once_though_its_body_is_no_good(void **state)
{
    char *answer = talk("PUT /api/v1/bridges/x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                        "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                        false);

    (void)state;
    assert_int_equal(count(answer, "HTTP/1.1 "), 1);
    free(answer);
}

static void test_a_body_that_comes_late_is_no_head(void **state)
{
    struct stand_answer answer;
    int fd = stand_connect(&stand);

    (void)state;
    for (int i = 0; i < 3; i++) {
        stand_send(fd, TRIED "Content-Length: 24\r\n\r\n");
        usleep(20 * 1000);
        stand_send(fd, WISH);
        stand_read_answer(fd, true, &answer);
        assert_int_equal(answer.status, 200);
        stand_answer_clear(&answer);
    }
    close(fd);
#undef LIVEZ
#undef TRIED
#undef WISH
}

static void test_a_body_that_is_no_json_is_415(void **state)
{
    static const char *const types[] = {"", "Content-Type: text/plain\r\n",
                                        "Content-Type: application/x-www-form-urlencoded\r\n",
                                        "Content-Type: application/jsonp\r\n"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(types); i++) {
        char request[512], *answer;

        snprintf(request, sizeof request,
                 "PUT /api/v1/bridges/x HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION
                 "%sConnection: close\r\nContent-Length: 2\r\n\r\n{}",
                 types[i]);
        answer = talk(request, false);
        assert_row(types[i], strstr(answer, "HTTP/1.1 415") != NULL);
        free(answer);
    }
}

static void test_expect_continue_is_refused_before_the_body(void **state)
{
    char *answer = talk("PUT /api/v1/bridges/x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
                        false);

    (void)state;
    assert_non_null(strstr(answer, "HTTP/1.1 401"));
    assert_null(strstr(answer, "100 Continue"));
    free(answer);
}

static void test_garbage_ends_only_its_own_connection(void **state)
{
    static const char *const garbage[] = {
        "\x16\x03\x01\x02", "\r\n\r\n\r\n", "GET\r\n\r\n", "x y z\r\n\r\n", "GET /livez HTTP/9.9\r\n\r\n",
        "\x81\x85\x01\x02"};
    struct stand_answer answer;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(garbage); i++)
        free(talk(garbage[i], true));
    answer = stand_ask(&stand, "GET", "/livez", NULL, NULL);
    assert_int_equal(answer.status, 200);
    stand_answer_clear(&answer);
}

static uint64_t cpu_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static void test_two_hundred_partial_heads_are_cut_and_cost_nothing(void **state)
{
    int fds[200];
    uint64_t started_ms = clock_monotonic_ms(), used_ms;
    struct stand_answer answer;
    char byte;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(fds); i++) {
        fds[i] = stand_connect(&stand);
        stand_send(fds[i], i % 2 ? "GET /livez HTTP/1.1\r\nHost: " : "");
    }
    used_ms = cpu_ms();
    usleep(200 * 1000);
    /* Idle: without this a spinning pump would use all of it. */
    assert_true(cpu_ms() - used_ms < 100);
    answer = stand_ask(&stand, "GET", "/livez", NULL, NULL);
    assert_int_equal(answer.status, 200);
    stand_answer_clear(&answer);
    for (size_t i = 0; i < N_ELEMENTS(fds); i++) {
        assert_true(recv(fds[i], &byte, 1, 0) <= 0);
        close(fds[i]);
    }
    assert_true(clock_monotonic_ms() - started_ms < 5000);
}

static void test_a_head_that_drips_on_a_kept_connection_is_cut_too(void **state)
{
    int fd = stand_connect(&stand);
    struct stand_answer answer;
    uint64_t started_ms;
    char byte;

    (void)state;
    stand_send(fd, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    stand_read_answer(fd, true, &answer);
    assert_int_equal(answer.status, 200);
    stand_answer_clear(&answer);
    usleep(900 * 1000); /* idle between requests is no fault */
    started_ms = clock_monotonic_ms();
    for (int i = 0;
         i < 40 && recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && clock_monotonic_ms() - started_ms < 4000; i++) {
        stand_send(fd, "G");
        usleep(50 * 1000);
    }
    assert_true(clock_monotonic_ms() - started_ms < 1900);
    assert_true(clock_monotonic_ms() - started_ms > 400);
    close(fd);
}

static void test_an_idle_connection_is_closed_after_its_time(void **state)
{
    int fd = stand_connect(&stand);
    struct stand_answer answer;
    uint64_t started_ms;
    char byte;

    (void)state;
    stand_send(fd, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    stand_read_answer(fd, true, &answer);
    stand_answer_clear(&answer);
    started_ms = clock_monotonic_ms();
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    assert_true(clock_monotonic_ms() - started_ms >= 2000);
    close(fd);
}

static void test_connections_over_the_limit_wait_for_room(void **state)
{
    int fds[310];
    struct stand_answer answer;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(fds); i++)
        fds[i] = stand_connect(&stand);
    /* The limit is 300: this one waits until silent ones are cut. */
    answer = stand_ask(&stand, "GET", "/livez", NULL, NULL);
    assert_int_equal(answer.status, 200);
    stand_answer_clear(&answer);
    for (size_t i = 0; i < N_ELEMENTS(fds); i++)
        close(fds[i]);
}

static void *ask_often(void *argument)
{
    (void)argument;
    for (int i = 0; i < 100; i++) {
        struct stand_answer answer = stand_ask(&stand, "GET", "/api/v1/clients", STAND_TOKEN, NULL);

        assert_int_equal(answer.status, 200);
        stand_answer_clear(&answer);
    }
    return NULL;
}

static void test_many_ask_at_the_same_time(void **state)
{
    pthread_t threads[8];

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, NULL), 0);
    for (size_t i = 0; i < N_ELEMENTS(threads); i++)
        pthread_join(threads[i], NULL);
}

static void test_stopping_cuts_what_is_open(void **state)
{
    int idle = stand_connect(&stand), half = stand_connect(&stand);
    char byte;

    (void)state;
    stand_send(half, "PUT /api/v1/bridges/x HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION
                     "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
    usleep(50 * 1000);
    stand_restart(&stand);
    assert_true(recv(idle, &byte, 1, 0) <= 0);
    assert_true(recv(half, &byte, 1, 0) <= 0);
    close(idle);
    close(half);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_smuggled_requests_are_refused_and_the_line_is_cut),
        TEST(test_requests_are_answered_in_order_when_they_come_together),
        TEST(test_a_client_that_has_shut_its_side_gets_its_answer),
        TEST(test_a_head_may_come_byte_by_byte),
        TEST(test_a_head_that_is_no_good_is_a_problem_like_any_other),
        TEST(test_a_head_as_long_as_it_may_be_is_served),
        TEST(test_a_body_that_is_too_long_is_413_and_the_sender_is_not_reset),
        TEST(test_a_chunked_body_is_counted_as_it_comes),
        TEST(test_a_request_that_is_no_good_gets_its_problem_after_the_answers_to_those_before),
        TEST(test_a_request_is_answered_once_though_its_body_is_no_good),
        TEST(test_a_body_that_comes_late_is_no_head),
        TEST(test_a_body_that_is_no_json_is_415),
        TEST(test_expect_continue_is_refused_before_the_body),
        TEST(test_garbage_ends_only_its_own_connection),
        TEST(test_two_hundred_partial_heads_are_cut_and_cost_nothing),
        TEST(test_a_head_that_drips_on_a_kept_connection_is_cut_too),
        TEST(test_an_idle_connection_is_closed_after_its_time),
        TEST(test_connections_over_the_limit_wait_for_room),
        TEST(test_many_ask_at_the_same_time),
        TEST(test_stopping_cuts_what_is_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
