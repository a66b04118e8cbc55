/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/random.h"

#include <ctype.h>
#include <string.h>

#include "tests/support/unit.h"

static void test_filling_stays_within_its_bounds(void **state)
{
    uint8_t place[66];
    uint8_t seen[64] = {0};

    (void)state;
    for (int round = 0; round < 20; round++) {
        memset(place, 0, sizeof place);
        random_fill(place + 1, 64);
        assert_int_equal(place[0], 0);
        assert_int_equal(place[65], 0);
        for (int i = 0; i < 64; i++)
            seen[i] |= place[i + 1];
    }
    for (int i = 0; i < 64; i++)
        assert_int_not_equal(seen[i], 0);
    random_fill(place, 0);
}

static void test_numbers_do_not_repeat(void **state)
{
    uint64_t a = random_u64();

    (void)state;
    assert_true(a != random_u64() || a != random_u64());
}

static void test_hex_has_two_lowercase_digits_a_byte(void **state)
{
    char text[65];

    (void)state;
    random_hex(text, 32);
    assert_int_equal(strlen(text), 64);
    assert_int_equal(strspn(text, "0123456789abcdef"), 64);
    random_hex(text, 0);
    assert_string_equal(text, "");
}

static void hex_of_33_bytes(void)
{
    char text[67];

    random_hex(text, 33);
}

static void test_hex_beyond_its_room_aborts(void **state)
{
    (void)state;
    assert_true(aborts(hex_of_33_bytes));
}

static void test_every_letter_and_digit_is_about_equally_likely(void **state)
{
    enum { LENGTH = 62 * 1000 };
    static char text[LENGTH + 1];
    unsigned count[256] = {0};

    (void)state;
    random_alphanumeric(text, LENGTH);
    assert_int_equal(strlen(text), LENGTH);
    for (size_t i = 0; i < LENGTH; i++)
        count[(uint8_t)text[i]]++;
    for (int c = 0; c < 256; c++) {
        if (c < 0x80 && isalnum(c))
            assert_in_range(count[c], 700, 1300); /* 1000 +- 9 standard deviations */
        else
            assert_int_equal(count[c], 0);
    }
}

static void test_a_uuid_is_of_version_4(void **state)
{
    char text[RANDOM_UUID_TEXT];
    char other[RANDOM_UUID_TEXT];

    (void)state;
    for (int i = 0; i < 100; i++) {
        random_uuid(text);
        assert_int_equal(strlen(text), 36);
        for (int k = 0; k < 36; k++) {
            if (k == 8 || k == 13 || k == 18 || k == 23)
                assert_int_equal(text[k], '-');
            else
                assert_non_null(strchr("0123456789abcdef", text[k]));
        }
        assert_int_equal(text[14], '4');
        assert_non_null(strchr("89ab", text[19]));
    }
    random_uuid(other);
    assert_string_not_equal(text, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filling_stays_within_its_bounds),
        cmocka_unit_test(test_numbers_do_not_repeat),
        cmocka_unit_test(test_hex_has_two_lowercase_digits_a_byte),
        cmocka_unit_test(test_hex_beyond_its_room_aborts),
        cmocka_unit_test(test_every_letter_and_digit_is_about_equally_likely),
        cmocka_unit_test(test_a_uuid_is_of_version_4),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
