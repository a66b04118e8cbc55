/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/request_scan.h"
#include "tests/support/unit.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define PUT "PUT / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED PUT "Transfer-Encoding: chunked\r\n\r\n"
#define EXTENSION_16 "0123456789abcdef"
#define EXTENSION_64 EXTENSION_16 EXTENSION_16 EXTENSION_16 EXTENSION_16
#define EXTENSION_256 EXTENSION_64 EXTENSION_64 EXTENSION_64 EXTENSION_64

/* @passed: what may be passed on before the refusal; NULL: all of it. */
static const struct {
    const char *what;
    const char *text;
    unsigned n_whole;
    unsigned status;
    const char *passed;
} rows[] = {
    {"one after the other", GET GET GET, 3, 0, NULL},
    {"a body of a length", PUT "Content-Length: 5\r\n\r\nhello" GET, 2, 0, NULL},
    {"a body that looks like a head", PUT "Content-Length: 27\r\n\r\n" GET "\n" GET, 2, 0, NULL},
    {"no body", PUT "Content-Length: 0\r\n\r\n" GET, 2, 0, NULL},
    {"no chunks", CHUNKED "0\r\n\r\n" GET, 2, 0, NULL},
    {"chunks", CHUNKED "5\r\nhello\r\n00a\r\n0123456789\r\n0\r\n\r\n" GET, 2, 0, NULL},
    {"a chunk that looks like the end", CHUNKED "5\r\n0\r\n\r\n\r\n0\r\n\r\n" GET, 2, 0, NULL},
    {"extensions", CHUNKED "5;a=\"b\"\r\nhello\r\n0;c\r\n\r\n" GET, 2, 0, NULL},
    {"the longest extension", CHUNKED "0;" EXTENSION_256 "\r\n\r\n" GET, 2, 0, NULL},
    {"lines behind the body", CHUNKED "0\r\nA: b\r\nContent-Length: 9\r\n\r\n" GET, 2, 0, NULL},
    {"empty lines between requests", GET "\r\n\r\n" GET, 2, 0, NULL},
    {"a bad head behind a good one", GET "GET / HTTP/1.1\r\n\r\n", 1, 400, GET},
    {"two lengths in the second head", GET PUT "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 1, 400, GET},
    {"both ways in the second head", GET PUT "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 1,
     400, GET},
    {"two hosts behind a body", PUT "Content-Length: 2\r\n\r\nab" PUT "Host: b\r\n\r\n", 1, 400,
     PUT "Content-Length: 2\r\n\r\nab"},
    {"more than the length", PUT "Content-Length: 2\r\n\r\nab c", 1, 0, PUT "Content-Length: 2\r\n\r\nab"},
    {"no number", CHUNKED "x\r\n", 0, 400, CHUNKED},
    {"no digits", CHUNKED "\r\n", 0, 400, CHUNKED},
    {"a sign", CHUNKED "-1\r\n", 0, 400, CHUNKED},
    {"a prefix", CHUNKED "0x1\r\n", 0, 400, CHUNKED "0"},
    {"a blank before the extension", CHUNKED "1 ;a\r\n", 0, 400, CHUNKED "1"},
    {"a size that does not fit", CHUNKED "fffffffffffffffe\r\n", 0, 400, CHUNKED "fffffffffffffff"},
    {"zeros without end", CHUNKED "0000000000000000", 0, 400, CHUNKED "000000000000000"},
    {"a line feed alone", CHUNKED "1\n", 0, 400, CHUNKED "1"},
    {"a carriage return alone", CHUNKED "1\rx", 0, 400, CHUNKED "1\r"},
    {"a chunk that is longer than it says", CHUNKED "1\r\nab\r\n", 0, 400, CHUNKED "1\r\na"},
    {"a line feed alone behind a chunk", CHUNKED "1\r\na\n", 0, 400, CHUNKED "1\r\na"},
    {"a carriage return alone behind a chunk", CHUNKED "1\r\na\r0", 0, 400, CHUNKED "1\r\na\r"},
    {"a control character in an extension", CHUNKED "1;\x01\r\n", 0, 400, CHUNKED "1;"},
    {"an extension that is too long", CHUNKED "1;" EXTENSION_256 "x", 0, 400, CHUNKED "1;" EXTENSION_256},
    {"a line behind the body that is no header", CHUNKED "0\r\nab\r\n", 0, 400, CHUNKED "0\r\nab\r"},
};

static void check_passed(size_t row, const struct request_scan *scan, size_t n_fed, size_t len)
{
    size_t n_passed = rows[row].passed ? strlen(rows[row].passed) : len;

    assert_row(rows[row].what, n_fed - scan->n_held == n_passed);
    assert_row(rows[row].what, scan->n_whole == rows[row].n_whole && scan->status == rows[row].status);
    assert_row(rows[row].what, (scan->why != NULL) == (scan->status != 0));
}

static void test_a_connection_is_taken_apart_the_same_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct bytes all = bytes_of_text(rows[i].text);

        for (size_t cut = 0; cut <= all.len; cut++) {
            struct request_scan scan = {0};

            request_scan_feed(&scan, bytes_of(all.ptr, cut));
            request_scan_feed(&scan, bytes_from(all, cut));
            check_passed(i, &scan, all.len, all.len);
        }
    }
}

static void test_a_connection_is_taken_apart_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct bytes all = bytes_of_text(rows[i].text);
        struct request_scan scan = {0};

        for (size_t at = 0; at < all.len; at++)
            request_scan_feed(&scan, bytes_of(all.ptr + at, 1));
        check_passed(i, &scan, all.len, all.len);
    }
}

static void test_a_head_is_held_back_until_it_is_whole(void **state)
{
    struct request_scan scan = {0};

    (void)state;
    assert_true(request_scan_feed(&scan, BYTES_LITERAL(GET "GET / HTTP/1.1\r\nHost: a\r\n\r")));
    assert_int_equal(scan.n_held, strlen(GET) - 1);
    assert_true(request_scan_feed(&scan, BYTES_LITERAL("\n")));
    assert_int_equal(scan.n_held, 0);
}

static void test_all_that_follows_a_refusal_is_held_back(void **state)
{
    struct request_scan scan = {0};

    (void)state;
    assert_false(request_scan_feed(&scan, BYTES_LITERAL(CHUNKED "1x")));
    assert_false(request_scan_feed(&scan, BYTES_LITERAL(GET)));
    assert_int_equal(scan.n_held, strlen("x" GET));
    assert_int_equal(scan.n_whole, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_connection_is_taken_apart_the_same_however_it_is_cut),
        cmocka_unit_test(test_a_connection_is_taken_apart_byte_by_byte),
        cmocka_unit_test(test_a_head_is_held_back_until_it_is_whole),
        cmocka_unit_test(test_all_that_follows_a_refusal_is_held_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
