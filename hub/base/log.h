/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Records of what happened
 *
 * Log lines, errors and registrations alike are records with a sequence number that grows by one. The last
 * ones stay in a ring, from which any thread may read by sequence number; sinks hear of each record as it is
 * made. A record is plain copied text: nothing in it points into the hub.
 *
 * log_record() may be called from any thread. Sinks are called on the thread that made the record, one record
 * at a time, in order; a sink must be quick, must not block and must not log.
 */
#ifndef COMMHUB_BASE_LOG_H
#define COMMHUB_BASE_LOG_H

#include "hub/base/bytes.h"

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
};

/* The streams under which records are shown and subscribed. */
enum log_stream {
    LOG_LOGS,   /* event server_log */
    LOG_ERRORS, /* event server_error */
    LOG_SYSTEM, /* event new_registration */
    LOG_LINKS,  /* event link_state */
    LOG_AUDIT,  /* event audit: for administrators alone */
    LOG_N_STREAMS,
};

enum log_field_type {
    LOG_FIELD_TEXT,
    LOG_FIELD_BOOL,
    LOG_FIELD_NUMBER,
    LOG_FIELD_NULL,
};

struct log_field {
    const char *name; /* static storage */
    enum log_field_type type;
    struct bytes text;
    bool is_true;
    int64_t number;
};

#define LOG_MAX_FIELDS 8

struct log_record {
    uint64_t sequence;
    uint64_t wall_ms;
    enum log_level level;
    enum log_stream stream;
    const char *event; /* static storage; see the streams */
    size_t n_fields;
    struct log_field fields[LOG_MAX_FIELDS];
};

struct log; /* the ring and its sinks */

typedef void log_sink_fn(const struct log_record *record, void *context);

/* A ring of the last @n_records records: 0 or -ENOMEM. A record's texts are cut at 4 KiB together. */
int log_new(struct log **out_log, size_t n_records);
void log_free(struct log *log);

/* -ENOSPC when all places for sinks (8) are taken. */
int log_add_sink(struct log *log, log_sink_fn *sink, void *context);

/* When it returns the sink is not called any more. One that is not there is fine. */
void log_remove_sink(struct log *log, log_sink_fn *sink, void *context);

/* Gives the record its sequence number and time, keeps a copy and tells the sinks. */
void log_record(struct log *log, enum log_level level, enum log_stream stream, const char *event,
                const struct log_field *fields, size_t n_fields);

struct log_range {
    uint64_t oldest; /* oldest sequence still kept; oldest > latest when there is none */
    uint64_t latest; /* 0 before the first record */
};

struct log_range log_range(struct log *log);

/*
 * Calls @visit for the kept records after @since, oldest first, at most @most; the record is valid only
 * during the call. Answers the sequence number of the last one visited, @since if there was none.
 */
uint64_t log_read(struct log *log, uint64_t since, size_t most, log_sink_fn *visit, void *context);

static inline struct log_field log_text(const char *name, struct bytes text)
{
    return (struct log_field){.name = name, .type = LOG_FIELD_TEXT, .text = text};
}

static inline struct log_field log_text_or_null(const char *name, struct bytes text)
{
    return (struct log_field){.name = name, .type = text.ptr ? LOG_FIELD_TEXT : LOG_FIELD_NULL, .text = text};
}

static inline struct log_field log_bool(const char *name, bool is_true)
{
    return (struct log_field){.name = name, .type = LOG_FIELD_BOOL, .is_true = is_true};
}

static inline struct log_field log_number(const char *name, int64_t number)
{
    return (struct log_field){.name = name, .type = LOG_FIELD_NUMBER, .number = number};
}

const char *log_level_name(enum log_level level);
const char *log_stream_name(enum log_stream stream);

#endif
