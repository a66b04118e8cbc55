/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/value_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/text.h"

#define MOST_DEPTH 512

static json_t *read_deep(struct commipc_value value, int depth);

static json_t *read_integer(struct commipc_value value)
{
    char digits[24];
    int64_t number;
    uint64_t large = 0;

    if (commipc_value_i64(value, &number) == 0)
        return json_integer(number);
    (void)commipc_value_u64(value, &large);
    snprintf(digits, sizeof digits, "%" PRIu64, large);
    return json_string(digits);
}

static json_t *read_float(struct commipc_value value)
{
    double number = 0;
    json_t *json;

    (void)commipc_value_double(value, &number);
    json = json_real(number);
    return json ? json : json_null();
}

static json_t *read_bytes(struct commipc_value value)
{
    const void *ptr = NULL;
    size_t len = 0;
    char *hex;
    json_t *json;

    (void)commipc_value_bytes(value, &ptr, &len);
    hex = malloc(2 * len + 1);
    if (!hex)
        return NULL;
    text_hex(ptr, len, hex);
    json = json_pack("{s:s}", "$bytes", hex);
    free(hex);
    return json;
}

static json_t *read_array(struct commipc_value value, int depth)
{
    json_t *array = json_array();
    struct commipc_value item;
    size_t place = 0;

    while (array && commipc_value_next(value, &place, NULL, &item) == 0)
        if (json_array_append_new(array, read_deep(item, depth + 1)) < 0) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

static int add_pair(json_t *object, struct commipc_value key, struct commipc_value value, int depth)
{
    struct commipc_text text;
    json_t *name;
    char *other;
    int r = -1;

    if (commipc_value_text(key, &text) == 0)
        return json_object_setn_new_nocheck(object, text.ptr, text.len, read_deep(value, depth + 1));
    name = read_deep(key, depth + 1);
    other = name ? json_dumps(name, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    if (other)
        r = json_object_set_new(object, other, read_deep(value, depth + 1));
    free(other);
    json_decref(name);
    return r;
}

static json_t *read_map(struct commipc_value value, int depth)
{
    json_t *object = json_object();
    struct commipc_value key;
    struct commipc_value item;
    size_t place = 0;

    while (object && commipc_value_next(value, &place, &key, &item) == 0)
        if (add_pair(object, key, item, depth) < 0) {
            json_decref(object);
            object = NULL;
        }
    return object;
}

static json_t *read_deep(struct commipc_value value, int depth)
{
    struct commipc_text text = {0};
    bool is_true = false;

    if (depth > MOST_DEPTH)
        return NULL;
    switch (commipc_value_type(value)) {
    case COMMIPC_NIL:
        return json_null();
    case COMMIPC_BOOL:
        (void)commipc_value_bool(value, &is_true);
        return json_boolean(is_true);
    case COMMIPC_INTEGER:
        return read_integer(value);
    case COMMIPC_FLOAT:
        return read_float(value);
    case COMMIPC_TEXT:
        (void)commipc_value_text(value, &text);
        return json_stringn_nocheck(text.ptr, text.len);
    case COMMIPC_BYTES:
        return read_bytes(value);
    case COMMIPC_ARRAY:
        return read_array(value, depth);
    case COMMIPC_MAP:
        return read_map(value, depth);
    case COMMIPC_EXTENSION:
    case COMMIPC_INVALID:
        break;
    }
    return json_pack("{s:n}", "$extension");
}

json_t *value_json_read(struct commipc_value value)
{
    return read_deep(value, 0);
}

static void write_object(const json_t *json, struct commipc_writer *writer)
{
    json_t *object = (json_t *)(uintptr_t)json; /* jansson's iterators know no const */

    commipc_writer_map(writer, (uint32_t)json_object_size(json));
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        commipc_writer_text_of(writer, json_object_iter_key(at), json_object_iter_key_len(at));
        value_json_write(json_object_iter_value(at), writer);
    }
}

void value_json_write(const json_t *json, struct commipc_writer *writer)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        write_object(json, writer);
        return;
    case JSON_ARRAY:
        commipc_writer_array(writer, (uint32_t)json_array_size(json));
        for (size_t i = 0; i < json_array_size(json); i++)
            value_json_write(json_array_get(json, i), writer);
        return;
    case JSON_STRING:
        commipc_writer_text_of(writer, json_string_value(json), json_string_length(json));
        return;
    case JSON_INTEGER:
        commipc_writer_i64(writer, json_integer_value(json));
        return;
    case JSON_REAL:
        commipc_writer_double(writer, json_real_value(json));
        return;
    case JSON_TRUE:
    case JSON_FALSE:
        commipc_writer_bool(writer, json_is_true(json));
        return;
    case JSON_NULL:
        commipc_writer_nil(writer);
        return;
    }
}
