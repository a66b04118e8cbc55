/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/buffer.h"
#include "mgmt/http/head_scan.h"
#include "tests/support/unit.h"

#define FIRST "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"

/* @status 0: all is well. */
static const struct {
    const char *text;
    unsigned status;
} rows[] = {
    {FIRST HOST "\r\n", 0},
    {"GET / HTTP/1.1\nHost: b\n\n", 0},
    {"GET / HTTP/1.0\r\nA: b\r\n\r\n", 0},
    {"\r\n\r\n" FIRST HOST "\r\n", 0},
    {FIRST HOST "A: b:c\td\xff\r\n\r\n", 0},
    {FIRST HOST "A:\r\n\r\n", 0},
    {FIRST "host: a\r\nContent-length:  17\r\n\r\n", 0},
    {FIRST HOST "Transfer-Encoding: Chunked\r\n\r\n", 0},
    {FIRST HOST "Cookie: a\r\nCookie: b\r\n\r\n", 0},
    {FIRST HOST "Content-Length: 17 \r\n\r\n", 400}, /* the library takes no blank behind it */
    {FIRST HOST HOST "\r\n", 400},
    {FIRST HOST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n", 400},
    {FIRST HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {FIRST HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {FIRST HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {FIRST HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {FIRST HOST "Transfer-Encoding:\r\n\r\n", 501},
    {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {FIRST HOST "Transfer-Encoding : chunked\r\n\r\n", 400},
    {FIRST HOST "A(: b\r\n\r\n", 400},
    {FIRST HOST "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400},
    {FIRST HOST "Origin: a\r\nA: b\r\norigin: a\r\n\r\n", 400},
    {"GET\t/ / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"PUT / HTTP/1.1\r\nHost: b\r\n\r\n{\n  \"a\": 1,\r \"b\": 2\n}", 0}, /* a body is not looked at */
    {FIRST HOST " c\r\n\r\n", 400},
    {FIRST HOST "\tc\r\n\r\n", 400},
    {FIRST " A: b\r\n\r\n", 400},
    {"\r\n" FIRST "A:\r\n b\r\n\r\n", 400},
    {FIRST HOST "A: b\rC: d\r\n\r\n", 400},
    {"GET / HTTP/1.1\rA: b\r\n\r\n", 400},
    {FIRST HOST "A: b\r\r\n\r\n", 400},
    {FIRST "\r\n", 400},
    {FIRST "Hosts: a\r\n\r\n", 400},
    {"GET /\r\n\r\n", 400},
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / x HTTP/1.1\r\n" HOST "\r\n", 400},
    {" / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"\x16\x03\x01\x02\x00\x01", 400},
    {"hello\r\n", 400},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\n", 505},
    {"GET / HTTP/1.12\r\n" HOST "\r\n", 400},
    {"GET / HHTTP/1.1\r\n" HOST "\r\n", 400},
    {FIRST HOST "nothing\r\n\r\n", 400},
    {FIRST HOST ": a\r\n\r\n", 400},
    {FIRST HOST "A: \x01\r\n\r\n", 400},
    {FIRST HOST "Content-Length: +1\r\n\r\n", 400},
    {FIRST HOST "Content-Length:\r\n\r\n", 400},
    {FIRST HOST "Content-Length: 1, 1\r\n\r\n", 400},
    {FIRST HOST "Content-Length: 0x1\r\n\r\n", 400},
    {FIRST HOST "Content-Length: 9999999999999999999\r\n\r\n", 400},
};

static void test_a_head_is_judged_the_same_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct bytes all = bytes_of_text(rows[i].text);

        for (size_t cut = 0; cut <= all.len; cut++) {
            struct head_scan scan = {0};
            struct bytes first = bytes_of(all.ptr, cut), second = bytes_from(all, cut);
            bool is_well = head_scan_feed(&scan, &first) && head_scan_feed(&scan, &second);

            assert_row(rows[i].text, is_well == (rows[i].status == 0));
            assert_row(rows[i].text, scan.status == rows[i].status);
            assert_row(rows[i].text, is_well ? scan.is_done : *scan.why != '\0');
        }
    }
}

static unsigned status_of(const char *before, size_t n, const char *after)
{
    struct head_scan scan = {0};
    struct buffer text = {0};
    struct bytes bytes;

    buffer_append_text(&text, before);
    for (size_t i = 0; i < n; i++)
        buffer_append_text(&text, "x");
    buffer_append_text(&text, after);
    bytes = buffer_bytes(&text);
    head_scan_feed(&scan, &bytes);
    buffer_clear(&text);
    return scan.status;
}

static void test_lines_and_heads_have_an_end(void **state)
{
    (void)state;
    assert_int_equal(status_of("GET /", HEAD_SCAN_LINE_BYTES - 14, " HTTP/1.1\r\n" HOST "\r\n"), 0);
    assert_int_equal(status_of("GET /", HEAD_SCAN_LINE_BYTES - 13, " HTTP/1.1\r\n" HOST "\r\n"), 414);
    assert_int_equal(status_of(FIRST HOST "A: ", HEAD_SCAN_BYTES - 32, "\r\n\r\n"), 0);
    assert_int_equal(status_of(FIRST HOST "A: ", HEAD_SCAN_BYTES - 31, "\r\n\r\n"), 431);
}

static unsigned status_of_headers(size_t n)
{
    struct head_scan scan = {0};
    struct buffer text = {0};
    struct bytes bytes;

    buffer_append_text(&text, FIRST HOST);
    for (size_t i = 0; i < n - 1; i++)
        buffer_append_text(&text, "A: b\r\n");
    buffer_append_text(&text, "\r\n");
    bytes = buffer_bytes(&text);
    head_scan_feed(&scan, &bytes);
    buffer_clear(&text);
    return scan.status;
}

static void test_headers_are_counted(void **state)
{
    (void)state;
    assert_int_equal(status_of_headers(HEAD_SCAN_HEADERS), 0);
    assert_int_equal(status_of_headers(HEAD_SCAN_HEADERS + 1), 431);
}

static struct head_scan scan_of(const char *text)
{
    struct head_scan scan = {0};
    struct bytes bytes = bytes_of_text(text);

    assert_true(head_scan_feed(&scan, &bytes));
    assert_int_equal(bytes.len, 1); /* what is behind the empty line stays */
    return scan;
}

static void test_a_head_tells_how_its_body_comes(void **state)
{
    (void)state;
    assert_int_equal(scan_of(FIRST HOST "Content-Length: 00123\r\n\r\nx").body_bytes, 123);
    assert_int_equal(scan_of(FIRST HOST "\r\nx").body_bytes, 0);
    assert_true(scan_of(FIRST HOST "transfer-encoding:chunked\r\n\r\nx").is_chunked);
    assert_false(scan_of(FIRST HOST "X-Transfer-Encoding: chunked\r\n\r\nx").is_chunked);
}

static void test_what_stands_behind_a_body_is_read_alike_and_means_nothing(void **state)
{
    static const struct {
        const char *text;
        unsigned status;
    } behind[] = {
        {"\r\n", 0},
        {"A: b\r\n\r\n", 0},
        {"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 0},
        {"A: b\r\n c\r\n\r\n", 400},
        {"nothing\r\n\r\n", 400},
        {"A : b\r\n\r\n", 400},
        {"A: \x01\r\n\r\n", 400},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(behind); i++) {
        struct bytes bytes = bytes_of_text(behind[i].text);
        struct head_scan scan;

        head_scan_begin_behind_body(&scan);
        head_scan_feed(&scan, &bytes);
        assert_row(behind[i].text, scan.status == behind[i].status);
        assert_row(behind[i].text, scan.is_done == (scan.status == 0) && scan.body_bytes == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_head_is_judged_the_same_however_it_is_cut),
        cmocka_unit_test(test_lines_and_heads_have_an_end),
        cmocka_unit_test(test_headers_are_counted),
        cmocka_unit_test(test_a_head_tells_how_its_body_comes),
        cmocka_unit_test(test_what_stands_behind_a_body_is_read_alike_and_means_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
