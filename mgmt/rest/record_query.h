/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which records a request wants: ?streams=&level=&text=, alike for the ring and for what is kept of it
 */
#ifndef COMMHUB_MGMT_REST_RECORD_QUERY_H
#define COMMHUB_MGMT_REST_RECORD_QUERY_H

#include "hub/base/log.h"
#include "mgmt/live/live_session.h"
#include "mgmt/rest/problem.h"

struct record_query {
    unsigned streams; /* bits 1 << enum log_stream */
    enum log_level least;
    const char *text; /* NULL: any; shorter than LIVE_SESSION_SOUGHT_SIZE */
};

/* Faults of the three arguments are added. Of the streams @nameable can be asked for; where none is, there
 * are all of them but audit. */
void record_query_read(struct record_query *query, const struct request *request, unsigned nameable,
                       struct problem_faults *faults);

#endif
