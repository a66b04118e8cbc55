/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The first byte of a value says all about its head. 0x00..0xbf and 0xe0..0xff carry their content or their
 * length in themselves; each of the 32 between has a row in a table: the value's type, how many bytes of
 * number follow, and what that number is. Passing over a value needs the head alone, reading makes a value of
 * it.
 */
#include "hub/wire/msgpack_read.h"

#include "hub/base/check.h"
#include "hub/base/text.h"

enum number_kind {
    NUMBER_NONE,    /* nil, false, true, fixext */
    NUMBER_VALUE,   /* the bits of the value */
    NUMBER_LENGTH,  /* of the content behind the head */
    NUMBER_ITEMS,   /* or pairs */
    NUMBER_INVALID, /* 0xc1 */
};

struct format {
    uint8_t type; /* enum msgpack_type; MSGPACK_INT for all signed numbers */
    uint8_t kind; /* enum number_kind */
    uint8_t n_bytes;
    uint8_t n_ext;   /* bytes of an ext type behind the number */
    uint8_t n_fixed; /* bytes of content where no number tells them */
};

/* 0xc0..0xdf */
static const struct format formats[32] = {
    {MSGPACK_NIL, NUMBER_NONE, 0, 0, 0},      {MSGPACK_NIL, NUMBER_INVALID, 0, 0, 0},
    {MSGPACK_BOOL, NUMBER_NONE, 0, 0, 0},     {MSGPACK_BOOL, NUMBER_NONE, 0, 0, 0},
    {MSGPACK_BIN, NUMBER_LENGTH, 1, 0, 0},    {MSGPACK_BIN, NUMBER_LENGTH, 2, 0, 0},
    {MSGPACK_BIN, NUMBER_LENGTH, 4, 0, 0},    {MSGPACK_EXT, NUMBER_LENGTH, 1, 1, 0},
    {MSGPACK_EXT, NUMBER_LENGTH, 2, 1, 0},    {MSGPACK_EXT, NUMBER_LENGTH, 4, 1, 0},
    {MSGPACK_FLOAT32, NUMBER_VALUE, 4, 0, 0}, {MSGPACK_FLOAT64, NUMBER_VALUE, 8, 0, 0},
    {MSGPACK_UINT, NUMBER_VALUE, 1, 0, 0},    {MSGPACK_UINT, NUMBER_VALUE, 2, 0, 0},
    {MSGPACK_UINT, NUMBER_VALUE, 4, 0, 0},    {MSGPACK_UINT, NUMBER_VALUE, 8, 0, 0},
    {MSGPACK_INT, NUMBER_VALUE, 1, 0, 0},     {MSGPACK_INT, NUMBER_VALUE, 2, 0, 0},
    {MSGPACK_INT, NUMBER_VALUE, 4, 0, 0},     {MSGPACK_INT, NUMBER_VALUE, 8, 0, 0},
    {MSGPACK_EXT, NUMBER_NONE, 0, 1, 1},      {MSGPACK_EXT, NUMBER_NONE, 0, 1, 2},
    {MSGPACK_EXT, NUMBER_NONE, 0, 1, 4},      {MSGPACK_EXT, NUMBER_NONE, 0, 1, 8},
    {MSGPACK_EXT, NUMBER_NONE, 0, 1, 16},     {MSGPACK_STR, NUMBER_LENGTH, 1, 0, 0},
    {MSGPACK_STR, NUMBER_LENGTH, 2, 0, 0},    {MSGPACK_STR, NUMBER_LENGTH, 4, 0, 0},
    {MSGPACK_ARRAY, NUMBER_ITEMS, 2, 0, 0},   {MSGPACK_ARRAY, NUMBER_ITEMS, 4, 0, 0},
    {MSGPACK_MAP, NUMBER_ITEMS, 2, 0, 0},     {MSGPACK_MAP, NUMBER_ITEMS, 4, 0, 0},
};

struct head {
    enum msgpack_type type;
    size_t head_bytes;
    size_t content_bytes; /* behind the head: STR, BIN, EXT */
    uint32_t n_items;     /* ARRAY, MAP */
};

static inline uint64_t big_endian(const uint8_t *ptr, size_t n_bytes)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;

    switch (n_bytes) {
    case 1:
        return *ptr;
    case 2:
        memcpy(&two, ptr, sizeof two);
        return __builtin_bswap16(two);
    case 4:
        memcpy(&four, ptr, sizeof four);
        return __builtin_bswap32(four);
    case 8:
        memcpy(&eight, ptr, sizeof eight);
        return __builtin_bswap64(eight);
    default:
        unreachable();
    }
}

/* First bytes 0xc0..0xdf. */
static inline int read_tabled_head(const uint8_t *at, size_t left, struct head *out)
{
    const struct format *format = &formats[*at - 0xc0];

    out->type = (enum msgpack_type)format->type;
    out->head_bytes = 1U + format->n_bytes + format->n_ext;
    out->content_bytes = format->n_fixed;
    if (out->head_bytes > left)
        return MSGPACK_E_SHORT;
    if (format->kind == NUMBER_LENGTH)
        out->content_bytes = big_endian(at + 1, format->n_bytes);
    else if (format->kind == NUMBER_ITEMS)
        out->n_items = (uint32_t)big_endian(at + 1, format->n_bytes);
    else if (format->kind == NUMBER_INVALID)
        return MSGPACK_E_INVALID;
    return out->content_bytes > left - out->head_bytes ? MSGPACK_E_SHORT : 0;
}

static inline int read_head(const struct msgpack_reader *reader, struct head *out)
{
    const uint8_t *at;
    size_t left;

    if (reader->offset >= reader->bytes.len)
        return MSGPACK_E_SHORT;
    at = reader->bytes.ptr + reader->offset;
    left = reader->bytes.len - reader->offset;
    *out = (struct head){.type = MSGPACK_UINT, .head_bytes = 1};
    if (*at < 0x80)
        return 0;
    if (*at >= 0xe0) {
        out->type = MSGPACK_INT;
    } else if (*at >= 0xc0) {
        return read_tabled_head(at, left, out);
    } else if (*at >= 0xa0) {
        out->type = MSGPACK_STR;
        out->content_bytes = *at & 0x1fU;
        return out->content_bytes >= left ? MSGPACK_E_SHORT : 0;
    } else {
        out->type = *at >= 0x90 ? MSGPACK_ARRAY : MSGPACK_MAP;
        out->n_items = *at & 0x0fU;
    }
    return 0;
}

/* The number of a UINT or INT, the bits of a FLOAT; an INT is sign-extended. */
static uint64_t read_number(const uint8_t *at, const struct head *head)
{
    size_t n_bytes = head->head_bytes - 1;
    uint64_t number;

    if (n_bytes == 0)
        return head->type == MSGPACK_INT ? (uint64_t)(int8_t)*at : *at;
    number = big_endian(at + 1, n_bytes);
    if (head->type != MSGPACK_INT)
        return number;
    switch (n_bytes) {
    case 1:
        return (uint64_t)(int8_t)number;
    case 2:
        return (uint64_t)(int16_t)number;
    case 4:
        return (uint64_t)(int32_t)number;
    default:
        return number;
    }
}

static double float_of(enum msgpack_type type, uint64_t bits)
{
    uint32_t narrow_bits = (uint32_t)bits;
    float narrow;
    double wide;

    if (type == MSGPACK_FLOAT32) {
        memcpy(&narrow, &narrow_bits, sizeof narrow);
        return (double)narrow;
    }
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

/* The value whose sound head and content stand at @at. */
static void read_value(const uint8_t *at, const struct head *head, struct msgpack_value *out)
{
    out->type = head->type;
    out->ext_type = 0;
    switch (head->type) {
    case MSGPACK_NIL:
        out->u64 = 0;
        return;
    case MSGPACK_BOOL:
        out->boolean = *at == 0xc3;
        return;
    case MSGPACK_UINT:
        out->u64 = read_number(at, head);
        return;
    case MSGPACK_INT:
        out->i64 = (int64_t)read_number(at, head);
        out->type = out->i64 < 0 ? MSGPACK_INT : MSGPACK_UINT;
        return;
    case MSGPACK_FLOAT32:
    case MSGPACK_FLOAT64:
        out->float64 = float_of(head->type, read_number(at, head));
        return;
    case MSGPACK_EXT:
        out->ext_type = (int8_t)at[head->head_bytes - 1];
        out->raw = bytes_of(at + head->head_bytes, head->content_bytes);
        return;
    case MSGPACK_STR:
    case MSGPACK_BIN:
        out->raw = bytes_of(at + head->head_bytes, head->content_bytes);
        return;
    case MSGPACK_ARRAY:
    case MSGPACK_MAP:
        out->n_items = head->n_items;
        return;
    }
    unreachable();
}

int msgpack_read(struct msgpack_reader *reader, struct msgpack_value *out_value)
{
    struct head head;
    int r = read_head(reader, &head);

    if (r)
        return r;
    read_value(reader->bytes.ptr + reader->offset, &head, out_value);
    reader->offset += head.head_bytes + head.content_bytes;
    return 0;
}

/* Passes over one head and its content and checks it. */
static inline int skip_head(struct msgpack_reader *reader, struct head *out)
{
    int r = read_head(reader, out);

    if (r)
        return r;
    if (out->type == MSGPACK_STR) {
        struct bytes text =
            bytes_of(reader->bytes.ptr + reader->offset + out->head_bytes, out->content_bytes);

        if (!text_is_ascii(text) && !text_is_utf8(text))
            return MSGPACK_E_INVALID;
    }
    reader->offset += out->head_bytes + out->content_bytes;
    return 0;
}

static inline bool is_container(const struct head *head)
{
    return head->type == MSGPACK_ARRAY || head->type == MSGPACK_MAP;
}

/* How many values stand directly inside a container. */
static inline uint64_t n_inside(const struct head *head)
{
    return head->type == MSGPACK_MAP ? 2 * (uint64_t)head->n_items : head->n_items;
}

/* Passes over the @n values of a container: a count for each level stands in for recursion. */
static __attribute__((noinline)) int skip_inside(struct msgpack_reader *reader, uint64_t n)
{
    uint64_t left[MSGPACK_MAX_DEPTH]; /* of the levels around the present one */
    size_t depth = 1;

    for (;;) {
        struct head head;
        int r;

        while (n == 0) {
            if (--depth == 0)
                return 0;
            n = left[depth];
        }
        n--;
        r = skip_head(reader, &head);
        if (r)
            return r;
        if (!is_container(&head))
            continue;
        if (depth == MSGPACK_MAX_DEPTH) {
            reader->offset -= head.head_bytes;
            return MSGPACK_E_DEEP;
        }
        left[depth++] = n;
        n = n_inside(&head);
    }
}

int msgpack_skip(struct msgpack_reader *reader, struct bytes *out_raw)
{
    size_t start = reader->offset;
    struct head head;
    int r = skip_head(reader, &head);

    if (r == 0 && is_container(&head))
        r = skip_inside(reader, n_inside(&head));
    if (r == 0 && out_raw)
        *out_raw = bytes_of(reader->bytes.ptr + start, reader->offset - start);
    return r;
}
