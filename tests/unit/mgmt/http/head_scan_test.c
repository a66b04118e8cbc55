/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/head_scan.h"
#include "tests/support/unit.h"

static const struct {
    const char *text;
    bool is_well;
} rows[] = {
    {"GET / HTTP/1.1\r\nA: b\r\n\r\n", true},
    {"GET / HTTP/1.1\nA: b\n\n", true},
    {"\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n", true},
    {"PUT / HTTP/1.1\r\nA: b\r\n\r\n{\n  \"a\": 1,\r \"b\": 2\n}", true}, /* a body is not looked at */
    {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", false},
    {"GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", false},
    {"GET / HTTP/1.1\r\n A: b\r\n\r\n", false},
    {"\r\nGET / HTTP/1.1\r\nA:\r\n b\r\n\r\n", false},
    {"GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", false},
    {"GET / HTTP/1.1\rA: b\r\n\r\n", false},
    {"GET / HTTP/1.1\r\nA: b\r\r\n\r\n", false},
};

static void test_a_head_is_judged_the_same_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct bytes all = bytes_of_text(rows[i].text);

        for (size_t cut = 0; cut <= all.len; cut++) {
            struct head_scan scan = {0};
            bool is_well = head_scan_feed(&scan, bytes_of(all.ptr, cut));

            is_well = is_well && head_scan_feed(&scan, bytes_from(all, cut));
            assert_row(rows[i].text, is_well == rows[i].is_well);
            if (is_well)
                assert_row(rows[i].text, scan.is_done);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_head_is_judged_the_same_however_it_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
