/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A stream of frames, cut into reads as its first byte says, comes out the same as in one read; what the
 * outcomes promise holds, and each body framed again is the frame it came from.
 */
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/wire/frame.h"

#define MAX_BODY_BYTES 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(struct bytes in, struct bytes body, size_t frame_bytes)
{
    struct block *again = frame_of_body(body);

    check(frame_bytes == body.len + FRAME_HEAD_BYTES && frame_bytes <= in.len);
    check(body.len > 0 && body.len <= MAX_BODY_BYTES);
    check(again && bytes_equal(block_bytes(again), bytes_of(in.ptr, frame_bytes)));
    check(bytes_equal(frame_body(again), body));
    block_unref(again);
}

/* Takes all whole frames off @in and appends their bodies to @out; the fault that ended it. */
static int read_frames(struct buffer *in, struct buffer *out)
{
    for (;;) {
        struct bytes body;
        size_t frame_bytes;
        int r = frame_next(buffer_bytes(in), MAX_BODY_BYTES, &body, &frame_bytes);

        if (r) {
            check(r != FRAME_E_INCOMPLETE || frame_bytes == 0 || frame_bytes > in->len);
            check(!body.ptr);
            return r;
        }
        check_frame(buffer_bytes(in), body, frame_bytes);
        buffer_append_bytes(out, body);
        buffer_append_text(out, "|");
        buffer_consume(in, frame_bytes);
    }
}

static int read_in_pieces(struct bytes stream, size_t piece, struct buffer *out)
{
    struct buffer in = {0};
    int r = FRAME_E_INCOMPLETE;

    for (size_t offset = 0; offset < stream.len && r == FRAME_E_INCOMPLETE; offset += piece) {
        size_t left = stream.len - offset;

        buffer_append(&in, stream.ptr + offset, left < piece ? left : piece);
        r = read_frames(&in, out);
    }
    buffer_clear(&in);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole = {0};
    struct buffer pieces = {0};
    struct bytes stream;

    if (size == 0)
        return 0;
    stream = bytes_of(data + 1, size - 1);
    check(read_in_pieces(stream, size, &whole) == read_in_pieces(stream, data[0] % 16U + 1, &pieces));
    check(bytes_equal(buffer_bytes(&whole), buffer_bytes(&pieces)));
    buffer_clear(&whole);
    buffer_clear(&pieces);
    return 0;
}
