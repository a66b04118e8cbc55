/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/live/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "hub/base/clock.h"
#include "hub/base/metrics.h"
#include "mgmt/live/record_copy.h"
#include "mgmt/store/store_event.h"

#define INTERVAL_S 1
#define DROP_INTERVAL_MS 60000 /* where no record comes, what has grown too old goes so often */
#define DAY_MS ((uint64_t)24 * 3600 * 1000)
#define BATCH_RECORDS 256 /* of one transaction; it holds up whoever else wants to write */
#define BATCH_BYTES ((size_t)1 << 20)

/* What one transaction writes. */
struct batch {
    struct store_event rows[BATCH_RECORDS];
    size_t n;
    size_t bytes;
    uint64_t n_skipped;
    uint64_t to; /* the last record that was looked at */
    bool is_full;
};

struct keeper {
    struct log *log;
    struct store *store;
    pthread_t thread;

    uint64_t position; /* the thread's own: the last record that is written, or need not be */
    uint64_t dropped_ms;
    bool is_last; /* only what is in the ring counts any more */
    struct batch batch;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wakes;
    struct keeper_figures figures;
    bool has_new_bounds;
    bool is_stopping;
};

/* ---- gathering ---- */

static bool is_kept(const struct log_record *record)
{
    return record->level > LOG_DEBUG && record->stream != LOG_AUDIT;
}

/* Takes over @data; false: out of memory. */
static bool add_row(struct keeper *keeper, struct store_event row, const char *type, json_t *data)
{
    struct batch *batch = &keeper->batch;

    row.incarnation = store_identity(keeper->store)->incarnation;
    row.data = data ? json_dumps(data, JSON_COMPACT) : NULL;
    json_decref(data);
    if (!row.data)
        return false;
    snprintf(row.type, sizeof row.type, "%s", type);
    batch->bytes += strlen(row.data);
    batch->rows[batch->n++] = row;
    batch->to = row.id;
    batch->is_full = batch->n == BATCH_RECORDS || batch->bytes >= BATCH_BYTES;
    return true;
}

/* In place of the records up to the one before @next. How many of them would have been kept nobody knows. */
static bool add_gap(struct keeper *keeper, const struct log_record *next)
{
    uint64_t from = keeper->batch.to + 1, to = next->sequence - 1, n = next->sequence - from;
    struct store_event row = {.id = to, .time_ms = next->wall_ms, .stream = LOG_LOGS, .level = LOG_ERROR};
    char message[96];

    snprintf(message, sizeof message, "%llu records are missing: the store could not be written in time",
             (unsigned long long)n);
    if (!add_row(keeper, row, STORE_EVENT_GAP,
                 json_pack("{s:s, s:I, s:I, s:I}", "message", message, "from", (json_int_t)from, "to",
                           (json_int_t)to, "count", (json_int_t)n)))
        return false;
    keeper->batch.n_skipped += n;
    return true;
}

static bool add_record(struct keeper *keeper, const struct record_copy *copy)
{
    const struct log_record *record = &copy->record;
    struct store_event row = {
        .id = record->sequence, .time_ms = record->wall_ms, .stream = record->stream, .level = record->level};

    if (is_kept(record))
        return add_row(keeper, row, record->event, record_copy_data(copy));
    keeper->batch.to = record->sequence;
    return true;
}

/* What has come since @position, as far as one transaction may go. */
static void gather(struct keeper *keeper, bool keeps_any)
{
    struct batch *batch = &keeper->batch;
    struct record_copy copy;
    bool goes_on = true;

    batch->to = keeps_any ? keeper->position : log_range(keeper->log).latest;
    while (goes_on && !batch->is_full && record_copy_next(&copy, keeper->log, batch->to))
        goes_on =
            copy.record.sequence > batch->to + 1 ? add_gap(keeper, &copy.record) : add_record(keeper, &copy);
}

static void clear_batch(struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++)
        free(batch->rows[i].data);
    batch->n = 0;
    batch->bytes = 0;
    batch->n_skipped = 0;
    batch->is_full = false;
}

/* ---- writing ---- */

static struct store_event_bounds bounds_of(const struct keeper_bounds *bounds)
{
    uint64_t now_ms = clock_wall_ms(), age_ms = bounds->days * DAY_MS;

    return (struct store_event_bounds){
        .most = bounds->most,
        .most_bytes = KEEPER_MOST_BYTES,
        .oldest_ms = now_ms > age_ms ? now_ms - age_ms : 0,
    };
}

static void note_written(struct keeper *keeper, const struct store_event_figures *figures)
{
    metrics_add(METRICS_RECORDS_KEPT, keeper->batch.n);
    metrics_add(METRICS_RECORDS_SKIPPED, keeper->batch.n_skipped);
    keeper->position = keeper->batch.to;
    keeper->dropped_ms = clock_monotonic_ms();
    pthread_mutex_lock(&keeper->mutex);
    keeper->figures.n = figures->n;
    keeper->figures.bytes = figures->bytes;
    keeper->figures.oldest_ms = figures->oldest_ms;
    pthread_mutex_unlock(&keeper->mutex);
}

/* True: there is more to do at once. That the store cannot be written is told by its watch. */
static bool write_batch(struct keeper *keeper, const struct keeper_bounds *bounds)
{
    struct store_event_bounds store_bounds = bounds_of(bounds);
    struct store_event_figures figures;
    char why[STORE_WHY_SIZE];
    int r =
        store_event_write(keeper->store, keeper->batch.rows, keeper->batch.n, &store_bounds, &figures, why);

    if (r >= 0)
        note_written(keeper, &figures);
    return r >= 0 && (keeper->batch.is_full || (r == STORE_EVENT_E_MORE && !keeper->is_last));
}

static bool is_drop_due(const struct keeper *keeper)
{
    return clock_monotonic_ms() - keeper->dropped_ms >= DROP_INTERVAL_MS;
}

/* One transaction at most; true: there is more to do at once. */
static bool step(struct keeper *keeper, const struct keeper_bounds *bounds, bool must_drop)
{
    bool goes_on = false;

    gather(keeper, bounds->most > 0);
    if (keeper->batch.n || must_drop || is_drop_due(keeper))
        goes_on = write_batch(keeper, bounds);
    else
        keeper->position = keeper->batch.to;
    clear_batch(&keeper->batch);
    return goes_on;
}

/* ---- the thread ---- */

/* With the lock. */
static void wait_until_due(struct keeper *keeper)
{
    struct timespec due;

    clock_gettime(CLOCK_MONOTONIC, &due);
    due.tv_sec += INTERVAL_S;
    if (!keeper->is_stopping)
        pthread_cond_timedwait(&keeper->wakes, &keeper->mutex, &due);
}

/* The last steps come after the order to stop, so that what was said until then is written. */
static void *run(void *argument)
{
    struct keeper *keeper = argument;
    bool goes_on = false;

    while (!keeper->is_last || goes_on) {
        struct keeper_bounds bounds;
        bool must_drop;

        pthread_mutex_lock(&keeper->mutex);
        if (!goes_on)
            wait_until_due(keeper);
        keeper->is_last = keeper->is_stopping;
        bounds = keeper->figures.bounds;
        must_drop = keeper->has_new_bounds;
        keeper->has_new_bounds = false;
        pthread_mutex_unlock(&keeper->mutex);
        goes_on = step(keeper, &bounds, must_drop || goes_on);
    }
    return NULL;
}

static void init_locks(struct keeper *keeper)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&keeper->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper->wakes, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void destroy(struct keeper *keeper)
{
    pthread_cond_destroy(&keeper->wakes);
    pthread_mutex_destroy(&keeper->mutex);
    free(keeper);
}

int keeper_new(struct keeper **out_keeper, struct log *log, struct store *store,
               const struct keeper_bounds *bounds)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    int error;

    if (!keeper)
        return -ENOMEM;
    keeper->log = log;
    keeper->store = store;
    keeper->figures.bounds = *bounds;
    keeper->has_new_bounds = true;
    init_locks(keeper);
    error = pthread_create(&keeper->thread, NULL, run, keeper);
    if (error) {
        destroy(keeper);
        return -error;
    }
    *out_keeper = keeper;
    return 0;
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper)
        return;
    pthread_mutex_lock(&keeper->mutex);
    keeper->is_stopping = true;
    pthread_cond_signal(&keeper->wakes);
    pthread_mutex_unlock(&keeper->mutex);
    pthread_join(keeper->thread, NULL);
    destroy(keeper);
}

void keeper_set_bounds(struct keeper *keeper, const struct keeper_bounds *bounds)
{
    pthread_mutex_lock(&keeper->mutex);
    keeper->figures.bounds = *bounds;
    keeper->has_new_bounds = true;
    pthread_mutex_unlock(&keeper->mutex);
}

struct keeper_figures keeper_figures(struct keeper *keeper)
{
    struct keeper_figures figures = {0};

    if (!keeper)
        return figures;
    pthread_mutex_lock(&keeper->mutex);
    figures = keeper->figures;
    pthread_mutex_unlock(&keeper->mutex);
    return figures;
}
