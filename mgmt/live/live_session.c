/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/live/live_session.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <strings.h>

#include "hub/base/clock.h"
#include "hub/base/text.h"
#include "mgmt/live/record_copy.h"
#include "mgmt/rest/json_fault.h"

#define MOST_PASSED_OVER 256 /* records of other streams in one go */

void live_session_init(struct live_session *session, bool may_audit)
{
    *session = (struct live_session){.owes_hello = true, .may_audit = may_audit};
}

void live_session_note_metrics(struct live_session *session)
{
    session->owes_metrics = session->wants_metrics;
}

bool live_session_has_more(const struct live_session *session, struct log *log)
{
    return session->owes_hello || session->owes_reset || session->owes_metrics || *session->error ||
           (session->streams && session->position < log_range(log).latest);
}

void live_session_resume(struct live_session *session, const struct live_source *source, const char *epoch,
                         uint64_t since)
{
    struct log_range range = log_range(source->log);
    bool is_of_another = epoch && strcmp(epoch, source->epoch) != 0;

    session->owes_reset = is_of_another || since > range.latest || since + 1 < range.oldest;
    session->position = session->owes_reset ? range.oldest - 1 : since;
}

/* ---- what the browser says ---- */

static void set_error(struct live_session *session, const char *format, const char *what)
{
    char shown[64];

    text_escape(bytes_of_text(what), shown, sizeof shown);
    snprintf(session->error, sizeof session->error, format, shown);
}

static bool read_streams(struct live_session *session, const json_t *streams, unsigned *out_streams,
                         bool *out_metrics)
{
    size_t i;
    json_t *item;

    *out_streams = 0;
    *out_metrics = false;
    if (!json_is_array(streams)) {
        set_error(session, "subscribe needs an array `streams`%s", "");
        return false;
    }
    json_array_foreach(streams, i, item)
    {
        const char *name = json_string_value(item);
        bool is_known = name && strcmp(name, "metrics") == 0;

        *out_metrics |= is_known;
        for (enum log_stream stream = 0; name && stream < LOG_N_STREAMS; stream++) {
            if (strcmp(name, log_stream_name(stream)) == 0) {
                *out_streams |= 1u << stream;
                is_known = true;
            }
        }
        if (!is_known) {
            set_error(session, "there is no stream %s; there are logs, errors, system, links, audit, metrics",
                      name ? name : "that is no text");
            return false;
        }
    }
    if ((*out_streams & (1U << LOG_AUDIT)) && !session->may_audit) {
        set_error(session, "the stream audit needs the role admin and the scope audit%s", "");
        return false;
    }
    return true;
}

/* Where to go on: after `since`, or with what comes from now on. */
static bool read_since(struct live_session *session, const struct live_source *source, const json_t *message)
{
    const json_t *since = json_object_get(message, "since");
    const json_t *epoch = json_object_get(message, "epoch");
    const char *epoch_text = json_string_value(epoch);
    json_int_t value = json_integer_value(since);

    if (epoch && !epoch_text) {
        set_error(session, "epoch must be what the hello said when that record was seen%s", "");
        return false;
    }
    if (!since || json_is_null(since)) {
        session->position = log_range(source->log).latest;
        return true;
    }
    if (!json_is_integer(since) || value < 0) {
        set_error(session, "since must be the id of the last record that was seen%s", "");
        return false;
    }
    live_session_resume(session, source, epoch_text, (uint64_t)value);
    return true;
}

static void subscribe(struct live_session *session, const struct live_source *source, const json_t *message)
{
    unsigned streams;
    bool wants_metrics;

    if (!read_streams(session, json_object_get(message, "streams"), &streams, &wants_metrics) ||
        !read_since(session, source, message))
        return;
    session->streams = streams;
    session->wants_metrics = wants_metrics;
    session->owes_metrics = wants_metrics;
}

void live_session_receive(struct live_session *session, const struct live_source *source, struct bytes text)
{
    char fault[JSON_FAULT_SIZE];
    json_error_t error;
    json_t *message = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    const char *type = json_string_value(json_object_get(message, "type"));

    if (!message) {
        json_fault_write(&error, fault);
        set_error(session, "the message is not JSON: %s", fault);
    } else if (!type || strcmp(type, "subscribe") != 0) {
        set_error(session, "the only message taken is subscribe, not %s", type ? type : "one without type");
    } else {
        subscribe(session, source, message);
    }
    json_decref(message);
}

/* ---- what it is told ---- */

static int append(struct buffer *out, json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    int r = text ? buffer_append_text(out, text) : -ENOMEM;

    free(text);
    json_decref(message);
    return r < 0 ? r : LIVE_SESSION_MESSAGE;
}

static int append_record(struct buffer *out, const struct record_copy *copy)
{
    const struct log_record *record = &copy->record;
    char time[CLOCK_RFC3339_TEXT];

    clock_rfc3339(record->wall_ms, time);
    return append(out, json_pack("{s:I, s:s, s:s, s:s, s:o}", "id", (json_int_t)record->sequence, "time",
                                 time, "stream", log_stream_name(record->stream), "type", record->event,
                                 "data", record_copy_data(copy)));
}

static int append_gap(struct live_session *session, uint64_t to, struct buffer *out)
{
    uint64_t from = session->position + 1;

    session->position = to;
    return append(out, json_pack("{s:s, s:I, s:I, s:I}", "type", "gap", "from", (json_int_t)from, "to",
                                 (json_int_t)to, "count", (json_int_t)(to - from + 1)));
}

static bool has_text(const struct log_record *record, const char *sought)
{
    size_t len = strlen(sought);

    for (size_t i = 0; i < record->n_fields; i++) {
        struct bytes text = record->fields[i].text;

        for (size_t at = 0; at + len <= text.len; at++)
            if (strncasecmp((const char *)text.ptr + at, sought, len) == 0)
                return true;
    }
    return false;
}

static bool is_wanted(const struct live_session *session, const struct log_record *record)
{
    const struct live_filter *filter = &session->filter;

    return (session->streams & (1u << record->stream)) && record->level >= filter->least &&
           (!*filter->sought || has_text(record, filter->sought));
}

static int next_record(struct live_session *session, struct log *log, struct buffer *out)
{
    for (int i = 0; i < MOST_PASSED_OVER; i++) {
        struct record_copy copy;
        uint64_t sequence;

        if (!record_copy_next(&copy, log, session->position))
            return 0;
        sequence = copy.record.sequence;
        if (sequence > session->position + 1)
            return append_gap(session, sequence - 1, out);
        session->position = sequence;
        if (is_wanted(session, &copy.record))
            return append_record(out, &copy);
    }
    return 0;
}

static int append_hello(const struct live_source *source, struct buffer *out)
{
    struct log_range range = log_range(source->log);

    return append(out, json_pack("{s:s, s:s, s:I, s:I}", "type", "hello", "epoch", source->epoch, "oldest",
                                 (json_int_t)range.oldest, "latest", (json_int_t)range.latest));
}

/* The object is JSON already: it is put in as it is. */
static int append_metrics(const struct live_source *source, struct buffer *out)
{
    char time[CLOCK_RFC3339_TEXT];

    clock_rfc3339(source->metrics_wall_ms, time);
    if (buffer_append_format(out,
                             "{\"stream\":\"metrics\",\"type\":\"counters\",\"time\":\"%s\",\"data\":%s}",
                             time, source->metrics) < 0)
        return -ENOMEM;
    return LIVE_SESSION_MESSAGE;
}

static int append_error(struct live_session *session, struct buffer *out)
{
    json_t *detail = record_copy_text(bytes_of_text(session->error));

    *session->error = '\0';
    return append(out, json_pack("{s:s, s:o}", "type", "error", "detail", detail));
}

int live_session_next(struct live_session *session, const struct live_source *source, struct buffer *out)
{
    if (session->owes_hello) {
        session->owes_hello = false;
        return append_hello(source, out);
    }
    if (*session->error)
        return append_error(session, out);
    if (session->owes_reset) {
        session->owes_reset = false;
        return append(out, json_pack("{s:s, s:s}", "type", "reset", "epoch", source->epoch));
    }
    if (session->owes_metrics) {
        session->owes_metrics = false;
        if (source->metrics)
            return append_metrics(source, out);
    }
    return session->streams ? next_record(session, source->log, out) : 0;
}
