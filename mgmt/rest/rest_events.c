/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The log's records: as a list, by long poll, as server-sent events
 *
 * All three are a live session (mgmt/live) whose messages go another way, so that ids, gaps and resets mean
 * the same everywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/clock.h"
#include "hub/base/text.h"
#include "mgmt/live/live_session.h"
#include "mgmt/rest/access.h"
#include "mgmt/rest/listing.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/record_query.h"
#include "mgmt/rest/resources.h"
#include "mgmt/rest/sse.h"

#define MOST_WAIT_S 60

struct events {
    struct live_session session;
    struct live_source source;
    size_t limit;
    uint64_t until_ms; /* of a long poll */
    bool is_stream;
    bool was_reset;
    struct sse sse;
};

/* ---- the query ---- */

/* What of the query is its filter; false: the stream audit is not for the asker. */
static bool read_filter(struct events *events, const struct request *request, struct reply *reply,
                        struct problem_faults *faults)
{
    struct live_filter *filter = &events->session.filter;
    struct record_query query;

    record_query_read(&query, request, (1U << LOG_N_STREAMS) - 1, faults);
    events->session.streams = query.streams;
    filter->least = query.least;
    if (query.text)
        memcpy(filter->sought, query.text, strlen(query.text) + 1);
    if (!(query.streams & (1U << LOG_AUDIT)) || access_may_audit(request))
        return true;
    json_decref(faults->list);
    problem_reply(reply, request, 403, "The stream audit needs the role admin and the scope audit.");
    return false;
}

/* A browser that comes again names the last event it has seen in a header. */
static void read_since(struct events *events, const struct request *request, struct problem_faults *faults)
{
    const char *since = request_argument(request, "since");
    uint64_t value;

    if (!since)
        since = request_header(request, "Last-Event-ID");
    if (!since || !*since) {
        events->session.position = log_range(events->source.log).oldest - 1;
        return;
    }
    if (text_to_u64(since, 0, INT64_MAX, &value) < 0) {
        problem_add(faults, "?since", "must be the id of the last record that was seen");
        return;
    }
    live_session_resume(&events->session, &events->source, request_argument(request, "epoch"), value);
}

static void read_limits(struct events *events, const struct request *request, struct problem_faults *faults)
{
    const char *limit = request_argument(request, "limit");
    const char *wait = request_argument(request, "wait");
    uint64_t most = LISTING_LIMIT, wait_s = 0;

    if (limit && text_to_u64(limit, 1, LISTING_MOST, &most) < 0)
        problem_add(faults, "?limit", "must be a number from 1 to %d", LISTING_MOST);
    if (wait && text_to_u64(wait, 0, MOST_WAIT_S, &wait_s) < 0)
        problem_add(faults, "?wait", "must be a number of seconds from 0 to %d", MOST_WAIT_S);
    events->limit = (size_t)most;
    events->until_ms = clock_monotonic_ms() + wait_s * 1000;
}

/* False: the reply is filled. */
static bool read_query(struct events *events, const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};

    if (!read_filter(events, request, reply, &faults))
        return false;
    read_since(events, request, &faults);
    read_limits(events, request, &faults);
    if (!problem_faults_are_any(&faults))
        return true;
    problem_reply_arguments(reply, request, &faults);
    return false;
}

/* ---- a list ---- */

/* Appends a message to the items where there is one. */
static int append_next(struct events *events, struct buffer *items)
{
    struct live_session *session = &events->session;
    size_t len = items->len;
    int r;

    events->was_reset |= session->owes_reset;
    session->owes_reset = false;
    if (len)
        buffer_append_text(items, ",");
    r = live_session_next(session, &events->source, items);
    if (r == 0)
        items->len = len;
    return r;
}

static void reply_list(struct events *events, struct buffer *items, struct reply *reply)
{
    struct log_range range = log_range(events->source.log);
    struct buffer body = {0};

    buffer_append_format(&body,
                         "{\"epoch\":\"%s\",\"oldest\":%llu,\"latest\":%llu,\"reset\":%s,\"more\":%s,"
                         "\"next\":%llu,\"items\":[",
                         events->source.epoch, (unsigned long long)range.oldest,
                         (unsigned long long)range.latest, events->was_reset ? "true" : "false",
                         events->session.position < range.latest ? "true" : "false",
                         (unsigned long long)events->session.position);
    buffer_append_bytes(&body, buffer_bytes(items));
    buffer_append_text(&body, "]}");
    reply_set_text(reply, 200, "application/json", body.failed ? NULL : buffer_take_text(&body));
    buffer_clear(&body);
}

/* Waits on where nothing was found, and there is time. */
static bool fill_list(struct events *events, struct reply *reply)
{
    struct buffer items = {0};
    size_t n = 0;
    int r = 0;

    while (n < events->limit && r >= 0 && live_session_has_more(&events->session, events->source.log)) {
        r = append_next(events, &items);
        n += r > 0;
    }
    if (r < 0)
        reply_set_text(reply, 500, NULL, NULL);
    else if (n > 0 || events->was_reset || clock_monotonic_ms() >= events->until_ms)
        reply_list(events, &items, reply);
    buffer_clear(&items);
    return reply->status != 0;
}

/* ---- a stream ---- */

static int append_event(struct events *events)
{
    struct live_session *session = &events->session;
    struct sse *sse = &events->sse;
    struct buffer message = {0};
    uint64_t before = session->position;
    int r = live_session_next(session, &events->source, &message);

    if (r > 0) {
        sse_begin(sse, NULL, session->position != before ? session->position : 0);
        buffer_append_bytes(&sse->out, buffer_bytes(&message));
        sse_finish(sse);
    }
    buffer_clear(&message);
    return sse->out.failed ? -1 : r;
}

static long read_stream(void *state, char *room, size_t size)
{
    struct events *events = state;
    struct sse *sse = &events->sse;
    int r = 0;

    while (sse_is_empty(sse) && r >= 0 && live_session_has_more(&events->session, events->source.log))
        r = append_event(events);
    if (r < 0)
        return LATER_END;
    if (sse_is_empty(sse))
        sse_beat(sse, clock_monotonic_ms());
    return sse_is_empty(sse) ? LATER_NOTHING : (long)sse_read(sse, room, size);
}

/* ---- both ---- */

static bool fill(void *state, const struct request *request, struct reply *reply)
{
    struct events *events = state;

    (void)request;
    if (!events->is_stream)
        return fill_list(events, reply);
    sse_reply(&events->sse, reply);
    return true;
}

/* Looking four times a second costs the writer of a record nothing. */
static bool is_due(void *state, uint64_t now_ms)
{
    struct events *events = state;

    return live_session_has_more(&events->session, events->source.log) ||
           (events->is_stream ? sse_is_beat_due(&events->sse, now_ms) : now_ms >= events->until_ms);
}

static void end(void *state)
{
    struct events *events = state;

    sse_clear(&events->sse);
    free(events);
}

void rest_events_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct later_source source = {fill, read_stream, is_due, end};
    struct events *events = calloc(1, sizeof *events);
    bool is_read;

    if (!events) {
        problem_reply(reply, request, 500, "out of memory");
        return;
    }
    events->source = (struct live_source){.log = rest->options.log, .epoch = rest->options.epoch};
    events->is_stream = sse_is_wanted(request);
    events->session.owes_hello = events->is_stream;
    is_read = read_query(events, request, reply);
    if (is_read && events->is_stream && strcmp(request->method, "HEAD") == 0)
        reply_set_static(reply, 200, "text/event-stream", BYTES_NONE);
    else if (is_read)
        reply->later = later_new(&source, events);
    if (is_read && !reply->later && reply->status == 0)
        problem_reply(reply, request, 500, "out of memory");
    if (!reply->later)
        free(events);
}
