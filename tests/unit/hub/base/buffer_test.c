/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/buffer.h"

#include <errno.h>

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

static void test_pieces_come_out_in_order(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer);
    assert_int_equal(buffer_append(&buffer, "ab", 2), 0);
    assert_int_equal(buffer_append_bytes(&buffer, BYTES_LITERAL("cd")), 0);
    assert_int_equal(buffer_append_bytes(&buffer, BYTES_NONE), 0);
    assert_int_equal(buffer_append_text(&buffer, "ef"), 0);
    assert_int_equal(buffer_append_format(&buffer, "%d-%s", 42, "x"), 0);
    assert_text(buffer_bytes(&buffer), "abcdef42-x");
    buffer_clear(&buffer);
    assert_null(buffer.ptr);
    assert_int_equal(buffer.len, 0);
}

static void test_growth_at_least_doubles_and_keeps_the_content(void **state)
{
    struct buffer buffer = {0};
    size_t size = 0;
    unsigned n_grown = 0;

    (void)state;
    for (size_t i = 0; i < 100000; i++) {
        uint8_t byte = (uint8_t)(i * 7);

        assert_int_equal(buffer_append(&buffer, &byte, 1), 0);
        if (buffer.size != size) {
            assert_true(buffer.size >= 2 * size);
            size = buffer.size;
            n_grown++;
        }
    }
    assert_in_range(n_grown, 1, 17);
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(buffer.ptr[i], (uint8_t)(i * 7));
    buffer_clear(&buffer);
}

static void test_a_size_that_overflows_is_refused(void **state)
{
    const size_t absurd[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 3, SIZE_MAX / 2 + 1};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(absurd); i++) {
        struct buffer buffer = {0};

        buffer_append_text(&buffer, "abc");
        assert_int_equal(buffer_reserve(&buffer, absurd[i]), -ENOMEM);
        assert_true(buffer.failed);
        assert_text(buffer_bytes(&buffer), "abc");
        buffer_clear(&buffer);
    }
}

static void test_a_failed_append_sticks_and_leaves_the_content(void **state)
{
    struct buffer buffer = {0};

    (void)state;
    buffer_append_text(&buffer, "abc");
    allocation_fail_at(1);
    assert_int_equal(buffer_reserve(&buffer, 1000), -ENOMEM);
    allocation_fail_never();
    assert_text(buffer_bytes(&buffer), "abc");
    assert_int_equal(buffer_append_text(&buffer, "d"), 0);
    assert_true(buffer.failed);
    assert_null(buffer_take_text(&buffer));
    assert_false(buffer.failed);
    assert_null(buffer.ptr);
}

static void test_a_format_fails_as_a_whole(void **state)
{
    struct buffer buffer = {0};

    (void)state;
    allocation_fail_at(1);
    assert_int_equal(buffer_append_format(&buffer, "%s", "text"), -ENOMEM);
    allocation_fail_never();
    assert_int_equal(buffer.len, 0);
    assert_true(buffer.failed);
    buffer_clear(&buffer);
}

static void test_consuming_moves_the_rest_to_the_front(void **state)
{
    struct buffer buffer = {0};

    (void)state;
    buffer_append_text(&buffer, "abcdef");
    buffer_consume(&buffer, 0);
    assert_text(buffer_bytes(&buffer), "abcdef");
    buffer_consume(&buffer, 4);
    assert_text(buffer_bytes(&buffer), "ef");
    buffer_consume(&buffer, 2);
    assert_int_equal(buffer.len, 0);
    buffer_clear(&buffer);
}

static void consume_too_much(void)
{
    struct buffer buffer = {0};

    buffer_append_text(&buffer, "ab");
    buffer_consume(&buffer, 3);
}

static void test_consuming_more_than_there_is_aborts(void **state)
{
    (void)state;
    assert_true(aborts(consume_too_much));
}

static void test_taken_text_is_the_callers(void **state)
{
    struct buffer buffer = {0};
    char *text;

    (void)state;
    buffer_append_text(&buffer, "hello");
    text = buffer_take_text(&buffer);
    assert_string_equal(text, "hello");
    assert_null(buffer.ptr);
    free(text);

    text = buffer_take_text(&buffer);
    assert_string_equal(text, "");
    free(text);

    allocation_fail_at(1);
    assert_null(buffer_take_text(&buffer));
    allocation_fail_never();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_come_out_in_order),
        cmocka_unit_test(test_growth_at_least_doubles_and_keeps_the_content),
        cmocka_unit_test(test_a_size_that_overflows_is_refused),
        cmocka_unit_test(test_a_failed_append_sticks_and_leaves_the_content),
        cmocka_unit_test(test_a_format_fails_as_a_whole),
        cmocka_unit_test(test_consuming_moves_the_rest_to_the_front),
        cmocka_unit_test(test_consuming_more_than_there_is_aborts),
        cmocka_unit_test(test_taken_text_is_the_callers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
