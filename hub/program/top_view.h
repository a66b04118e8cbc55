/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What top shows: two samples of a hub become lines of text
 */
#ifndef COMMHUB_PROGRAM_TOP_VIEW_H
#define COMMHUB_PROGRAM_TOP_VIEW_H

#include <jansson.h>

#include "hub/base/buffer.h"

/* What the API has answered, at one time. */
struct top_sample {
    uint64_t taken_ms; /* monotonic; 0: there is none */
    json_t *hub;
    json_t *clients; /* pages of items */
    json_t *channels;
    json_t *links;
};

struct top_size {
    size_t width; /* columns; longer lines are cut */
    size_t height;
};

/* Appends at most @size.height lines, each closed by "\n". Rates are those between @before and @now. */
void top_view_write(const struct top_sample *before, const struct top_sample *now, struct top_size size,
                    struct buffer *out);

#endif
