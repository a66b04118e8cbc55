/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Expected bytes are those of Python's msgpack. */
#include "hub/wire/msgpack_write.h"

#include "hub/wire/msgpack_read.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }

static struct buffer out;

static int set_up(void **state)
{
    (void)state;
    buffer_init(&out);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buffer_clear(&out);
    return 0;
}

static void assert_written(struct bytes expected)
{
    assert_bytes(buffer_bytes(&out), expected);
    out.len = 0;
}

static void test_unsigned_numbers_take_their_shortest_form(void **state)
{
    static const struct {
        uint64_t value;
        struct bytes raw;
    } rows[] = {
        {0U, TEXT("\x00")},
        {127U, TEXT("\x7f")},
        {128U, TEXT("\xcc\x80")},
        {255U, TEXT("\xcc\xff")},
        {256U, TEXT("\xcd\x01\x00")},
        {65535U, TEXT("\xcd\xff\xff")},
        {65536U, TEXT("\xce\x00\x01\x00\x00")},
        {4294967295U, TEXT("\xce\xff\xff\xff\xff")},
        {4294967296U, TEXT("\xcf\x00\x00\x00\x01\x00\x00\x00\x00")},
        {18446744073709551615U, TEXT("\xcf\xff\xff\xff\xff\xff\xff\xff\xff")},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        msgpack_write_u64(&out, rows[i].value);
        assert_written(rows[i].raw);
    }
}

static void test_signed_numbers_take_their_shortest_form(void **state)
{
    static const struct {
        int64_t value;
        struct bytes raw;
    } rows[] = {
        {0, TEXT("\x00")},
        {1, TEXT("\x01")},
        {127, TEXT("\x7f")},
        {128, TEXT("\xcc\x80")},
        {-1, TEXT("\xff")},
        {-32, TEXT("\xe0")},
        {-33, TEXT("\xd0\xdf")},
        {-128, TEXT("\xd0\x80")},
        {-129, TEXT("\xd1\xff\x7f")},
        {-32768, TEXT("\xd1\x80\x00")},
        {-32769, TEXT("\xd2\xff\xff\x7f\xff")},
        {-2147483648, TEXT("\xd2\x80\x00\x00\x00")},
        {-2147483649, TEXT("\xd3\xff\xff\xff\xff\x7f\xff\xff\xff")},
        {-9223372036854775807, TEXT("\xd3\x80\x00\x00\x00\x00\x00\x00\x01")},
        {INT64_MIN, TEXT("\xd3\x80\0\0\0\0\0\0\0")},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        msgpack_write_i64(&out, rows[i].value);
        assert_written(rows[i].raw);
    }
}

static void test_doubles_are_written_whole(void **state)
{
    static const struct {
        double value;
        struct bytes raw;
    } rows[] = {
        {0.0, TEXT("\xcb\x00\x00\x00\x00\x00\x00\x00\x00")},
        {1.5, TEXT("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00")},
        {-2.0, TEXT("\xcb\xc0\x00\x00\x00\x00\x00\x00\x00")},
        {1e+300, TEXT("\xcb~7\xe4<\x88\x00u\x9c")},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        msgpack_write_double(&out, rows[i].value);
        assert_written(rows[i].raw);
    }
}

static void test_lengths_take_their_shortest_form(void **state)
{
    static uint8_t content[65536];
    static const struct {
        const char *what;
        void (*write)(struct buffer *out, struct bytes content);
        size_t len;
        struct bytes head;
    } rows[] = {
        {"str 0", msgpack_write_str, 0, TEXT("\xa0")},
        {"str 1", msgpack_write_str, 1, TEXT("\xa1")},
        {"str 31", msgpack_write_str, 31, TEXT("\xbf")},
        {"str 32", msgpack_write_str, 32, TEXT("\xd9\x20")},
        {"str 255", msgpack_write_str, 255, TEXT("\xd9\xff")},
        {"str 256", msgpack_write_str, 256, TEXT("\xda\x01\x00")},
        {"str 65535", msgpack_write_str, 65535, TEXT("\xda\xff\xff")},
        {"str 65536", msgpack_write_str, 65536, TEXT("\xdb\x00\x01\x00\x00")},
        {"bin 0", msgpack_write_bin, 0, TEXT("\xc4\x00")},
        {"bin 1", msgpack_write_bin, 1, TEXT("\xc4\x01")},
        {"bin 255", msgpack_write_bin, 255, TEXT("\xc4\xff")},
        {"bin 256", msgpack_write_bin, 256, TEXT("\xc5\x01\x00")},
        {"bin 65535", msgpack_write_bin, 65535, TEXT("\xc5\xff\xff")},
        {"bin 65536", msgpack_write_bin, 65536, TEXT("\xc6\x00\x01\x00\x00")},
    };

    (void)state;
    memset(content, 'x', sizeof content);
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        rows[i].write(&out, bytes_of(content, rows[i].len));
        assert_row(rows[i].what, bytes_start_with(buffer_bytes(&out), rows[i].head));
        assert_row(rows[i].what, bytes_equal(bytes_from(buffer_bytes(&out), rows[i].head.len),
                                             bytes_of(content, rows[i].len)));
        out.len = 0;
    }
}

static void test_heads_of_arrays_and_maps(void **state)
{
    static const struct {
        uint32_t n_items;
        struct bytes array;
        struct bytes map;
    } rows[] = {
        {0, TEXT("\x90"), TEXT("\x80")},
        {15, TEXT("\x9f"), TEXT("\x8f")},
        {16, TEXT("\xdc\x00\x10"), TEXT("\xde\x00\x10")},
        {65535, TEXT("\xdc\xff\xff"), TEXT("\xde\xff\xff")},
        {65536, TEXT("\xdd\x00\x01\x00\x00"), TEXT("\xdf\x00\x01\x00\x00")},
        {UINT32_MAX, TEXT("\xdd\xff\xff\xff\xff"), TEXT("\xdf\xff\xff\xff\xff")},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        msgpack_write_array(&out, rows[i].n_items);
        assert_written(rows[i].array);
        msgpack_write_map(&out, rows[i].n_items);
        assert_written(rows[i].map);
    }
}

static void test_nil_bool_and_raw(void **state)
{
    (void)state;
    msgpack_write_nil(&out);
    msgpack_write_bool(&out, false);
    msgpack_write_bool(&out, true);
    msgpack_write_raw(&out, BYTES_LITERAL("\x91\x01"));
    msgpack_write_raw(&out, BYTES_NONE);
    msgpack_write_raw_or_nil(&out, BYTES_LITERAL("\x02"));
    msgpack_write_raw_or_nil(&out, BYTES_NONE);
    msgpack_write_str_or_nil(&out, BYTES_LITERAL("a"));
    msgpack_write_str_or_nil(&out, BYTES_LITERAL(""));
    msgpack_write_str_or_nil(&out, BYTES_NONE);
    assert_written(BYTES_LITERAL("\xc0\xc2\xc3\x91\x01\x02\xc0\xa1"
                                 "a\xa0\xc0"));
}

static void test_what_is_too_long_for_the_format_is_not_written(void **state)
{
    (void)state;
    msgpack_write_str(&out, bytes_of("", (size_t)UINT32_MAX + 1));
    assert_true(out.failed);
    assert_int_equal(out.len, 0);
}

static void write_some_of_all(void)
{
    msgpack_write_map(&out, 2);
    msgpack_write_str(&out, BYTES_LITERAL("key"));
    msgpack_write_str(&out,
                      BYTES_LITERAL("a text that is longer than thirty-one bytes, so that it has a head"));
    msgpack_write_u64(&out, 1000);
    msgpack_write_array(&out, 16);
    for (int i = 0; i < 16; i++)
        msgpack_write_i64(&out, -1000 * i);
    msgpack_write_double(&out, 0.5);
    msgpack_write_bin(&out, BYTES_LITERAL("0123456789"));
}

static void test_any_failed_allocation_is_remembered(void **state)
{
    (void)state;
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        write_some_of_all();
        allocation_fail_never();
        assert_int_equal(out.failed, allocation_has_failed());
        buffer_clear(&out);
    }
}

#define WITH_BUFFER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BUFFER(test_unsigned_numbers_take_their_shortest_form),
        WITH_BUFFER(test_signed_numbers_take_their_shortest_form),
        WITH_BUFFER(test_doubles_are_written_whole),
        WITH_BUFFER(test_lengths_take_their_shortest_form),
        WITH_BUFFER(test_heads_of_arrays_and_maps),
        WITH_BUFFER(test_nil_bool_and_raw),
        WITH_BUFFER(test_what_is_too_long_for_the_format_is_not_written),
        WITH_BUFFER(test_any_failed_allocation_is_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
