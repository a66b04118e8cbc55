/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/http_counts.h"

#include <string.h>

static bool is_segment(const struct request *request, size_t place, const char *text)
{
    return place < request->n_segments && strcmp(request->segments[place], text) == 0;
}

static bool is_probe(const struct request *request)
{
    static const char *const names[] = {"livez", "readyz", "startupz", "metrics"};

    for (size_t i = 0; request->n_segments == 1 && i < sizeof names / sizeof *names; i++)
        if (is_segment(request, 0, names[i]))
            return true;
    return false;
}

/* /api/v1/channels/{channel}/ and what is done with messages there. */
static bool is_gateway(const struct request *request)
{
    return is_segment(request, 2, "channels") && request->n_segments > 4 &&
           !is_segment(request, 4, "password");
}

static enum http_counts_class class_of(const struct request *request)
{
    if (is_probe(request))
        return HTTP_COUNTS_PROBE;
    if (!is_segment(request, 0, "api"))
        return HTTP_COUNTS_PAGE;
    if (is_gateway(request))
        return HTTP_COUNTS_GATEWAY;
    if (is_segment(request, 2, "events") && request->n_segments == 3)
        return HTTP_COUNTS_WAIT;
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0 ? HTTP_COUNTS_READ
                                                                                       : HTTP_COUNTS_WRITE;
}

void http_counts_note(struct http_counts *counts, const struct request *request, unsigned status,
                      uint64_t took_us)
{
    enum http_counts_class class = class_of(request);
    unsigned hundred = status >= 100 && status < 600 ? status / 100 : 5;

    atomic_fetch_add_explicit(&counts->n[class][hundred - 1], 1, memory_order_relaxed);
    metrics_note_duration(&counts->took[class], took_us);
}

const char *http_counts_class_name(enum http_counts_class class)
{
    static const char *const names[] = {
#define X(id, name) name,
        HTTP_COUNTS_CLASSES(X)
#undef X
    };

    return names[class];
}
