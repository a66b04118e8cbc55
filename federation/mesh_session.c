/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The news are told before the routes that change by them, so that the far side has already thrown out, or
 * marked, the ways that would otherwise look like alternatives.
 */
#include "federation/mesh_session.h"

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
    enum link_session_state state;
};

static bool drop(const struct affected *affected, struct candidate *candidate)
{
    if (candidate->link)
        candidate->link->n_candidates--;
    route_table_drop(&affected->mesh->table, candidate);
    return true;
}

static bool mark(const struct affected *affected, struct candidate *candidate)
{
    bool is_stale = affected->state == LINK_SESSION_STALE ||
                    mesh_session_makes_stale(affected->mesh, candidate_path(candidate), NULL);
    bool has_changed = candidate->is_stale != is_stale;

    candidate->is_stale = is_stale;
    return has_changed;
}

static void affect_route(struct map_node *node, void *context)
{
    const struct affected *affected = context;
    struct route *route = container_of(node, struct route, by_key);
    bool has_changed = false;

    list_for_each (at, &route->candidates) {
        struct candidate *candidate = container_of(at, struct candidate, in_route);

        if (path_has_session(candidate_path(candidate), affected->session))
            has_changed |=
                affected->state == LINK_SESSION_OVER ? drop(affected, candidate) : mark(affected, candidate);
    }
    if (has_changed)
        mesh_route_changed(affected->mesh, route);
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
    struct affected affected = {mesh, report->session, report->state};

    switch (session_table_hear(&mesh->sessions, report->session, report->cuts, report->state,
                               mesh->time.now_ms)) {
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
    pass_on(mesh, report, from);
    map_walk(&mesh->table.by_key, affect_route, &affected);
}
