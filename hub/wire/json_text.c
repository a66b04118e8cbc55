/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/json_text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/cleanup.h"
#include "hub/base/text.h"
#include "hub/wire/msgpack_read.h"

/* Digits that tell any two doubles apart. */
#define MAX_DIGITS 17

/* --- floats --- */

/* A decimal number 0.d1d2d3... * 10^point */
struct decimal {
    char digits[MAX_DIGITS + 1];
    int n_digits;
    int point;
};

/* The number with @n_digits digits that is nearest to @value, which is positive. */
static struct decimal nearest_decimal(double value, int n_digits)
{
    struct decimal decimal = {.n_digits = n_digits};
    char text[48];
    const char *at = text;

    snprintf(text, sizeof text, "%.*e", n_digits - 1, value);
    for (int i = 0; i < n_digits; at++) /* steps over the radix character, whatever the locale has for it */
        if (*at >= '0' && *at <= '9')
            decimal.digits[i++] = *at;
    decimal.point = (int)strtol(strchr(at, 'e') + 1, NULL, 10) + 1;
    return decimal;
}

static void next_decimal(struct decimal *decimal)
{
    int i = decimal->n_digits - 1;

    for (; i >= 0 && decimal->digits[i] == '9'; i--)
        decimal->digits[i] = '0';
    if (i >= 0) {
        decimal->digits[i]++;
    } else {
        decimal->digits[0] = '1';
        decimal->point++;
    }
}

static bool reads_back_as(const struct decimal *decimal, double value)
{
    char text[48];

    snprintf(text, sizeof text, "%se%d", decimal->digits, decimal->point - decimal->n_digits);
    return strtod(text, NULL) == value;
}

/*
 * The fewest digits that read back as @value. Doubles lie twice as dense below a power of two as above it:
 * there the nearest decimal may fail, being below, where its farther neighbour above succeeds.
 */
static struct decimal shortest_decimal(double value)
{
    int exponent;
    bool is_power_of_two = frexp(value, &exponent) == 0.5;
    struct decimal decimal;

    for (int n_digits = 1; n_digits < MAX_DIGITS; n_digits++) {
        decimal = nearest_decimal(value, n_digits);
        if (reads_back_as(&decimal, value))
            return decimal;
        if (!is_power_of_two)
            continue;
        next_decimal(&decimal);
        if (reads_back_as(&decimal, value))
            return decimal;
    }
    return nearest_decimal(value, MAX_DIGITS);
}

static size_t put_digits(char *text, const char *digits, int n)
{
    memcpy(text, digits, (size_t)n);
    return (size_t)n;
}

static size_t put_zeros(char *text, int n)
{
    memset(text, '0', (size_t)n);
    return (size_t)n;
}

/* d.ddde+XX */
static void write_with_exponent(const struct decimal *decimal, char *text, size_t size)
{
    int exponent = decimal->point - 1;

    snprintf(text, size, "%c%s%se%c%02d", decimal->digits[0], decimal->n_digits > 1 ? "." : "",
             decimal->digits + 1, exponent < 0 ? '-' : '+', abs(exponent));
}

static void write_plain(const struct decimal *decimal, char *text)
{
    int n_whole = decimal->point < decimal->n_digits ? decimal->point : decimal->n_digits;

    if (decimal->point > 0) {
        text += put_digits(text, decimal->digits, n_whole);
        text += put_zeros(text, decimal->point - n_whole);
        *text++ = '.';
        text += put_digits(text, decimal->digits + n_whole, decimal->n_digits - n_whole);
        if (decimal->n_digits == n_whole)
            *text++ = '0';
    } else {
        *text++ = '0';
        *text++ = '.';
        text += put_zeros(text, -decimal->point);
        text += put_digits(text, decimal->digits, decimal->n_digits);
    }
    *text = '\0';
}

void json_text_float(double value, char out_text[JSON_TEXT_FLOAT])
{
    struct decimal decimal;

    if (isnan(value)) {
        memcpy(out_text, "NaN", sizeof "NaN");
        return;
    }
    if (signbit(value)) {
        *out_text++ = '-';
        value = -value;
    }
    if (isinf(value)) {
        memcpy(out_text, "Infinity", sizeof "Infinity");
        return;
    }
    if (value == 0) {
        memcpy(out_text, "0.0", sizeof "0.0");
        return;
    }
    decimal = shortest_decimal(value);
    if (decimal.point <= -4 || decimal.point > 16)
        write_with_exponent(&decimal, out_text, JSON_TEXT_FLOAT - 1);
    else
        write_plain(&decimal, out_text);
}

/* --- texts --- */

static void write_escape(struct buffer *out, uint32_t unit)
{
    buffer_append_format(out, "\\u%04" PRIx32, unit);
}

static void write_code_point(struct buffer *out, uint32_t c)
{
    switch (c) {
    case '"':
        buffer_append_text(out, "\\\"");
        return;
    case '\\':
        buffer_append_text(out, "\\\\");
        return;
    case '\b':
        buffer_append_text(out, "\\b");
        return;
    case '\f':
        buffer_append_text(out, "\\f");
        return;
    case '\n':
        buffer_append_text(out, "\\n");
        return;
    case '\r':
        buffer_append_text(out, "\\r");
        return;
    case '\t':
        buffer_append_text(out, "\\t");
        return;
    default:
        break;
    }
    if (c > 0xffff) {
        write_escape(out, 0xd800 + ((c - 0x10000) >> 10));
        write_escape(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
    } else {
        write_escape(out, c);
    }
}

static bool is_plain(uint8_t byte)
{
    return byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\';
}

int json_text_append_str(struct bytes text, struct buffer *out)
{
    size_t offset = 0;

    buffer_append_text(out, "\"");
    while (offset < text.len) {
        size_t n_plain = 0;
        uint32_t c;

        while (offset + n_plain < text.len && is_plain(text.ptr[offset + n_plain]))
            n_plain++;
        buffer_append(out, text.ptr + offset, n_plain);
        offset += n_plain;
        if (offset < text.len) {
            size_t len = text_utf8_next(text, offset, &c);

            if (len == 0)
                return JSON_TEXT_E_INVALID;
            write_code_point(out, c);
            offset += len;
        }
    }
    buffer_append_text(out, "\"");
    return out->failed ? -ENOMEM : 0;
}

/* --- values --- */

static int write_value(struct msgpack_reader *reader, struct buffer *out);

struct entry {
    struct bytes key;
    struct bytes raw_value;
    size_t place;
};

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    int order = bytes_compare(a->key, b->key); /* UTF-8 sorts by byte as it does by code point */

    return order ? order : (a->place > b->place) - (a->place < b->place);
}

static int read_entries(struct msgpack_reader *reader, struct entry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct msgpack_value key;

        check(msgpack_read(reader, &key) == 0);
        if (key.type != MSGPACK_STR)
            return JSON_TEXT_E_NOT_JSON;
        entries[i].key = key.raw;
        entries[i].place = i;
        check(msgpack_skip(reader, &entries[i].raw_value) == 0);
    }
    return 0;
}

static int write_entries(const struct entry *entries, size_t n, struct buffer *out)
{
    bool is_first = true;

    for (size_t i = 0; i < n; i++) {
        struct msgpack_reader reader = msgpack_reader_of(entries[i].raw_value);
        int r;

        if (i + 1 < n && bytes_equal(entries[i].key, entries[i + 1].key))
            continue;
        if (!is_first)
            buffer_append_text(out, ",");
        is_first = false;
        r = json_text_append_str(entries[i].key, out);
        if (r)
            return r;
        buffer_append_text(out, ":");
        r = write_value(&reader, out);
        if (r)
            return r;
    }
    return 0;
}

static int write_map(struct msgpack_reader *reader, size_t n, struct buffer *out)
{
    cleanup_free_ struct entry *entries = NULL;
    int r;

    if (n) {
        entries = calloc(n, sizeof *entries);
        if (!entries)
            return -ENOMEM;
    }
    r = read_entries(reader, entries, n);
    if (r)
        return r;
    if (n)
        qsort(entries, n, sizeof *entries, compare_entries);
    buffer_append_text(out, "{");
    r = write_entries(entries, n, out);
    buffer_append_text(out, "}");
    return r;
}

static int write_array(struct msgpack_reader *reader, size_t n, struct buffer *out)
{
    buffer_append_text(out, "[");
    for (size_t i = 0; i < n; i++) {
        int r;

        if (i)
            buffer_append_text(out, ",");
        r = write_value(reader, out);
        if (r)
            return r;
    }
    buffer_append_text(out, "]");
    return 0;
}

static void write_float(double value, struct buffer *out)
{
    char text[JSON_TEXT_FLOAT];

    json_text_float(value, text);
    buffer_append_text(out, text);
}

/* Recursive, for the value is known to be sound and so no deeper than MSGPACK_MAX_DEPTH. */
static int write_value(struct msgpack_reader *reader, struct buffer *out)
{
    struct msgpack_value value;

    check(msgpack_read(reader, &value) == 0);
    switch (value.type) {
    case MSGPACK_NIL:
        buffer_append_text(out, "null");
        return 0;
    case MSGPACK_BOOL:
        buffer_append_text(out, value.boolean ? "true" : "false");
        return 0;
    case MSGPACK_UINT:
        buffer_append_format(out, "%" PRIu64, value.u64);
        return 0;
    case MSGPACK_INT:
        buffer_append_format(out, "%" PRId64, value.i64);
        return 0;
    case MSGPACK_FLOAT32:
    case MSGPACK_FLOAT64:
        write_float(value.float64, out);
        return 0;
    case MSGPACK_STR:
        return json_text_append_str(value.raw, out);
    case MSGPACK_ARRAY:
        return write_array(reader, value.n_items, out);
    case MSGPACK_MAP:
        return write_map(reader, value.n_items, out);
    case MSGPACK_BIN:
    case MSGPACK_EXT:
        return JSON_TEXT_E_NOT_JSON;
    }
    unreachable();
}

int json_text_append(struct bytes raw_value, struct buffer *out)
{
    struct msgpack_reader reader = msgpack_reader_of(raw_value);
    int r;

    if (msgpack_skip(&reader, NULL) != 0 || !msgpack_reader_is_at_end(&reader))
        return JSON_TEXT_E_INVALID;
    reader = msgpack_reader_of(raw_value);
    r = write_value(&reader, out);
    if (r)
        return r;
    return out->failed ? -ENOMEM : 0;
}
