/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/text.h"

#include <errno.h>

#include "tests/support/unit.h"

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }

static void test_hex(void **state)
{
    char text[9];

    (void)state;
    text_hex("\x00\x1f\xa0\xff", 4, text);
    assert_string_equal(text, "001fa0ff");
    text_hex("", 0, text);
    assert_string_equal(text, "");
}

static void test_numbers_are_taken_whole_and_in_their_range(void **state)
{
    static const struct {
        const char *text;
        uint64_t least;
        uint64_t most;
        int outcome;
        uint64_t value;
    } rows[] = {
        {"0", 0, 9, 0, 0},
        {"007", 0, 9, 0, 7},
        {"18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", 0, UINT64_MAX, -ERANGE, 0},
        {"184467440737095516150", 0, UINT64_MAX, -ERANGE, 0},
        {"1", 2, 9, -ERANGE, 0},
        {"10", 2, 9, -ERANGE, 0},
        {"", 0, 9, -EINVAL, 0},
        {"-1", 0, 9, -EINVAL, 0},
        {"+1", 0, 9, -EINVAL, 0},
        {" 1", 0, 9, -EINVAL, 0},
        {"1 ", 0, 9, -EINVAL, 0},
        {"0x1", 0, 9, -EINVAL, 0},
        {"1.0", 0, 9, -EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        uint64_t value = 4711;
        int r = text_to_u64(rows[i].text, rows[i].least, rows[i].most, &value);

        assert_row(rows[i].text, r == rows[i].outcome);
        assert_row(rows[i].text, value == (r ? 4711 : rows[i].value));
    }
}

/* UTF-8 of a code point by the definition, surrogates and all. */
static size_t encode(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

static void test_every_code_point_is_read_and_nothing_else(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x1fffff; c++) {
        bool is_code_point = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
        uint8_t raw[4];
        size_t len = encode(c, raw);
        uint32_t read = 0;

        if (text_utf8_next(bytes_of(raw, len), 0, &read) != (is_code_point ? len : 0))
            fail_msg("U+%04X", (unsigned)c);
        if (is_code_point && read != c)
            fail_msg("U+%04X read as U+%04X", (unsigned)c, (unsigned)read);
        if (text_is_utf8(bytes_of(raw, len)) != is_code_point)
            fail_msg("U+%04X", (unsigned)c);
        for (size_t cut = 1; cut < len; cut++)
            if (text_utf8_next(bytes_of(raw, cut), 0, &read) != 0)
                fail_msg("U+%04X cut at %zu", (unsigned)c, cut);
    }
}

static void test_what_is_not_utf_8(void **state)
{
    static const struct {
        const char *what;
        struct bytes text;
    } rows[] = {
        {"a continuation alone", TEXT("\x80")},
        {"overlong in two", TEXT("\xc1\xbf")},
        {"overlong in three", TEXT("\xe0\x9f\xbf")},
        {"overlong in four", TEXT("\xf0\x8f\xbf\xbf")},
        {"beyond U+10FFFF", TEXT("\xf4\x90\x80\x80")},
        {"first byte f5", TEXT("\xf5\x80\x80\x80")},
        {"first byte ff", TEXT("\xff")},
        {"surrogate pair", TEXT("\xed\xa0\xbd\xed\xb8\x80")},
        {"cut at the end", TEXT("abcdefgh\xc3")},
        {"no continuation", TEXT("\xc3"
                                 "abcdefg")},
        {"in the middle of ASCII", TEXT("abcdefghijkl\xff"
                                        "abcdefghijkl")},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        assert_row(rows[i].what, !text_is_utf8(rows[i].text));
        assert_row(rows[i].what, !text_is_ascii(rows[i].text));
    }
    assert_true(text_is_utf8(BYTES_NONE));
    assert_true(text_is_ascii(BYTES_NONE));
}

static void test_one_high_bit_anywhere_is_not_ascii(void **state)
{
    uint8_t text[70];

    (void)state;
    for (size_t len = 0; len <= sizeof text; len++) {
        memset(text, 0x7f, sizeof text);
        assert_true(text_is_ascii(bytes_of(text, len)));
        for (size_t i = 0; i < len; i++) {
            text[i] = 0x80;
            assert_false(text_is_ascii(bytes_of(text, len)));
            text[i] = 0;
        }
    }
    text[5] = 0x80; /* behind the end */
    assert_true(text_is_ascii(bytes_of(text, 5)));
}

static void test_text_for_eyes(void **state)
{
    static const struct {
        const char *what;
        struct bytes text;
        const char *escaped;
    } rows[] = {
        {"plain",
         TEXT("gr\xc3\xbc\xc3\x9f"
              "e"),
         "gr\xc3\xbc\xc3\x9f"
         "e"},
        {"controls", TEXT("a\n\x1b[31m\x7f"), "a\\u{a}\\u{1b}[31m\\u{7f}"},
        {"a zero", TEXT("a\0b"), "a\\u{0}b"},
        {"C1", TEXT("\xc2\x9b"), "\\u{9b}"},
        {"turns direction", TEXT("\xe2\x80\xae\xe2\x81\xa6\xd8\x9c"), "\\u{202e}\\u{2066}\\u{61c}"},
        {"line separator", TEXT("\xe2\x80\xa8"), "\\u{2028}"},
        {"not UTF-8", TEXT("a\xff\xc3"), "a\\xff\\xc3"},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        text_escape(rows[i].text, out, sizeof out);
        assert_string_equal(out, rows[i].escaped);
    }
}

static void test_text_for_eyes_is_cut_at_any_size(void **state)
{
    struct bytes text = BYTES_LITERAL("ab\xc3\xbc\n\xff"
                                      "cdefghijklmnopqrstuvwxyz");
    char whole[64];

    (void)state;
    text_escape(text, whole, sizeof whole);
    for (size_t size = 4; size < strlen(whole) + 8; size++) {
        char out[64];
        size_t kept;

        memset(out, '#', sizeof out);
        text_escape(text, out, size);
        assert_in_range(strlen(out), 3, size - 1);
        assert_int_equal(out[size], '#');
        if (strcmp(out, whole) == 0)
            continue;
        kept = strlen(out) - 3;
        assert_string_equal(out + kept, "...");
        assert_memory_equal(out, whole, kept);
        assert_true(text_is_utf8(bytes_of_text(out)));
        assert_true(size <= strlen(whole)); /* what fits is not cut */
    }
}

static void test_the_distance_counts_typing_mistakes(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        size_t distance;
    } rows[] = {
        {"", "", 0},
        {"abc", "abc", 0},
        {"abc", "", 3},
        {"idle", "idel", 1},
        {"idle", "ile", 1},
        {"idle", "iddle", 1},
        {"lb-policy", "lb_policy", 1},
        {"kitten", "sitting", 3},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        assert_int_equal(text_distance(rows[i].a, rows[i].b), rows[i].distance);
        assert_int_equal(text_distance(rows[i].b, rows[i].a), rows[i].distance);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_numbers_are_taken_whole_and_in_their_range),
        cmocka_unit_test(test_every_code_point_is_read_and_nothing_else),
        cmocka_unit_test(test_what_is_not_utf_8),
        cmocka_unit_test(test_one_high_bit_anywhere_is_not_ascii),
        cmocka_unit_test(test_text_for_eyes),
        cmocka_unit_test(test_text_for_eyes_is_cut_at_any_size),
        cmocka_unit_test(test_the_distance_counts_typing_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
