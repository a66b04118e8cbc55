/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/name.h"

#include "tests/support/unit.h"

#define ROW(what, text, is_valid)                                                                            \
    {                                                                                                        \
        what, {(const uint8_t *)(text), sizeof(text) - 1}, is_valid                                          \
    }

static void test_the_rule_for_names(void **state)
{
    static const struct {
        const char *what;
        struct bytes name;
        bool is_valid;
    } rows[] = {
        ROW("empty", "", false),
        ROW("plain", "orders.eu-west_1", true),
        ROW("blank", "a b", true),
        ROW("umlaut",
            "gr\xc3\xbc\xc3\x9f"
            "e",
            true),
        ROW("beyond the BMP", "\xf0\x9f\x98\x80", true),
        ROW("zero", "a\0b", false),
        ROW("newline", "a\n", false),
        ROW("escape", "\x1b[31m", false),
        ROW("last below blank", "\x1f", false),
        ROW("delete", "a\x7f", false),
        ROW("first C1 control", "\xc2\x80", false),
        ROW("last C1 control", "\xc2\x9f", false),
        ROW("no-break space", "\xc2\xa0", true),
        ROW("cut in a character", "a\xc3", false),
        ROW("overlong", "\xc0\xaf", false),
        ROW("surrogate", "\xed\xa0\x80", false),
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++)
        assert_row(rows[i].what, name_is_valid(rows[i].name) == rows[i].is_valid);
}

static void test_names_end_at_255_bytes(void **state)
{
    char text[256];

    (void)state;
    memset(text, 'x', sizeof text);
    assert_true(name_is_valid(bytes_of(text, 255)));
    assert_false(name_is_valid(bytes_of(text, 256)));
    assert_false(name_is_valid(BYTES_NONE));
}

/* The quick way looks at eight bytes at once: each byte counts wherever it stands. */
static void test_every_byte_counts_at_every_place(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t place = 0; place < 20; place++) {
            uint8_t text[20];
            bool is_plain = byte >= 0x20 && byte < 0x7f;

            memset(text, 'x', sizeof text);
            text[place] = (uint8_t)byte;
            assert_int_equal(name_is_valid(bytes_of(text, sizeof text)), is_plain);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_rule_for_names),
        cmocka_unit_test(test_names_end_at_255_bytes),
        cmocka_unit_test(test_every_byte_counts_at_every_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
