/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Log lines that say the same again and again
 *
 * Of equal lines, LOG_REPEATS_SHOWN in LOG_REPEATS_WINDOW_MS are written; further ones are counted, and their
 * number is told when that time is over. Lines are equal in level, event and all texts. A table of fixed size
 * remembers them: a line that takes the place of another one has its count told at once.
 *
 * Not to be used by two threads at the same time.
 */
#ifndef COMMHUB_PROGRAM_LOG_REPEATS_H
#define COMMHUB_PROGRAM_LOG_REPEATS_H

#include "hub/base/log.h"

#define LOG_REPEATS_PLACES 64
#define LOG_REPEATS_SHOWN 5
#define LOG_REPEATS_WINDOW_MS 10000U
#define LOG_REPEATS_TEXT 512 /* of the line's first text, which is told again with the count */

struct log_repeat {
    uint64_t hash;
    uint64_t since_ms; /* wall clock, 0: the place is free */
    uint64_t last_ms;
    uint64_t sequence; /* of the last one */
    uint64_t n_seen;
    enum log_level level;
    enum log_stream stream;
    const char *event;
    size_t text_len;
    char text[LOG_REPEATS_TEXT];
};

struct log_repeats {
    uint64_t secret[2];
    uint64_t due_ms; /* of the first window that ends; UINT64_MAX: none is open */
    struct log_repeat places[LOG_REPEATS_PLACES];
};

/* Told of lines that were not written. Their number is log_repeats_held(). */
typedef void log_repeats_tell_fn(const struct log_repeat *repeat, void *context);

void log_repeats_init(struct log_repeats *repeats);

/* Whether the record is to be written. What is due, or makes room, is told before. */
bool log_repeats_pass(struct log_repeats *repeats, const struct log_record *record, log_repeats_tell_fn *tell,
                      void *context);

/* Tells what is due at @wall_ms; UINT64_MAX: everything. */
void log_repeats_flush(struct log_repeats *repeats, uint64_t wall_ms, log_repeats_tell_fn *tell,
                       void *context);

static inline uint64_t log_repeats_held(const struct log_repeat *repeat)
{
    return repeat->n_seen > LOG_REPEATS_SHOWN ? repeat->n_seen - LOG_REPEATS_SHOWN : 0;
}

#endif
