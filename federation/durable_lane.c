/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/durable_lane.h"

#include <errno.h>
#include <stdlib.h>

#include "federation/relay.h"

struct bytes durable_lane_channel(const struct lane *lane)
{
    return bytes_of(lane->name.ptr, lane->channel_len);
}

struct bytes durable_lane_topic(const struct lane *lane)
{
    return bytes_from(buffer_bytes(&lane->name), lane->channel_len + 1);
}

static struct bytes id_bytes(const uint64_t *id)
{
    return bytes_of((const uint8_t *)id, sizeof *id);
}

struct lane *durable_lane_find(const struct durable *durable, uint64_t id)
{
    struct map_node *node = map_find(&durable->lanes, id_bytes(&id));

    return node ? container_of(node, struct lane, by_id) : NULL;
}

void durable_lane_free(struct durable *durable, struct lane *lane)
{
    map_remove(&durable->lanes, &lane->by_id);
    map_remove(&lane->depot->lanes_by_topic, &lane->by_topic);
    list_unlink(&lane->in_depot);
    buffer_clear(&lane->name);
    free(lane);
}

static int write_name(struct buffer *out, struct bytes channel, struct bytes topic)
{
    out->len = 0;
    if (buffer_append_bytes(out, channel) < 0 || buffer_append(out, "", 1) < 0 ||
        buffer_append_bytes(out, topic) < 0)
        return -ENOMEM;
    return 0;
}

static int lane_enter(struct durable *durable, struct lane *lane)
{
    if (map_insert(&durable->lanes, &lane->by_id, id_bytes(&lane->id)) < 0)
        return -ENOMEM;
    if (map_insert(&lane->depot->lanes_by_topic, &lane->by_topic, buffer_bytes(&lane->name)) == 0)
        return 0;
    map_remove(&durable->lanes, &lane->by_id);
    return -ENOMEM;
}

struct lane *durable_lane_new(struct durable *durable, struct depot *depot, uint64_t id, struct bytes channel,
                              struct bytes topic)
{
    struct lane *lane = durable->lanes.n_nodes < DURABLE_MAX_LANES ? calloc(1, sizeof *lane) : NULL;

    if (!lane)
        return NULL;
    lane->id = id;
    lane->depot = depot;
    lane->is_rewound = true;
    lane->channel_len = channel.len;
    if (write_name(&lane->name, channel, topic) < 0 || lane_enter(durable, lane) < 0) {
        buffer_clear(&lane->name);
        free(lane);
        return NULL;
    }
    list_append(&depot->lanes, &lane->in_depot);
    if (id > durable->last_lane)
        durable->last_lane = id;
    return lane;
}

struct lane *durable_lane_get(struct durable *durable, struct depot *depot, struct bytes channel,
                              struct bytes topic)
{
    struct map_node *node;

    if (write_name(&durable->name, channel, topic) < 0)
        return NULL;
    node = map_find(&depot->lanes_by_topic, buffer_bytes(&durable->name));
    return node ? container_of(node, struct lane, by_topic)
                : durable_lane_new(durable, depot, durable->last_lane + 1, channel, topic);
}

/* --- sending -------------------------------------------------------------------------------------------- */

bool durable_lane_is_wanted(const struct durable *durable, const struct lane *lane)
{
    return lane->depot->bridge && lane->depot->is_known &&
           mesh_wants(durable->mesh, &lane->depot->far, durable_lane_channel(lane), durable_lane_topic(lane));
}

/* Reads on where there is something to send and room for it under way. */
void durable_lane_flow(struct durable *durable, struct lane *lane)
{
    if (lane->is_reading || lane->stored <= lane->sent || lane->taken < lane->batch_begin ||
        !durable_lane_is_wanted(durable, lane))
        return;
    lane->reading_after = lane->sent;
    lane->reading_until = lane->stored;
    lane->is_reading = durable->spool->read(durable->spool->context, lane->id, lane->sent) == 0;
}

void durable_lane_rewind(struct lane *lane)
{
    lane->sent = lane->taken;
    lane->batch_begin = lane->taken;
    lane->is_rewound = true;
}

static bool send_row(struct durable *durable, struct lane *lane, const struct spool_row *row)
{
    struct spool_stamp stamp = {
        .spool = durable->spool->id,
        .lane = lane->id,
        .number = row->number,
        .before = lane->is_rewound ? 0 : lane->sent,
    };

    if (!relay_durable(durable->mesh, &lane->depot->far, durable_lane_channel(lane), durable_lane_topic(lane),
                       row->body, &stamp))
        return false;
    lane->sent = row->number;
    lane->is_rewound = false;
    return true;
}

void durable_lane_on_stored(void *context, uint64_t id, uint64_t number)
{
    struct durable *durable = context;
    struct lane *lane = durable_lane_find(durable, id);

    if (!lane)
        return;
    if (lane->stored == lane->taken)
        lane->moved_ms = mesh_time(durable->mesh).now_ms;
    lane->stored = number;
    durable_lane_flow(durable, lane);
}

/* What was to be sent next has been lost to the bounds. */
static void pass_over(struct lane *lane)
{
    if (lane->taken == lane->sent)
        lane->taken = lane->reading_until;
    lane->sent = lane->reading_until;
}

void durable_lane_on_read(void *context, uint64_t id, const struct spool_row *rows, size_t n_rows)
{
    struct durable *durable = context;
    struct lane *lane = durable_lane_find(durable, id);

    if (!lane)
        return;
    lane->is_reading = false;
    /* A disk that fails is asked again by the tick. */
    if (!rows)
        return;
    /* It was rewound meanwhile: what lies between would be passed over. */
    if (lane->sent != lane->reading_after || !durable_lane_is_wanted(durable, lane))
        return;
    if (n_rows == 0)
        pass_over(lane);
    else
        lane->batch_begin = lane->sent;
    for (size_t i = 0; i < n_rows; i++) {
        if (!send_row(durable, lane, &rows[i]))
            return;
    }
    durable_lane_flow(durable, lane);
}

void durable_lane_on_taken(void *context, const struct spool_stamp *stamp)
{
    struct durable *durable = context;
    struct lane *lane =
        durable->spool && stamp->spool == durable->spool->id ? durable_lane_find(durable, stamp->lane) : NULL;

    if (!lane || stamp->number <= lane->taken || stamp->number > lane->last)
        return;
    lane->taken = stamp->number;
    lane->moved_ms = mesh_time(durable->mesh).now_ms;
    if (lane->sent < lane->taken)
        durable_lane_rewind(lane);
    /* Without memory it goes with the next. */
    (void)durable->spool->drop(durable->spool->context, lane->id, lane->taken);
    durable_lane_flow(durable, lane);
}
