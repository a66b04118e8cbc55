/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A frame is written into memory that begins with room for a struct block, so that finishing it turns the
 * buffer into the block without copying it.
 */
#include "hub/wire/frame.h"

#include <stdlib.h>

#include "hub/base/check.h"

#define PREFIX_BYTES (offsetof(struct block, ptr) + FRAME_HEAD_BYTES)

/* What a finished frame may keep of unused memory behind it. */
#define MAX_SLACK_BYTES 512

_Static_assert(sizeof(struct block) == offsetof(struct block, ptr),
               "the frame begins right behind the block");

int frame_next(struct bytes in, size_t max_body_bytes, struct bytes *out_body, size_t *out_frame_bytes)
{
    uint32_t len;

    *out_body = BYTES_NONE;
    *out_frame_bytes = 0;
    if (in.len < FRAME_HEAD_BYTES)
        return FRAME_E_INCOMPLETE;
    memcpy(&len, in.ptr, sizeof len);
    len = __builtin_bswap32(len);
    if (len == 0)
        return FRAME_E_EMPTY;
    if (len > max_body_bytes)
        return FRAME_E_TOO_LONG;
    *out_frame_bytes = FRAME_HEAD_BYTES + (size_t)len;
    if (in.len < *out_frame_bytes)
        return FRAME_E_INCOMPLETE;
    *out_body = bytes_of(in.ptr + FRAME_HEAD_BYTES, len);
    return 0;
}

static void put_length(uint8_t *ptr, size_t body_bytes)
{
    uint32_t len = __builtin_bswap32((uint32_t)body_bytes);

    memcpy(ptr, &len, sizeof len);
}

void frame_begin(struct buffer *out)
{
    check(out->len == 0);
    if (buffer_reserve(out, PREFIX_BYTES) == 0)
        out->len = PREFIX_BYTES;
}

void frame_begin_sized(struct buffer *out, size_t max_body_bytes)
{
    check(!out->ptr);
    if (max_body_bytes <= UINT32_MAX)
        out->ptr = malloc(PREFIX_BYTES + max_body_bytes);
    if (!out->ptr) {
        out->failed = true;
        return;
    }
    out->size = PREFIX_BYTES + max_body_bytes;
    out->len = PREFIX_BYTES;
}

/* Gives back the unused end; memory that cannot be given back stays. */
static void trim(struct buffer *out)
{
    uint8_t *trimmed;

    if (out->size - out->len <= MAX_SLACK_BYTES)
        return;
    trimmed = realloc(out->ptr, out->len);
    if (trimmed) {
        out->ptr = trimmed;
        out->size = out->len;
    }
}

struct block *frame_finish(struct buffer *out)
{
    size_t frame_bytes = out->len - offsetof(struct block, ptr);
    struct block *frame;

    if (out->failed || frame_bytes > UINT32_MAX) {
        buffer_clear(out);
        return NULL;
    }
    check(out->len >= PREFIX_BYTES);
    trim(out);
    frame = (struct block *)(void *)out->ptr;
    buffer_init(out);
    *frame = (struct block){.n_refs = 1, .len = (uint32_t)frame_bytes};
    put_length(frame->ptr, frame_bytes - FRAME_HEAD_BYTES);
    return frame;
}

struct block *frame_of_body(struct bytes body)
{
    struct block *frame = body.len <= UINT32_MAX ? block_new(FRAME_HEAD_BYTES + body.len) : NULL;

    if (!frame)
        return NULL;
    put_length(frame->ptr, body.len);
    if (body.len)
        memcpy(frame->ptr + FRAME_HEAD_BYTES, body.ptr, body.len);
    return frame;
}
