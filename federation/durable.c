/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A message of a durable topic takes one road, whether the link is up or not: onto the disk, from there to
 * the far hub, and off the disk when that has said that it was delivered. So there is no moment at which a
 * message changes from one road to the other and could be lost, doubled or overtaken, and killing either hub
 * at any moment leaves it on the disk. The price is the time of a commit for each message (shared by all that
 * come meanwhile); it is paid for topics that an operator has named, and only toward the far hub of the
 * bridge.
 *
 * The far hub is the one that was last found at the bridge's far end. Hubs behind it get their copies as
 * always, and so does it before it was ever found. Calls never wait here.
 */
#include "federation/durable.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "federation/durable_lane.h"
#include "federation/relay.h"
#include "hub/base/metrics.h"

#define STALL_MS 3000U
#define EXPIRE_EVERY_MS 10000U

/* --- finding -------------------------------------------------------------------------------------------- */

static struct depot *depot_named(const struct durable *durable, const char *name)
{
    for (struct list *at = durable->depots.next; at != &durable->depots; at = at->next) {
        struct depot *depot = container_of(at, struct depot, in_durable);

        if (strcmp(depot->name, name) == 0)
            return depot;
    }
    return NULL;
}

static struct depot *depot_get(struct durable *durable, const char *name)
{
    struct depot *depot = depot_named(durable, name);

    if (depot || !(depot = calloc(1, sizeof *depot)))
        return depot;
    depot->name = strdup(name);
    if (!depot->name) {
        free(depot);
        return NULL;
    }
    list_init(&depot->lanes);
    map_init(&depot->lanes_by_topic);
    list_append(&durable->depots, &depot->in_durable);
    return depot;
}

static void depot_free(struct durable *durable, struct depot *depot)
{
    while (!list_is_empty(&depot->lanes))
        durable_lane_free(durable, list_first_entry(&depot->lanes, struct lane, in_depot));
    map_clear(&depot->lanes_by_topic);
    list_unlink(&depot->in_durable);
    free(depot->name);
    free(depot);
}

/* --- storing -------------------------------------------------------------------------------------------- */

static void warn_of_bound(struct durable *durable, struct depot *depot)
{
    char text[512];

    if (depot->has_told_bound)
        return;
    depot->has_told_bound = true;
    snprintf(text, sizeof text,
             "bridge %.255s: %llu bytes of durable topics wait, which is all they may (durable.max_bytes)",
             depot->name, (unsigned long long)depot->status.n_bytes);
    durable->warn(durable->warn_context, "spool_full", text);
}

static bool is_full_for(const struct depot *depot, size_t n_bytes)
{
    return depot->status.n_bytes + n_bytes > depot->bridge->policy->durable_bytes;
}

/* Makes room as the bridge's policy says; false: there is none. */
static bool make_room(struct durable *durable, struct depot *depot, size_t n_bytes)
{
    const struct bridge_policy *policy = depot->bridge->policy;
    uint64_t rest = depot->status.n_bytes + n_bytes;

    if (!is_full_for(depot, n_bytes))
        return true;
    warn_of_bound(durable, depot);
    if (policy->at_bound != BRIDGE_AT_BOUND_DROP_OLDEST || n_bytes > policy->durable_bytes)
        return false;
    if (rest <= policy->durable_bytes + depot->evicting_bytes)
        return true;
    rest -= policy->durable_bytes + depot->evicting_bytes;
    if (durable->spool->evict(durable->spool->context, depot->name, rest) < 0)
        return false;
    depot->evicting_bytes += rest;
    return true;
}

static int store(struct durable *durable, struct lane *lane, struct bytes body)
{
    const struct spool *spool = durable->spool;
    struct spool_lane opened = {
        .id = lane->id,
        .bridge = lane->depot->name,
        .channel = durable_lane_channel(lane),
        .topic = durable_lane_topic(lane),
    };

    if (!lane->is_open && spool->open(spool->context, &opened) < 0)
        return -ENOMEM;
    lane->is_open = true;
    return spool->put(spool->context, lane->id, lane->last + 1, mesh_time(durable->mesh).wall_s, body);
}

static void keep_for(struct durable *durable, struct depot *depot, struct bytes channel, struct bytes topic,
                     struct bytes body)
{
    struct lane *lane = NULL;

    if (make_room(durable, depot, body.len))
        lane = durable_lane_get(durable, depot, channel, topic);
    if (!lane || store(durable, lane, body) < 0) {
        depot->status.n_turned_away++;
        return;
    }
    lane->last++;
    depot->status.n_messages++;
    depot->status.n_bytes += body.len;
    depot->status.n_stored++;
}

/* Whether the bridge's spool is the road of this topic to its far hub. */
static bool is_road(const struct depot *depot, struct bytes channel, struct bytes topic)
{
    const struct bridge_policy *policy = depot->bridge ? depot->bridge->policy : NULL;

    return policy && depot->is_known && bridge_policy_is_durable(policy, topic) &&
           bridge_policy_lets(policy, BRIDGE_OUT, 1U << BRIDGE_PUBLISHES, channel);
}

/* The first bridge that is a road to its hub; of two bridges to one hub, one carries. */
static struct depot *road_to(const struct durable *durable, const struct hub_id *hub, struct bytes channel,
                             struct bytes topic)
{
    for (struct list *at = durable->depots.next; at != &durable->depots; at = at->next) {
        struct depot *depot = container_of(at, struct depot, in_durable);

        if (is_road(depot, channel, topic) && hub_id_equal(&depot->far, hub))
            return depot;
    }
    return NULL;
}

static void keep(void *context, struct bytes channel, struct bytes topic, struct bytes body)
{
    struct durable *durable = context;

    list_for_each (at, &durable->depots) {
        struct depot *depot = container_of(at, struct depot, in_durable);

        if (is_road(depot, channel, topic) && road_to(durable, &depot->far, channel, topic) == depot)
            keep_for(durable, depot, channel, topic, body);
    }
}

static bool keeps_for(void *context, const struct hub_id *hub, struct bytes channel, struct bytes topic)
{
    return road_to(context, hub, channel, topic) != NULL;
}

static bool refuses(void *context, struct bytes channel, struct bytes topic, size_t n_bytes)
{
    const struct durable *durable = context;

    for (struct list *at = durable->depots.next; at != &durable->depots; at = at->next) {
        const struct depot *depot = container_of(at, struct depot, in_durable);

        if (is_road(depot, channel, topic) && depot->bridge->policy->at_bound == BRIDGE_AT_BOUND_REFUSE &&
            is_full_for(depot, n_bytes)) {
            return true;
        }
    }
    return false;
}

/* --- what the spool tells ------------------------------------------------------------------------------- */

static void forget_bytes(struct depot *depot, uint64_t n_messages, uint64_t n_bytes)
{
    struct durable_status *status = &depot->status;

    status->n_messages -= n_messages < status->n_messages ? n_messages : status->n_messages;
    status->n_bytes -= n_bytes < status->n_bytes ? n_bytes : status->n_bytes;
    if (depot->bridge && status->n_bytes < depot->bridge->policy->durable_bytes / 2)
        depot->has_told_bound = false;
}

static void on_delivered(void *context, uint64_t id, uint64_t n_messages, uint64_t n_bytes)
{
    struct lane *lane = durable_lane_find(context, id);

    if (!lane)
        return;
    forget_bytes(lane->depot, n_messages, n_bytes);
    lane->depot->status.n_delivered += n_messages;
}

static void on_lost(void *context, const char *bridge, const struct spool_loss *loss)
{
    struct depot *depot = depot_named(context, bridge);

    if (!depot)
        return;
    forget_bytes(depot, loss->n_messages, loss->n_bytes);
    depot->evicting_bytes -=
        loss->asked_bytes < depot->evicting_bytes ? loss->asked_bytes : depot->evicting_bytes;
    if (loss->is_by_age)
        depot->status.n_expired += loss->n_messages;
    else
        depot->status.n_evicted += loss->n_messages;
}

static void on_marked(void *context, const struct spool_mark *mark)
{
    struct durable *durable = context;

    durable_marks_written(&durable->marks, mark);
}

static void on_fault(void *context, const char *why)
{
    struct durable *durable = context;
    char text[640];

    snprintf(text, sizeof text, "the spool of durable topics: %.500s", why);
    durable->warn(durable->warn_context, "spool_fault", text);
}

static void on_put_failed(void *context, uint64_t id, size_t n_bytes)
{
    struct lane *lane = durable_lane_find(context, id);

    if (!lane)
        return;
    lane->is_open = false;
    forget_bytes(lane->depot, 1, n_bytes);
    lane->depot->status.n_stored--;
    lane->depot->status.n_turned_away++;
}

static const struct spool_listener listener = {
    .on_stored = durable_lane_on_stored,
    .on_read = durable_lane_on_read,
    .on_delivered = on_delivered,
    .on_lost = on_lost,
    .on_marked = on_marked,
    .on_fault = on_fault,
    .on_put_failed = on_put_failed,
};

/* --- the mesh's side ------------------------------------------------------------------------------------ */

static bool take_message(void *context, const struct hub_id *hub, const struct spool_stamp *stamp)
{
    struct durable *durable = context;

    return durable_marks_take(&durable->marks, hub, stamp);
}

static void tell_taken(void *context, const struct hub_id *hub, const struct spool_stamp *taken)
{
    struct durable *durable = context;

    relay_taken(durable->mesh, hub, taken);
}

/* --- making and unmaking -------------------------------------------------------------------------------- */

static int restore_bridge(const char *bridge, const uint8_t *hub_id, void *to)
{
    struct depot *depot = depot_get(to, bridge);

    if (!depot)
        return -ENOMEM;
    memcpy(depot->far.octets, hub_id, sizeof depot->far.octets);
    depot->is_known = true;
    return 0;
}

static int restore_lane(const struct spool_lane *known, void *to)
{
    struct depot *depot = depot_get(to, known->bridge);
    struct lane *lane = depot ? durable_lane_new(to, depot, known->id, known->channel, known->topic) : NULL;

    if (!lane)
        return -ENOMEM;
    lane->is_open = true;
    lane->last = known->last_number;
    lane->stored = known->last_number;
    lane->taken = known->n_messages > 0 ? 0 : known->last_number;
    durable_lane_rewind(lane);
    depot->status.n_messages += known->n_messages;
    depot->status.n_bytes += known->n_bytes;
    return 0;
}

static int restore_mark(const struct spool_mark *mark, void *to)
{
    struct durable *durable = to;

    return durable_marks_add(&durable->marks, mark);
}

static int restore(struct durable *durable)
{
    const struct spool *spool = durable->spool;
    int r;

    if (!spool)
        return 0;
    r = spool->each_bridge(spool->context, restore_bridge, durable);
    if (r == 0)
        r = spool->each_lane(spool->context, restore_lane, durable);
    if (r == 0)
        r = spool->each_mark(spool->context, restore_mark, durable);
    if (r == 0)
        spool->listen(spool->context, &listener, durable);
    return r;
}

int durable_new(struct durable **out_durable, struct mesh *mesh, const struct spool *spool,
                void (*warn)(void *context, const char *event, const char *text), void *warn_context)
{
    struct durable *durable = calloc(1, sizeof *durable);
    int r;

    if (!durable)
        return -ENOMEM;
    *durable = (struct durable){.mesh = mesh, .spool = spool, .warn = warn, .warn_context = warn_context};
    list_init(&durable->depots);
    map_init(&durable->lanes);
    durable_marks_init(&durable->marks, spool);
    durable->marks.tell = tell_taken;
    durable->marks.context = durable;
    r = restore(durable);
    if (r < 0) {
        durable_free(durable);
        return r;
    }
    mesh_set_durable(mesh, &(struct mesh_durable){spool ? keep : NULL, spool ? refuses : NULL, keeps_for,
                                                  take_message, durable_lane_on_taken, durable});
    *out_durable = durable;
    return 0;
}

void durable_free(struct durable *durable)
{
    if (!durable)
        return;
    mesh_set_durable(durable->mesh, &(struct mesh_durable){0});
    if (durable->spool)
        durable->spool->listen(durable->spool->context, NULL, NULL);
    while (!list_is_empty(&durable->depots))
        depot_free(durable, list_first_entry(&durable->depots, struct depot, in_durable));
    durable_marks_clear(&durable->marks);
    map_clear(&durable->lanes);
    buffer_clear(&durable->name);
    free(durable);
}

int durable_bridge(struct durable *durable, const struct bridge *bridge)
{
    struct depot *depot;

    if (!durable->spool || (bridge->policy->durable.n_allow == 0 && !depot_named(durable, bridge->name)))
        return 0;
    depot = depot_get(durable, bridge->name);
    if (!depot)
        return -ENOMEM;
    depot->bridge = bridge;
    return 0;
}

void durable_bridge_gone(struct durable *durable, const struct bridge *bridge)
{
    struct depot *depot = depot_named(durable, bridge->name);

    if (depot && depot->bridge == bridge)
        depot->bridge = NULL;
}

void durable_bridge_removed(struct durable *durable, const char *bridge)
{
    struct depot *depot = depot_named(durable, bridge);

    if (!depot)
        return;
    if (durable->spool->forget(durable->spool->context, bridge) < 0)
        metrics_count(METRICS_OUT_OF_MEMORY);
    depot_free(durable, depot);
}

void durable_bridge_leads_to(struct durable *durable, const struct bridge *bridge, const struct hub_id *hub)
{
    struct depot *depot = depot_named(durable, bridge->name);

    if (!depot || (depot->is_known && hub_id_equal(&depot->far, hub)))
        return;
    depot->far = *hub;
    depot->is_known = true;
    if (durable->spool->know(durable->spool->context, bridge->name, hub->octets) < 0)
        metrics_count(METRICS_OUT_OF_MEMORY);
    list_for_each (at, &depot->lanes)
        durable_lane_rewind(container_of(at, struct lane, in_depot));
}

/* --- time ----------------------------------------------------------------------------------------------- */

static void expire(struct durable *durable, const struct depot *depot, struct hub_time time)
{
    uint64_t age_s = depot->bridge ? depot->bridge->policy->durable_age_s : 0;

    if (depot->bridge && depot->status.n_messages > 0 && time.wall_s > age_s)
        (void)durable->spool->expire(durable->spool->context, depot->name, time.wall_s - age_s);
}

void durable_tick(struct durable *durable, struct hub_time time)
{
    bool is_expiring = durable->spool && time.now_ms >= durable->expire_ms;

    list_for_each (at, &durable->depots) {
        struct depot *depot = container_of(at, struct depot, in_durable);

        if (is_expiring)
            expire(durable, depot, time);
        list_for_each (lane_at, &depot->lanes) {
            struct lane *lane = container_of(lane_at, struct lane, in_depot);
            bool has_stalled = lane->sent > lane->taken && time.now_ms - lane->moved_ms > STALL_MS;

            if (has_stalled || !durable_lane_is_wanted(durable, lane)) {
                durable_lane_rewind(lane);
                lane->moved_ms = time.now_ms;
            }
            durable_lane_flow(durable, lane);
        }
    }
    if (is_expiring)
        durable->expire_ms = time.now_ms + EXPIRE_EVERY_MS;
}

struct durable_status durable_status(const struct durable *durable, const char *bridge)
{
    struct depot *depot = depot_named(durable, bridge);

    return depot ? depot->status : (struct durable_status){0};
}
