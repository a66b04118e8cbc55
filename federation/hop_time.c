/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What is told grows soon, not while a mesh comes up that has more to tell; and shrinks late, for a link that
 * ends often comes back, and each change is an entry for every hub. The far end of a dead hub's slow link
 * tells of it for as long, so that the news of the death are still waited for as long as they take.
 */
#include "federation/hop_time.h"

#include "federation/origins.h"

#define GROW_MS 1000U
#define SHRINK_MS 10000U

/* Nobody waits for the order of what happened longer ago. */
#define MOST_AGE_US 1000000U

/* For clocks of whole milliseconds, which hubs read at different moments. */
#define CLOCK_MS 1U

static uint32_t in_bounds(uint64_t rtt_ms)
{
    if (rtt_ms < HOP_TIME_LEAST_MS)
        return HOP_TIME_LEAST_MS;
    return rtt_ms < HOP_TIME_MOST_MS ? (uint32_t)rtt_ms : HOP_TIME_MOST_MS;
}

void hop_time_measured(struct mesh_link *link, uint64_t rtt_us)
{
    if (rtt_us == link->rtt_us)
        return;
    link->rtt_us = rtt_us;
    link->mesh->hop_time.is_known = false;
}

uint64_t hop_time_age_us(const struct mesh_link *link, uint64_t told_us)
{
    return (told_us < MOST_AGE_US ? told_us : MOST_AGE_US) +
           (link->rtt_us < MOST_AGE_US ? link->rtt_us : MOST_AGE_US) / 2;
}

void hop_time_heard(struct mesh *mesh)
{
    mesh->hop_time.is_known = false;
}

static void hold_anew(struct pacer_rest *rest, void *context)
{
    mesh_mark_untold(context, container_of(rest, struct route, rest));
}

void hop_time_struck(struct mesh *mesh, uint64_t at_ms)
{
    uint64_t blow_ms = mesh->hop_time.blow_ms;

    if (at_ms > blow_ms + HOP_TIME_BLOW_MS) {
        mesh->hop_time.blow_ms = at_ms;
    } else if (at_ms < blow_ms && at_ms + HOP_TIME_BLOW_MS >= blow_ms) {
        /* The earlier news has come later: what waits has counted from the later one. */
        mesh->hop_time.blow_ms = at_ms;
        pacer_unhold_all(&mesh->pacer, hold_anew, mesh);
    }
}

uint64_t hop_time_blow_ms(const struct mesh *mesh, uint64_t at_ms)
{
    uint64_t blow_ms = mesh->hop_time.blow_ms;

    return at_ms > blow_ms && at_ms <= blow_ms + HOP_TIME_BLOW_MS ? blow_ms : at_ms;
}

static uint32_t rtt_ms_of(const struct mesh_link *link)
{
    return in_bounds((link->rtt_us + 999) / 1000);
}

static uint32_t slowest_of_ours_ms(const struct mesh *mesh)
{
    uint32_t slowest_ms = HOP_TIME_LEAST_MS;

    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        const struct mesh_link *link = mesh->links[slot];

        if (link && !link->lingers && rtt_ms_of(link) > slowest_ms)
            slowest_ms = rtt_ms_of(link);
    }
    return slowest_ms;
}

void hop_time_look(struct mesh *mesh)
{
    struct hop_time *hop_time = &mesh->hop_time;
    uint32_t told_ms = hop_time->told_ms;
    uint32_t slowest_ms = slowest_of_ours_ms(mesh);

    if (slowest_ms == told_ms)
        hop_time->true_ms = mesh->time.now_ms;
    if (mesh->time.now_ms - hop_time->true_ms < (slowest_ms > told_ms ? GROW_MS : SHRINK_MS))
        return;
    hop_time->told_ms = slowest_ms;
    hop_time->true_ms = mesh->time.now_ms;
    hop_time->is_known = false;
    if (mesh_local_hub(mesh) < 0)
        hop_time->told_ms = told_ms;
}

static void compare(struct map_node *node, void *context)
{
    const struct origin *origin = container_of(node, struct origin, node);
    uint32_t *slowest_ms = context;

    if (origin != origin->mesh->self && origin_is_reachable(origin) &&
        in_bounds(origin->rtt_ms) > *slowest_ms)
        *slowest_ms = in_bounds(origin->rtt_ms);
}

uint32_t hop_time_ms(struct mesh *mesh)
{
    struct hop_time *hop_time = &mesh->hop_time;

    if (!hop_time->is_known) {
        hop_time->slowest_ms = slowest_of_ours_ms(mesh);
        if (hop_time->told_ms > hop_time->slowest_ms)
            hop_time->slowest_ms = hop_time->told_ms;
        map_walk(&mesh->origins, compare, &hop_time->slowest_ms);
        hop_time->is_known = true;
    }
    return (hop_time->slowest_ms + 1) / 2 + CLOCK_MS;
}
