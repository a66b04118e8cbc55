/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Reading MessagePack in place
 *
 * A reader walks over borrowed bytes, allocates nothing and never reads past their end. Reading stops at the
 * first fault; `reader->offset` then stands at the value that is at fault.
 * Format: github.com/msgpack/msgpack, spec.md.
 */
#ifndef COMMHUB_WIRE_MSGPACK_READ_H
#define COMMHUB_WIRE_MSGPACK_READ_H

#include "hub/base/bytes.h"

/*
 * The deepest nesting that is taken in. Python's msgpack gives up at 1024 and loses its connection over it,
 * so what goes through the hub stays well below.
 */
#define MSGPACK_MAX_DEPTH 512

enum msgpack_type {
    MSGPACK_NIL,
    MSGPACK_BOOL,
    MSGPACK_UINT, /* not negative */
    MSGPACK_INT,  /* negative */
    MSGPACK_FLOAT32,
    MSGPACK_FLOAT64,
    MSGPACK_STR,
    MSGPACK_BIN,
    MSGPACK_ARRAY,
    MSGPACK_MAP,
    MSGPACK_EXT,
};

/* Outcomes: documented faults of the bytes, > 0. */
enum {
    MSGPACK_E_SHORT = 1, /* the bytes end inside a value */
    MSGPACK_E_INVALID,   /* 0xc1, or a str that is not UTF-8 */
    MSGPACK_E_DEEP,      /* nested deeper than MSGPACK_MAX_DEPTH */
};

struct msgpack_reader {
    struct bytes bytes;
    size_t offset;
};

/* The head of one value; of array and map the elements follow and have yet to be read. */
struct msgpack_value {
    enum msgpack_type type;
    union {
        bool boolean;
        uint64_t u64;
        int64_t i64;
        double float64;   /* FLOAT32 too, widened */
        struct bytes raw; /* STR, BIN, EXT: the content, borrowed */
        uint32_t n_items; /* ARRAY: elements; MAP: pairs */
    };
    int8_t ext_type;
};

static inline struct msgpack_reader msgpack_reader_of(struct bytes bytes)
{
    return (struct msgpack_reader){.bytes = bytes};
}

static inline bool msgpack_reader_is_at_end(const struct msgpack_reader *reader)
{
    return reader->offset == reader->bytes.len;
}

/* Reads a str of at most 31 bytes, which is what keys are; false, and nothing read, where none stands there.
 */
static inline bool msgpack_read_short_str(struct msgpack_reader *reader, struct bytes *out_text)
{
    const uint8_t *at;
    size_t len;

    if (msgpack_reader_is_at_end(reader))
        return false;
    at = reader->bytes.ptr + reader->offset;
    len = *at & 0x1fU;
    if ((*at & 0xe0) != 0xa0 || len >= reader->bytes.len - reader->offset)
        return false;
    *out_text = bytes_of(at + 1, len);
    reader->offset += 1 + len;
    return true;
}

/* Reads one head. A STR is not checked for UTF-8 here. 0, MSGPACK_E_SHORT or MSGPACK_E_INVALID. */
int msgpack_read(struct msgpack_reader *reader, struct msgpack_value *out_value);

/*
 * (msgpack_skip.c) Passes over one whole value with all that is in it and checks it: lengths, UTF-8 of every
 * str, depth. Iterative; its cost is linear in the bytes. @out_raw (may be NULL) gets the value's bytes as
 * they stand.
 */
int msgpack_skip(struct msgpack_reader *reader, struct bytes *out_raw);

#endif
