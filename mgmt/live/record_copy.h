/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A record taken out of the log's ring, so that JSON is made of it without holding the ring's lock. Any
 * thread.
 */
#ifndef COMMHUB_MGMT_LIVE_RECORD_COPY_H
#define COMMHUB_MGMT_LIVE_RECORD_COPY_H

#include <jansson.h>

#include "hub/base/log.h"

#define RECORD_COPY_TEXT_BYTES (4 * 1024) /* a record has no more (hub/base/log.h) */

struct record_copy {
    struct log_record record; /* its texts point into `texts` */
    uint8_t texts[RECORD_COPY_TEXT_BYTES];
};

/* The oldest kept record behind @position; false: there is none. */
bool record_copy_next(struct record_copy *copy, struct log *log, uint64_t position);

/* Its fields as an object; NULL: out of memory. */
json_t *record_copy_data(const struct record_copy *copy);

/* A stranger's text, escaped where it is no UTF-8; NULL: out of memory. */
json_t *record_copy_text(struct bytes text);

#endif
