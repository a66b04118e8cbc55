/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/msgpack_read.h"

#include "hub/wire/msgpack_head.h"

/* The number of a UINT or INT, the bits of a FLOAT; an INT is sign-extended. */
static uint64_t read_number(const uint8_t *at, const struct msgpack_head *head)
{
    size_t n_bytes = head->head_bytes - 1;
    uint64_t number;

    if (n_bytes == 0)
        return head->type == MSGPACK_INT ? (uint64_t)(int8_t)*at : *at;
    number = msgpack_big_endian(at + 1, n_bytes);
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
static void read_value(const uint8_t *at, const struct msgpack_head *head, struct msgpack_value *out)
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

static __attribute__((noinline)) int read_any(struct msgpack_reader *reader, struct msgpack_value *out_value)
{
    struct msgpack_head head;
    int r = msgpack_head_read(reader, &head);

    if (r)
        return r;
    read_value(reader->bytes.ptr + reader->offset, &head, out_value);
    reader->offset += head.head_bytes + head.content_bytes;
    return 0;
}

/* Whether @n_bytes stand behind the first one. */
static inline bool has_behind(const struct msgpack_reader *reader, size_t n_bytes)
{
    return reader->bytes.len - reader->offset > n_bytes;
}

static inline int take_raw(struct msgpack_reader *reader, enum msgpack_type type, size_t head_bytes,
                           size_t content_bytes, struct msgpack_value *out)
{
    if (content_bytes > reader->bytes.len - reader->offset - head_bytes)
        return MSGPACK_E_SHORT;
    out->type = type;
    out->raw = bytes_of(reader->bytes.ptr + reader->offset + head_bytes, content_bytes);
    reader->offset += head_bytes + content_bytes;
    return 0;
}

/* What the heads of messages are made of is read here, all the rest by read_any(). */
int msgpack_read(struct msgpack_reader *reader, struct msgpack_value *out_value)
{
    const uint8_t *at;

    if (msgpack_reader_is_at_end(reader))
        return MSGPACK_E_SHORT;
    at = reader->bytes.ptr + reader->offset;
    out_value->ext_type = 0;
    if (*at < 0x80) {
        out_value->type = MSGPACK_UINT;
        out_value->u64 = *at;
        reader->offset++;
        return 0;
    }
    if ((*at & 0xe0) == 0xa0)
        return take_raw(reader, MSGPACK_STR, 1, *at & 0x1fU, out_value);
    if ((*at == 0xc4 || *at == 0xd9) && has_behind(reader, 1))
        return take_raw(reader, *at == 0xc4 ? MSGPACK_BIN : MSGPACK_STR, 2, at[1], out_value);
    if (*at >= 0xcc && *at <= 0xcf && has_behind(reader, 8)) {
        size_t n_bytes = (size_t)1 << (*at - 0xcc);

        out_value->type = MSGPACK_UINT;
        out_value->u64 = msgpack_big_endian(at + 1, 8) >> (64 - 8 * n_bytes);
        reader->offset += 1 + n_bytes;
        return 0;
    }
    return read_any(reader, out_value);
}
