/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/msgpack_write.h"

#include "hub/base/check.h"

/* The first byte and a number of one of four sizes; 0 where a format has no such size. */
struct formats {
    uint8_t u8;
    uint8_t u16;
    uint8_t u32;
    uint8_t u64;
};

#define MAX_HEAD_BYTES 9

static size_t put_number(uint8_t *ptr, uint8_t first, uint64_t number, size_t n_bytes)
{
    uint64_t big_endian = __builtin_bswap64(number);

    *ptr = first;
    memcpy(ptr + 1, (const uint8_t *)&big_endian + sizeof big_endian - n_bytes, n_bytes);
    return 1 + n_bytes;
}

/* The shortest of @formats that holds @number. */
static size_t put_head(uint8_t *ptr, struct formats formats, uint64_t number)
{
    if (number <= UINT8_MAX && formats.u8)
        return put_number(ptr, formats.u8, number, 1);
    if (number <= UINT16_MAX)
        return put_number(ptr, formats.u16, number, 2);
    if (number <= UINT32_MAX)
        return put_number(ptr, formats.u32, number, 4);
    check(formats.u64);
    return put_number(ptr, formats.u64, number, 8);
}

static void append_number(struct buffer *out, struct formats formats, uint64_t number)
{
    if (buffer_reserve(out, MAX_HEAD_BYTES) == 0)
        out->len += put_head(out->ptr + out->len, formats, number);
}

static void append_byte(struct buffer *out, uint8_t byte)
{
    buffer_append(out, &byte, 1);
}

/* A head and its content, with one look at the room for both. */
static void append_content(struct buffer *out, struct formats formats, struct bytes content)
{
    if (content.len > UINT32_MAX) {
        out->failed = true;
        return;
    }
    if (buffer_reserve(out, MAX_HEAD_BYTES + content.len) < 0)
        return;
    out->len += put_head(out->ptr + out->len, formats, content.len);
    if (content.len)
        memcpy(out->ptr + out->len, content.ptr, content.len);
    out->len += content.len;
}

void msgpack_write_nil(struct buffer *out)
{
    append_byte(out, 0xc0);
}

void msgpack_write_bool(struct buffer *out, bool value)
{
    append_byte(out, value ? 0xc3 : 0xc2);
}

void msgpack_write_u64(struct buffer *out, uint64_t value)
{
    if (value < 0x80)
        append_byte(out, (uint8_t)value);
    else
        append_number(out, (struct formats){0xcc, 0xcd, 0xce, 0xcf}, value);
}

void msgpack_write_i64(struct buffer *out, int64_t value)
{
    uint8_t head[MAX_HEAD_BYTES];

    if (value >= 0)
        msgpack_write_u64(out, (uint64_t)value);
    else if (value >= -32)
        append_byte(out, (uint8_t)value);
    else if (value >= INT8_MIN)
        buffer_append(out, head, put_number(head, 0xd0, (uint64_t)value, 1));
    else if (value >= INT16_MIN)
        buffer_append(out, head, put_number(head, 0xd1, (uint64_t)value, 2));
    else if (value >= INT32_MIN)
        buffer_append(out, head, put_number(head, 0xd2, (uint64_t)value, 4));
    else
        buffer_append(out, head, put_number(head, 0xd3, (uint64_t)value, 8));
}

void msgpack_write_double(struct buffer *out, double value)
{
    uint8_t head[MAX_HEAD_BYTES];
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    buffer_append(out, head, put_number(head, 0xcb, bits, 8));
}

void msgpack_write_str(struct buffer *out, struct bytes text)
{
    if (text.len >= 32) {
        append_content(out, (struct formats){0xd9, 0xda, 0xdb, 0}, text);
        return;
    }
    if (buffer_reserve(out, 1 + text.len) < 0)
        return;
    out->ptr[out->len++] = (uint8_t)(0xa0 | text.len);
    if (text.len)
        memcpy(out->ptr + out->len, text.ptr, text.len);
    out->len += text.len;
}

void msgpack_write_bin(struct buffer *out, struct bytes bytes)
{
    append_content(out, (struct formats){0xc4, 0xc5, 0xc6, 0}, bytes);
}

void msgpack_write_array(struct buffer *out, uint32_t n_items)
{
    if (n_items < 16)
        append_byte(out, (uint8_t)(0x90 | n_items));
    else
        append_number(out, (struct formats){0, 0xdc, 0xdd, 0}, n_items);
}

void msgpack_write_map(struct buffer *out, uint32_t n_pairs)
{
    if (n_pairs < 16)
        append_byte(out, (uint8_t)(0x80 | n_pairs));
    else
        append_number(out, (struct formats){0, 0xde, 0xdf, 0}, n_pairs);
}

void msgpack_write_raw(struct buffer *out, struct bytes raw)
{
    buffer_append_bytes(out, raw);
}

void msgpack_write_str_or_nil(struct buffer *out, struct bytes text)
{
    if (text.ptr)
        msgpack_write_str(out, text);
    else
        msgpack_write_nil(out);
}

void msgpack_write_raw_or_nil(struct buffer *out, struct bytes raw)
{
    if (raw.len)
        msgpack_write_raw(out, raw);
    else
        msgpack_write_nil(out);
}
