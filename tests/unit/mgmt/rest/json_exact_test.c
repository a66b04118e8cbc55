/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/json_exact.h"

#include "hub/wire/msgpack_read.h"
#include "tests/support/unit.h"

#define RAW(text)                                                                                            \
    {                                                                                                        \
        (const uint8_t *)(text), sizeof(text) - 1                                                            \
    } /* gcc takes no BYTES_LITERAL here */

/* Each pair is exact in both directions. */
static const struct {
    const char *what;
    struct bytes raw;
    const char *json;
} pairs[] = {
    {"nothing", RAW("\xc0"), "null"},
    {"true", RAW("\xc3"), "true"},
    {"a small number", RAW("\x07"), "7"},
    {"the least integer", RAW("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), "-9223372036854775808"},
    {"the largest signed integer", RAW("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), "9223372036854775807"},
    {"the largest integer", RAW("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
     "{\"$uint\":\"18446744073709551615\"}"},
    {"a float", RAW("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "0.1"},
    {"a whole float", RAW("\xcb\x40\x00\x00\x00\x00\x00\x00\x00"), "2.0"},
    {"a negative zero", RAW("\xcb\x80\x00\x00\x00\x00\x00\x00\x00"), "-0.0"},
    {"a large float", RAW("\xcb\x7e\x37\xe4\x3c\x88\x00\x75\x9c"), "1e+300"},
    {"no number", RAW("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"), "{\"$float\":\"NaN\"}"},
    {"infinity", RAW("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"), "{\"$float\":\"Infinity\"}"},
    {"negative infinity", RAW("\xcb\xff\xf0\x00\x00\x00\x00\x00\x00"), "{\"$float\":\"-Infinity\"}"},
    {"text with escapes", RAW("\xa5\"\\\n\x7f\x00"), "\"\\\"\\\\\\u000a\\u007f\\u0000\""},
    {"umlauts", RAW("\xa2\xc3\xa4"), "\"\xc3\xa4\""},
    {"empty bytes", RAW("\xc4\x00"), "{\"$bin\":\"\"}"},
    {"one byte", RAW("\xc4\x01\xff"), "{\"$bin\":\"/w==\"}"},
    {"two bytes", RAW("\xc4\x02\x00\x01"), "{\"$bin\":\"AAE=\"}"},
    {"three bytes", RAW("\xc4\x03\x00\x01\x02"), "{\"$bin\":\"AAEC\"}"},
    {"an extension", RAW("\xc9\x00\x00\x00\x01\xfb\x2a"), "{\"$ext\":\"Kg==\",\"type\":-5}"},
    {"an array", RAW("\x93\x01\xc0\x90"), "[1,null,[]]"},
    {"a map", RAW("\x82\xa1\x61\x01\xa1\x62\x80"), "{\"a\":1,\"b\":{}}"},
    {"a map with a number as key", RAW("\x81\x01\xa1\x62"), "{\"$map\":[[1,\"b\"]]}"},
    {"a map with a key twice", RAW("\x82\xa1\x61\x01\xa1\x61\x02"), "{\"$map\":[[\"a\",1],[\"a\",2]]}"},
    {"a map that looks like a wrapper", RAW("\x81\xa4$bin\xa0"), "{\"$map\":[[\"$bin\",\"\"]]}"},
    {"a map with a zero in a key", RAW("\x81\xa1\x00\x01"), "{\"$map\":[[\"\\u0000\",1]]}"},
};

static void test_what_goes_one_way_comes_back_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct buffer text = {0};
        struct buffer back = {0};
        json_t *json;

        assert_int_equal(json_exact_append(pairs[i].raw, &text), 0);
        if (!bytes_equal_text(buffer_bytes(&text), pairs[i].json))
            fail_msg("%s: %.*s", pairs[i].what, (int)text.len, (const char *)text.ptr);
        json = json_loadb((const char *)text.ptr, text.len, JSON_EXACT_LOAD, NULL);
        if (!json)
            fail_msg("%s is not read", pairs[i].what);
        assert_int_equal(json_exact_write(json, &back), 0);
        if (!bytes_equal(buffer_bytes(&back), pairs[i].raw))
            fail_msg("%s comes back otherwise", pairs[i].what);
        json_decref(json);
        buffer_clear(&text);
        buffer_clear(&back);
    }
}

static void test_wrappers_that_are_none_are_refused(void **state)
{
    static const char *const wrong[] = {
        "{\"$bin\":1}",        "{\"$bin\":\"abc\"}",
        "{\"$bin\":\"/x==\"}", "{\"$bin\":\"\",\"a\":1}",
        "{\"$ext\":\"\"}",     "{\"$ext\":\"\",\"type\":128}",
        "{\"$uint\":\"-1\"}",  "{\"$uint\":\"18446744073709551616\"}",
        "{\"$float\":\"1\"}",  "{\"$map\":{}}",
        "{\"$map\":[[1]]}",    "{\"$other\":1}",
        "{\"a\":1,\"$b\":2}",  "[{\"$\":1}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct buffer out = {0};
        json_t *json = json_loads(wrong[i], JSON_EXACT_LOAD, NULL);

        assert_non_null(json);
        if (json_exact_write(json, &out) != JSON_EXACT_E_WRAPPER)
            fail_msg("%s is taken", wrong[i]);
        json_decref(json);
        buffer_clear(&out);
    }
}

/* What json_exact_write() says of @open @n times, @inside, and @close @n times. */
static int write_nested(const char *open, size_t n, const char *inside, const char *close, struct buffer *out)
{
    struct buffer text = {0};
    json_t *json;
    int r;

    for (size_t i = 0; i < n; i++)
        buffer_append_text(&text, open);
    buffer_append_text(&text, inside);
    for (size_t i = 0; i < n; i++)
        buffer_append_text(&text, close);
    json = json_loadb((const char *)text.ptr, text.len, JSON_EXACT_LOAD, NULL);
    assert_non_null(json);
    r = json_exact_write(json, out);
    json_decref(json);
    buffer_clear(&text);
    return r;
}

static void test_nesting_ends_where_the_reader_of_messagepack_ends(void **state)
{
    static const struct {
        const char *open, *close;
    } rows[] = {{"[", "]"}, {"{\"a\":", "}"}, {"{\"$map\":[[1,", "]]}"}};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct buffer out = {0}, more = {0};
        struct msgpack_reader reader;

        assert_row(rows[i].open, write_nested(rows[i].open, MSGPACK_MAX_DEPTH, "{\"$bin\":\"\"}",
                                              rows[i].close, &out) == 0);
        reader = msgpack_reader_of(buffer_bytes(&out));
        assert_row(rows[i].open, msgpack_skip(&reader, NULL) == 0);
        assert_row(rows[i].open, write_nested(rows[i].open, MSGPACK_MAX_DEPTH + 1, "1", rows[i].close,
                                              &more) == JSON_EXACT_E_DEEP);
        buffer_clear(&out);
        buffer_clear(&more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes_one_way_comes_back_the_same),
        cmocka_unit_test(test_wrappers_that_are_none_are_refused),
        cmocka_unit_test(test_nesting_ends_where_the_reader_of_messagepack_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
