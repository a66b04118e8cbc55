/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Requests that are answered where they are read, beside those that the HTTP library answers
 */
#include <dirent.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "mgmt/http/pump.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

#define AUTHORIZATION "Authorization: Bearer " STAND_TOKEN "\r\n"
#define LIVEZ "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
#define LONG "GET /api/v1/bridges HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION "\r\n"

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

static size_t n_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t n = 0;

    check(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static void ask_on(int fd, const char *request, int status)
{
    struct stand_answer answer;

    assert_true(stand_send(fd, request));
    stand_read_answer(fd, strncmp(request, "HEAD", 4) != 0, &answer);
    if (answer.status != status)
        fail_msg("%.40s: %d", request, answer.status);
    stand_answer_clear(&answer);
}

/* An answered connection has two ends, and two more where there is a way to the library. */
static size_t descriptors_of(const char *request, int status)
{
    size_t n_before = n_descriptors(), n;
    int fd = stand_connect(&stand);

    ask_on(fd, request, status);
    n = n_descriptors() - n_before;
    close(fd);
    /* The pump closes its end in its own time. */
    for (int i = 0; i < 1000 && n_descriptors() != n_before; i++)
        usleep(1000);
    assert_int_equal(n_descriptors(), n_before);
    return n;
}

static void test_what_is_brief_goes_no_way_to_the_library(void **state)
{
    static const struct {
        const char *request;
        int status;
        size_t n_descriptors;
    } rows[] = {
        {LIVEZ, 200, 2},
        {"GET /api/v1/hub HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION "\r\n", 200, 2},
        {"GET /api/v1/hub HTTP/1.1\r\nHost: a\r\n\r\n", 401, 2},
        {"GET /api/v1/links HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive\r\n" AUTHORIZATION "\r\n", 200, 2},
        {"GET /api/v1/clients?limit=2 HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION "\r\n", 200, 2},
        {"GET /api/v1/clients/nobody HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION "\r\n", 404, 2},
        {"GET /api/v1/clients?limit=21 HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION "\r\n", 200, 4},
        {"GET /api/v1/clients?limit=2&sort=id HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION "\r\n", 200, 4},
        {"GET /api/v1/clients HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION "\r\n", 200, 4},
        {"GET /livez HTTP/1.1\r\nHost: a\r\nCookie: x=y\r\n\r\n", 200, 4},
        {"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 200, 4},
        {"HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n", 200, 4},
        {"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404, 4},
        {LONG, 200, 4},
    };

    (void)state;
    ask_on(stand_connect(&stand), LONG, 200); /* what is opened but once is open then */
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        size_t n = descriptors_of(rows[i].request, rows[i].status);

        if (n != rows[i].n_descriptors)
            fail_msg("%s: %zu", rows[i].request, n);
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Status and headers, sorted; those of which each answer has its own by name alone. */
static char *sorted_head(char *head)
{
    static const char *const own[] = {"Date:", "traceparent:", "RateLimit:", "Content-Length:"};
    char *lines[64], *line, *out = NULL;
    struct buffer text = {0};
    size_t n = 0;

    while ((line = strsep(&head, "\n"))) {
        for (size_t i = 0; i < N_ELEMENTS(own); i++)
            if (strncmp(line, own[i], strlen(own[i])) == 0)
                line[strlen(own[i])] = '\0';
        line[strcspn(line, "\r")] = '\0';
        if (*line && strncmp(line, "Connection:", 11) != 0)
            lines[n++] = line;
    }
    qsort(lines, n, sizeof *lines, compare_lines);
    for (size_t i = 0; i < n; i++)
        buffer_append_format(&text, "%s\n", lines[i]);
    out = buffer_take_text(&text);
    check(out);
    return out;
}

static struct stand_answer answer_to(const char *target, const char *headers)
{
    char all[512];

    snprintf(all, sizeof all, "X-Request-Id: one\r\nOrigin: http://else\r\n%s", headers);
    return stand_ask_with(&stand, "GET", target, all, NULL);
}

static void test_a_brief_answer_is_the_library_s_to_the_letter(void **state)
{
    static const struct {
        const char *target;
        const char *headers;
        bool has_same_body;
    } rows[] = {
        {"/livez", "", true},
        {"/readyz?x=y", "", true},
        {"/startupz", "", true},
        {"/api/v1/hub", AUTHORIZATION, false},
        {"/api/v1/hub", "", true},
        {"/api/v1/hub?limit=1", AUTHORIZATION, true},
        {"/api/v1/links", AUTHORIZATION, true},
        {"/api/v1/links?sort=nothing", AUTHORIZATION, true},
        {"/api/v1/clients?limit=1", AUTHORIZATION, true},
        {"/api/v1/clients/client-1", AUTHORIZATION, false},
        {"/api/v1/clients/%C3%A4%2F%22", AUTHORIZATION, true},
        {"/api/v1/channels?limit=20", AUTHORIZATION, true},
        {"/api/v1/channels/none/members?limit=1", AUTHORIZATION, true},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        char headers[256];
        struct stand_answer brief = answer_to(rows[i].target, rows[i].headers), other;
        char *one, *two;

        snprintf(headers, sizeof headers, "Connection: close\r\n%s", rows[i].headers);
        other = answer_to(rows[i].target, headers);
        one = sorted_head(brief.head);
        two = sorted_head(other.head);
        assert_string_equal(one, two);
        assert_row(rows[i].target, !rows[i].has_same_body || strcmp(brief.body, other.body) == 0);
        assert_row(rows[i].target, json_object_size(brief.json) == json_object_size(other.json));
        free(one);
        free(two);
        stand_answer_clear(&brief);
        stand_answer_clear(&other);
    }
}

static void test_a_brief_request_waits_for_the_answer_that_the_library_owes(void **state)
{
    struct stand_answer answer;
    int fd = stand_connect(&stand);

    (void)state;
    stand_send(fd, "GET /api/v1/events?since=0&wait=1&streams=audit HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION
                   "\r\n");
    usleep(50 * 1000);
    stand_send(fd, LIVEZ);
    stand_read_answer(fd, true, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(json_object_get(answer.json, "items"));
    stand_answer_clear(&answer);
    stand_read_answer(fd, true, &answer);
    assert_string_equal(answer.body, "ok\n");
    stand_answer_clear(&answer);
    close(fd);
}

static void test_brief_and_other_requests_take_turns_on_a_connection(void **state)
{
    int fd = stand_connect(&stand);

    (void)state;
    for (int i = 0; i < 50; i++) {
        ask_on(fd, LIVEZ, 200);
        ask_on(fd, LONG, 200);
        ask_on(fd, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404);
        ask_on(fd, "HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n", 200);
        ask_on(fd, "GET /api/v1/links HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION "\r\n", 200);
    }
    close(fd);
}

/* The body comes alone, as a brief request would. */
static void test_a_body_is_no_brief_request(void **state)
{
    static const char *const framings[] = {"Content-Length: 32", "Transfer-Encoding: chunked"};
    struct stand_answer answer;

    (void)state;
    assert_int_equal(strlen(LIVEZ), 32);
    for (size_t i = 0; i < N_ELEMENTS(framings); i++) {
        int fd = stand_connect(&stand);
        char head[256];

        snprintf(head, sizeof head,
                 "PUT /api/v1/bridges/x HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION
                 "Content-Type: application/json\r\n%s\r\n\r\n%s",
                 framings[i], i ? "20\r\n" : "");
        stand_send(fd, head);
        usleep(50 * 1000);
        stand_send(fd, LIVEZ);
        usleep(50 * 1000);
        stand_send(fd, i ? "\r\n0\r\n\r\n" : "");
        stand_read_answer(fd, true, &answer);
        assert_int_equal(answer.status, 400);
        stand_answer_clear(&answer);
        ask_on(fd, LIVEZ, 200);
        close(fd);
    }
}

/* False: this machine has let the connection rest for so long that it may have been closed. */
static bool outlives(uint64_t patience_ms)
{
    uint64_t began_ms = clock_monotonic_ms(), asked_ms = began_ms;
    int fd = stand_connect(&stand), status = 200;

    ask_on(fd, LONG, 200);
    while (status == 200 && asked_ms < began_ms + 2 * patience_ms) {
        struct stand_answer answer;

        usleep(20 * 1000);
        if (clock_monotonic_ms() > asked_ms + patience_ms / 2) {
            close(fd);
            return false;
        }
        asked_ms = clock_monotonic_ms();
        stand_send(fd, LIVEZ);
        stand_read_answer(fd, true, &answer);
        status = answer.status;
        stand_answer_clear(&answer);
    }
    assert_int_equal(status, 200);
    ask_on(fd, LONG, 200);
    close(fd);
    return true;
}

static void test_a_connection_of_brief_requests_outlives_the_library_s_patience(void **state)
{
    const struct mgmt_options options = {.idle_s = 1};

    (void)state;
    stand_stop(&stand);
    stand_start(&stand, &options);
    while (!outlives(1000))
        ;
}

static void test_a_client_that_has_shut_its_side_gets_its_brief_answer(void **state)
{
    struct buffer out = {0};
    int fd = stand_connect(&stand);

    (void)state;
    stand_send(fd, LIVEZ);
    shutdown(fd, SHUT_WR);
    stand_read_all(fd, &out, 0);
    assert_int_equal(buffer_append(&out, "", 1), 0);
    assert_non_null(strstr((char *)out.ptr, "\r\n\r\nok\n"));
    buffer_clear(&out);
    close(fd);
}

static void *ask_often(void *argument)
{
    int fd = stand_connect(&stand);

    (void)argument;
    for (int i = 0; i < 100; i++)
        ask_on(fd, i % 5 ? "GET /api/v1/hub HTTP/1.1\r\nHost: a\r\n" AUTHORIZATION "\r\n" : LONG, 200);
    close(fd);
    return NULL;
}

static void test_many_ask_briefly_at_the_same_time(void **state)
{
    pthread_t threads[8];

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, NULL), 0);
    for (size_t i = 0; i < N_ELEMENTS(threads); i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_brief_goes_no_way_to_the_library),
        TEST(test_a_brief_answer_is_the_library_s_to_the_letter),
        TEST(test_a_brief_request_waits_for_the_answer_that_the_library_owes),
        TEST(test_brief_and_other_requests_take_turns_on_a_connection),
        TEST(test_a_body_is_no_brief_request),
        TEST(test_a_connection_of_brief_requests_outlives_the_library_s_patience),
        TEST(test_a_client_that_has_shut_its_side_gets_its_brief_answer),
        TEST(test_many_ask_briefly_at_the_same_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
