/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/json_value.h"

#include "hub/base/clock.h"
#include "hub/base/text.h"
#include "hub/wire/msgpack_read.h"

#define MOST_DEPTH 64
#define ESCAPED_SIZE 4096

json_t *json_value_bytes(struct bytes text)
{
    char escaped[ESCAPED_SIZE];

    if (!text.len)
        return json_string("");
    if (text_is_utf8(text))
        return json_stringn_nocheck((const char *)text.ptr, text.len);
    text_escape(text, escaped, sizeof escaped);
    return json_string(escaped);
}

json_t *json_value_text(const char *text)
{
    return json_value_bytes(bytes_of_text(text));
}

json_t *json_value_text_or_null(const char *text)
{
    return text && *text ? json_value_text(text) : json_null();
}

json_t *json_value_time(uint64_t wall_ms)
{
    char text[CLOCK_RFC3339_TEXT];

    clock_rfc3339(wall_ms, text);
    return json_string(text);
}

json_t *json_value_texts(const char *const *texts, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(array, json_value_text(texts[i]))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *read_value(struct msgpack_reader *reader, int depth);

static json_t *read_array(struct msgpack_reader *reader, uint32_t n, int depth)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < n; i++) {
        if (json_array_append_new(array, read_value(reader, depth))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static bool read_pair(struct msgpack_reader *reader, json_t *object, int depth)
{
    struct msgpack_reader before = *reader;
    struct msgpack_value key;

    if (msgpack_read(reader, &key))
        return false;
    if (key.type != MSGPACK_STR || !text_is_utf8(key.raw)) {
        *reader = before;
        return msgpack_skip(reader, NULL) == 0 && msgpack_skip(reader, NULL) == 0;
    }
    return json_object_setn_new_nocheck(object, (const char *)key.raw.ptr, key.raw.len,
                                        read_value(reader, depth)) == 0;
}

static json_t *read_map(struct msgpack_reader *reader, uint32_t n, int depth)
{
    json_t *object = json_object();

    for (uint32_t i = 0; i < n; i++) {
        if (!object || !read_pair(reader, object, depth)) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *real_json(double real)
{
    json_t *json = json_real(real); /* NULL for what is not a number */

    return json ? json : json_null();
}

static json_t *read_value(struct msgpack_reader *reader, int depth)
{
    struct msgpack_reader before = *reader;
    struct msgpack_value value;

    if (msgpack_read(reader, &value))
        return NULL;
    switch (value.type) {
    case MSGPACK_NIL:
    case MSGPACK_BIN:
    case MSGPACK_EXT:
        return json_null();
    case MSGPACK_BOOL:
        return json_boolean(value.boolean);
    case MSGPACK_UINT:
        return value.u64 <= INT64_MAX ? json_integer((json_int_t)value.u64) : real_json((double)value.u64);
    case MSGPACK_INT:
        return json_integer(value.i64);
    case MSGPACK_FLOAT32:
    case MSGPACK_FLOAT64:
        return real_json(value.float64);
    case MSGPACK_STR:
        return json_value_bytes(value.raw);
    case MSGPACK_ARRAY:
    case MSGPACK_MAP:
        break;
    }
    if (depth == MOST_DEPTH) {
        *reader = before;
        return msgpack_skip(reader, NULL) ? NULL : json_null();
    }
    return value.type == MSGPACK_ARRAY ? read_array(reader, value.n_items, depth + 1)
                                       : read_map(reader, value.n_items, depth + 1);
}

json_t *json_value_msgpack(struct bytes raw)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);

    if (!raw.len)
        return json_null();
    /* The hub has checked it when it came; it is checked again because a NULL below means memory. */
    if (msgpack_skip(&reader, NULL))
        return json_null();
    reader = msgpack_reader_of(raw);
    return read_value(&reader, 0);
}

void json_value_reply(struct reply *reply, unsigned status, json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    json_decref(json);
    reply_set_text(reply, status, "application/json", text);
}

json_t *json_value_page(json_t *items, json_t *next)
{
    return json_pack("{s:o, s:o}", "items", items, "next", next ? next : json_null());
}
