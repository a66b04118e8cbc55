/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Prepared messages of the other systems' protocols: some text, the payload, some text
 */
#ifndef COMMHUB_TESTS_BENCH_TEXT_FRAME_H
#define COMMHUB_TESTS_BENCH_TEXT_FRAME_H

#include <stdarg.h>
#include <stdio.h>

#include "hub/bench/run.h"

struct text_frame {
    struct buffer bytes;
    size_t payload_at;
};

/* The payload of the run, number 0. 0 or -ENOMEM. */
static inline int text_frame_add_payload(struct text_frame *frame, size_t payload_bytes)
{
    int r = buffer_reserve(&frame->bytes, payload_bytes);

    if (r < 0)
        return r;
    frame->payload_at = frame->bytes.len;
    dialect_fill_payload(frame->bytes.ptr + frame->bytes.len, payload_bytes);
    frame->bytes.len += payload_bytes;
    return 0;
}

/* A copy with @number in its payload. */
static inline uint8_t *text_frame_put(struct run *run, struct conduit *conduit,
                                      const struct text_frame *frame, uint64_t number)
{
    uint8_t *out = run_put(run, conduit, frame->bytes.len);

    if (out) {
        memcpy(out, frame->bytes.ptr, frame->bytes.len);
        dialect_put_number(out + frame->payload_at, number);
    }
    return out;
}

static inline void text_frame_say(struct run *run, struct conduit *conduit, const void *ptr, size_t len)
{
    uint8_t *out = run_put(run, conduit, len);

    if (out)
        memcpy(out, ptr, len);
}

#endif
