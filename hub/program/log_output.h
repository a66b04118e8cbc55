/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Log records as lines on standard error, as text, logfmt or JSON
 *
 * Names in records come from strangers: control characters and marks that turn the direction of writing are
 * escaped. Changes of links are written at any threshold, and each of them; of other lines that say the same,
 * a few, and then how many there were (log_repeats.h).
 */
#ifndef COMMHUB_PROGRAM_LOG_OUTPUT_H
#define COMMHUB_PROGRAM_LOG_OUTPUT_H

#include <pthread.h>

#include "hub/base/log.h"
#include "hub/program/log_repeats.h"
#include "hub/program/serve_options.h"

#define LOG_OUTPUT_TICK_MS 1000U

struct log_output {
    _Atomic enum log_format format; /* both may be changed while records come */
    _Atomic enum log_threshold threshold;
    pthread_mutex_t mutex; /* of what follows, and of the order of lines */
    struct log_repeats repeats;
};

void log_output_init(struct log_output *output, enum log_format format, enum log_threshold threshold);

/* Tells what is still held back. No record may come any more. */
void log_output_clear(struct log_output *output);

/* Tells of repeats whose time is over; to be called every LOG_OUTPUT_TICK_MS. Any thread. */
void log_output_tick(struct log_output *output);

/* A log sink; @context is a struct log_output. */
void log_output_write(const struct log_record *record, void *context);

#endif
