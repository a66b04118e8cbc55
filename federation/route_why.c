/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/route_why.h"

#include <errno.h>
#include <stdlib.h>

#include "federation/attributes.h"
#include "federation/crossing.h"
#include "federation/mesh_state.h"
#include "federation/origins.h"
#include "federation/route_choice.h"

#define STEP_ROUTES 32 /* some tens of microseconds */

static const char *kind_name(enum route_kind kind)
{
    static const char *const names[ROUTE_KIND_COUNT] = {
        [ROUTE_HUB] = "hub",           [ROUTE_SERVICE] = "service", [ROUTE_TOPIC] = "topic",
        [ROUTE_INTEREST] = "interest", [ROUTE_MEMBER] = "member",   [ROUTE_PROFILE] = "profile",
    };

    return names[kind];
}

static void copy_text(char out[ROUTE_REPORT_NAME_SIZE], struct bytes text)
{
    size_t len = text.len < ROUTE_REPORT_NAME_SIZE ? text.len : ROUTE_REPORT_NAME_SIZE - 1;

    if (len > 0)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
}

static void describe_hub(const struct mesh *mesh, const struct hub_id *id, struct route_hub *out_hub)
{
    const struct origin *origin = origins_find(mesh, id);
    struct bytes name = BYTES_NONE;

    hub_id_text(id, out_hub->id);
    if (hub_id_equal(id, &mesh->id))
        name = bytes_of_text(mesh->server_id);
    else if (origin && origin_is_reachable(origin))
        (void)attributes_read_hub(block_bytes(origin->hub_route->attributes), &name);
    copy_text(out_hub->name, name);
}

/* --- the list ------------------------------------------------------------------------------------------- */

static void describe_route(const struct mesh *mesh, const struct route *route, struct route_row *row)
{
    const struct candidate *best = route->best;

    *row = (struct route_row){
        .serial = route->serial,
        .kind = kind_name(route->kind),
        .is_own = !best->link,
        .cost = best->cost,
        .n_hops = path_n_hops(candidate_path(best)),
        .held_back = (uint32_t)best->held_back,
    };
    copy_text(row->channel, route->channel);
    copy_text(row->name, route->name);
    describe_hub(mesh, &route->origin->id, &row->origin);
    if (best->link)
        describe_hub(mesh, &best->link->peer, &row->via);
    for (struct list *at = route->candidates.next; at != &route->candidates; at = at->next)
        row->n_ways++;
}

static bool is_or_any(struct bytes text, const char *wanted)
{
    return !wanted || bytes_equal_text(text, wanted);
}

static bool is_origin(const struct mesh *mesh, const struct route *route, const char *wanted)
{
    struct route_hub hub;

    if (!wanted)
        return true;
    describe_hub(mesh, &route->origin->id, &hub);
    return strcmp(hub.id, wanted) == 0 || strcmp(hub.name, wanted) == 0;
}

static bool is_wanted(const struct mesh *mesh, const struct route *route, const struct route_filter *filter)
{
    return route->best && is_or_any(bytes_of_text(kind_name(route->kind)), filter->kind) &&
           is_or_any(route->channel, filter->channel) && is_or_any(route->name, filter->name) &&
           is_origin(mesh, route, filter->origin);
}

int route_why_list(const struct mesh *mesh, const struct route_filter *filter, struct route_page *page)
{
    if (!page->rows)
        page->rows = calloc(page->limit, sizeof *page->rows);
    if (!page->rows)
        return -ENOMEM;
    for (size_t i = 0; i < STEP_ROUTES; i++) {
        uint64_t serial;
        const struct route *route = roll_next(&mesh->table.all, page->after, &serial);

        page->has_more = route != NULL;
        if (!route || page->n == page->limit)
            return 0;
        page->after = serial;
        if (is_wanted(mesh, route, filter))
            describe_route(mesh, route, &page->rows[page->n++]);
    }
    return ROUTE_WHY_E_GOES_ON;
}

/* --- ways ----------------------------------------------------------------------------------------------- */

static int copy_hops(const struct mesh *mesh, const struct candidate *candidate, struct route_way *way)
{
    struct bytes path = candidate_path(candidate);

    way->hops = calloc(path_n_hops(path) + 1, sizeof *way->hops);
    if (!way->hops)
        return -ENOMEM;
    for (; way->n_hops < path_n_hops(path); way->n_hops++) {
        struct hop hop = path_at(path, way->n_hops);

        describe_hub(mesh, &hop.hub, &way->hops[way->n_hops]);
    }
    return 0;
}

static uint64_t count_outstanding(const struct origin *origin)
{
    uint64_t n = 0;

    for (const struct list *at = origin->outstanding.next; at != &origin->outstanding; at = at->next)
        n++;
    return n;
}

/* @taken: the best way of its route for what is asked about. */
static int describe_way(const struct mesh *mesh, const struct candidate *candidate,
                        const struct candidate *taken, uint32_t classes, struct route_way *way)
{
    const struct route *route = candidate->route;
    struct peering_service service;
    enum route_rung rung;

    way->is_own = !candidate->link;
    way->cost = candidate->cost;
    way->held_back = (uint32_t)candidate->held_back;
    way->is_best = candidate == taken;
    describe_hub(mesh, &route->origin->id, &way->origin);
    if (candidate->link)
        describe_hub(mesh, &candidate->link->peer, &way->via);
    if (route->kind == ROUTE_SERVICE &&
        attributes_read_service(block_bytes(route->attributes), &service) == 0) {
        way->n_providers = service.n_providers;
        way->n_outstanding = count_outstanding(route->origin);
    }
    if (!way->is_best) {
        (void)route_choice_prefers(taken, candidate, classes, &rung);
        way->reason = route_choice_rung_text(rung);
    }
    return copy_hops(mesh, candidate, way);
}

static int add_ways(const struct mesh *mesh, const struct route *route, struct route_why *why)
{
    /* Of an event the question is where calls go. */
    uint32_t classes = route->kind == ROUTE_SERVICE ? 1U << BRIDGE_CALLS : 0;
    const struct candidate *taken = route_choice_for(route, classes, BYTES_NONE);

    for (struct list *at = route->candidates.next; at != &route->candidates; at = at->next) {
        if (why->n_ways == ROUTE_WHY_MOST_WAYS) {
            why->has_more_ways = true;
            return 0;
        }
        if (describe_way(mesh, container_of(at, struct candidate, in_route), taken, classes,
                         &why->ways[why->n_ways++]) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* --- the choice between hubs ---------------------------------------------------------------------------- */

static const char *reason_of_service(const struct route_way *way, const struct origin *chosen, bool is_local)
{
    if (way->is_chosen)
        return is_local ? "a local provider is taken first" : "taken: the fewest calls for its providers";
    if (is_local)
        return "local providers come first";
    return chosen ? "another hub has fewer calls for its providers"
                  : "not offered here: it is refused by the hub";
}

/* Of the best ways to each hub one is taken, by the core's own choice. */
static void choose_service(const struct mesh *mesh, const struct route_question *question,
                           struct route_why *why)
{
    const struct origin *chosen = mesh->core.choose(mesh->core.context, bytes_of_text(question->channel),
                                                    bytes_of_text(question->event), &why->is_local);
    char id[HUB_ID_TEXT] = "";

    if (chosen)
        hub_id_text(&chosen->id, id);
    for (size_t i = 0; i < why->n_ways; i++) {
        struct route_way *way = &why->ways[i];

        if (!way->is_best)
            continue;
        way->is_chosen = why->is_local ? way->is_own : strcmp(way->origin.id, id) == 0;
        way->reason = reason_of_service(way, chosen, why->is_local);
    }
    if (why->is_local)
        why->verdict = "a call is carried out by a provider of this hub";
    else if (chosen)
        why->verdict = "a call goes to another hub";
    else
        why->verdict = "a call is answered with an error: no hub that can be reached offers the event";
}

/* A message for many goes to every hub that wants it. */
static void choose_all(struct route_why *why, const char *verdict, const char *nobody)
{
    bool is_any = false;

    for (size_t i = 0; i < why->n_ways; i++) {
        struct route_way *way = &why->ways[i];

        if (!way->is_best)
            continue;
        way->is_chosen = true;
        way->reason = "the best way to this hub";
        is_any = true;
    }
    why->verdict = is_any ? verdict : nobody;
}

static void choose(const struct mesh *mesh, const struct route_question *question, struct route_why *why)
{
    if (question->event)
        choose_service(mesh, question, why);
    else if (question->topic)
        choose_all(why, "what is published goes to each of these hubs", "no hub subscribes the topic");
    else
        choose_all(why, "a broadcast goes to each of these hubs", "no hub has the channel open");
}

/* --- links and refusals --------------------------------------------------------------------------------- */

static uint32_t classes_of(const struct route_question *question)
{
    if (question->event)
        return 1U << BRIDGE_CALLS | 1U << BRIDGE_SENDS;
    return question->topic ? 1U << BRIDGE_PUBLISHES : 1U << BRIDGE_BROADCASTS;
}

static const char *border_reason(const struct mesh_link *link, enum bridge_direction direction,
                                 uint32_t classes, struct bytes channel)
{
    struct bridge_remap_room room;
    struct bytes name;

    if (bridge_policy_is_system(channel))
        return "system channels never cross";
    if (link->policy && (link->policy->classes & classes) == 0)
        return "the bridge does not carry this class of messages";
    if (!bridge_policy_lets(link->policy, direction, classes, channel))
        return "the bridge's filter holds the channel back";
    if (!crossing_rename(link, BRIDGE_OUT, channel, &room, &name))
        return "the bridge's remap has no name for the channel on the other side";
    return NULL;
}

static void add_borders(const struct mesh *mesh, const struct route_question *question, struct route_why *why)
{
    struct bytes channel = bytes_of_text(question->channel);
    uint32_t classes = classes_of(question);

    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        const struct mesh_link *link = mesh->links[slot];
        struct route_border *border = &why->borders[why->n_borders];

        if (!link)
            continue;
        describe_hub(mesh, &link->peer, &border->peer);
        border->reason_out = border_reason(link, BRIDGE_OUT, classes, channel);
        border->reason_in = border_reason(link, BRIDGE_IN, classes, channel);
        why->n_borders++;
    }
}

static void add_refusals(const struct mesh *mesh, enum route_kind kind, const struct route_question *question,
                         struct route_why *why)
{
    const char *name = question->event ? question->event : question->topic ? question->topic : "";
    const struct refusal_record *record;

    for (uint64_t back = 0; (record = refusal_log_at(&mesh->refusals, back)); back++) {
        struct route_refusal *refusal = &why->refusals[why->n_refusals];

        if (record->kind != kind || strcmp(record->channel, question->channel) != 0 ||
            strcmp(record->name, name) != 0)
            continue;
        *refusal = (struct route_refusal){
            .at_ms = record->wall_s * 1000,
            .kind = kind_name(kind),
            .reason = mesh_refusal_name(record->refusal),
            .text = mesh_refusal_text(record->refusal),
        };
        copy_text(refusal->channel, bytes_of_text(record->channel));
        copy_text(refusal->name, bytes_of_text(record->name));
        describe_hub(mesh, &record->peer, &refusal->peer);
        describe_hub(mesh, &record->origin, &refusal->origin);
        why->n_refusals++;
    }
}

/* --- all of it ------------------------------------------------------------------------------------------ */

static size_t count_ways(const struct route *route)
{
    size_t n = 0;

    for (; route; route = route_table_next_named(route)) {
        for (struct list *at = route->candidates.next; at != &route->candidates; at = at->next)
            n++;
    }
    return n < ROUTE_WHY_MOST_WAYS ? n : ROUTE_WHY_MOST_WAYS;
}

static int fill(const struct mesh *mesh, enum route_kind kind, const struct route_question *question,
                struct route_why *why)
{
    const char *name = question->event ? question->event : question->topic ? question->topic : "";
    struct route *first =
        route_table_first_named(&mesh->table, kind, bytes_of_text(question->channel), bytes_of_text(name));

    why->ways = calloc(count_ways(first) + 1, sizeof *why->ways);
    why->borders = calloc(mesh->n_slots + 1, sizeof *why->borders);
    why->refusals = calloc(REFUSAL_LOG_PLACES + 1, sizeof *why->refusals);
    if (!why->ways || !why->borders || !why->refusals)
        return -ENOMEM;
    for (const struct route *route = first; route; route = route_table_next_named(route)) {
        if (add_ways(mesh, route, why) < 0)
            return -ENOMEM;
    }
    choose(mesh, question, why);
    add_borders(mesh, question, why);
    add_refusals(mesh, kind, question, why);
    return 0;
}

int route_why(const struct mesh *mesh, const struct route_question *question, struct route_why **out_why)
{
    struct route_why *why = calloc(1, sizeof *why);
    int r = why ? fill(mesh, question->event ? ROUTE_SERVICE : ROUTE_INTEREST, question, why) : -ENOMEM;

    if (r < 0)
        route_why_free(why);
    else
        *out_why = why;
    return r;
}

void route_why_free(struct route_why *why)
{
    if (!why)
        return;
    for (size_t i = 0; why->ways && i < why->n_ways; i++)
        free(why->ways[i].hops);
    free(why->ways);
    free(why->borders);
    free(why->refusals);
    free(why);
}
