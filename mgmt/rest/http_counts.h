/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Requests of the management port by what they are for, what came of them, and how long they took
 *
 * From the head to the answer's head: a stream counts until it begins. WebSockets are not counted. Any
 * thread.
 */
#ifndef COMMHUB_MGMT_REST_HTTP_COUNTS_H
#define COMMHUB_MGMT_REST_HTTP_COUNTS_H

#include "hub/base/metrics.h"
#include "mgmt/http/request.h"

/* The names are labels of metrics. */
#define HTTP_COUNTS_CLASSES(X)                                                                               \
    X(PROBE, "probe") /* /livez, /metrics and the like */                                                    \
    X(PAGE, "page")   /* the page's files, and what is not there */                                          \
    X(READ, "read")   /* of the API */                                                                       \
    X(WRITE, "write")                                                                                        \
    X(GATEWAY, "gateway") /* messages: the provider's time is in it */                                       \
    X(WAIT, "wait")       /* records, which may be waited for */

enum http_counts_class {
#define X(id, name) HTTP_COUNTS_##id,
    HTTP_COUNTS_CLASSES(X)
#undef X
        HTTP_COUNTS_N_CLASSES
};

#define HTTP_COUNTS_N_STATUSES 5 /* 1xx to 5xx */

struct http_counts {
    _Atomic uint64_t n[HTTP_COUNTS_N_CLASSES][HTTP_COUNTS_N_STATUSES];
    struct metrics_histogram took[HTTP_COUNTS_N_CLASSES];
};

void http_counts_note(struct http_counts *counts, const struct request *request, unsigned status,
                      uint64_t took_us);

const char *http_counts_class_name(enum http_counts_class class);

#endif
