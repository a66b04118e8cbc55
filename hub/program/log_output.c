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

void log_output_write(const struct log_record *record, void *context)
{
    const struct log_output *output = context;
    char time[CLOCK_RFC3339_TEXT];
    struct buffer line;

    if (!is_wanted(output->threshold, record))
        return;
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
