/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <errno.h>

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include "hub/client/commipc.h"

static void write_sample(struct commipc_writer *writer)
{
    commipc_writer_map(writer, 6);
    commipc_writer_text(writer, "small");
    commipc_writer_i64(writer, -7);
    commipc_writer_text(writer, "large");
    commipc_writer_u64(writer, UINT64_MAX);
    commipc_writer_text(writer, "half");
    commipc_writer_double(writer, 0.5);
    commipc_writer_text(writer, "yes");
    commipc_writer_bool(writer, true);
    commipc_writer_text(writer, "raw");
    commipc_writer_bytes(writer, "\0\1", 2);
    commipc_writer_text(writer, "list");
    commipc_writer_array(writer, 2);
    commipc_writer_nil(writer);
    commipc_writer_text(writer, "end");
}

static void test_what_is_written_is_read(void **state)
{
    struct commipc_writer *writer = commipc_writer_new();
    struct commipc_value map;
    struct commipc_value value;
    struct commipc_text text;
    const void *ptr;
    size_t len;
    size_t place = 0;
    int64_t i64;
    uint64_t u64;
    double number;
    bool is_true = false;

    (void)state;
    write_sample(writer);
    assert_int_equal(commipc_writer_take(writer, &map), 0);
    assert_int_equal(commipc_value_type(map), COMMIPC_MAP);
    assert_int_equal(commipc_value_count(map), 6);
    assert_int_equal(commipc_value_get(map, "small", &value), 0);
    assert_int_equal(commipc_value_i64(value, &i64), 0);
    assert_int_equal(i64, -7);
    assert_int_equal(commipc_value_u64(value, &u64), COMMIPC_E_WRONG_TYPE);
    assert_int_equal(commipc_value_get(map, "large", &value), 0);
    assert_int_equal(commipc_value_i64(value, &i64), COMMIPC_E_WRONG_TYPE);
    assert_int_equal(commipc_value_u64(value, &u64), 0);
    assert_true(u64 == UINT64_MAX);
    assert_int_equal(commipc_value_get(map, "half", &value), 0);
    assert_int_equal(commipc_value_double(value, &number), 0);
    assert_true(number == 0.5);
    assert_int_equal(commipc_value_get(map, "yes", &value), 0);
    assert_int_equal(commipc_value_bool(value, &is_true), 0);
    assert_true(is_true);
    assert_int_equal(commipc_value_get(map, "raw", &value), 0);
    assert_int_equal(commipc_value_bytes(value, &ptr, &len), 0);
    assert_memory_equal(ptr, "\0\1", 2);
    assert_int_equal(commipc_value_get(map, "list", &value), 0);
    assert_int_equal(commipc_value_count(value), 2);
    assert_int_equal(commipc_value_next(value, &place, NULL, &map), 0);
    assert_int_equal(commipc_value_type(map), COMMIPC_NIL);
    assert_int_equal(commipc_value_next(value, &place, NULL, &map), 0);
    assert_int_equal(commipc_value_text(map, &text), 0);
    assert_memory_equal(text.ptr, "end", 3);
    assert_int_equal(commipc_value_next(value, &place, NULL, &map), COMMIPC_E_ABSENT);
    assert_int_equal(commipc_value_get(value, "x", &map), COMMIPC_E_WRONG_TYPE);
    commipc_writer_free(writer);
}

static void test_only_one_sound_value_is_taken(void **state)
{
    struct commipc_writer *writer = commipc_writer_new();
    struct commipc_value value;

    (void)state;
    assert_int_equal(commipc_writer_take(writer, &value), -EINVAL);
    commipc_writer_array(writer, 2);
    commipc_writer_nil(writer);
    assert_int_equal(commipc_writer_take(writer, &value), -EINVAL);
    commipc_writer_nil(writer);
    assert_int_equal(commipc_writer_take(writer, &value), 0);
    commipc_writer_nil(writer);
    assert_int_equal(commipc_writer_take(writer, &value), -EINVAL);
    commipc_writer_reset(writer);
    commipc_writer_text(writer, "\xff");
    assert_int_equal(commipc_writer_take(writer, &value), -EINVAL);
    commipc_writer_free(writer);
    commipc_writer_nil(NULL);
    assert_int_equal(commipc_writer_take(NULL, &value), -ENOMEM);
}

static void test_every_cut_of_a_value_is_invalid(void **state)
{
    struct commipc_writer *writer = commipc_writer_new();
    struct commipc_value value;

    (void)state;
    write_sample(writer);
    assert_int_equal(commipc_writer_take(writer, &value), 0);
    for (size_t len = 1; len < value.len; len++) {
        struct commipc_value cut = {value.ptr, len};

        assert_int_equal(commipc_value_type(cut), COMMIPC_INVALID);
    }
    commipc_writer_free(writer);
}

static void test_without_memory_a_writer_says_so_at_the_end(void **state)
{
    bool goes_on = true;

    (void)state;
    for (unsigned n = 1; goes_on; n++) {
        struct commipc_writer *writer;
        struct commipc_value value;
        int r;

        goes_on = allocation_fail_at(n);
        writer = commipc_writer_new();
        write_sample(writer);
        r = commipc_writer_take(writer, &value);
        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        commipc_writer_free(writer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_only_one_sound_value_is_taken),
        cmocka_unit_test(test_every_cut_of_a_value_is_invalid),
        cmocka_unit_test(test_without_memory_a_writer_says_so_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
