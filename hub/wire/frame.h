/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Frames: 4 bytes big-endian length, then that many bytes of body (docs/protocol.md, "Framing")
 *
 * The reader cuts whole frames out of whatever bytes have come in; it keeps none of them. The writer is a
 * buffer whose memory becomes a block when the body is complete; what stands in it before the body is the
 * writer's own.
 */
#ifndef COMMHUB_WIRE_FRAME_H
#define COMMHUB_WIRE_FRAME_H

#include "hub/base/block.h"
#include "hub/base/buffer.h"

#define FRAME_HEAD_BYTES 4

enum {
    FRAME_E_INCOMPLETE = 1, /* more bytes are needed */
    FRAME_E_EMPTY,          /* a length of zero */
    FRAME_E_TOO_LONG,       /* longer than @max_body_bytes; known as soon as the head is there */
};

/*
 * Looks at the first frame in @in. 0: @out_body is its body and @out_frame_bytes what to step over. With
 * FRAME_E_INCOMPLETE @out_frame_bytes is what the whole frame has, 0 while its head is not there; the body is
 * BYTES_NONE with every fault.
 */
int frame_next(struct bytes in, size_t max_body_bytes, struct bytes *out_body, size_t *out_frame_bytes);

/* Begins a frame in an empty buffer; a failed allocation shows at frame_finish(). */
void frame_begin(struct buffer *out);

/* The same in a buffer without memory, which gets room for a body of @max_body_bytes: the frame's only
 * allocation, if the body keeps to it. */
void frame_begin_sized(struct buffer *out, size_t max_body_bytes);

/* Sets the length and makes a block of it; the buffer is cleared either way. NULL: out of memory. */
struct block *frame_finish(struct buffer *out);

/* A frame around a body that is complete already. NULL: out of memory. */
struct block *frame_of_body(struct bytes body);

/* The body of a block that holds one frame. */
static inline struct bytes frame_body(const struct block *frame)
{
    return bytes_from(block_bytes(frame), FRAME_HEAD_BYTES);
}

#endif
