/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Expected texts are those of Python's json. */
#include "hub/wire/json_text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }

static const struct row {
    const char *what;
    struct bytes raw;
    const char *json;
} rows[] = {
    {"nil", TEXT("\xc0"), "null"},
    {"true", TEXT("\xc3"), "true"},
    {"false", TEXT("\xc2"), "false"},
    {"zero", TEXT("\x00"), "0"},
    {"fixint", TEXT("\x7f"), "127"},
    {"u8", TEXT("\xcc\xff"), "255"},
    {"u64", TEXT("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615"},
    {"minus one", TEXT("\xff"), "-1"},
    {"i8", TEXT("\xd0\x80"), "-128"},
    {"i64", TEXT("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), "-9223372036854775808"},
    {"empty str", TEXT("\xa0"), "\"\""},
    {"ASCII", TEXT("\xa5hello"), "\"hello\""},
    {"quote and backslash",
     TEXT("\xa5"
          "a\"b\\c"),
     "\"a\\\"b\\\\c\""},
    {"short escapes", TEXT("\xa5\x08\x0c\x0a\x0d\x09"), "\"\\b\\f\\n\\r\\t\""},
    {"other controls", TEXT("\xa4\x00\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\\u007f\""},
    {"solidus stays",
     TEXT("\xa3"
          "a/b"),
     "\"a/b\""},
    {"latin",
     TEXT("\xa7gr\xc3\xbc\xc3\x9f"
          "e"),
     "\"gr\\u00fc\\u00dfe\""},
    {"last of the BMP", TEXT("\xa3\xef\xbf\xbf"), "\"\\uffff\""},
    {"surrogate pair", TEXT("\xa4\xf0\x9f\x98\x80"), "\"\\ud83d\\ude00\""},
    {"last code point", TEXT("\xa4\xf4\x8f\xbf\xbf"), "\"\\udbff\\udfff\""},
    {"empty array", TEXT("\x90"), "[]"},
    {"array",
     TEXT("\x94\x01\xa1"
          "a\xc0\x92\xc3\x90"),
     "[1,\"a\",null,[true,[]]]"},
    {"empty map", TEXT("\x80"), "{}"},
    {"keys are sorted",
     TEXT("\x85\xa1"
          "b\x01\xa1"
          "a\x02\xa1"
          "B\x03\xa0\x04\xa2"
          "aa\x05"),
     "{\"\":4,\"B\":3,\"a\":2,\"aa\":5,\"b\":1}"},
    {"keys are sorted by code point",
     TEXT("\x84\xa3\xef\xbf\xbf\x01\xa4\xf0\x90\x80\x80\x02\xa2\xc3\xbc\x03\xa1z\x04"),
     "{\"z\":4,\"\\u00fc\":3,\"\\uffff\":1,\"\\ud800\\udc00\":2}"},
    {"nested maps",
     TEXT("\x82\xa1y\x82\xa1"
          "d\x01\xa1"
          "c\x82\xa1"
          "b\x91\x82\xa1z\x00\xa1"
          "a\x00\xa1"
          "a\x02\xa1x\x90"),
     "{\"x\":[],\"y\":{\"c\":{\"a\":2,\"b\":[{\"a\":0,\"z\":0}]},\"d\":1}}"},
    {"escaped key",
     TEXT("\x81\xa3"
          "a\"\x0a\x01"),
     "{\"a\\\"\\n\":1}"},
    {"float32", TEXT("\xca=\xcc\xcc\xcd"), "0.10000000149011612"},
    {"float32", TEXT("\xca\x7f\x7f\xff\xff"), "3.4028234663852886e+38"},
    {"float32", TEXT("\xca\x00\x00\x00\x01"), "1.401298464324817e-45"},
    {"the last of equal keys counts",
     TEXT("\x83\xa1"
          "a\x01\xa1"
          "b\x02\xa1"
          "a\x03"),
     "{\"a\":3,\"b\":2}"},
};

static void test_values_are_written_as_python_writes_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct buffer out = {0};

        assert_row(rows[i].what, json_text_append(rows[i].raw, &out) == 0);
        assert_text(buffer_bytes(&out), rows[i].json);
        buffer_clear(&out);
    }
}

static void test_floats_are_written_as_python_writes_them(void **state)
{
    static const struct {
        double value;
        const char *text;
    } floats[] = {
        {0x0.0p+0, "0.0"},
        {-0x0.0p+0, "-0.0"},
        {0x1.0000000000000p+0, "1.0"},
        {-0x1.8000000000000p+0, "-1.5"},
        {0x1.9000000000000p+6, "100.0"},
        {0x1.999999999999ap-4, "0.1"},
        {0x1.3333333333334p-2, "0.30000000000000004"},
        {0x1.5555555555555p-2, "0.3333333333333333"},
        {0x1.c6bf526340000p+49, "1000000000000000.0"},
        {0x1.1c37937e08000p+53, "1e+16"},
        {0x1.c12218377de66p+46, "123456789012345.6"},
        {0x1.18b54f22aeb03p+50, "1234567890123456.8"},
        {0x1.0000000000000p+53, "9007199254740992.0"},
        {0x1.1c37937e07fffp+53, "9999999999999998.0"},
        {0x1.a36e2eb1c432dp-14, "0.0001"},
        {0x1.02e4b6ce5dc68p-13, "0.00012345"},
        {0x1.4f8b588e368f1p-17, "1e-05"},
        {0x1.421f5f40d8376p-23, "1.5e-07"},
        {0x1.0f0cf064dd592p+73, "1e+22"},
        {0x1.52d02c7e14af6p+76, "1e+23"},
        {0x0.0000000000001p-1022, "5e-324"},
        {0x1.0000000000000p-1022, "2.2250738585072014e-308"},
        {0x0.fffffffffffffp-1022, "2.225073858507201e-308"},
        {0x1.fffffffffffffp+1023, "1.7976931348623157e+308"},
        {0x1.0000000000000p-44, "5.684341886080802e-14"},
        {0x1.0000000000000p+89, "6.189700196426902e+26"},
        {0x1.0000000000000p-20, "9.5367431640625e-07"},
        {0x1.249ad2594c37dp+332, "1e+100"},
        {INFINITY, "Infinity"},
        {-INFINITY, "-Infinity"},
        {NAN, "NaN"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(floats); i++) {
        char text[JSON_TEXT_FLOAT];

        json_text_float(floats[i].value, text);
        assert_string_equal(text, floats[i].text);
    }
}

static double of_bits(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A fixed sequence of bits that look random (xorshift64). */
static uint64_t next_bits(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Every power of two with its neighbours, then random bits. */
static size_t fill_bits(uint64_t *bits, size_t size)
{
    uint64_t seed = 0x9e3779b97f4a7c15;
    size_t n = 0;

    for (uint64_t exponent = 1; exponent < 2047; exponent++)
        for (uint64_t neighbour = 0; neighbour < 3; neighbour++)
            bits[n++] = (exponent << 52) + neighbour - 1;
    for (int i = 0; i < 52; i++)
        bits[n++] = UINT64_C(1) << i;
    while (n < size)
        bits[n++] = next_bits(&seed);
    return n;
}

static void test_thousands_of_floats_agree_with_python(void **state)
{
    enum { N_FLOATS = 10000 };
    static uint64_t bits[N_FLOATS];
    size_t n = fill_bits(bits, N_FLOATS);
    char name[] = "/tmp/json_text_test.XXXXXX";
    char command[256];
    char line[64];
    FILE *python;
    FILE *in = fdopen(mkstemp(name), "w");

    (void)state;
    assert_non_null(in);
    for (size_t i = 0; i < n; i++)
        fprintf(in, "%016" PRIx64 "\n", bits[i]);
    assert_int_equal(fclose(in), 0);
    snprintf(command, sizeof command,
             "python3 -c 'import json, struct, sys\n"
             "for line in sys.stdin: print(json.dumps(*struct.unpack(\">d\", bytes.fromhex(line))))' <%s",
             name);
    python = popen(command, "r");
    assert_non_null(python);
    for (size_t i = 0; i < n; i++) {
        char text[JSON_TEXT_FLOAT];

        assert_non_null(fgets(line, sizeof line, python));
        line[strcspn(line, "\n")] = '\0';
        json_text_float(of_bits(bits[i]), text);
        assert_string_equal(text, line);
    }
    assert_int_equal(pclose(python), 0);
    unlink(name);
}

static void test_what_json_cannot_hold(void **state)
{
    static const struct row refused[] = {
        {"bin", TEXT("\xc4\x01x"), NULL},
        {"bin in an array", TEXT("\x92\x01\xc4\x01x"), NULL},
        {"bin in a map",
         TEXT("\x81\xa1"
              "a\xc4\x01x"),
         NULL},
        {"ext", TEXT("\xd4\x01x"), NULL},
        {"number as key", TEXT("\x81\x01\x02"), NULL},
        {"nil as key", TEXT("\x81\xc0\x02"), NULL},
        {"bin as key",
         TEXT("\x82\xa1"
              "a\x01\xc4\x01x\x02"),
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(refused); i++) {
        struct buffer out = {0};

        assert_row(refused[i].what, json_text_append(refused[i].raw, &out) == JSON_TEXT_E_NOT_JSON);
        buffer_clear(&out);
    }
}

static void test_what_is_not_one_sound_value(void **state)
{
    static const struct row refused[] = {
        {"nothing", TEXT(""), NULL},
        {"cut", TEXT("\x92\x01"), NULL},
        {"the unused byte", TEXT("\xc1"), NULL},
        {"not UTF-8", TEXT("\xa1\xff"), NULL},
        {"two values", TEXT("\x01\x02"), NULL},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(refused); i++) {
        struct buffer out = {0};

        assert_row(refused[i].what, json_text_append(refused[i].raw, &out) == JSON_TEXT_E_INVALID);
        assert_int_equal(out.len, 0);
    }
}

static void test_the_deepest_value_is_written(void **state)
{
    struct buffer raw = {0};
    struct buffer out = {0};

    (void)state;
    for (int i = 0; i < MSGPACK_MAX_DEPTH; i++) {
        msgpack_write_map(&raw, 1);
        msgpack_write_str(&raw, BYTES_LITERAL("k"));
    }
    msgpack_write_nil(&raw);
    assert_int_equal(json_text_append(buffer_bytes(&raw), &out), 0);
    assert_int_equal(out.len, MSGPACK_MAX_DEPTH * strlen("{\"k\":}") + strlen("null"));
    buffer_clear(&raw);
    buffer_clear(&out);
}

static void test_without_memory(void **state)
{
    struct bytes raw = BYTES_LITERAL("\x82\xa1y\x82\xa1"
                                     "d\x01\xa1"
                                     "c\x91\xcb?\xf8\0\0\0\0\0\0\xa1x\xa2\xc3\xbc");

    (void)state;
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct buffer out = {0};
        int r = json_text_append(raw, &out);

        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        if (r == 0)
            assert_text(buffer_bytes(&out), "{\"x\":\"\\u00fc\",\"y\":{\"c\":[1.5],\"d\":1}}");
        buffer_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_written_as_python_writes_them),
        cmocka_unit_test(test_floats_are_written_as_python_writes_them),
        cmocka_unit_test(test_thousands_of_floats_agree_with_python),
        cmocka_unit_test(test_what_json_cannot_hold),
        cmocka_unit_test(test_what_is_not_one_sound_value),
        cmocka_unit_test(test_the_deepest_value_is_written),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
