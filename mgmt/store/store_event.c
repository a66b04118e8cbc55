/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/store_event.h"

#include <errno.h>
#include <stdlib.h>

#include "mgmt/store/store_inside.h"

#define COLUMNS "serial, incarnation, id, time_ms, stream, level, type, data"
#define ROW_BYTES 64      /* of a row, beside its data: about what SQLite takes */
#define MOST_DROPPED 1000 /* in one transaction */
#define WINDOW 1000       /* rows that one reading looks at */

/* A row as far as keeping is concerned. */
struct end {
    int64_t serial; /* 0: there is none */
    int64_t time_ms;
    int64_t bytes;
    int64_t through;
};

/* ---- the ends ---- */

static void read_end(struct db_statement *statement, struct end *end)
{
    end->serial = db_column_number(statement, 0);
    end->time_ms = db_column_number(statement, 1);
    end->bytes = db_column_number(statement, 2);
    end->through = db_column_number(statement, 3);
}

static int find_end(struct store *store, const char *sql, struct end *out_end)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, sql, &statement);

    *out_end = (struct end){0};
    if (r == 0)
        r = db_step(statement);
    if (r == DB_ROW)
        read_end(statement, out_end);
    return r < 0 ? r : 0;
}

#define END "SELECT serial, time_ms, bytes, through FROM event ORDER BY serial "

static int find_ends(struct store *store, struct end *out_oldest, struct end *out_newest)
{
    int r = find_end(store, END "LIMIT 1", out_oldest);

    return r < 0 ? r : find_end(store, END "DESC LIMIT 1", out_newest);
}

/* ---- adding ---- */

static void bind_event(struct db_statement *statement, const struct store_event *event, int64_t bytes,
                       int64_t through)
{
    db_bind_number(statement, 1, (int64_t)event->incarnation);
    db_bind_number(statement, 2, (int64_t)event->id);
    db_bind_number(statement, 3, (int64_t)event->time_ms);
    db_bind_number(statement, 4, (int64_t)event->stream);
    db_bind_number(statement, 5, (int64_t)event->level);
    db_bind_text(statement, 6, bytes_of_text(event->type));
    db_bind_number(statement, 7, bytes);
    db_bind_number(statement, 8, through);
    db_bind_text(statement, 9, bytes_of_text(event->data));
}

static int add(struct store *store, const struct store_event *events, size_t n)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    struct end oldest, newest;
    int r = find_ends(store, &oldest, &newest);

    if (r == 0)
        r = db_prepare(store->db,
                       "INSERT INTO event (incarnation, id, time_ms, stream, level, type, bytes, through, "
                       "data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                       &statement);
    for (size_t i = 0; r == 0 && i < n; i++) {
        int64_t bytes = (int64_t)strlen(events[i].data) + ROW_BYTES;

        newest.through += bytes;
        bind_event(statement, &events[i], bytes, newest.through);
        r = db_step(statement);
        db_statement_reset(statement);
    }
    return r;
}

/* ---- dropping ---- */

static bool is_beyond(const struct end *row, const struct end *newest,
                      const struct store_event_bounds *bounds)
{
    return newest->serial - row->serial >= (int64_t)bounds->most ||
           row->time_ms < (int64_t)bounds->oldest_ms ||
           newest->through - row->through + row->bytes > (int64_t)bounds->most_bytes;
}

/* The last row that has to go, of the oldest MOST_DROPPED; 0: none. What is old behind a younger row waits:
 * the clock was set back. */
static int last_beyond(struct store *store, const struct end *newest, const struct store_event_bounds *bounds,
                       int64_t *out_serial, bool *out_more)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, END "LIMIT ?1", &statement);
    struct end row;

    *out_serial = 0;
    *out_more = true;
    if (r < 0)
        return r;
    db_bind_number(statement, 1, MOST_DROPPED);
    while ((r = db_step(statement)) == DB_ROW) {
        read_end(statement, &row);
        *out_more = is_beyond(&row, newest, bounds);
        if (!*out_more)
            return 0;
        *out_serial = row.serial;
    }
    *out_more = *out_serial != 0 && *out_serial != newest->serial;
    return r;
}

static int drop(struct store *store, const struct store_event_bounds *bounds, bool *out_more)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    struct end oldest, newest;
    int64_t last = 0;
    int r = find_ends(store, &oldest, &newest);

    if (r == 0)
        r = last_beyond(store, &newest, bounds, &last, out_more);
    if (r < 0 || last == 0)
        return r;
    r = db_prepare(store->db, "DELETE FROM event WHERE serial <= ?1", &statement);
    if (r < 0)
        return r;
    db_bind_number(statement, 1, last);
    return db_step(statement);
}

static int read_figures(struct store *store, struct store_event_figures *out_figures)
{
    struct end oldest, newest;
    int r = find_ends(store, &oldest, &newest);

    *out_figures = (struct store_event_figures){0};
    if (r < 0 || oldest.serial == 0)
        return r;
    out_figures->n = (uint64_t)(newest.serial - oldest.serial) + 1;
    out_figures->bytes = (uint64_t)(newest.through - oldest.through + oldest.bytes);
    out_figures->oldest_ms = (uint64_t)oldest.time_ms;
    return 0;
}

int store_event_write(struct store *store, const struct store_event *events, size_t n,
                      const struct store_event_bounds *bounds, struct store_event_figures *out_figures,
                      char out_why[STORE_WHY_SIZE])
{
    bool has_more = false;
    int r = store_begin(store);

    if (r == 0)
        r = add(store, events, n);
    if (r == 0)
        r = drop(store, bounds, &has_more);
    if (r == 0)
        r = read_figures(store, out_figures);
    r = store_end(store, r, out_why);
    return r == 0 && has_more ? STORE_EVENT_E_MORE : r;
}

/* ---- reading ---- */

/* 0 or -ENOMEM. */
static int read_row(struct db_statement *statement, struct store_event *row)
{
    *row = (struct store_event){
        .serial = db_column_number(statement, 0),
        .incarnation = (uint64_t)db_column_number(statement, 1),
        .id = (uint64_t)db_column_number(statement, 2),
        .time_ms = (uint64_t)db_column_number(statement, 3),
        .stream = (enum log_stream)db_column_number(statement, 4),
        .level = (enum log_level)db_column_number(statement, 5),
    };
    store_copy_text(row->type, sizeof row->type, db_column(statement, 6));
    row->data = bytes_to_text(db_column(statement, 7));
    return row->data ? 0 : -ENOMEM;
}

/* A gap is of every stream, and as grave as can be: nobody knows what is missing there. What ?9 is not in
 * need not be taken apart. */
#define IS_WANTED                                                                                            \
    "(type = '" STORE_EVENT_GAP "' OR (?4 >> stream) & 1) AND level >= ?5 AND time_ms >= ?6 AND "            \
    "time_ms < ?7 AND (?9 IS NULL OR instr(lower(data), lower(?9))) AND (?8 IS NULL OR EXISTS (SELECT 1 "    \
    "FROM json_each(event.data) AS field WHERE "                                                             \
    "field.type = 'text' AND instr(lower(field.value), lower(?8))))"

/* The text as JSON has it, which stands in the row's bytes where it stands in one of its texts; NULL where
 * JSON would write it otherwise. */
static struct bytes plain_text(const char *text)
{
    for (const char *at = text; at && *at; at++) {
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ')
            return BYTES_NONE;
    }
    return text ? bytes_of_text(text) : BYTES_NONE;
}

static int prepare_window(struct store *store, const struct store_event_filter *filter, int64_t from,
                          int64_t to, size_t limit, struct db_statement **out_statement)
{
    int r = db_prepare(store->db,
                       filter->is_oldest_first
                           ? "SELECT " COLUMNS " FROM event WHERE serial BETWEEN ?1 AND ?2 AND " IS_WANTED
                             " ORDER BY serial LIMIT ?3"
                           : "SELECT " COLUMNS " FROM event WHERE serial BETWEEN ?2 AND ?1 AND " IS_WANTED
                             " ORDER BY serial DESC LIMIT ?3",
                       out_statement);

    if (r < 0)
        return r;
    db_bind_number(*out_statement, 1, from);
    db_bind_number(*out_statement, 2, to);
    db_bind_number(*out_statement, 3, (int64_t)limit);
    db_bind_number(*out_statement, 4, (int64_t)filter->streams);
    db_bind_number(*out_statement, 5, (int64_t)filter->least);
    db_bind_number(*out_statement, 6, (int64_t)filter->from_ms);
    db_bind_number(*out_statement, 7, (int64_t)filter->until_ms);
    db_bind_text(*out_statement, 8, filter->text ? bytes_of_text(filter->text) : BYTES_NONE);
    db_bind_text(*out_statement, 9, plain_text(filter->text));
    return 0;
}

/* The rows from @from to @to, both included. */
static int read_window(struct store *store, const struct store_event_filter *filter, int64_t from, int64_t to,
                       size_t limit, struct store_events *events)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = prepare_window(store, filter, from, to, limit, &statement);

    events->rows = r == 0 ? calloc(limit, sizeof *events->rows) : NULL;
    if (r == 0 && !events->rows)
        r = -ENOMEM;
    if (r < 0)
        return r;
    while ((r = db_step(statement)) == DB_ROW) {
        r = read_row(statement, &events->rows[events->n]);
        if (r < 0)
            return r;
        events->n++;
    }
    if (r == 0)
        events->reached = events->n == limit ? events->rows[limit - 1].serial : to;
    return r;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int list(struct store *store, const struct store_event_filter *filter, int64_t after, size_t limit,
                struct store_events *events)
{
    struct end oldest, newest;
    int64_t from, to, last;
    int r = find_ends(store, &oldest, &newest);

    if (r < 0 || newest.serial == 0)
        return r;
    if (filter->is_oldest_first) {
        last = newest.serial;
        from = larger(after + 1, oldest.serial);
        to = smaller(from + WINDOW - 1, last);
    } else {
        last = oldest.serial;
        from = after ? smaller(after - 1, newest.serial) : newest.serial;
        to = larger(from - WINDOW + 1, last);
    }
    if (filter->is_oldest_first ? from > last : from < last)
        return 0;
    r = read_window(store, filter, from, to, limit, events);
    events->has_more = events->reached != last;
    return r;
}

int store_event_list(struct store *store, const struct store_event_filter *filter, int64_t after,
                     size_t limit, struct store_events *out_events, char out_why[STORE_WHY_SIZE])
{
    int r;

    *out_events = (struct store_events){.reached = after};
    store_lock(store);
    r = store_unlock(store, list(store, filter, after, limit, out_events), out_why);
    if (r < 0)
        store_event_list_clear(out_events);
    return r;
}

void store_event_list_clear(struct store_events *events)
{
    for (size_t i = 0; i < events->n; i++)
        free(events->rows[i].data);
    free(events->rows);
    *events = (struct store_events){0};
}
