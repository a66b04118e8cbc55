/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A stream's owner that writes down what it is told, for the tests of streams. Included by unit tests only.
 */
#ifndef COMMHUB_TESTS_RECORDER_H
#define COMMHUB_TESTS_RECORDER_H

#include "tests/support/unit.h"

#include "hub/base/buffer.h"
#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/io/stream.h"

struct recorder {
    struct stream *stream;
    struct buffer in;   /* consumed */
    size_t n_at_a_time; /* consumes whole pieces of this size; 0: everything */
    size_t n_last_offer;
    int n_offers;
    int n_ready;
    int n_drained;
    int n_end;
    enum stream_end end;
    char detail[512];
    bool frees_in_bytes, frees_in_ready, frees_in_drained, keeps_in_end;
    bool ends_in_bytes, pauses_in_bytes, resumes_in_bytes;
    int n_echoes; /* how many offers are still to be answered with the same bytes */
    uint32_t linger_ms;
    struct recorder *successor; /* takes the stream over in on_bytes() */
};

static inline void recorder_free_stream(struct recorder *recorder)
{
    stream_free(recorder->stream);
    recorder->stream = NULL;
}

static inline void recorder_on_ready(void *owner)
{
    struct recorder *recorder = owner;

    recorder->n_ready++;
    if (recorder->frees_in_ready)
        recorder_free_stream(recorder);
}

static inline void recorder_send(struct recorder *recorder, const void *ptr, size_t len, int expected)
{
    struct block *block = block_new(len);

    check(block);
    if (len)
        memcpy(block->ptr, ptr, len);
    assert_int_equal(stream_send(recorder->stream, block), expected);
    block_unref(block);
}

static const struct stream_events recorder_events;
static const struct stream_marks recorder_marks;

static inline size_t recorder_on_bytes(void *owner, struct bytes in)
{
    struct recorder *recorder = owner;
    size_t n = recorder->n_at_a_time ? in.len - in.len % recorder->n_at_a_time : in.len;

    assert_true(in.len > 0);
    assert_int_equal(recorder->n_end, 0);
    recorder->n_offers++;
    recorder->n_last_offer = in.len;
    if (recorder->pauses_in_bytes) {
        stream_pause(recorder->stream);
        if (recorder->n_at_a_time && n > recorder->n_at_a_time)
            n = recorder->n_at_a_time;
    }
    if (recorder->resumes_in_bytes)
        stream_resume(recorder->stream);
    if (recorder->n_echoes > 0 && recorder->n_echoes--)
        recorder_send(recorder, in.ptr, n, 0);
    if (recorder->ends_in_bytes)
        stream_end(recorder->stream, recorder->linger_ms);
    if (recorder->frees_in_bytes)
        recorder_free_stream(recorder);
    if (recorder->successor) {
        recorder->successor->stream = recorder->stream;
        stream_set_owner(recorder->stream, &recorder_events, &recorder_marks, recorder->successor);
        recorder->stream = NULL;
        n = recorder->n_at_a_time;
    }
    /* Behind the calls: the bytes must still be there. */
    assert_int_equal(buffer_append(&recorder->in, in.ptr, n), 0);
    return n;
}

static inline void recorder_on_drained(void *owner)
{
    struct recorder *recorder = owner;

    assert_false(stream_is_full(recorder->stream));
    recorder->n_drained++;
    if (recorder->frees_in_drained)
        recorder_free_stream(recorder);
}

static inline void recorder_on_end(void *owner, enum stream_end end, const char *detail)
{
    struct recorder *recorder = owner;

    recorder->n_end++;
    recorder->end = end;
    snprintf(recorder->detail, sizeof recorder->detail, "%s", detail);
    if (!recorder->keeps_in_end)
        recorder_free_stream(recorder);
}

static const struct stream_events recorder_events = {
    .on_ready = recorder_on_ready,
    .on_bytes = recorder_on_bytes,
    .on_drained = recorder_on_drained,
    .on_end = recorder_on_end,
};

static const struct stream_marks recorder_marks = {
    .high_bytes = 1000 * 1000,
    .low_bytes = 100 * 1000,
    .max_bytes = 16 * 1000 * 1000,
};

static inline void recorder_clear(struct recorder *recorder)
{
    recorder_free_stream(recorder);
    buffer_clear(&recorder->in);
}

/* Turns @loop until @condition holds; fails after ten seconds. */
#define turn_until(loop, condition)                                                                          \
    do {                                                                                                     \
        uint64_t give_up_ms_ = clock_monotonic_ms() + 10000;                                                 \
                                                                                                             \
        while (!(condition)) {                                                                               \
            assert_int_equal(loop_turn((loop), 20), 0);                                                      \
            if (clock_monotonic_ms() > give_up_ms_)                                                          \
                fail_msg("never: %s", #condition);                                                           \
        }                                                                                                    \
    } while (0)

/* Turns @loop some times without waiting: for what must not come. */
static inline void turn_a_little(struct loop *loop)
{
    for (int i = 0; i < 10; i++)
        assert_int_equal(loop_turn(loop, 1), 0);
}

#endif
