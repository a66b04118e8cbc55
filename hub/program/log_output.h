/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Log records as lines on standard error, as text or JSON
 *
 * Names in records come from strangers: control characters and marks that turn the direction of writing are
 * escaped. Changes of links are written at any threshold.
 */
#ifndef COMMHUB_PROGRAM_LOG_OUTPUT_H
#define COMMHUB_PROGRAM_LOG_OUTPUT_H

#include "hub/base/log.h"
#include "hub/program/serve_options.h"

struct log_output {
    _Atomic enum log_format format; /* both may be changed while records come */
    _Atomic enum log_threshold threshold;
};

/* A log sink; @context is a struct log_output. */
void log_output_write(const struct log_record *record, void *context);

#endif
