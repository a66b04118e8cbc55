/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"

#define MAX_SINKS 8
#define MAX_TEXT_BYTES 4096 /* of one record; keeps a flood of long names from filling memory */

struct sink {
    log_sink_fn *tell;
    void *context;
};

struct slot {
    struct log_record record; /* its texts point into `texts` */
    uint8_t *texts;
};

struct log {
    pthread_mutex_t mutex;
    struct slot *slots;
    size_t n_slots;
    uint64_t latest;
    struct sink sinks[MAX_SINKS];
    size_t n_sinks;
};

int log_new(struct log **out_log, size_t n_records)
{
    struct log *log;

    check(n_records > 0);
    log = calloc(1, sizeof *log);
    if (!log)
        return -ENOMEM;
    log->slots = calloc(n_records, sizeof *log->slots);
    if (!log->slots) {
        free(log);
        return -ENOMEM;
    }
    log->n_slots = n_records;
    pthread_mutex_init(&log->mutex, NULL);
    *out_log = log;
    return 0;
}

void log_free(struct log *log)
{
    if (!log)
        return;
    for (size_t i = 0; i < log->n_slots; i++)
        free(log->slots[i].texts);
    free(log->slots);
    pthread_mutex_destroy(&log->mutex);
    free(log);
}

int log_add_sink(struct log *log, log_sink_fn *sink, void *context)
{
    int r = 0;

    pthread_mutex_lock(&log->mutex);
    if (log->n_sinks == MAX_SINKS)
        r = -ENOSPC;
    else
        log->sinks[log->n_sinks++] = (struct sink){sink, context};
    pthread_mutex_unlock(&log->mutex);
    return r;
}

void log_remove_sink(struct log *log, log_sink_fn *sink, void *context)
{
    size_t n = 0;

    pthread_mutex_lock(&log->mutex);
    for (size_t i = 0; i < log->n_sinks; i++) {
        if (log->sinks[i].tell != sink || log->sinks[i].context != context)
            log->sinks[n++] = log->sinks[i];
    }
    log->n_sinks = n;
    pthread_mutex_unlock(&log->mutex);
}

static struct slot *slot_of(struct log *log, uint64_t sequence)
{
    return &log->slots[sequence % log->n_slots];
}

/* Copies the texts of @record into one block; without memory the record is kept without its texts. */
static void keep(struct slot *slot, const struct log_record *record)
{
    size_t total = 0;
    uint8_t *place;

    free(slot->texts);
    slot->record = *record;
    for (size_t i = 0; i < record->n_fields; i++)
        total += record->fields[i].text.len;
    slot->texts = total ? malloc(total) : NULL;
    place = slot->texts;
    for (size_t i = 0; i < record->n_fields; i++) {
        struct bytes *text = &slot->record.fields[i].text;

        if (text->len == 0) {
            *text = BYTES_LITERAL("");
            continue;
        }
        if (!slot->texts) {
            *text = BYTES_LITERAL("(out of memory)");
            continue;
        }
        memcpy(place, text->ptr, text->len);
        text->ptr = place;
        place += text->len;
    }
}

static void cut_texts(struct log_record *record)
{
    size_t left = MAX_TEXT_BYTES;

    for (size_t i = 0; i < record->n_fields; i++) {
        struct bytes *text = &record->fields[i].text;

        if (text->len > left) {
            text->len = left;
            while (text->len && (text->ptr[text->len] & 0xc0) == 0x80) /* not inside a character */
                text->len--;
        }
        left -= text->len;
    }
}

void log_record(struct log *log, enum log_level level, enum log_stream stream, const char *event,
                const struct log_field *fields, size_t n_fields)
{
    struct log_record record = {.wall_ms = clock_wall_ms(), .level = level, .stream = stream, .event = event};

    check(n_fields <= LOG_MAX_FIELDS);
    record.n_fields = n_fields;
    if (n_fields)
        memcpy(record.fields, fields, n_fields * sizeof *fields);
    cut_texts(&record);

    pthread_mutex_lock(&log->mutex);
    record.sequence = ++log->latest;
    keep(slot_of(log, record.sequence), &record);
    for (size_t i = 0; i < log->n_sinks; i++)
        log->sinks[i].tell(&record, log->sinks[i].context);
    pthread_mutex_unlock(&log->mutex);
}

static struct log_range range_locked(const struct log *log)
{
    uint64_t kept = log->latest < log->n_slots ? log->latest : log->n_slots;

    return (struct log_range){.oldest = log->latest - kept + 1, .latest = log->latest};
}

struct log_range log_range(struct log *log)
{
    struct log_range range;

    pthread_mutex_lock(&log->mutex);
    range = range_locked(log);
    pthread_mutex_unlock(&log->mutex);
    return range;
}

uint64_t log_read(struct log *log, uint64_t since, size_t most, log_sink_fn *visit, void *context)
{
    struct log_range range;
    uint64_t next;

    pthread_mutex_lock(&log->mutex);
    range = range_locked(log);
    next = since >= range.oldest ? since + 1 : range.oldest;
    for (; since < range.latest && next <= range.latest && most > 0; next++, most--) {
        visit(&slot_of(log, next)->record, context);
        since = next;
    }
    pthread_mutex_unlock(&log->mutex);
    return since;
}

const char *log_level_name(enum log_level level)
{
    switch (level) {
    case LOG_DEBUG:
        return "debug";
    case LOG_INFO:
        return "info";
    case LOG_WARN:
        return "warning";
    case LOG_ERROR:
        return "error";
    }
    unreachable();
}

const char *log_stream_name(enum log_stream stream)
{
    switch (stream) {
    case LOG_LOGS:
        return "logs";
    case LOG_ERRORS:
        return "errors";
    case LOG_SYSTEM:
        return "system";
    case LOG_LINKS:
        return "links";
    case LOG_AUDIT:
        return "audit";
    case LOG_N_STREAMS:
        break;
    }
    unreachable();
}
