/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/client/client_state.h"

#include <stdlib.h>

#include "hub/wire/msgpack_read.h"

/* An empty view reads as nil. */
static int read_head(struct commipc_value value, struct msgpack_value *out_head,
                     struct msgpack_reader *out_reader)
{
    *out_reader = msgpack_reader_of(bytes_of(value.ptr, value.len));
    if (value.len == 0) {
        *out_head = (struct msgpack_value){.type = MSGPACK_NIL};
        return 0;
    }
    return msgpack_read(out_reader, out_head) ? COMMIPC_E_WRONG_TYPE : 0;
}

static enum commipc_type type_of(enum msgpack_type type)
{
    switch (type) {
    case MSGPACK_NIL:
        return COMMIPC_NIL;
    case MSGPACK_BOOL:
        return COMMIPC_BOOL;
    case MSGPACK_UINT:
    case MSGPACK_INT:
        return COMMIPC_INTEGER;
    case MSGPACK_FLOAT32:
    case MSGPACK_FLOAT64:
        return COMMIPC_FLOAT;
    case MSGPACK_STR:
        return COMMIPC_TEXT;
    case MSGPACK_BIN:
        return COMMIPC_BYTES;
    case MSGPACK_ARRAY:
        return COMMIPC_ARRAY;
    case MSGPACK_MAP:
        return COMMIPC_MAP;
    case MSGPACK_EXT:
        return COMMIPC_EXTENSION;
    }
    return COMMIPC_INVALID;
}

enum commipc_type commipc_value_type(struct commipc_value value)
{
    struct msgpack_reader reader = msgpack_reader_of(bytes_of(value.ptr, value.len));
    struct msgpack_value head;

    if (value.len == 0)
        return COMMIPC_NIL;
    if (msgpack_skip(&reader, NULL) || !msgpack_reader_is_at_end(&reader) || read_head(value, &head, &reader))
        return COMMIPC_INVALID;
    return type_of(head.type);
}

int commipc_value_bool(struct commipc_value value, bool *out)
{
    struct msgpack_reader reader;
    struct msgpack_value head;

    if (read_head(value, &head, &reader) || head.type != MSGPACK_BOOL)
        return COMMIPC_E_WRONG_TYPE;
    *out = head.boolean;
    return 0;
}

int commipc_value_i64(struct commipc_value value, int64_t *out)
{
    struct msgpack_reader reader;
    struct msgpack_value head;

    if (read_head(value, &head, &reader))
        return COMMIPC_E_WRONG_TYPE;
    if (head.type == MSGPACK_INT) {
        *out = head.i64;
        return 0;
    }
    if (head.type != MSGPACK_UINT || head.u64 > INT64_MAX)
        return COMMIPC_E_WRONG_TYPE;
    *out = (int64_t)head.u64;
    return 0;
}

int commipc_value_u64(struct commipc_value value, uint64_t *out)
{
    struct msgpack_reader reader;
    struct msgpack_value head;

    if (read_head(value, &head, &reader) || head.type != MSGPACK_UINT)
        return COMMIPC_E_WRONG_TYPE;
    *out = head.u64;
    return 0;
}

int commipc_value_double(struct commipc_value value, double *out)
{
    struct msgpack_reader reader;
    struct msgpack_value head;

    if (read_head(value, &head, &reader))
        return COMMIPC_E_WRONG_TYPE;
    if (head.type == MSGPACK_FLOAT32 || head.type == MSGPACK_FLOAT64)
        *out = head.float64;
    else if (head.type == MSGPACK_UINT)
        *out = (double)head.u64;
    else if (head.type == MSGPACK_INT)
        *out = (double)head.i64;
    else
        return COMMIPC_E_WRONG_TYPE;
    return 0;
}

int commipc_value_text(struct commipc_value value, struct commipc_text *out)
{
    struct msgpack_reader reader;
    struct msgpack_value head;

    if (read_head(value, &head, &reader) || head.type != MSGPACK_STR)
        return COMMIPC_E_WRONG_TYPE;
    *out = client_text(head.raw);
    return 0;
}

int commipc_value_bytes(struct commipc_value value, const void **out_ptr, size_t *out_len)
{
    struct msgpack_reader reader;
    struct msgpack_value head;

    if (read_head(value, &head, &reader) || head.type != MSGPACK_BIN)
        return COMMIPC_E_WRONG_TYPE;
    *out_ptr = head.raw.ptr;
    *out_len = head.raw.len;
    return 0;
}

size_t commipc_value_count(struct commipc_value value)
{
    struct msgpack_reader reader;
    struct msgpack_value head;

    if (read_head(value, &head, &reader) || (head.type != MSGPACK_ARRAY && head.type != MSGPACK_MAP))
        return 0;
    return head.n_items;
}

int commipc_value_next(struct commipc_value container, size_t *place, struct commipc_value *out_key,
                       struct commipc_value *out_value)
{
    struct msgpack_reader reader;
    struct msgpack_value head;
    struct bytes key = BYTES_NONE;
    struct bytes value;

    if (read_head(container, &head, &reader) || (head.type != MSGPACK_ARRAY && head.type != MSGPACK_MAP))
        return COMMIPC_E_WRONG_TYPE;
    /* A place is an offset: behind the head at first. */
    if (*place > reader.offset)
        reader.offset = *place;
    if (msgpack_reader_is_at_end(&reader))
        return COMMIPC_E_ABSENT;
    if (head.type == MSGPACK_MAP && msgpack_skip(&reader, &key))
        return COMMIPC_E_WRONG_TYPE;
    if (msgpack_skip(&reader, &value))
        return COMMIPC_E_WRONG_TYPE;
    *place = reader.offset;
    if (out_key)
        *out_key = client_value(key);
    *out_value = client_value(value);
    return 0;
}

int commipc_value_get(struct commipc_value map, const char *key, struct commipc_value *out)
{
    struct commipc_value name;
    struct commipc_value value;
    struct commipc_text text;
    size_t place = 0;
    int r = COMMIPC_E_ABSENT;

    if (commipc_value_type(map) != COMMIPC_MAP)
        return COMMIPC_E_WRONG_TYPE;
    while (commipc_value_next(map, &place, &name, &value) == 0) {
        if (commipc_value_text(name, &text) || !bytes_equal_text(bytes_of(text.ptr, text.len), key))
            continue;
        *out = value;
        r = 0;
    }
    return r;
}
