/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/record_query.h"

#include <stdio.h>
#include <string.h>

static void add_streams_fault(unsigned nameable, struct problem_faults *faults)
{
    char names[64] = "";
    size_t len = 0;

    for (enum log_stream stream = 0; stream < LOG_N_STREAMS; stream++) {
        if (nameable & (1U << stream))
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len ? ", " : "",
                                    log_stream_name(stream));
    }
    problem_add(faults, "?streams", "must be some of %s, each once, with commas between them", names);
}

/* The bit of a stream that can be named; 0: it is none. */
static unsigned stream_bit(struct bytes word, unsigned nameable)
{
    for (enum log_stream stream = 0; stream < LOG_N_STREAMS; stream++) {
        if ((nameable & (1U << stream)) && bytes_equal_text(word, log_stream_name(stream)))
            return 1U << stream;
    }
    return 0;
}

/* "logs,errors" */
static bool read_streams(const char *at, unsigned nameable, unsigned *out_streams)
{
    *out_streams = 0;
    while (*at) {
        struct bytes word = bytes_of(at, strcspn(at, ","));
        unsigned bit = stream_bit(word, nameable);

        if (!bit || (*out_streams & bit))
            return false;
        *out_streams |= bit;
        at += word.len + (at[word.len] == ',');
    }
    return *out_streams != 0;
}

static bool read_level(const char *name, enum log_level *out_least)
{
    for (enum log_level level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        *out_least = level;
        if (strcmp(name, log_level_name(level)) == 0)
            return true;
    }
    return false;
}

void record_query_read(struct record_query *query, const struct request *request, unsigned nameable,
                       struct problem_faults *faults)
{
    const char *streams = request_argument(request, "streams");
    const char *level = request_argument(request, "level");
    const char *text = request_argument(request, "text");

    *query = (struct record_query){.streams = nameable & ~(1U << LOG_AUDIT), .least = LOG_DEBUG};
    if (streams && !read_streams(streams, nameable, &query->streams))
        add_streams_fault(nameable, faults);
    if (level && !read_level(level, &query->least))
        problem_add(faults, "?level", "must be debug, info, warning or error");
    if (text && strlen(text) >= LIVE_SESSION_SOUGHT_SIZE)
        problem_add(faults, "?text", "must have %d bytes at most", LIVE_SESSION_SOUGHT_SIZE - 1);
    else if (text && *text)
        query->text = text;
}
