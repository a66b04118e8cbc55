/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/msgpack_read.h"

#include <math.h>

#include "hub/wire/msgpack_write.h"
#include "tests/support/unit.h"

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }

static const struct number_row {
    const char *what;
    struct bytes raw;
    enum msgpack_type type;
    uint64_t bits; /* of the union */
} number_rows[] = {
    {"nil", TEXT("\xc0"), MSGPACK_NIL, 0},
    {"false", TEXT("\xc2"), MSGPACK_BOOL, 0},
    {"true", TEXT("\xc3"), MSGPACK_BOOL, 1},
    {"fixint 0", TEXT("\x00"), MSGPACK_UINT, 0},
    {"fixint 127", TEXT("\x7f"), MSGPACK_UINT, 127},
    {"u8", TEXT("\xcc\xfe"), MSGPACK_UINT, 254},
    {"u16", TEXT("\xcd\x01\x02"), MSGPACK_UINT, 0x102},
    {"u32", TEXT("\xce\x01\x02\x03\x04"), MSGPACK_UINT, 0x1020304},
    {"u64", TEXT("\xcf\xff\xff\xff\xff\xff\xff\xff\xfe"), MSGPACK_UINT, UINT64_MAX - 1},
    {"negative fixint", TEXT("\xe0"), MSGPACK_INT, (uint64_t)-32},
    {"i8", TEXT("\xd0\x80"), MSGPACK_INT, (uint64_t)-128},
    {"i16", TEXT("\xd1\xff\xfe"), MSGPACK_INT, (uint64_t)-2},
    {"i32", TEXT("\xd2\x80\x00\x00\x00"), MSGPACK_INT, (uint64_t)INT32_MIN},
    {"i64", TEXT("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), MSGPACK_INT, (uint64_t)INT64_MIN},
    {"i8 that is not negative", TEXT("\xd0\x7f"), MSGPACK_UINT, 127},
    {"i16 that is not negative", TEXT("\xd1\x7f\xff"), MSGPACK_UINT, 0x7fff},
    {"i32 that is not negative", TEXT("\xd2\x00\x00\x00\x00"), MSGPACK_UINT, 0},
    {"i64 that is not negative", TEXT("\xd3\x7f\xff\xff\xff\xff\xff\xff\xff"), MSGPACK_UINT, INT64_MAX},
    {"float32", TEXT("\xca\x3f\xc0\x00\x00"), MSGPACK_FLOAT32, 0x3ff8000000000000},
    {"float64", TEXT("\xcb\xc0\x09\x21\xfb\x54\x44\x2d\x18"), MSGPACK_FLOAT64, 0xc00921fb54442d18},
};

static uint64_t bits_of(const struct msgpack_value *value)
{
    uint64_t bits;

    if (value->type == MSGPACK_BOOL)
        return value->boolean;
    memcpy(&bits, &value->u64, sizeof bits);
    return bits;
}

static void test_values_without_content(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(number_rows); i++) {
        const struct number_row *row = &number_rows[i];
        struct msgpack_reader reader = msgpack_reader_of(row->raw);
        struct msgpack_value value;

        assert_row(row->what, msgpack_read(&reader, &value) == 0);
        assert_row(row->what, msgpack_reader_is_at_end(&reader));
        assert_row(row->what, value.type == row->type);
        assert_row(row->what, bits_of(&value) == row->bits);
    }
}

static const struct content_row {
    const char *what;
    struct bytes raw;
    enum msgpack_type type;
    const char *content;
    int8_t ext_type;
} content_rows[] = {
    {"fixstr",
     TEXT("\xa3"
          "abc"),
     MSGPACK_STR, "abc", 0},
    {"empty fixstr", TEXT("\xa0"), MSGPACK_STR, "", 0},
    {"str8",
     TEXT("\xd9\x03"
          "abc"),
     MSGPACK_STR, "abc", 0},
    {"str16",
     TEXT("\xda\x00\x03"
          "abc"),
     MSGPACK_STR, "abc", 0},
    {"str32",
     TEXT("\xdb\x00\x00\x00\x03"
          "abc"),
     MSGPACK_STR, "abc", 0},
    {"bin8", TEXT("\xc4\x03\xff\xfe\xfd"), MSGPACK_BIN, "\xff\xfe\xfd", 0},
    {"bin16", TEXT("\xc5\x00\x01x"), MSGPACK_BIN, "x", 0},
    {"bin32", TEXT("\xc6\x00\x00\x00\x00"), MSGPACK_BIN, "", 0},
    {"fixext1", TEXT("\xd4\x05x"), MSGPACK_EXT, "x", 5},
    {"fixext2", TEXT("\xd5\x05xy"), MSGPACK_EXT, "xy", 5},
    {"fixext4",
     TEXT("\xd6\xff"
          "abcd"),
     MSGPACK_EXT, "abcd", -1},
    {"fixext8",
     TEXT("\xd7\x80"
          "abcdefgh"),
     MSGPACK_EXT, "abcdefgh", -128},
    {"fixext16",
     TEXT("\xd8\x7f"
          "abcdefghijklmnop"),
     MSGPACK_EXT, "abcdefghijklmnop", 127},
    {"ext8",
     TEXT("\xc7\x03\x05"
          "abc"),
     MSGPACK_EXT, "abc", 5},
    {"ext16",
     TEXT("\xc8\x00\x03\x05"
          "abc"),
     MSGPACK_EXT, "abc", 5},
    {"ext32",
     TEXT("\xc9\x00\x00\x00\x03\x05"
          "abc"),
     MSGPACK_EXT, "abc", 5},
};

static void test_values_with_content(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(content_rows); i++) {
        const struct content_row *row = &content_rows[i];
        struct msgpack_reader reader = msgpack_reader_of(row->raw);
        struct msgpack_value value;

        assert_row(row->what, msgpack_read(&reader, &value) == 0);
        assert_row(row->what, msgpack_reader_is_at_end(&reader));
        assert_row(row->what, value.type == row->type);
        assert_row(row->what, bytes_equal_text(value.raw, row->content));
        assert_row(row->what, value.ext_type == row->ext_type);
    }
}

static void test_heads_of_containers_leave_what_is_inside(void **state)
{
    static const struct {
        const char *what;
        struct bytes raw;
        enum msgpack_type type;
        uint32_t n_items;
        size_t offset;
    } rows[] = {
        {"fixarray", TEXT("\x93\x01\x02\x03"), MSGPACK_ARRAY, 3, 1},
        {"array16", TEXT("\xdc\x01\x00"), MSGPACK_ARRAY, 256, 3},
        {"array32", TEXT("\xdd\xff\xff\xff\xff"), MSGPACK_ARRAY, UINT32_MAX, 5},
        {"fixmap",
         TEXT("\x81\xa1"
              "a\x01"),
         MSGPACK_MAP, 1, 1},
        {"map16", TEXT("\xde\x00\x01"), MSGPACK_MAP, 1, 3},
        {"map32", TEXT("\xdf\xff\xff\xff\xff"), MSGPACK_MAP, UINT32_MAX, 5},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct msgpack_reader reader = msgpack_reader_of(rows[i].raw);
        struct msgpack_value value;

        assert_row(rows[i].what, msgpack_read(&reader, &value) == 0);
        assert_row(rows[i].what, value.type == rows[i].type);
        assert_row(rows[i].what, value.n_items == rows[i].n_items);
        assert_row(rows[i].what, reader.offset == rows[i].offset);
    }
}

/* @raw cut anywhere is short, and the reader stays where it was; copies at the very end of their memory show
 * any reading past it under the address sanitizer. */
static void assert_short_where_cut(const char *what, struct bytes raw)
{
    for (size_t len = 0; len < raw.len; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        struct msgpack_reader reader;
        struct msgpack_value value;
        struct bytes text;

        assert_non_null(cut);
        memcpy(cut, raw.ptr, len);
        reader = msgpack_reader_of(bytes_of(cut, len));
        assert_row(what, msgpack_read(&reader, &value) == MSGPACK_E_SHORT && reader.offset == 0);
        assert_row(what, msgpack_skip(&reader, NULL) == MSGPACK_E_SHORT && reader.offset == 0);
        assert_row(what, !msgpack_read_short_str(&reader, &text) && reader.offset == 0);
        free(cut);
    }
}

static void test_every_value_cut_at_every_offset_is_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(number_rows); i++)
        assert_short_where_cut(number_rows[i].what, number_rows[i].raw);
    for (size_t i = 0; i < N_ELEMENTS(content_rows); i++)
        assert_short_where_cut(content_rows[i].what, content_rows[i].raw);
    assert_short_where_cut("nothing", BYTES_NONE);
}

static void test_short_strs(void **state)
{
    struct msgpack_reader reader = msgpack_reader_of(BYTES_LITERAL("\xa3"
                                                                   "abc\xa0\xd9\x01x"));
    struct bytes text;

    (void)state;
    assert_true(msgpack_read_short_str(&reader, &text));
    assert_text(text, "abc");
    assert_true(msgpack_read_short_str(&reader, &text));
    assert_text(text, "");
    assert_false(msgpack_read_short_str(&reader, &text));
    assert_int_equal(reader.offset, 5);
}

static void test_a_nested_value_is_passed_over_whole(void **state)
{
    struct bytes raw = BYTES_LITERAL("\x82\xa1"
                                     "a\x93\x01\x90\x80\x02\xdc\x00\x01\xc4\x01\xff");
    struct buffer padded = {0};
    struct msgpack_reader reader;
    struct bytes skipped;

    (void)state;
    buffer_append_bytes(&padded, BYTES_LITERAL("\xc0"));
    buffer_append_bytes(&padded, raw);
    buffer_append_bytes(&padded, BYTES_LITERAL("\xc1\xc1"));
    reader = msgpack_reader_of(buffer_bytes(&padded));
    assert_int_equal(msgpack_skip(&reader, NULL), 0);
    assert_int_equal(msgpack_skip(&reader, &skipped), 0);
    assert_bytes(skipped, raw);
    assert_int_equal(reader.offset, 1 + raw.len);
    buffer_clear(&padded);

    for (size_t len = 0; len < raw.len; len++) {
        reader = msgpack_reader_of(bytes_of(raw.ptr, len));
        assert_int_equal(msgpack_skip(&reader, NULL), MSGPACK_E_SHORT);
    }
}

static void test_faults_are_found_at_their_place(void **state)
{
    static const struct {
        const char *what;
        struct bytes raw;
        int outcome;
        size_t offset;
    } rows[] = {
        {"the unused byte", TEXT("\xc1"), MSGPACK_E_INVALID, 0},
        {"the unused byte inside", TEXT("\x92\x01\xc1"), MSGPACK_E_INVALID, 2},
        {"a str that is not UTF-8", TEXT("\xa2\xc3x"), MSGPACK_E_INVALID, 0},
        {"a nested str that is not UTF-8",
         TEXT("\x91\x81\xa1"
              "a\xd9\x01\xff"),
         MSGPACK_E_INVALID, 4},
        {"a key that is not UTF-8", TEXT("\x81\xa1\x80\x01"), MSGPACK_E_INVALID, 1},
        {"an array that promises too much", TEXT("\xdd\xff\xff\xff\xff\x01"), MSGPACK_E_SHORT, 6},
        {"a map that promises too much", TEXT("\xdf\xff\xff\xff\xff\x01"), MSGPACK_E_SHORT, 6},
        {"a map without a value", TEXT("\x81\x01"), MSGPACK_E_SHORT, 2},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct msgpack_reader reader = msgpack_reader_of(rows[i].raw);

        assert_row(rows[i].what, msgpack_skip(&reader, NULL) == rows[i].outcome);
        assert_row(rows[i].what, reader.offset == rows[i].offset);
    }
}

static void test_bin_and_reading_heads_ask_for_no_utf_8(void **state)
{
    struct msgpack_reader reader = msgpack_reader_of(BYTES_LITERAL("\xc4\x01\xff\xa1\xff"));
    struct msgpack_value value;

    (void)state;
    assert_int_equal(msgpack_skip(&reader, NULL), 0);
    assert_int_equal(msgpack_read(&reader, &value), 0);
    assert_int_equal(value.type, MSGPACK_STR);
}

/* @depth containers inside one another, the innermost empty. */
static struct bytes nested(struct buffer *out, size_t depth, bool are_maps)
{
    out->len = 0;
    for (size_t i = 0; i + 1 < depth; i++) {
        if (are_maps) {
            msgpack_write_map(out, 1);
            msgpack_write_nil(out);
        } else {
            msgpack_write_array(out, 1);
        }
    }
    msgpack_write_array(out, 0);
    return buffer_bytes(out);
}

static void test_nesting_ends_at_its_limit(void **state)
{
    struct buffer out = {0};

    (void)state;
    for (int are_maps = 0; are_maps < 2; are_maps++) {
        struct msgpack_reader reader;

        reader = msgpack_reader_of(nested(&out, MSGPACK_MAX_DEPTH, are_maps));
        assert_int_equal(msgpack_skip(&reader, NULL), 0);
        assert_true(msgpack_reader_is_at_end(&reader));
        reader = msgpack_reader_of(nested(&out, MSGPACK_MAX_DEPTH + 1, are_maps));
        assert_int_equal(msgpack_skip(&reader, NULL), MSGPACK_E_DEEP);
        assert_int_equal(reader.offset, out.len - 1);
        reader = msgpack_reader_of(nested(&out, 1000000, are_maps));
        assert_int_equal(msgpack_skip(&reader, NULL), MSGPACK_E_DEEP);
    }
    buffer_clear(&out);
}

static void test_what_stands_beside_deep_values_is_not_deep(void **state)
{
    struct buffer deep = {0};
    struct buffer out = {0};
    struct msgpack_reader reader;

    (void)state;
    nested(&deep, MSGPACK_MAX_DEPTH - 1, false);
    msgpack_write_array(&out, 100);
    for (int i = 0; i < 100; i++)
        msgpack_write_raw(&out, buffer_bytes(&deep));
    reader = msgpack_reader_of(buffer_bytes(&out));
    assert_int_equal(msgpack_skip(&reader, NULL), 0);
    assert_true(msgpack_reader_is_at_end(&reader));
    buffer_clear(&deep);
    buffer_clear(&out);
}

static void test_special_floats(void **state)
{
    struct msgpack_reader reader =
        msgpack_reader_of(BYTES_LITERAL("\xca\x7f\x80\x00\x00\xca\x7f\xc0\x00\x00\xcb\x80\0\0\0\0\0\0\0"));
    struct msgpack_value value;

    (void)state;
    assert_int_equal(msgpack_read(&reader, &value), 0);
    assert_true(isinf(value.float64));
    assert_int_equal(msgpack_read(&reader, &value), 0);
    assert_true(isnan(value.float64));
    assert_int_equal(msgpack_read(&reader, &value), 0);
    assert_true(value.float64 == 0 && signbit(value.float64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_without_content),
        cmocka_unit_test(test_values_with_content),
        cmocka_unit_test(test_heads_of_containers_leave_what_is_inside),
        cmocka_unit_test(test_every_value_cut_at_every_offset_is_short),
        cmocka_unit_test(test_short_strs),
        cmocka_unit_test(test_a_nested_value_is_passed_over_whole),
        cmocka_unit_test(test_faults_are_found_at_their_place),
        cmocka_unit_test(test_bin_and_reading_heads_ask_for_no_utf_8),
        cmocka_unit_test(test_nesting_ends_at_its_limit),
        cmocka_unit_test(test_what_stands_beside_deep_values_is_not_deep),
        cmocka_unit_test(test_special_floats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
