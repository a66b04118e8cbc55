/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Our reader beside libmsgpack-c: both take the same bytes for one value and read the same in it, but for two
 * differences that are meant. We refuse a str that is not UTF-8, and nesting beyond MSGPACK_MAX_DEPTH (which
 * libmsgpack-c bounds elsewhere); what only they accept must be for one of these. What we accept, they
 * accept. Written again by our writer and read by them, a value is still the same.
 */
#include <stdlib.h>

#include <msgpack.h>
#include <msgpack/unpack_define.h>

#include "hub/base/check.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libmsgpack-c sets memory aside for as many elements as a head promises. */
#define MAX_BYTES_SET_ASIDE (64U << 20)

static bool is_same_content(struct bytes ours, const char *theirs, uint32_t their_size)
{
    return bytes_equal(ours, bytes_of(theirs, their_size));
}

static bool is_same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

static void write_again(const struct msgpack_value *value, struct bytes raw, struct buffer *out)
{
    switch (value->type) {
    case MSGPACK_NIL:
        msgpack_write_nil(out);
        return;
    case MSGPACK_BOOL:
        msgpack_write_bool(out, value->boolean);
        return;
    case MSGPACK_UINT:
        msgpack_write_u64(out, value->u64);
        return;
    case MSGPACK_INT:
        msgpack_write_i64(out, value->i64);
        return;
    case MSGPACK_FLOAT64:
        msgpack_write_double(out, value->float64);
        return;
    case MSGPACK_STR:
        msgpack_write_str(out, value->raw);
        return;
    case MSGPACK_BIN:
        msgpack_write_bin(out, value->raw);
        return;
    case MSGPACK_ARRAY:
        msgpack_write_array(out, value->n_items);
        return;
    case MSGPACK_MAP:
        msgpack_write_map(out, value->n_items);
        return;
    case MSGPACK_FLOAT32:
    case MSGPACK_EXT:
        msgpack_write_raw(out, raw);
        return;
    }
    unreachable();
}

static void check_same(struct msgpack_reader *reader, const msgpack_object *theirs, struct buffer *out);

static void check_scalar(const struct msgpack_value *ours, const msgpack_object *theirs)
{
    switch (ours->type) {
    case MSGPACK_NIL:
        check(theirs->type == MSGPACK_OBJECT_NIL);
        return;
    case MSGPACK_BOOL:
        check(theirs->type == MSGPACK_OBJECT_BOOLEAN && theirs->via.boolean == ours->boolean);
        return;
    case MSGPACK_UINT:
        check(theirs->type == MSGPACK_OBJECT_POSITIVE_INTEGER && theirs->via.u64 == ours->u64);
        return;
    case MSGPACK_INT:
        check(theirs->type == MSGPACK_OBJECT_NEGATIVE_INTEGER && theirs->via.i64 == ours->i64);
        return;
    case MSGPACK_FLOAT32:
        check(theirs->type == MSGPACK_OBJECT_FLOAT32 && is_same_double(theirs->via.f64, ours->float64));
        return;
    case MSGPACK_FLOAT64:
        check(theirs->type == MSGPACK_OBJECT_FLOAT64 && is_same_double(theirs->via.f64, ours->float64));
        return;
    case MSGPACK_STR:
        check(theirs->type == MSGPACK_OBJECT_STR);
        check(is_same_content(ours->raw, theirs->via.str.ptr, theirs->via.str.size));
        return;
    case MSGPACK_BIN:
        check(theirs->type == MSGPACK_OBJECT_BIN);
        check(is_same_content(ours->raw, theirs->via.bin.ptr, theirs->via.bin.size));
        return;
    case MSGPACK_EXT:
        check(theirs->type == MSGPACK_OBJECT_EXT && theirs->via.ext.type == ours->ext_type);
        check(is_same_content(ours->raw, theirs->via.ext.ptr, theirs->via.ext.size));
        return;
    case MSGPACK_ARRAY:
        check(theirs->type == MSGPACK_OBJECT_ARRAY && theirs->via.array.size == ours->n_items);
        return;
    case MSGPACK_MAP:
        check(theirs->type == MSGPACK_OBJECT_MAP && theirs->via.map.size == ours->n_items);
        return;
    }
    unreachable();
}

/* One value, with all that is in it, appended to @out by our writer where that is given. */
static void check_same(struct msgpack_reader *reader, const msgpack_object *theirs, struct buffer *out)
{
    size_t start = reader->offset;
    struct msgpack_value ours;

    check(msgpack_read(reader, &ours) == 0);
    check_scalar(&ours, theirs);
    if (out)
        write_again(&ours, bytes_of(reader->bytes.ptr + start, reader->offset - start), out);
    for (uint32_t i = 0; ours.type == MSGPACK_ARRAY && i < ours.n_items; i++)
        check_same(reader, &theirs->via.array.ptr[i], out);
    for (uint32_t i = 0; ours.type == MSGPACK_MAP && i < ours.n_items; i++) {
        check_same(reader, &theirs->via.map.ptr[i].key, out);
        check_same(reader, &theirs->via.map.ptr[i].val, out);
    }
}

static void check_written(struct buffer *written, struct bytes original)
{
    struct msgpack_reader reader = msgpack_reader_of(original);
    msgpack_unpacked theirs;

    check(!written->failed);
    msgpack_unpacked_init(&theirs);
    check(msgpack_unpack_next(&theirs, (const char *)written->ptr, written->len, NULL) ==
          MSGPACK_UNPACK_SUCCESS);
    check_same(&reader, &theirs.data, NULL);
    msgpack_unpacked_destroy(&theirs);
}

/* Heads that would make libmsgpack-c ask for more memory than is worth it. */
static bool promises_too_much(struct bytes raw)
{
    size_t n_objects = 0;

    for (size_t i = 0; i < raw.len; i++) {
        uint32_t n_items = 0;

        if (raw.ptr[i] != 0xdd && raw.ptr[i] != 0xdf)
            continue;
        for (size_t k = 1; k <= 4; k++)
            n_items = n_items << 8 | (i + k < raw.len ? raw.ptr[i + k] : 0);
        n_objects += n_items;
    }
    return n_objects > MAX_BYTES_SET_ASIDE / sizeof(msgpack_object_kv);
}

/* Containers inside one another in the value that @reader stands at, which is sound. */
static unsigned depth_of(struct msgpack_reader *reader)
{
    struct msgpack_value value;
    uint64_t n_inside = 0;
    unsigned deepest = 0;

    check(msgpack_read(reader, &value) == 0);
    if (value.type == MSGPACK_ARRAY)
        n_inside = value.n_items;
    else if (value.type == MSGPACK_MAP)
        n_inside = 2 * (uint64_t)value.n_items;
    else
        return 0;
    for (; n_inside > 0; n_inside--) {
        unsigned depth = depth_of(reader);

        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct msgpack_reader reader = msgpack_reader_of(bytes_of(data, size));
    struct msgpack_reader again = reader;
    struct buffer written = {0};
    msgpack_unpacked theirs;
    msgpack_unpack_return their_outcome;
    size_t their_offset = 0;
    struct bytes raw;
    int r;

    if (promises_too_much(bytes_of(data, size)))
        return 0;
    r = msgpack_skip(&reader, &raw);
    msgpack_unpacked_init(&theirs);
    their_outcome = msgpack_unpack_next(&theirs, (const char *)data, size, &their_offset);
    if (r == 0 && depth_of(&(struct msgpack_reader){.bytes = raw}) > MSGPACK_EMBED_STACK_SIZE) {
        check(their_outcome != MSGPACK_UNPACK_SUCCESS);
    } else if (r == 0) {
        check(their_outcome == MSGPACK_UNPACK_SUCCESS);
        check(their_offset == reader.offset && raw.ptr == data && raw.len == reader.offset);
        check_same(&again, &theirs.data, &written);
        check(again.offset == reader.offset);
        check_written(&written, raw);
    } else if (r == MSGPACK_E_SHORT) {
        check(their_outcome != MSGPACK_UNPACK_SUCCESS);
    } else if (r == MSGPACK_E_INVALID && reader.bytes.ptr[reader.offset] == 0xc1) {
        check(their_outcome != MSGPACK_UNPACK_SUCCESS);
    } /* else not UTF-8, or deep: theirs to take or leave */
    msgpack_unpacked_destroy(&theirs);
    buffer_clear(&written);
    return 0;
}
