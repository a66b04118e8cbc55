/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The news are told before the routes that change by them, so that the far side has already thrown out, or
 * marked, the ways that would otherwise look like alternatives.
 */
#include "federation/mesh_session.h"

#include "federation/hop_time.h"

bool mesh_session_is_over(const struct mesh *mesh, uint64_t session)
{
    return session_table_state(&mesh->sessions, session) == LINK_SESSION_OVER;
}

bool mesh_session_makes_stale(const struct mesh *mesh, struct bytes path, uint64_t *out_since_ms)
{
    uint64_t since_ms = UINT64_MAX;

    for (size_t i = 0; i < path_n_hops(path); i++) {
        const struct session_entry *entry = session_table_find(&mesh->sessions, path_at(path, i).session);

        if (entry && entry->state == LINK_SESSION_STALE && entry->since_ms < since_ms)
            since_ms = entry->since_ms;
    }
    if (out_since_ms)
        *out_since_ms = since_ms;
    return since_ms != UINT64_MAX;
}

static void tell(struct mesh_link *link, const struct session_entry *entry)
{
    struct link_message message = {.type = LINK_MESSAGE_SESSION};

    message.session.number = entry->session;
    message.session.cuts = entry->cuts;
    message.session.age_us = link->mesh->time.now_ms * 1000 - entry->at_us;
    message.session.state = entry->state;
    mesh_send(link, &message);
}

void mesh_session_tell_all(struct mesh_link *link)
{
    const struct session_table *table = &link->mesh->sessions;

    for (size_t row = 0; row < SESSION_TABLE_ROWS; row++) {
        for (size_t i = 0; i < SESSION_TABLE_PLACES; i++) {
            const struct session_entry *entry = &table->rows[row].places[i];

            if (entry->session != 0 && entry->state == LINK_SESSION_STALE)
                tell(link, entry);
        }
    }
}

/* --- the ways ------------------------------------------------------------------------------------------- */

struct affected {
    struct mesh *mesh;
    uint64_t session;
    uint64_t at_ms; /* when it happened */
};

static struct shared_path *path_of(struct map_node *node)
{
    return container_of(node, struct shared_path, node);
}

static void mark(struct map_node *node, void *context)
{
    const struct affected *affected = context;
    struct mesh *mesh = affected->mesh;

    if (path_has_session(node->key, affected->session))
        path_table_set_stale(&mesh->table.paths, path_of(node),
                             mesh_session_makes_stale(mesh, node->key, NULL));
}

/* While something waits to be told it waits no longer for one more cut, but for one of its own way: now all
 * who have none that is better count from this one. */
static void upset(const struct affected *affected, const struct candidate *candidate)
{
    struct route *route = candidate->route;
    bool has_lost_its_way = candidate == route->best && candidate_is_stale(candidate);

    if (!route->rest.is_held || has_lost_its_way)
        route->upset_ms = affected->at_ms;
}

static void choose_anew(struct map_node *node, void *context)
{
    const struct affected *affected = context;

    if (!path_has_session(node->key, affected->session))
        return;
    list_for_each (at, &path_of(node)->candidates) {
        struct candidate *candidate = container_of(at, struct candidate, in_path);

        upset(affected, candidate);
        mesh_route_changed(affected->mesh, candidate->route);
    }
}

static void drop(const struct affected *affected, struct candidate *candidate)
{
    struct route *route = candidate->route;

    upset(affected, candidate);
    mesh_drop_way(affected->mesh, candidate);
    mesh_route_changed(affected->mesh, route);
}

/* The path goes with the last of its ways. */
static void drop_ways(struct map_node *node, void *context)
{
    const struct affected *affected = context;
    struct list *candidates = &path_of(node)->candidates;
    bool is_last = !path_has_session(node->key, affected->session);

    while (!is_last) {
        struct candidate *candidate = list_first_entry(candidates, struct candidate, in_path);

        is_last = candidate->in_path.next == candidates;
        drop(affected, candidate);
    }
}

static void affect_ways(struct mesh *mesh, const struct session_report *report)
{
    struct affected affected = {mesh, report->session, mesh->time.now_ms - report->age_us / 1000};

    if (report->state == LINK_SESSION_OVER) {
        map_walk(&mesh->table.paths.paths, drop_ways, &affected);
        return;
    }
    /* All are marked before any choice, or a way would be taken that is marked next. */
    map_walk(&mesh->table.paths.paths, mark, &affected);
    map_walk(&mesh->table.paths.paths, choose_anew, &affected);
}

/* --- our own links -------------------------------------------------------------------------------------- */

/* The far side may know more of our own link than we do. */
static void hear_of_own(struct mesh_link *link, const struct session_report *report)
{
    if (report->state == LINK_SESSION_OVER)
        mesh_end_link(link, "ended_by_peer");
    if (report->cuts > link->cuts)
        link->cuts = report->cuts;
    link->is_stale = report->state == LINK_SESSION_STALE;
}

static void pass_on(struct mesh *mesh, const struct session_report *report, const struct mesh_link *from)
{
    const struct session_entry *entry = session_table_find(&mesh->sessions, report->session);

    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];

        if (!link || link == from)
            continue;
        if (link->session == report->session)
            hear_of_own(link, report);
        else
            tell(link, entry);
    }
    if (from && from->session == report->session)
        hear_of_own(mesh->links[from->slot], report);
}

void mesh_session_hear(struct mesh *mesh, const struct session_report *report, struct mesh_link *from)
{
    switch (session_table_hear(&mesh->sessions, report->session, report->cuts, report->state,
                               mesh->time.now_ms, mesh->time.now_ms * 1000 - report->age_us)) {
    case SESSION_NEWS_SAME:
        return;
    case SESSION_NEWS_EARLIER:
        if (from)
            tell(from, session_table_find(&mesh->sessions, report->session));
        return;
    case SESSION_NEWS_LATER:
        break;
    }
    mesh->is_reroute_due = true;
    /* Hubs that were given up are shown again before their next message comes. */
    if (report->state == LINK_SESSION_FRESH)
        mesh->look_ms = mesh->time.now_ms;
    pass_on(mesh, report, from);
    hop_time_struck(mesh, mesh->time.now_ms - report->age_us / 1000);
    affect_ways(mesh, report);
}
