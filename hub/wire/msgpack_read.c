/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The first byte of a value says all about its head. 0x00..0xbf and 0xe0..0xff carry their content or their
 * length in themselves; each of the 32 between has a row in a table: how many bytes of number follow, and
 * what that number is.
 */
#include "hub/wire/msgpack_read.h"

#include "hub/base/text.h"

enum number_kind {
    NUMBER_INVALID,
    NUMBER_NIL,
    NUMBER_FALSE,
    NUMBER_TRUE,
    NUMBER_UNSIGNED,
    NUMBER_SIGNED,
    NUMBER_FLOAT32,
    NUMBER_FLOAT64,
    NUMBER_STR_LENGTH,
    NUMBER_BIN_LENGTH,
    NUMBER_EXT_LENGTH,
    NUMBER_ARRAY_ITEMS,
    NUMBER_MAP_PAIRS,
    NUMBER_FIXEXT, /* no number: n_bytes of content behind the type */
};

struct format {
    uint8_t kind; /* enum number_kind */
    uint8_t n_bytes;
};

/* 0xc0..0xdf */
static const struct format formats[32] = {
    {NUMBER_NIL, 0},         {NUMBER_INVALID, 0},     {NUMBER_FALSE, 0},      {NUMBER_TRUE, 0},
    {NUMBER_BIN_LENGTH, 1},  {NUMBER_BIN_LENGTH, 2},  {NUMBER_BIN_LENGTH, 4}, {NUMBER_EXT_LENGTH, 1},
    {NUMBER_EXT_LENGTH, 2},  {NUMBER_EXT_LENGTH, 4},  {NUMBER_FLOAT32, 4},    {NUMBER_FLOAT64, 8},
    {NUMBER_UNSIGNED, 1},    {NUMBER_UNSIGNED, 2},    {NUMBER_UNSIGNED, 4},   {NUMBER_UNSIGNED, 8},
    {NUMBER_SIGNED, 1},      {NUMBER_SIGNED, 2},      {NUMBER_SIGNED, 4},     {NUMBER_SIGNED, 8},
    {NUMBER_FIXEXT, 1},      {NUMBER_FIXEXT, 2},      {NUMBER_FIXEXT, 4},     {NUMBER_FIXEXT, 8},
    {NUMBER_FIXEXT, 16},     {NUMBER_STR_LENGTH, 1},  {NUMBER_STR_LENGTH, 2}, {NUMBER_STR_LENGTH, 4},
    {NUMBER_ARRAY_ITEMS, 2}, {NUMBER_ARRAY_ITEMS, 4}, {NUMBER_MAP_PAIRS, 2},  {NUMBER_MAP_PAIRS, 4},
};

static inline uint64_t big_endian(const uint8_t *ptr, size_t n_bytes)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;

    switch (n_bytes) {
    case 0:
        return 0;
    case 1:
        return *ptr;
    case 2:
        memcpy(&two, ptr, sizeof two);
        return __builtin_bswap16(two);
    case 4:
        memcpy(&four, ptr, sizeof four);
        return __builtin_bswap32(four);
    default:
        memcpy(&eight, ptr, sizeof eight);
        return __builtin_bswap64(eight);
    }
}

static inline struct msgpack_value of_unsigned(uint64_t number)
{
    return (struct msgpack_value){.type = MSGPACK_UINT, .u64 = number};
}

static inline struct msgpack_value of_signed(int64_t number)
{
    if (number >= 0)
        return of_unsigned((uint64_t)number);
    return (struct msgpack_value){.type = MSGPACK_INT, .i64 = number};
}

static inline int64_t sign_extended(uint64_t number, size_t n_bytes)
{
    switch (n_bytes) {
    case 1:
        return (int8_t)number;
    case 2:
        return (int16_t)number;
    case 4:
        return (int32_t)number;
    default:
        return (int64_t)number;
    }
}

static inline double float32_of(uint64_t bits)
{
    uint32_t narrow = (uint32_t)bits;
    float value;

    memcpy(&value, &narrow, sizeof value);
    return (double)value;
}

static inline double float64_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A value without content behind its head, @head_bytes long. */
static inline int take_value(struct msgpack_reader *reader, size_t head_bytes, struct msgpack_value value,
                             struct msgpack_value *out_value)
{
    reader->offset += head_bytes;
    *out_value = value;
    return 0;
}

/* A value of @len bytes of content behind its head. */
static inline int take_content(struct msgpack_reader *reader, enum msgpack_type type, size_t head_bytes,
                               size_t len, struct msgpack_value *out_value)
{
    const uint8_t *head = reader->bytes.ptr + reader->offset;

    if (len > reader->bytes.len - reader->offset - head_bytes)
        return MSGPACK_E_SHORT;
    reader->offset += head_bytes + len;
    *out_value = (struct msgpack_value){.type = type, .raw = bytes_of(head + head_bytes, len)};
    return 0;
}

/* The type of an ext is the last byte of its head. */
static int take_ext(struct msgpack_reader *reader, size_t head_bytes, size_t len,
                    struct msgpack_value *out_value)
{
    const uint8_t *head = reader->bytes.ptr + reader->offset;
    int r;

    if (head_bytes > reader->bytes.len - reader->offset)
        return MSGPACK_E_SHORT;
    r = take_content(reader, MSGPACK_EXT, head_bytes, len, out_value);
    if (r == 0)
        out_value->ext_type = (int8_t)head[head_bytes - 1];
    return r;
}

static inline struct msgpack_value of_items(enum msgpack_type type, uint64_t n_items)
{
    return (struct msgpack_value){.type = type, .n_items = (uint32_t)n_items};
}

/* First bytes 0xc0..0xdf. */
static inline int read_by_table(struct msgpack_reader *reader, struct msgpack_value *out)
{
    const uint8_t *at = reader->bytes.ptr + reader->offset;
    const struct format format = formats[*at - 0xc0];
    size_t left = reader->bytes.len - reader->offset;
    size_t head_bytes = 1 + (size_t)format.n_bytes;
    uint64_t number;

    if (format.kind == NUMBER_FIXEXT)
        return take_ext(reader, 2, format.n_bytes, out);
    if (head_bytes > left)
        return MSGPACK_E_SHORT;
    number = big_endian(at + 1, format.n_bytes);
    switch ((enum number_kind)format.kind) {
    case NUMBER_NIL:
        return take_value(reader, 1, (struct msgpack_value){.type = MSGPACK_NIL}, out);
    case NUMBER_FALSE:
        return take_value(reader, 1, (struct msgpack_value){.type = MSGPACK_BOOL, .boolean = false}, out);
    case NUMBER_TRUE:
        return take_value(reader, 1, (struct msgpack_value){.type = MSGPACK_BOOL, .boolean = true}, out);
    case NUMBER_UNSIGNED:
        return take_value(reader, head_bytes, of_unsigned(number), out);
    case NUMBER_SIGNED:
        return take_value(reader, head_bytes, of_signed(sign_extended(number, format.n_bytes)), out);
    case NUMBER_FLOAT32:
        return take_value(reader, head_bytes,
                          (struct msgpack_value){.type = MSGPACK_FLOAT32, .float64 = float32_of(number)},
                          out);
    case NUMBER_FLOAT64:
        return take_value(reader, head_bytes,
                          (struct msgpack_value){.type = MSGPACK_FLOAT64, .float64 = float64_of(number)},
                          out);
    case NUMBER_STR_LENGTH:
        return take_content(reader, MSGPACK_STR, head_bytes, number, out);
    case NUMBER_BIN_LENGTH:
        return take_content(reader, MSGPACK_BIN, head_bytes, number, out);
    case NUMBER_EXT_LENGTH:
        return take_ext(reader, head_bytes + 1, number, out);
    case NUMBER_ARRAY_ITEMS:
        return take_value(reader, head_bytes, of_items(MSGPACK_ARRAY, number), out);
    case NUMBER_MAP_PAIRS:
        return take_value(reader, head_bytes, of_items(MSGPACK_MAP, number), out);
    case NUMBER_INVALID:
    case NUMBER_FIXEXT:
        break;
    }
    return MSGPACK_E_INVALID;
}

static inline int read_value(struct msgpack_reader *reader, struct msgpack_value *out)
{
    uint8_t first;

    if (reader->offset >= reader->bytes.len)
        return MSGPACK_E_SHORT;
    first = reader->bytes.ptr[reader->offset];
    if (first < 0x80)
        return take_value(reader, 1, of_unsigned(first), out);
    if (first < 0x90)
        return take_value(reader, 1, of_items(MSGPACK_MAP, first & 0x0fU), out);
    if (first < 0xa0)
        return take_value(reader, 1, of_items(MSGPACK_ARRAY, first & 0x0fU), out);
    if (first < 0xc0)
        return take_content(reader, MSGPACK_STR, 1, first & 0x1fU, out);
    if (first < 0xe0)
        return read_by_table(reader, out);
    return take_value(reader, 1, of_signed((int8_t)first), out);
}

int msgpack_read(struct msgpack_reader *reader, struct msgpack_value *out_value)
{
    return read_value(reader, out_value);
}

static inline bool is_container(const struct msgpack_value *value)
{
    return value->type == MSGPACK_ARRAY || value->type == MSGPACK_MAP;
}

/* How many values stand directly inside a container. */
static inline uint64_t n_values(const struct msgpack_value *value)
{
    return value->type == MSGPACK_MAP ? 2 * (uint64_t)value->n_items : value->n_items;
}

/* Reads one head; a str is checked. */
static inline int read_sound(struct msgpack_reader *reader, struct msgpack_value *out_value)
{
    size_t start = reader->offset;
    int r = read_value(reader, out_value);

    if (r == 0 && out_value->type == MSGPACK_STR && !text_is_ascii(out_value->raw) &&
        !text_is_utf8(out_value->raw)) {
        reader->offset = start;
        return MSGPACK_E_INVALID;
    }
    return r;
}

/* Passes over what is in a container that has @n values: one count a level, instead of recursion. */
static __attribute__((noinline)) int skip_inside(struct msgpack_reader *reader, uint64_t n)
{
    uint64_t left[MSGPACK_MAX_DEPTH];
    size_t depth = 0;

    left[depth++] = n;
    while (depth > 0) {
        size_t start = reader->offset;
        struct msgpack_value value;
        int r;

        if (left[depth - 1] == 0) {
            depth--;
            continue;
        }
        left[depth - 1]--;
        r = read_sound(reader, &value);
        if (r)
            return r;
        if (!is_container(&value))
            continue;
        if (depth == MSGPACK_MAX_DEPTH) {
            reader->offset = start;
            return MSGPACK_E_DEEP;
        }
        left[depth++] = n_values(&value);
    }
    return 0;
}

int msgpack_skip(struct msgpack_reader *reader, struct bytes *out_raw)
{
    size_t start = reader->offset;
    struct msgpack_value value;
    int r = read_sound(reader, &value);

    if (r == 0 && is_container(&value))
        r = skip_inside(reader, n_values(&value));
    if (r == 0 && out_raw)
        *out_raw = bytes_of(reader->bytes.ptr + start, reader->offset - start);
    return r;
}
