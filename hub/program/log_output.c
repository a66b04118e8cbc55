/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/log_output.h"

#include <stdio.h>
#include <unistd.h>

#include "hub/base/buffer.h"
#include "hub/base/clock.h"
#include "hub/base/text.h"

#define FIELD_TEXT_SIZE 2048

static void append_json_text(struct buffer *line, const char *text)
{
    buffer_append_text(line, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buffer_append_text(line, "\\");
        buffer_append(line, text, 1);
    }
    buffer_append_text(line, "\"");
}

static void append_json_field(struct buffer *line, const struct log_field *field)
{
    char shown[FIELD_TEXT_SIZE];

    buffer_append_format(line, ",\"%s\":", field->name);
    switch (field->type) {
    case LOG_FIELD_TEXT:
        text_escape(field->text, shown, sizeof shown);
        append_json_text(line, shown);
        return;
    case LOG_FIELD_BOOL:
        buffer_append_text(line, field->is_true ? "true" : "false");
        return;
    case LOG_FIELD_NUMBER:
        buffer_append_format(line, "%lld", (long long)field->number);
        return;
    case LOG_FIELD_NULL:
        buffer_append_text(line, "null");
        return;
    }
}

static void write_json(struct buffer *line, const struct log_record *record, const char *time)
{
    buffer_append_format(line, "{\"time\":\"%s\",\"sequence\":%llu,\"severity\":\"%s\",\"event\":\"%s\"",
                         time, (unsigned long long)record->sequence, log_level_name(record->level),
                         record->event);
    for (size_t i = 0; i < record->n_fields; i++)
        append_json_field(line, &record->fields[i]);
    buffer_append_text(line, "}\n");
}

/* The message first and bare, the other fields as name="text"; what says nothing is left out. */
static void append_text_field(struct buffer *line, const struct log_field *field, bool is_first)
{
    char shown[FIELD_TEXT_SIZE];

    switch (field->type) {
    case LOG_FIELD_TEXT:
        text_escape(field->text, shown, sizeof shown);
        if (is_first)
            buffer_append_format(line, " %s", shown);
        else if (field->text.len)
            buffer_append_format(line, " %s=\"%s\"", field->name, shown);
        return;
    case LOG_FIELD_BOOL:
        if (field->is_true)
            buffer_append_format(line, " %s", field->name);
        return;
    case LOG_FIELD_NUMBER:
        buffer_append_format(line, " %s=%lld", field->name, (long long)field->number);
        return;
    case LOG_FIELD_NULL:
        return;
    }
}

/* name="text" throughout, which logfmt's readers take; what says nothing is left out. */
static void append_logfmt_field(struct buffer *line, const struct log_field *field)
{
    char shown[FIELD_TEXT_SIZE];

    switch (field->type) {
    case LOG_FIELD_TEXT:
        text_escape(field->text, shown, sizeof shown);
        buffer_append_format(line, " %s=", field->name);
        append_json_text(line, shown);
        return;
    case LOG_FIELD_BOOL:
        buffer_append_format(line, " %s=%s", field->name, field->is_true ? "true" : "false");
        return;
    case LOG_FIELD_NUMBER:
        buffer_append_format(line, " %s=%lld", field->name, (long long)field->number);
        return;
    case LOG_FIELD_NULL:
        return;
    }
}

static bool is_said_already(const struct log_field *field)
{
    return bytes_equal_text(bytes_of_text(field->name), "level") ||
           bytes_equal_text(bytes_of_text(field->name), "server_id");
}

static void write_logfmt(struct buffer *line, const struct log_record *record, const char *time)
{
    buffer_append_format(line, "time=%s sequence=%llu severity=%s event=%s", time,
                         (unsigned long long)record->sequence, log_level_name(record->level), record->event);
    for (size_t i = 0; i < record->n_fields; i++)
        append_logfmt_field(line, &record->fields[i]);
    buffer_append_text(line, "\n");
}

static void write_text(struct buffer *line, const struct log_record *record, const char *time)
{
    bool is_log = record->stream == LOG_LOGS;

    buffer_append_format(line, "%s %-7s", time, log_level_name(record->level));
    if (!is_log)
        buffer_append_format(line, " %s", record->event);
    for (size_t i = 0; i < record->n_fields; i++)
        if (!is_said_already(&record->fields[i]))
            append_text_field(line, &record->fields[i], is_log && i == 0);
    buffer_append_text(line, "\n");
}

static bool is_wanted(enum log_threshold threshold, const struct log_record *record)
{
    if (record->stream == LOG_LINKS)
        return true;
    /* What was changed stands in the logs too, and all of it in the audit log itself. */
    if (record->stream == LOG_AUDIT)
        return false;
    switch (threshold) {
    case LOG_FROM_ERROR:
        return record->level >= LOG_ERROR;
    case LOG_FROM_WARNING:
        return record->level >= LOG_WARN;
    case LOG_FROM_INFO:
        return record->level >= LOG_INFO;
    case LOG_FROM_DEBUG:
        return true;
    }
    return true;
}

static void write_record(const struct log_output *output, const struct log_record *record)
{
    char time[CLOCK_RFC3339_TEXT];
    struct buffer line;

    clock_rfc3339(record->wall_ms, time);
    buffer_init(&line);
    switch ((enum log_format)output->format) {
    case LOG_FORMAT_TEXT:
        write_text(&line, record, time);
        break;
    case LOG_FORMAT_LOGFMT:
        write_logfmt(&line, record, time);
        break;
    case LOG_FORMAT_JSON:
        write_json(&line, record, time);
        break;
    }
    if (!line.failed) {
        ssize_t written = write(STDERR_FILENO, line.ptr, line.len);
        (void)written; /* nowhere to say it */
    }
    buffer_clear(&line);
}

/* The first text once more, with how many lines like it were not written. */
static void write_repeat(const struct log_repeat *repeat, void *context)
{
    struct log_record record = {
        .sequence = repeat->sequence,
        .wall_ms = repeat->last_ms,
        .level = repeat->level,
        .stream = repeat->stream,
        .event = repeat->event,
        .n_fields = 2,
    };
    char text[64];

    snprintf(text, sizeof text, "%llu more times in %llu s", (unsigned long long)log_repeats_held(repeat),
             (unsigned long long)((repeat->last_ms - repeat->since_ms + 999) / 1000));
    record.fields[0] = log_text("message", bytes_of((const uint8_t *)repeat->text, repeat->text_len));
    record.fields[1] = log_text("repeated", bytes_of_text(text));
    write_record(context, &record);
}

void log_output_init(struct log_output *output, enum log_format format, enum log_threshold threshold)
{
    *output = (struct log_output){.format = format, .threshold = threshold};
    pthread_mutex_init(&output->mutex, NULL);
    log_repeats_init(&output->repeats);
}

void log_output_clear(struct log_output *output)
{
    log_repeats_flush(&output->repeats, UINT64_MAX, write_repeat, output);
    pthread_mutex_destroy(&output->mutex);
}

void log_output_tick(struct log_output *output)
{
    pthread_mutex_lock(&output->mutex);
    log_repeats_flush(&output->repeats, clock_wall_ms(), write_repeat, output);
    pthread_mutex_unlock(&output->mutex);
}

void log_output_write(const struct log_record *record, void *context)
{
    struct log_output *output = context;

    if (!is_wanted(output->threshold, record))
        return;
    pthread_mutex_lock(&output->mutex);
    if (record->stream == LOG_LINKS || log_repeats_pass(&output->repeats, record, write_repeat, output))
        write_record(output, record);
    pthread_mutex_unlock(&output->mutex);
}
