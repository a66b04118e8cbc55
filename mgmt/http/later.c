/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/later.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct later {
    const struct later_source *source;
    void *state;
    atomic_uint n_refs;
    pthread_mutex_t mutex; /* of what follows */
    void *connection;
    void (*put_to_sleep)(void *connection);
    void (*wake_up)(void *connection);
    bool is_asleep;
    bool is_woken; /* while it was awake: the next sleep is none */
};

struct later *later_new(const struct later_source *source, void *state)
{
    struct later *later = calloc(1, sizeof *later);

    if (!later)
        return NULL;
    later->source = source;
    later->state = state;
    atomic_init(&later->n_refs, 1);
    pthread_mutex_init(&later->mutex, NULL);
    return later;
}

struct later *later_ref(struct later *later)
{
    atomic_fetch_add(&later->n_refs, 1);
    return later;
}

void later_unref(struct later *later)
{
    if (!later || atomic_fetch_sub(&later->n_refs, 1) != 1)
        return;
    pthread_mutex_destroy(&later->mutex);
    free(later);
}

static void wake_sleeper(struct later *later)
{
    later->is_asleep = false;
    later->wake_up(later->connection);
}

void later_wake(struct later *later)
{
    pthread_mutex_lock(&later->mutex);
    later->is_woken = !later->is_asleep;
    if (later->is_asleep)
        wake_sleeper(later);
    pthread_mutex_unlock(&later->mutex);
}

void later_wake_if_due(struct later *later, uint64_t now_ms)
{
    const struct later_source *source = later->source;

    pthread_mutex_lock(&later->mutex);
    if (later->is_asleep && source->is_due && source->is_due(later->state, now_ms))
        wake_sleeper(later);
    pthread_mutex_unlock(&later->mutex);
}

const struct later_source *later_source_of(const struct later *later)
{
    return later->source;
}

void *later_state(const struct later *later)
{
    return later->state;
}

void later_attach(struct later *later, void *connection, void (*put_to_sleep)(void *connection),
                  void (*wake_up)(void *connection))
{
    pthread_mutex_lock(&later->mutex);
    later->connection = connection;
    later->put_to_sleep = put_to_sleep;
    later->wake_up = wake_up;
    pthread_mutex_unlock(&later->mutex);
}

bool later_sleep(struct later *later)
{
    bool is_asleep;

    pthread_mutex_lock(&later->mutex);
    is_asleep = !later->is_woken;
    later->is_woken = false;
    if (is_asleep) {
        later->is_asleep = true;
        later->put_to_sleep(later->connection);
    }
    pthread_mutex_unlock(&later->mutex);
    return is_asleep;
}

void later_end(struct later *later)
{
    if (!later)
        return;
    pthread_mutex_lock(&later->mutex);
    later->is_asleep = false;
    later->connection = NULL;
    pthread_mutex_unlock(&later->mutex);
    later->source->end(later->state);
    later_unref(later);
}
