/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/durable_marks.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/metrics.h"

struct mark {
    struct map_node node; /* keyed by the first two numbers */
    uint64_t key[2];      /* spool, lane */
    struct hub_id hub;    /* that brought the last one */
    uint64_t delivered;
    uint64_t written; /* what the far hub may hear */
    bool is_writing;
};

static struct bytes key_of(const uint64_t key[2])
{
    return bytes_of((const uint8_t *)key, 2 * sizeof *key);
}

static struct mark *find(const struct durable_marks *marks, uint64_t spool, uint64_t lane)
{
    const uint64_t key[2] = {spool, lane};
    struct map_node *node = map_find(&marks->by_lane, key_of(key));

    return node ? container_of(node, struct mark, node) : NULL;
}

static struct mark *add(struct durable_marks *marks, uint64_t spool, uint64_t lane)
{
    struct mark *mark = marks->by_lane.n_nodes < DURABLE_MARKS_MAX ? calloc(1, sizeof *mark) : NULL;

    if (!mark)
        return NULL;
    mark->key[0] = spool;
    mark->key[1] = lane;
    if (map_insert(&marks->by_lane, &mark->node, key_of(mark->key)) == 0)
        return mark;
    free(mark);
    return NULL;
}

void durable_marks_init(struct durable_marks *marks, const struct spool *spool)
{
    *marks = (struct durable_marks){.spool = spool};
    map_init(&marks->by_lane);
}

void durable_marks_clear(struct durable_marks *marks)
{
    struct map_node *node;

    while ((node = map_any(&marks->by_lane))) {
        map_remove(&marks->by_lane, node);
        free(container_of(node, struct mark, node));
    }
    map_clear(&marks->by_lane);
}

int durable_marks_add(struct durable_marks *marks, const struct spool_mark *known)
{
    struct mark *mark = add(marks, known->spool, known->lane);

    if (!mark)
        return -ENOMEM;
    mark->delivered = known->number;
    mark->written = known->number;
    return 0;
}

static void tell(const struct durable_marks *marks, const struct mark *mark)
{
    struct spool_stamp taken = {mark->key[0], mark->key[1], mark->written, 0};

    if (mark->written > 0)
        marks->tell(marks->context, &mark->hub, &taken);
}

/* One at a time for each lane: the next covers all that has come meanwhile. */
static void write_mark(struct durable_marks *marks, struct mark *mark)
{
    struct spool_mark wanted = {mark->key[0], mark->key[1], mark->delivered};

    if (!marks->spool) {
        mark->written = mark->delivered;
        tell(marks, mark);
    } else if (!mark->is_writing) {
        mark->is_writing = marks->spool->mark(marks->spool->context, &wanted) == 0;
    }
}

bool durable_marks_take(struct durable_marks *marks, const struct hub_id *hub,
                        const struct spool_stamp *stamp)
{
    struct mark *mark = find(marks, stamp->spool, stamp->lane);
    bool is_new;

    if (!mark)
        mark = add(marks, stamp->spool, stamp->lane);
    if (!mark) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        return false;
    }
    mark->hub = *hub;
    /* One that has overtaken its predecessor is not taken: the far hub sends both again. */
    is_new = stamp->number > mark->delivered && (stamp->before == 0 || stamp->before <= mark->delivered);
    if (is_new)
        mark->delivered = stamp->number;
    else if (stamp->number <= mark->delivered)
        metrics_count(METRICS_DUPLICATES_DROPPED);
    if (mark->delivered > mark->written)
        write_mark(marks, mark);
    else
        tell(marks, mark);
    return is_new;
}

void durable_marks_written(struct durable_marks *marks, const struct spool_mark *written)
{
    struct mark *mark = find(marks, written->spool, written->lane);

    if (!mark)
        return;
    mark->is_writing = false;
    if (written->number == 0)
        return;
    mark->written = written->number;
    tell(marks, mark);
    if (mark->delivered > mark->written)
        write_mark(marks, mark);
}
