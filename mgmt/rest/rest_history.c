/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The log's records that are kept in the store, of this start of the hub and of those before
 */
#include <stdlib.h>

#include "hub/base/clock.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/listing.h"
#include "mgmt/rest/record_query.h"
#include "mgmt/rest/resources.h"
#include "mgmt/store/store_event.h"

#define KEPT_STREAMS (((1U << LOG_N_STREAMS) - 1) & ~(1U << LOG_AUDIT))

struct row {
    struct store_event event; /* its data is the row's */
    const struct store *store;
};

struct rows {
    size_t n;
    struct row rows[];
};

static void free_rows(void *memory)
{
    struct rows *rows = memory;

    for (size_t i = 0; i < rows->n; i++)
        free(rows->rows[i].event.data);
    free(rows);
}

static json_t *data_json(const char *text)
{
    json_t *data = json_loads(text, 0, NULL);

    return data ? data : json_object();
}

/* What is missing is of no stream. */
static json_t *stream_json(const struct store_event *event)
{
    bool has_stream = strcmp(event->type, STORE_EVENT_GAP) != 0 && event->stream < LOG_N_STREAMS;

    return has_stream ? json_string(log_stream_name(event->stream)) : json_null();
}

static json_t *row_json(const struct request *request, const void *item)
{
    const struct row *row = item;
    const struct store_event *event = &row->event;
    char epoch[STORE_EPOCH_SIZE];

    (void)request;
    store_epoch(row->store, event->incarnation, epoch);
    return json_pack("{s:s, s:I, s:o, s:o, s:s, s:o, s:o}", "epoch", epoch, "id", (json_int_t)event->id,
                     "time", json_value_time(event->time_ms), "stream", stream_json(event), "level",
                     log_level_name(event->level), "type", json_value_text(event->type), "data",
                     data_json(event->data));
}

static uint64_t place_of(const void *row)
{
    return (uint64_t)((const struct row *)row)->event.serial;
}

static void read_time(const struct listing_ask *ask, const char *name, struct problem_faults *faults,
                      uint64_t *out_ms)
{
    const char *text = listing_argument(ask, name);
    char pointer[16];

    if (!text || clock_read_rfc3339(text, out_ms) == 0)
        return;
    snprintf(pointer, sizeof pointer, "?%s", name);
    problem_add(faults, pointer, "must be a time such as 2026-01-31T12:34:56Z");
}

static bool read_filter(struct store_event_filter *filter, const struct listing_ask *ask)
{
    struct problem_faults faults = {0};
    struct record_query query;

    record_query_read(&query, ask->request, KEPT_STREAMS, &faults);
    *filter = (struct store_event_filter){
        .streams = query.streams,
        .least = query.least,
        .text = query.text,
        .until_ms = INT64_MAX,
        .is_oldest_first = ask->is_backwards,
    };
    read_time(ask, "from", &faults, &filter->from_ms);
    read_time(ask, "until", &faults, &filter->until_ms);
    if (!problem_faults_are_any(&faults))
        return true;
    problem_reply_arguments(ask->reply, ask->request, &faults);
    return false;
}

/* Takes over what the events hold. */
static bool fill_chunk(const struct listing_ask *ask, struct store_events *events,
                       struct listing_chunk *out_chunk)
{
    struct rows *rows = calloc(1, sizeof *rows + events->n * sizeof *rows->rows);

    if (!rows) {
        problem_reply(ask->reply, ask->request, 500, "out of memory");
        return false;
    }
    rows->n = events->n;
    for (size_t i = 0; i < events->n; i++) {
        rows->rows[i] = (struct row){events->rows[i], ask->rest->options.store};
        events->rows[i].data = NULL;
    }
    *out_chunk = (struct listing_chunk){rows->rows,       rows->n,   (uint64_t)events->reached,
                                        events->has_more, free_rows, rows};
    return true;
}

static bool read_rows(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct store_event_filter filter;
    struct store_events events;
    char why[STORE_WHY_SIZE];
    bool is_filled;
    int r;

    if (!read_filter(&filter, ask))
        return false;
    r = store_event_list(ask->rest->options.store, &filter, (int64_t)ask->after, ask->limit, &events, why);
    if (r < 0) {
        rest_reply_store_fault(ask->reply, ask->request, r, why);
        return false;
    }
    is_filled = fill_chunk(ask, &events, out_chunk);
    store_event_list_clear(&events);
    return is_filled;
}

void rest_history_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {
        {"streams", .match = LISTING_BY_SOURCE}, {"level", .match = LISTING_BY_SOURCE},
        {"text", .match = LISTING_BY_SOURCE},    {"from", .match = LISTING_BY_SOURCE},
        {"until", .match = LISTING_BY_SOURCE},
    };
    static const struct listing listing = {
        .name = "events history",
        .order = "time",
        .is_falling = true,
        .goes_both_ways = true,
        .row_bytes = sizeof(struct row),
        .columns = columns,
        .n_columns = sizeof columns / sizeof *columns,
        .place = place_of,
        .row_json = row_json,
        .read = read_rows,
    };

    listing_reply(&listing, rest, request, reply);
}
