/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Writers note their fault under the store's lock and never wait for the watch; the watch tries the store
 * without its own lock. So the order of the locks is: the store's, then the watch's.
 */
#include "mgmt/store/store_watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "hub/base/clock.h"
#include "mgmt/store/store_inside.h"

#define PROBE_S 1

struct store_watch {
    struct store *store;
    void (*on_change)(void *context, const struct store_watch_state *state);
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wakes;
    struct store_watch_state state;
    bool is_stopping;
};

const char *store_watch_name(enum store_watch_fault kind)
{
    static const char *const names[] = {"none", "full", "read_only", "damaged", "io"};

    return names[kind];
}

const char *store_watch_text(enum store_watch_fault kind)
{
    static const char *const texts[] = {"nothing is wrong", "its disk is full", "its disk is read-only",
                                        "the database is damaged", "its disk fails"};

    return texts[kind];
}

static enum store_watch_fault kind_of(int error)
{
    switch (error) {
    case -ENOSPC:
        return STORE_WATCH_FULL;
    case -EROFS:
        return STORE_WATCH_READ_ONLY;
    case -EBADMSG:
        return STORE_WATCH_DAMAGED;
    case -EIO:
        return STORE_WATCH_IO;
    default:
        return STORE_WATCH_NONE;
    }
}

static void enter(struct store_watch *watch, enum store_watch_fault kind)
{
    watch->state.kind = kind;
    watch->state.since_ms = kind == STORE_WATCH_NONE ? 0 : clock_wall_ms();
    pthread_cond_signal(&watch->wakes);
}

void store_watch_note(struct store_watch *watch, int error)
{
    enum store_watch_fault kind = kind_of(error);

    pthread_mutex_lock(&watch->mutex);
    if (kind != STORE_WATCH_NONE && kind != watch->state.kind)
        enter(watch, kind);
    pthread_mutex_unlock(&watch->mutex);
}

/* Whether the store can be written: with what stands in it anyway. Another fault is noted on the way. */
static bool is_mended(struct store *store)
{
    cleanup_(buffer_clear) struct buffer value = {0};
    char why[STORE_WHY_SIZE];
    int r = store_begin(store);

    if (r == 0)
        r = store_meta_get(store, "incarnation", &value);
    if (r == 0)
        r = store_meta_set(store, "incarnation", buffer_bytes(&value));
    return store_end(store, r, why) == 0;
}

/* With the lock, as it is afterwards. */
static void probe(struct store_watch *watch)
{
    bool has_mended;

    pthread_mutex_unlock(&watch->mutex);
    has_mended = is_mended(watch->store);
    pthread_mutex_lock(&watch->mutex);
    if (has_mended)
        enter(watch, STORE_WATCH_NONE);
}

static void wait_until_due(struct store_watch *watch)
{
    struct timespec due;

    clock_gettime(CLOCK_MONOTONIC, &due);
    due.tv_sec += PROBE_S;
    pthread_cond_timedwait(&watch->wakes, &watch->mutex, &due);
}

static void *run(void *argument)
{
    struct store_watch *watch = argument;
    enum store_watch_fault told = STORE_WATCH_NONE;

    pthread_mutex_lock(&watch->mutex);
    while (!watch->is_stopping) {
        struct store_watch_state state = watch->state;

        if (state.kind != told) {
            told = state.kind;
            pthread_mutex_unlock(&watch->mutex);
            watch->on_change(watch->context, &state);
            pthread_mutex_lock(&watch->mutex);
        } else if (state.kind == STORE_WATCH_NONE) {
            pthread_cond_wait(&watch->wakes, &watch->mutex);
        } else {
            wait_until_due(watch);
            if (!watch->is_stopping && watch->state.kind != STORE_WATCH_NONE)
                probe(watch);
        }
    }
    pthread_mutex_unlock(&watch->mutex);
    return NULL;
}

static void set_watch(struct store *store, struct store_watch *watch)
{
    store_lock(store);
    store->watch = watch;
    pthread_mutex_unlock(&store->mutex);
}

static void init_locks(struct store_watch *watch)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&watch->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->wakes, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void destroy(struct store_watch *watch)
{
    pthread_cond_destroy(&watch->wakes);
    pthread_mutex_destroy(&watch->mutex);
    free(watch);
}

int store_watch_new(struct store_watch **out_watch, struct store *store,
                    void (*on_change)(void *context, const struct store_watch_state *state), void *context)
{
    struct store_watch *watch = calloc(1, sizeof *watch);
    int error;

    if (!watch)
        return -ENOMEM;
    watch->store = store;
    watch->on_change = on_change;
    watch->context = context;
    init_locks(watch);
    error = pthread_create(&watch->thread, NULL, run, watch);
    if (error) {
        destroy(watch);
        return -error;
    }
    set_watch(store, watch);
    *out_watch = watch;
    return 0;
}

void store_watch_free(struct store_watch *watch)
{
    if (!watch)
        return;
    set_watch(watch->store, NULL);
    pthread_mutex_lock(&watch->mutex);
    watch->is_stopping = true;
    pthread_cond_signal(&watch->wakes);
    pthread_mutex_unlock(&watch->mutex);
    pthread_join(watch->thread, NULL);
    destroy(watch);
}

struct store_watch_state store_watch_state(struct store_watch *watch)
{
    struct store_watch_state state;

    pthread_mutex_lock(&watch->mutex);
    state = watch->state;
    pthread_mutex_unlock(&watch->mutex);
    return state;
}
