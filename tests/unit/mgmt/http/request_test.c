/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/request.h"
#include "tests/support/unit.h"

static void test_a_head_is_taken_apart(void **state)
{
    char head[] = "\r\nGET /a?b HTTP/1.1\r\nHost:a \t\nX-Empty:\r\nX-More: \tone: two \r\n\r\n";
    struct request request = {0};

    (void)state;
    assert_true(request_read_head(&request, head, sizeof head - 1));
    assert_string_equal(request.method, "GET");
    assert_string_equal(request.target, "/a?b");
    assert_int_equal(request.n_headers, 3);
    assert_string_equal(request_header(&request, "host"), "a");
    assert_string_equal(request_header(&request, "x-empty"), "");
    assert_string_equal(request_header(&request, "x-more"), "one: two");
}

static void test_what_is_no_head_alone_is_not_taken_apart(void **state)
{
    static const char *const rows[] = {
        "",
        "\r\n",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        "GET /\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nb",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct request request = {0};
        char head[128];

        snprintf(head, sizeof head, "%s", rows[i]);
        assert_row(rows[i], !request_read_head(&request, head, strlen(head)));
    }
}

static void test_targets_are_split_then_decoded(void **state)
{
    struct request request = {.target = "/a%2Fb/%c3%a4+c//?x=1+2&y&=&z=%26"};

    (void)state;
    assert_int_equal(request_parse(&request), 0);
    assert_int_equal(request.n_segments, 4);
    assert_string_equal(request.segments[0], "a/b");
    assert_string_equal(request.segments[1], "\xc3\xa4+c");
    assert_string_equal(request.segments[2], "");
    assert_string_equal(request_argument(&request, "x"), "1 2");
    assert_string_equal(request_argument(&request, "y"), "");
    assert_string_equal(request_argument(&request, "z"), "&");
    assert_null(request_argument(&request, "none"));
    request_clear(&request);
}

static void test_targets_that_cannot_be_read_are_refused(void **state)
{
    static const struct {
        const char *target;
        int outcome;
    } rows[] = {
        {"", REQUEST_E_MALFORMED},
        {"x", REQUEST_E_MALFORMED},
        {"*", REQUEST_E_MALFORMED},
        {"http://x/", REQUEST_E_MALFORMED},
        {"/%", REQUEST_E_MALFORMED},
        {"/%4", REQUEST_E_MALFORMED},
        {"/%4g", REQUEST_E_MALFORMED},
        {"/%00", REQUEST_E_MALFORMED},
        {"/%ff", REQUEST_E_MALFORMED},
        {"/?a=%ed%a0%80", REQUEST_E_MALFORMED},
        {"/1/2/3/4/5/6/7/8/9", REQUEST_E_TOO_LONG},
        {"/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17", REQUEST_E_ARGUMENTS},
        {"/", 0},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct request request = {.target = rows[i].target};

        assert_row(rows[i].target, request_parse(&request) == rows[i].outcome);
        request_clear(&request);
    }
}

static void test_tokens_are_found_in_lists(void **state)
{
    struct request request = {.n_headers = 2,
                              .headers = {{"Connection", "keep-alive, Upgrade"}, {"connection", "x;q=1"}}};

    (void)state;
    assert_true(request_has_token(&request, "Connection", "upgrade"));
    assert_true(request_has_token(&request, "Connection", "x"));
    assert_true(request_has_token(&request, "Connection", "keep-alive"));
    assert_false(request_has_token(&request, "Connection", "keep"));
    assert_false(request_has_token(&request, "Connection", "alive"));
    assert_false(request_has_token(&request, "Upgrade", "upgrade"));
}

static void test_a_request_is_a_span_of_the_trace_that_it_names_if_that_is_well_formed(void **state)
{
#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
    static const struct {
        const char *given;
        bool is_taken;
    } rows[] = {
        {"00-" TRACE "-" SPAN "-01", true},
        {"00-" TRACE "-" SPAN "-00", true},
        {"cc-" TRACE "-" SPAN "-01-more", true},
        {"00-" TRACE "-" SPAN "-01-more", false},
        {"cc-" TRACE "-" SPAN "-01.more", false},
        {"ff-" TRACE "-" SPAN "-01", false},
        {"00-00000000000000000000000000000000-" SPAN "-01", false},
        {"00-" TRACE "-0000000000000000-01", false},
        {"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", false},
        {"00-" TRACE "-" SPAN "-0", false},
        {"00-" TRACE "-" SPAN "-0g", false},
        {"00_" TRACE "_" SPAN "_01", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct request request = {.n_headers = 1, .headers = {{"traceparent", rows[i].given}}};
        struct request again = {.n_headers = 1, .headers = {{"Traceparent", request.traceparent}}};

        request_set_trace(&request);
        request_set_trace(&again);
        assert_row(rows[i].given, (strncmp(request.traceparent + 3, TRACE, 32) == 0) == rows[i].is_taken);
        assert_row(rows[i].given, strstr(request.traceparent, SPAN) == NULL);
        /* What is made is well-formed itself. */
        assert_row(rows[i].given, strncmp(again.traceparent, request.traceparent, 35) == 0);
        if (rows[i].is_taken)
            assert_memory_equal(request.traceparent + 53, rows[i].given + 53, 2);
    }
#undef TRACE
#undef SPAN
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_head_is_taken_apart),
        cmocka_unit_test(test_what_is_no_head_alone_is_not_taken_apart),
        cmocka_unit_test(test_targets_are_split_then_decoded),
        cmocka_unit_test(test_targets_that_cannot_be_read_are_refused),
        cmocka_unit_test(test_tokens_are_found_in_lists),
        cmocka_unit_test(test_a_request_is_a_span_of_the_trace_that_it_names_if_that_is_well_formed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
