/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Lanes: the messages of one durable topic for one bridge, in the order in which they were stored
 *
 * A lane is sent on while the far hub has a subscriber, at most two batches ahead of what has been taken. If
 * nothing has been taken for a while, or the subscriber was away, it goes back to the last message that was
 * taken; what comes twice by that is seen at the far side, which knows how far the lane has got.
 *
 * Loop thread only. A lane belongs to its depot and ends with it.
 */
#ifndef COMMHUB_FEDERATION_DURABLE_LANE_H
#define COMMHUB_FEDERATION_DURABLE_LANE_H

#include "federation/durable.h"
#include "federation/durable_marks.h"

/* What waits for one bridge. It outlives the bridge: a changed one takes it over by its name. */
struct depot {
    struct list in_durable;
    const struct bridge *bridge; /* NULL: there is none of that name now */
    char *name;
    bool is_known;
    struct hub_id far;
    struct list lanes;
    struct map lanes_by_topic;
    uint64_t evicting_bytes; /* asked for and not yet told */
    bool has_told_bound;
    struct durable_status status;
};

struct lane {
    struct map_node by_id;
    struct map_node by_topic; /* in the depot, keyed by `name` */
    struct list in_depot;
    struct depot *depot;
    uint64_t id;
    bool is_open;       /* the spool has it */
    struct buffer name; /* channel, a zero, topic: no name has a zero in it */
    size_t channel_len;
    uint64_t last;   /* number that was given */
    uint64_t stored; /* up to here they are on the disk */
    uint64_t sent;
    uint64_t taken;
    uint64_t batch_begin; /* what had been sent before the last batch */
    uint64_t reading_after;
    uint64_t reading_until; /* what was stored when it was asked for */
    bool is_reading;
    bool is_rewound; /* the next one follows on whatever the far hub has */
    uint64_t moved_ms;
};

struct durable {
    struct mesh *mesh;
    const struct spool *spool; /* NULL: no disk */
    struct durable_marks marks;
    struct list depots;
    struct map lanes;
    struct buffer name; /* that is looked up */
    uint64_t last_lane;
    uint64_t expire_ms;
    void (*warn)(void *context, const char *event, const char *text);
    void *warn_context;
};

struct bytes durable_lane_channel(const struct lane *lane);
struct bytes durable_lane_topic(const struct lane *lane);

/* NULL where there is none. */
struct lane *durable_lane_find(const struct durable *durable, uint64_t id);

/* NULL without memory, or where there are DURABLE_MAX_LANES. */
struct lane *durable_lane_new(struct durable *durable, struct depot *depot, uint64_t id, struct bytes channel,
                              struct bytes topic);

/* The depot's lane of the topic, made where there is none; NULL as above. */
struct lane *durable_lane_get(struct durable *durable, struct depot *depot, struct bytes channel,
                              struct bytes topic);

void durable_lane_free(struct durable *durable, struct lane *lane);

/* Whether the far hub is known and has a subscriber. */
bool durable_lane_is_wanted(const struct durable *durable, const struct lane *lane);

/* Reads on where there is something to send and room for it under way. */
void durable_lane_flow(struct durable *durable, struct lane *lane);

/* Begins again behind what was taken. */
void durable_lane_rewind(struct lane *lane);

/* What the spool tells of a lane, and the far hub: see spool.h and mesh.h. @context is the struct durable. */
void durable_lane_on_stored(void *context, uint64_t id, uint64_t number);
void durable_lane_on_read(void *context, uint64_t id, const struct spool_row *rows, size_t n_rows);
void durable_lane_on_taken(void *context, const struct spool_stamp *stamp);

#endif
