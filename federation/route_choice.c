/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The ladder. The first rung on which two ways differ decides:
 *
 *   1. our own entry
 *   2. fresh beats stale: no link on the way is cut
 *   3. no bridge on the way holds a class of messages back
 *   4. the lower cost (sum of the links' costs)
 *   5. the shorter path
 *   6. the lower hub id of the next hop
 *   7. the lower session of the link, of two links to the same hub
 *
 * That is the way which is told, for one that carries everything serves everybody behind us. A message goes
 * by the best of the ways that carry it: for it the third rung is whether its own class is held back, and
 * comes before the second, since what is held back does not arrive at all.
 *
 * No message goes round for that: a hub's own way costs at most what the one costs that it has told, and each
 * link has a cost, so from hub to hub the rest of the way costs less.
 *
 * All ways of a route bear the same seq, so "newer" needs no rung: an older way is not in the table.
 * Round-trip times are no rung: they differ from run to run, and a choice that follows them swings.
 */
#include "federation/route_choice.h"

#include "federation/mesh_state.h"

static bool prefers(const struct candidate *a, const struct candidate *b, uint32_t classes,
                    enum route_rung *out_rung)
{
    int next_hop;

    *out_rung = ROUTE_RUNG_OWN;
    if (!a->link || !b->link)
        return !a->link;

    *out_rung = ROUTE_RUNG_CLASSES;
    if (route_choice_carries(a, classes) != route_choice_carries(b, classes))
        return route_choice_carries(a, classes);

    *out_rung = ROUTE_RUNG_FRESH;
    if (candidate_is_stale(a) != candidate_is_stale(b))
        return !candidate_is_stale(a);

    *out_rung = ROUTE_RUNG_CLASSES;
    if (classes == 0 && (a->held_back == 0) != (b->held_back == 0))
        return a->held_back == 0;

    *out_rung = ROUTE_RUNG_COST;
    if (a->cost != b->cost)
        return a->cost < b->cost;

    *out_rung = ROUTE_RUNG_LENGTH;
    if (candidate_path(a).len != candidate_path(b).len)
        return candidate_path(a).len < candidate_path(b).len;

    *out_rung = ROUTE_RUNG_NEXT_HOP;
    next_hop = hub_id_compare(&a->link->peer, &b->link->peer);
    if (next_hop != 0)
        return next_hop < 0;

    *out_rung = ROUTE_RUNG_LINK;
    return a->link->session < b->link->session;
}

const char *route_choice_rung_text(enum route_rung rung)
{
    switch (rung) {
    case ROUTE_RUNG_SAME:
        return "it is the same way";
    case ROUTE_RUNG_OWN:
        return "the hub's own entry comes first";
    case ROUTE_RUNG_FRESH:
        return "it leads over a link that is cut";
    case ROUTE_RUNG_CLASSES:
        return "a bridge on it holds this class of messages back";
    case ROUTE_RUNG_COST:
        return "it costs more";
    case ROUTE_RUNG_LENGTH:
        return "it costs the same and leads over more hubs";
    case ROUTE_RUNG_NEXT_HOP:
        return "it is as good, and its next hub has the higher id";
    case ROUTE_RUNG_LINK:
        return "it is as good, and its link has the higher session";
    }
    return "";
}

bool route_choice_prefers(const struct candidate *a, const struct candidate *b, uint32_t classes,
                          enum route_rung *out_rung)
{
    enum route_rung rung = ROUTE_RUNG_SAME;
    bool is_preferred = a != b && prefers(a, b, classes, &rung);

    if (out_rung)
        *out_rung = rung;
    return is_preferred;
}

struct candidate *route_choice_best(const struct route *route)
{
    return route_choice_for(route, 0, BYTES_NONE);
}

struct candidate *route_choice_for(const struct route *route, uint32_t classes, struct bytes trail)
{
    struct candidate *best = NULL;

    for (struct list *at = route->candidates.next; at != &route->candidates; at = at->next) {
        struct candidate *candidate = container_of(at, struct candidate, in_route);

        if (trail.len > 0 && candidate->link && hub_id_list_has(trail, &candidate->link->peer))
            continue;
        if (!best || route_choice_prefers(candidate, best, classes, NULL))
            best = candidate;
    }
    return best;
}
