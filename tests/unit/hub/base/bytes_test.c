/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/bytes.h"

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_order_is_bytewise_and_the_shorter_first(void **state)
{
    static const struct {
        const char *what;
        struct bytes a;
        struct bytes b;
        int order;
    } rows[] = {
        {"both empty", {NULL, 0}, {(const uint8_t *)"", 0}, 0},
        {"empty before all", {NULL, 0}, {(const uint8_t *)"a", 1}, -1},
        {"equal", {(const uint8_t *)"abc", 3}, {(const uint8_t *)"abc", 3}, 0},
        {"prefix", {(const uint8_t *)"ab", 2}, {(const uint8_t *)"abc", 3}, -1},
        {"bytes are unsigned", {(const uint8_t *)"\x7f", 1}, {(const uint8_t *)"\x80", 1}, -1},
        {"a zero is a byte", {(const uint8_t *)"a\0b", 3}, {(const uint8_t *)"a\0a", 3}, 1},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        assert_row(rows[i].what, sign(bytes_compare(rows[i].a, rows[i].b)) == rows[i].order);
        assert_row(rows[i].what, sign(bytes_compare(rows[i].b, rows[i].a)) == -rows[i].order);
        assert_row(rows[i].what, bytes_equal(rows[i].a, rows[i].b) == (rows[i].order == 0));
        assert_row(rows[i].what, bytes_equal_secret(rows[i].a, rows[i].b) == (rows[i].order == 0));
    }
}

static void test_a_secret_differs_in_any_single_bit(void **state)
{
    uint8_t a[40];
    uint8_t b[40];

    (void)state;
    memset(a, 0x5a, sizeof a);
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        memcpy(b, a, sizeof a);
        b[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_false(bytes_equal_secret(bytes_of(a, sizeof a), bytes_of(b, sizeof b)));
    }
}

static void test_prefixes_and_rests(void **state)
{
    struct bytes text = BYTES_LITERAL("subscription.x");

    (void)state;
    assert_true(bytes_start_with(text, BYTES_LITERAL("subscription.")));
    assert_true(bytes_start_with(text, BYTES_NONE));
    assert_true(bytes_start_with(text, text));
    assert_false(bytes_start_with(text, BYTES_LITERAL("subscription.xy")));
    assert_false(bytes_start_with(BYTES_NONE, text));
    assert_text(bytes_from(text, 13), "x");
    assert_int_equal(bytes_from(text, 14).len, 0);
    assert_int_equal(bytes_from(text, 99).len, 0);
    assert_int_equal(bytes_of_text(NULL).len, 0);
    assert_true(bytes_equal_text(text, "subscription.x"));
    assert_true(bytes_equal_text(BYTES_NONE, ""));
}

static void test_a_copy_ends_with_a_zero(void **state)
{
    char *copy = bytes_to_text(bytes_of("abcdef", 3));

    (void)state;
    assert_string_equal(copy, "abc");
    free(copy);
    copy = bytes_to_text(BYTES_NONE);
    assert_string_equal(copy, "");
    free(copy);
    allocation_fail_at(1);
    assert_null(bytes_to_text(BYTES_LITERAL("abc")));
    allocation_fail_never();
}

static void test_a_copy_stands_on_its_own_until_it_is_freed(void **state)
{
    char text[] = "secret";
    struct bytes copy;

    (void)state;
    assert_int_equal(bytes_copy(bytes_of_text(text), &copy), 0);
    text[0] = 'S';
    assert_text(copy, "secret");
    assert_int_equal(copy.ptr[copy.len], 0);
    bytes_free_secret(&copy);
    assert_null(copy.ptr);
    assert_int_equal(bytes_copy(BYTES_NONE, &copy), 0);
    assert_null(copy.ptr);
    bytes_free(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_copy_stands_on_its_own_until_it_is_freed),
        cmocka_unit_test(test_order_is_bytewise_and_the_shorter_first),
        cmocka_unit_test(test_a_secret_differs_in_any_single_bit),
        cmocka_unit_test(test_prefixes_and_rests),
        cmocka_unit_test(test_a_copy_ends_with_a_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
