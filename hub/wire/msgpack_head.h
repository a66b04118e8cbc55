/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The head of a MessagePack value; for msgpack_read.c and msgpack_skip.c, which inline it
 *
 * The first byte of a value says all about its head. 0x00..0xbf and 0xe0..0xff carry their content or their
 * length in themselves; each of the 32 between has a row in a table: the value's type, how many bytes of
 * number follow, and what that number is. Passing over a value needs the head alone, reading makes a value of
 * it.
 */
#ifndef COMMHUB_WIRE_MSGPACK_HEAD_H
#define COMMHUB_WIRE_MSGPACK_HEAD_H

#include "hub/base/check.h"
#include "hub/wire/msgpack_read.h"

enum msgpack_number_kind {
    MSGPACK_NUMBER_NONE,    /* nil, false, true, fixext */
    MSGPACK_NUMBER_VALUE,   /* the bits of the value */
    MSGPACK_NUMBER_LENGTH,  /* of the content behind the head */
    MSGPACK_NUMBER_ITEMS,   /* or pairs */
    MSGPACK_NUMBER_INVALID, /* 0xc1 */
};

struct msgpack_format {
    uint8_t type; /* enum msgpack_type; MSGPACK_INT for all signed numbers */
    uint8_t kind; /* enum msgpack_number_kind */
    uint8_t n_bytes;
    uint8_t n_ext;   /* bytes of an ext type behind the number */
    uint8_t n_fixed; /* bytes of content where no number tells them */
};

/* 0xc0..0xdf */
static const struct msgpack_format msgpack_formats[32] = {
    {MSGPACK_NIL, MSGPACK_NUMBER_NONE, 0, 0, 0},      {MSGPACK_NIL, MSGPACK_NUMBER_INVALID, 0, 0, 0},
    {MSGPACK_BOOL, MSGPACK_NUMBER_NONE, 0, 0, 0},     {MSGPACK_BOOL, MSGPACK_NUMBER_NONE, 0, 0, 0},
    {MSGPACK_BIN, MSGPACK_NUMBER_LENGTH, 1, 0, 0},    {MSGPACK_BIN, MSGPACK_NUMBER_LENGTH, 2, 0, 0},
    {MSGPACK_BIN, MSGPACK_NUMBER_LENGTH, 4, 0, 0},    {MSGPACK_EXT, MSGPACK_NUMBER_LENGTH, 1, 1, 0},
    {MSGPACK_EXT, MSGPACK_NUMBER_LENGTH, 2, 1, 0},    {MSGPACK_EXT, MSGPACK_NUMBER_LENGTH, 4, 1, 0},
    {MSGPACK_FLOAT32, MSGPACK_NUMBER_VALUE, 4, 0, 0}, {MSGPACK_FLOAT64, MSGPACK_NUMBER_VALUE, 8, 0, 0},
    {MSGPACK_UINT, MSGPACK_NUMBER_VALUE, 1, 0, 0},    {MSGPACK_UINT, MSGPACK_NUMBER_VALUE, 2, 0, 0},
    {MSGPACK_UINT, MSGPACK_NUMBER_VALUE, 4, 0, 0},    {MSGPACK_UINT, MSGPACK_NUMBER_VALUE, 8, 0, 0},
    {MSGPACK_INT, MSGPACK_NUMBER_VALUE, 1, 0, 0},     {MSGPACK_INT, MSGPACK_NUMBER_VALUE, 2, 0, 0},
    {MSGPACK_INT, MSGPACK_NUMBER_VALUE, 4, 0, 0},     {MSGPACK_INT, MSGPACK_NUMBER_VALUE, 8, 0, 0},
    {MSGPACK_EXT, MSGPACK_NUMBER_NONE, 0, 1, 1},      {MSGPACK_EXT, MSGPACK_NUMBER_NONE, 0, 1, 2},
    {MSGPACK_EXT, MSGPACK_NUMBER_NONE, 0, 1, 4},      {MSGPACK_EXT, MSGPACK_NUMBER_NONE, 0, 1, 8},
    {MSGPACK_EXT, MSGPACK_NUMBER_NONE, 0, 1, 16},     {MSGPACK_STR, MSGPACK_NUMBER_LENGTH, 1, 0, 0},
    {MSGPACK_STR, MSGPACK_NUMBER_LENGTH, 2, 0, 0},    {MSGPACK_STR, MSGPACK_NUMBER_LENGTH, 4, 0, 0},
    {MSGPACK_ARRAY, MSGPACK_NUMBER_ITEMS, 2, 0, 0},   {MSGPACK_ARRAY, MSGPACK_NUMBER_ITEMS, 4, 0, 0},
    {MSGPACK_MAP, MSGPACK_NUMBER_ITEMS, 2, 0, 0},     {MSGPACK_MAP, MSGPACK_NUMBER_ITEMS, 4, 0, 0},
};

struct msgpack_head {
    enum msgpack_type type;
    size_t head_bytes;
    size_t content_bytes; /* behind the head: STR, BIN, EXT */
    uint32_t n_items;     /* ARRAY, MAP */
};

static inline uint64_t msgpack_big_endian(const uint8_t *ptr, size_t n_bytes)
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
static inline int msgpack_head_read_tabled(const uint8_t *at, size_t left, struct msgpack_head *out)
{
    const struct msgpack_format *format = &msgpack_formats[*at - 0xc0];

    out->type = (enum msgpack_type)format->type;
    out->head_bytes = 1U + format->n_bytes + format->n_ext;
    out->content_bytes = format->n_fixed;
    if (out->head_bytes > left)
        return MSGPACK_E_SHORT;
    if (format->kind == MSGPACK_NUMBER_LENGTH)
        out->content_bytes = msgpack_big_endian(at + 1, format->n_bytes);
    else if (format->kind == MSGPACK_NUMBER_ITEMS)
        out->n_items = (uint32_t)msgpack_big_endian(at + 1, format->n_bytes);
    else if (format->kind == MSGPACK_NUMBER_INVALID)
        return MSGPACK_E_INVALID;
    return out->content_bytes > left - out->head_bytes ? MSGPACK_E_SHORT : 0;
}

/* The head at the reader, which stays there: 0 where it and its content are all there, MSGPACK_E_SHORT or
 * MSGPACK_E_INVALID. */
static inline int msgpack_head_read(const struct msgpack_reader *reader, struct msgpack_head *out)
{
    const uint8_t *at;
    size_t left;

    if (reader->offset >= reader->bytes.len)
        return MSGPACK_E_SHORT;
    at = reader->bytes.ptr + reader->offset;
    left = reader->bytes.len - reader->offset;
    *out = (struct msgpack_head){.type = MSGPACK_UINT, .head_bytes = 1};
    if (*at < 0x80)
        return 0;
    if (*at >= 0xe0) {
        out->type = MSGPACK_INT;
    } else if (*at >= 0xc0) {
        return msgpack_head_read_tabled(at, left, out);
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

#endif
