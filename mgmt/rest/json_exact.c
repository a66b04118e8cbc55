/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/json_exact.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/text.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"
#include "mgmt/rest/base64.h"

/* ---- MessagePack to JSON ---- */

static void append_value(struct msgpack_reader *reader, struct buffer *out);

static void append_char(struct buffer *out, char letter)
{
    buffer_append(out, &letter, 1);
}

static void append_str(struct buffer *out, struct bytes text)
{
    size_t start = 0;

    append_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t letter = text.ptr[i];

        if (letter >= 0x20 && letter != '"' && letter != '\\' && letter != 0x7f)
            continue;
        buffer_append(out, text.ptr + start, i - start);
        if (letter == '"' || letter == '\\')
            buffer_append_format(out, "\\%c", letter);
        else
            buffer_append_format(out, "\\u%04x", letter);
        start = i + 1;
    }
    buffer_append(out, text.ptr + start, text.len - start);
    append_char(out, '"');
}

/* The shortest of the forms that read back as the same number, and always with the look of a float. */
static void append_float(struct buffer *out, double number)
{
    char text[40];

    if (!isfinite(number)) {
        buffer_append_format(out, "{\"$float\":\"%s\"}",
                             isnan(number) ? "NaN"
                             : number > 0  ? "Infinity"
                                           : "-Infinity");
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, number);
        if (strtod(text, NULL) == number)
            break;
    }
    buffer_append_text(out, text);
    if (!strpbrk(text, ".e"))
        buffer_append_text(out, ".0");
}

static int compare_keys(const void *left, const void *right)
{
    const struct bytes *a = left;
    const struct bytes *b = right;
    size_t n = a->len < b->len ? a->len : b->len;
    int r = n ? memcmp(a->ptr, b->ptr, n) : 0;

    return r ? r : (a->len > b->len) - (a->len < b->len);
}

static bool has_twice(struct bytes *keys, uint32_t n)
{
    qsort(keys, n, sizeof *keys, compare_keys);
    for (uint32_t i = 1; i < n; i++)
        if (compare_keys(&keys[i - 1], &keys[i]) == 0)
            return true;
    return false;
}

/* Whether the map that follows can be an object of JSON, whose readers know no zero in a key. */
static bool is_object(struct msgpack_reader reader, uint32_t n, struct buffer *out)
{
    struct bytes *keys = calloc(n ? n : 1, sizeof *keys);
    bool is_one = keys != NULL;

    out->failed = out->failed || !keys;
    for (uint32_t i = 0; i < n && is_one; i++) {
        struct msgpack_value key;

        check(msgpack_read(&reader, &key) == 0);
        is_one = key.type == MSGPACK_STR && !(key.raw.len && key.raw.ptr[0] == '$') &&
                 !(key.raw.len && memchr(key.raw.ptr, 0, key.raw.len));
        keys[i] = is_one ? key.raw : BYTES_NONE;
        check(!is_one || msgpack_skip(&reader, NULL) == 0);
    }
    is_one = is_one && !has_twice(keys, n);
    free(keys);
    return is_one;
}

static void append_map(struct msgpack_reader *reader, uint32_t n, struct buffer *out)
{
    bool is_one = is_object(*reader, n, out);

    buffer_append_text(out, is_one ? "{" : "{\"$map\":[");
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            append_char(out, ',');
        if (!is_one)
            append_char(out, '[');
        append_value(reader, out);
        append_char(out, is_one ? ':' : ',');
        append_value(reader, out);
        if (!is_one)
            append_char(out, ']');
    }
    buffer_append_text(out, is_one ? "}" : "]}");
}

static void append_array(struct msgpack_reader *reader, uint32_t n, struct buffer *out)
{
    append_char(out, '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            append_char(out, ',');
        append_value(reader, out);
    }
    append_char(out, ']');
}

static void append_bytes(struct buffer *out, const char *wrapper, struct bytes bytes)
{
    buffer_append_format(out, "{\"%s\":\"", wrapper);
    base64_append(bytes, out);
    append_char(out, '"');
}

static void append_value(struct msgpack_reader *reader, struct buffer *out)
{
    struct msgpack_value value;

    check(msgpack_read(reader, &value) == 0);
    switch (value.type) {
    case MSGPACK_NIL:
        buffer_append_text(out, "null");
        return;
    case MSGPACK_BOOL:
        buffer_append_text(out, value.boolean ? "true" : "false");
        return;
    case MSGPACK_UINT:
        buffer_append_format(out, value.u64 <= INT64_MAX ? "%" PRIu64 : "{\"$uint\":\"%" PRIu64 "\"}",
                             value.u64);
        return;
    case MSGPACK_INT:
        buffer_append_format(out, "%" PRId64, value.i64);
        return;
    case MSGPACK_FLOAT32:
    case MSGPACK_FLOAT64:
        append_float(out, value.float64);
        return;
    case MSGPACK_STR:
        append_str(out, value.raw);
        return;
    case MSGPACK_BIN:
        append_bytes(out, "$bin", value.raw);
        append_char(out, '}');
        return;
    case MSGPACK_EXT:
        append_bytes(out, "$ext", value.raw);
        buffer_append_format(out, ",\"type\":%d}", value.ext_type);
        return;
    case MSGPACK_ARRAY:
        append_array(reader, value.n_items, out);
        return;
    case MSGPACK_MAP:
        append_map(reader, value.n_items, out);
        return;
    }
}

int json_exact_append(struct bytes raw, struct buffer *out)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);

    if (raw.len)
        append_value(&reader, out);
    else
        buffer_append_text(out, "null");
    return out->failed ? -ENOMEM : 0;
}

/* ---- JSON to MessagePack ---- */

/* @depth: of the containers around the value. */
static int write_value(const json_t *json, struct buffer *out, int depth);

static int write_bin(const json_t *object, struct buffer *out)
{
    const json_t *text = json_object_get(object, "$bin");
    struct buffer bytes = {0};
    int r = JSON_EXACT_E_WRAPPER;

    if (json_is_string(text) && json_object_size(object) == 1)
        r = base64_decode(bytes_of(json_string_value(text), json_string_length(text)), &bytes);
    if (r == 0)
        msgpack_write_bin(out, buffer_bytes(&bytes));
    buffer_clear(&bytes);
    return r == BASE64_E_MALFORMED ? JSON_EXACT_E_WRAPPER : r;
}

static void write_ext_head(struct buffer *out, size_t len, int type)
{
    uint8_t head[6] = {0xc9,         (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                       (uint8_t)len, (uint8_t)type};

    msgpack_write_raw(out, bytes_of(head, sizeof head));
}

static int write_ext(const json_t *object, struct buffer *out)
{
    const json_t *text = json_object_get(object, "$ext");
    const json_t *type = json_object_get(object, "type");
    struct buffer bytes = {0};
    int r = JSON_EXACT_E_WRAPPER;

    if (json_is_string(text) && json_is_integer(type) && json_object_size(object) == 2 &&
        json_integer_value(type) >= INT8_MIN && json_integer_value(type) <= INT8_MAX)
        r = base64_decode(bytes_of(json_string_value(text), json_string_length(text)), &bytes);
    if (r == 0) {
        write_ext_head(out, bytes.len, (int)json_integer_value(type));
        msgpack_write_raw(out, buffer_bytes(&bytes));
    }
    buffer_clear(&bytes);
    return r == BASE64_E_MALFORMED ? JSON_EXACT_E_WRAPPER : r;
}

static int write_uint(const json_t *object, struct buffer *out)
{
    const char *text = json_string_value(json_object_get(object, "$uint"));
    uint64_t value;

    if (!text || json_object_size(object) != 1 || text_to_u64(text, 0, UINT64_MAX, &value) < 0)
        return JSON_EXACT_E_WRAPPER;
    msgpack_write_u64(out, value);
    return 0;
}

static int write_float(const json_t *object, struct buffer *out)
{
    const char *text = json_string_value(json_object_get(object, "$float"));

    if (!text || json_object_size(object) != 1)
        return JSON_EXACT_E_WRAPPER;
    if (strcmp(text, "NaN") == 0)
        msgpack_write_double(out, (double)NAN);
    else if (strcmp(text, "Infinity") == 0)
        msgpack_write_double(out, (double)INFINITY);
    else if (strcmp(text, "-Infinity") == 0)
        msgpack_write_double(out, -(double)INFINITY);
    else
        return JSON_EXACT_E_WRAPPER;
    return 0;
}

static int write_pairs(const json_t *object, struct buffer *out, int depth)
{
    const json_t *pairs = json_object_get(object, "$map");
    int r = json_is_array(pairs) && json_object_size(object) == 1 ? 0 : JSON_EXACT_E_WRAPPER;

    if (r == 0 && depth == MSGPACK_MAX_DEPTH)
        return JSON_EXACT_E_DEEP;
    if (r == 0)
        msgpack_write_map(out, (uint32_t)json_array_size(pairs));
    for (size_t i = 0; r == 0 && i < json_array_size(pairs); i++) {
        const json_t *pair = json_array_get(pairs, i);

        if (!json_is_array(pair) || json_array_size(pair) != 2)
            return JSON_EXACT_E_WRAPPER;
        r = write_value(json_array_get(pair, 0), out, depth + 1);
        if (r == 0)
            r = write_value(json_array_get(pair, 1), out, depth + 1);
    }
    return r;
}

/* An object with a `$` member: one of the wrappers, or a fault. */
static int write_wrapper(const json_t *object, struct buffer *out, int depth)
{
    if (json_object_get(object, "$bin"))
        return write_bin(object, out);
    if (json_object_get(object, "$ext"))
        return write_ext(object, out);
    if (json_object_get(object, "$uint"))
        return write_uint(object, out);
    if (json_object_get(object, "$float"))
        return write_float(object, out);
    if (json_object_get(object, "$map"))
        return write_pairs(object, out, depth);
    return JSON_EXACT_E_WRAPPER;
}

static bool is_wrapper(json_t *object)
{
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
        if (json_object_iter_key(at)[0] == '$')
            return true;
    return false;
}

static int write_object(const json_t *json, struct buffer *out, int depth)
{
    json_t *object = (json_t *)(uintptr_t)json; /* jansson's iterators know no const */
    int r = 0;

    if (is_wrapper(object))
        return write_wrapper(object, out, depth);
    if (depth == MSGPACK_MAX_DEPTH)
        return JSON_EXACT_E_DEEP;
    msgpack_write_map(out, (uint32_t)json_object_size(object));
    for (void *at = json_object_iter(object); r == 0 && at; at = json_object_iter_next(object, at)) {
        msgpack_write_str(out, bytes_of(json_object_iter_key(at), json_object_iter_key_len(at)));
        r = write_value(json_object_iter_value(at), out, depth + 1);
    }
    return r;
}

static int write_array(const json_t *json, struct buffer *out, int depth)
{
    int r = depth == MSGPACK_MAX_DEPTH ? JSON_EXACT_E_DEEP : 0;

    msgpack_write_array(out, (uint32_t)json_array_size(json));
    for (size_t i = 0; r == 0 && i < json_array_size(json); i++)
        r = write_value(json_array_get(json, i), out, depth + 1);
    return r;
}

static int write_value(const json_t *json, struct buffer *out, int depth)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return write_object(json, out, depth);
    case JSON_ARRAY:
        return write_array(json, out, depth);
    case JSON_STRING:
        msgpack_write_str(out, bytes_of(json_string_value(json), json_string_length(json)));
        return 0;
    case JSON_INTEGER:
        msgpack_write_i64(out, json_integer_value(json));
        return 0;
    case JSON_REAL:
        msgpack_write_double(out, json_real_value(json));
        return 0;
    case JSON_TRUE:
    case JSON_FALSE:
        msgpack_write_bool(out, json_is_true(json));
        return 0;
    case JSON_NULL:
        msgpack_write_nil(out);
        return 0;
    }
    return 0;
}

int json_exact_write(const json_t *json, struct buffer *out)
{
    int r = write_value(json, out, 0);

    return r == 0 && out->failed ? -ENOMEM : r;
}

const char *json_exact_fault_text(int fault)
{
    return fault == JSON_EXACT_E_DEEP ? "is nested too deep"
                                      : "has an object with a member that begins with $ and is none of $bin, "
                                        "$ext, $uint, $float, $map";
}
