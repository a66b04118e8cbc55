/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/intake.h"

#include <errno.h>

#include "federation/attributes.h"
#include "federation/crossing.h"
#include "federation/guards.h"
#include "federation/mesh_session.h"
#include "federation/origins.h"

static struct route_key key_of(const struct link_entry *entry)
{
    return (struct route_key){
        .kind = (enum route_kind)entry->kind,
        .channel = entry->channel,
        .name = entry->name,
        .origin = entry->origin,
    };
}

static struct route_seq seq_of(const struct link_entry *entry)
{
    return (struct route_seq){.incarnation = entry->incarnation, .counter = entry->counter};
}

/* What the kinds promise about channel and name. */
static bool is_sound(const struct link_entry *entry)
{
    if (!route_kind_has_channel((enum route_kind)entry->kind))
        return entry->channel.len == 0 && entry->name.len == 0;
    return entry->channel.len > 0 && (entry->name.len > 0 || entry->kind == ROUTE_INTEREST);
}

/* A path begins at the origin and ends with the hub and the session that told us. */
static bool has_sound_path(const struct mesh_link *link, const struct link_entry *entry)
{
    size_t n_hops = path_n_hops(entry->path);
    struct hop first;
    struct hop last;

    if (n_hops == 0)
        return false;
    first = path_at(entry->path, 0);
    last = path_at(entry->path, n_hops - 1);
    return hub_id_equal(&first.hub, &entry->origin) && hub_id_equal(&last.hub, &link->peer) &&
           last.session == link->session;
}

static bool has_dead_session(const struct mesh *mesh, struct bytes path)
{
    for (size_t i = 0; i < path_n_hops(path); i++) {
        if (mesh_session_is_over(mesh, path_at(path, i).session))
            return true;
    }
    return false;
}

/*
 * Two hubs with one id: their entries would be taken for one another's. Nobody tells a hub of itself, so it
 * is their neighbours that notice: word of one run comes from elsewhere while there is a link to another. If
 * the distant one is of a higher incarnation, the near one may just not know yet that it has ended; if it
 * lives, it is refused when it calls again, for the other one is known then. Of the same incarnation, one is
 * a copy: both sides of the link say so.
 */
static void watch_neighbours(struct mesh *mesh, const struct link_entry *entry)
{
    uint64_t run = entry->kind == ROUTE_HUB ? attributes_read_run(entry->raw_attributes) : 0;

    for (unsigned slot = 0; run != 0 && slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];

        if (!link || link->peer_run == 0 || link->peer_run == run ||
            !hub_id_equal(&link->peer, &entry->origin) || entry->incarnation < link->peer_incarnation)
            continue;
        mesh_end_link(link, entry->incarnation > link->peer_incarnation ? "peer_restarted"
                                                                        : MESH_END_DUPLICATE_HUB_ID);
    }
}

/* Our own id on an entry that we have not written yet: the same, seen by ourselves. */
static void watch_for_conflict(struct mesh *mesh, const struct link_entry *entry)
{
    struct route_seq ours = {.incarnation = mesh->incarnation, .counter = mesh->counter};

    if (mesh->has_told_conflict || !hub_id_equal(&entry->origin, &mesh->id) ||
        route_table_compare_seq(seq_of(entry), ours) <= 0)
        return;
    mesh->has_told_conflict = true;
    mesh->outlet.warn(mesh->outlet.context, MESH_END_DUPLICATE_HUB_ID,
                      "another hub in the mesh bears the hub id of this one: one runs on a copy of the "
                      "other's data directory; give it a new one");
}

/* What the route's origin calls its channel is not what the entry says. */
static bool names_another(const struct link_entry *entry, const struct route *route)
{
    return route && !bytes_equal(entry->first_channel, route_table_first_channel(route));
}

/* The route is known by another way, by which its channel was given another name: the remaps of two bridges
 * make a circle, and one name here would mean two channels there. Not by a stale way: its session may be over
 * because a bridge on it has got other rules, by which the entry has come. */
static bool has_other_name(const struct link_entry *entry, const struct route *route,
                           const struct candidate *previous)
{
    if (!names_another(entry, route))
        return false;
    for (struct list *at = route->candidates.next; at != &route->candidates; at = at->next) {
        const struct candidate *candidate = container_of(at, struct candidate, in_route);

        if (candidate != previous && !candidate_is_stale(candidate))
            return true;
    }
    return false;
}

/* Of two channels that are given one name here, the nearer one has it, so that it is not a matter of who
 * came first. */
static bool is_nearer(const struct mesh_link *link, const struct link_entry *entry,
                      const struct candidate *best)
{
    uint64_t cost = entry->cost + link->cost;

    if (!best || cost != best->cost)
        return !best || cost < best->cost;
    return entry->path.len < candidate_path(best).len;
}

static uint32_t most_entries(const struct mesh_link *link)
{
    uint32_t limit = link->policy ? link->policy->limits.entries : 0;

    return limit > 0 ? limit : BRIDGE_DEFAULT_ENTRIES;
}

/* The reason to refuse it, or MESH_REFUSAL_COUNT. */
static enum mesh_refusal judge(const struct mesh_link *link, const struct link_entry *entry,
                               const struct route *route, const struct candidate *previous)
{
    struct mesh *mesh = link->mesh;
    const struct origin *origin = route ? route->origin : origins_find(mesh, &entry->origin);
    /* Then it is sound, for other ways lead over it; and those over a session that is over are dropped. */
    bool is_known = path_table_find(&mesh->table.paths, entry->path);

    if (!is_known && path_has_hub(entry->path, &mesh->id))
        return MESH_REFUSED_LOOP;
    if (!is_known && path_n_hops(entry->path) > PATH_MAX_HOPS)
        return MESH_REFUSED_TOO_LONG;
    if (!crossing_lets_take(link, (enum route_kind)entry->kind, entry->channel, entry->name,
                            entry->held_back))
        return MESH_REFUSED_FILTERED;
    if (has_other_name(entry, route, previous) && !is_nearer(link, entry, route->best))
        return MESH_REFUSED_RENAMED;
    if (!is_known && has_dead_session(mesh, entry->path))
        return MESH_REFUSED_DEAD_SESSION;
    if (origin && entry->incarnation < origin->incarnation)
        return MESH_REFUSED_OLD;
    /* Two channels of the origin: it numbers each by itself. */
    if (route && !names_another(entry, route)) {
        int age = route_table_compare_seq(seq_of(entry), route->seq);

        if (age < 0 || (age == 0 && route->is_dead))
            return MESH_REFUSED_OLD;
    }
    if (!previous && link->n_candidates >= most_entries(link))
        return MESH_REFUSED_OVER_LIMIT;
    return MESH_REFUSAL_COUNT;
}

static void warn_of_refusal(struct mesh_link *link, enum mesh_refusal refusal)
{
    if (refusal == MESH_REFUSED_OVER_LIMIT && !link->has_told_limit) {
        link->has_told_limit = true;
        mesh_warn_of_link(link, "over_limit",
                          "it brings more entries than limits.entries lets in: what is over the limit is not "
                          "reachable by it");
    } else if (refusal == MESH_REFUSED_RENAMED && !link->has_told_renamed) {
        link->has_told_renamed = true;
        mesh_warn_of_link(link, "remap_conflict",
                          "it gives a channel of another hub a name that has come by another way for another "
                          "channel: the remaps of two bridges make a circle, and the farther one is refused");
    }
}

/* Old news comes with every change and explains nothing. */
static bool is_worth_keeping(enum mesh_refusal refusal)
{
    return refusal != MESH_REFUSED_OLD && refusal != MESH_REFUSED_DEAD_SESSION;
}

static void keep_refusal(const struct mesh_link *link, const struct link_entry *entry,
                         enum mesh_refusal refusal)
{
    struct refusal_record record = {
        .wall_s = link->mesh->time.wall_s,
        .refusal = refusal,
        .kind = entry->kind,
        .peer = link->peer,
        .origin = entry->origin,
    };

    if (entry->channel.len > 0)
        memcpy(record.channel, entry->channel.ptr, entry->channel.len);
    if (entry->name.len > 0)
        memcpy(record.name, entry->name.ptr, entry->name.len);
    refusal_log_add(&link->mesh->refusals, &record);
}

static void refuse(struct mesh_link *link, const struct link_entry *entry, enum mesh_refusal refusal)
{
    mesh_refuse(link->mesh, refusal);
    warn_of_refusal(link, refusal);
    if (is_worth_keeping(refusal))
        keep_refusal(link, entry, refusal);
}

/* Said once, and again after there were markedly fewer. */
static void watch_limit(struct mesh_link *link)
{
    uint64_t most = most_entries(link);

    if (link->n_candidates * 10 < most * 7)
        link->has_told_nearly_full = false;
    if (link->has_told_nearly_full || link->n_candidates * 10 < most * 8)
        return;
    link->has_told_nearly_full = true;
    mesh_warn_of_link(link, "nearly_over_limit",
                      "it brings four fifths of the entries that limits.entries lets in");
}

static void drop(struct mesh_link *link, struct candidate *candidate)
{
    struct route *route = candidate->route;

    mesh_drop_way(link->mesh, candidate);
    mesh_route_changed(link->mesh, route);
}

/* The other links' ways that a newer entry drops must be counted off there. */
static void drop_ways(struct mesh *mesh, struct route *route)
{
    while (!list_is_empty(&route->candidates))
        mesh_drop_way(mesh, list_first_entry(&route->candidates, struct candidate, in_route));
}

void intake_renew(struct mesh *mesh, struct origin *origin, uint64_t incarnation)
{
    bool was_known = origin->incarnation != 0;

    origin->incarnation = incarnation;
    if (!was_known)
        return;
    list_for_each (at, &origin->routes) {
        struct route *route = container_of(at, struct route, in_origin);

        if (route->seq.incarnation >= incarnation)
            continue;
        drop_ways(mesh, route);
        mesh_route_changed(mesh, route);
    }
    if (origin->peer) {
        origin->wants_end = true;
        origin->end_reason = END_HUB_UNREACHABLE;
        if (list_is_empty(&origin->unsettled))
            list_append(&mesh->unsettled, &origin->unsettled);
    }
}

/* Of the ways over one path the first one is looked at; then whoever hears of cuts marks the path. */
static void look_at_path(struct mesh *mesh, const struct candidate *candidate)
{
    struct shared_path *path = candidate->path;

    if (path->candidates.next->next == &path->candidates)
        path_table_set_stale(&mesh->table.paths, path,
                             mesh_session_makes_stale(mesh, candidate_path(candidate), NULL));
}

/* The way is the link's, and by the entry of that digest. */
static void sign(struct mesh_link *link, struct candidate *candidate, uint64_t digest)
{
    candidate->digest = digest;
    link->digests.ways += digest;
    link->digests.absent -= digest;
    link->n_candidates++;
}

/* Puts the way in the place of the link's earlier one. */
static int put(struct mesh_link *link, struct route *route, const struct link_entry *entry, uint64_t digest)
{
    struct candidate *previous = route_table_candidate_of(route, link);
    bool had_one = previous != NULL;
    uint64_t replaced = had_one ? previous->digest : 0;
    struct candidate *candidate;
    int r = route_table_put(&link->mesh->table, route, link, &link->candidates, seq_of(entry), entry->path,
                            entry->cost + link->cost, entry->raw_attributes);

    if (r < 0)
        return r;
    link->n_candidates -= had_one;
    link->digests.absent += replaced;
    candidate = route_table_candidate_of(route, link);
    candidate->held_back = crossing_held_back(link, route->kind, entry->held_back) & UINT8_MAX;
    route->has_held_back |= candidate->held_back != 0;
    sign(link, candidate, digest);
    look_at_path(link->mesh, candidate);
    return 0;
}

/* The entry's route, made where @known is NULL; refused where there is no room for its hub. 0 (@out_route may
 * be NULL: it is refused) or -ENOMEM. */
static int route_for(struct mesh_link *link, const struct link_entry *entry, struct route *known,
                     struct route **out_route)
{
    struct mesh *mesh = link->mesh;
    struct route_key key = key_of(entry);
    struct origin *origin = known ? known->origin : NULL;
    int r = origin ? 0 : origins_get(mesh, &entry->origin, &origin);

    *out_route = NULL;
    if (r == ORIGINS_E_FULL) {
        refuse(link, entry, MESH_REFUSED_OVER_LIMIT);
        return 0;
    }
    if (r < 0)
        return r;
    if (entry->incarnation > origin->incarnation)
        intake_renew(mesh, origin, entry->incarnation);
    *out_route = known ? known : route_table_get(&mesh->table, &key, origin, &origin->routes);
    return *out_route ? 0 : -ENOMEM;
}

static int take_in(struct mesh_link *link, const struct link_entry *entry, struct route *known,
                   uint64_t digest)
{
    struct mesh *mesh = link->mesh;
    struct route *route;
    bool is_intact;
    int r = route_for(link, entry, known, &route);

    if (!route)
        return r;
    if (names_another(entry, route)) {
        if (has_other_name(entry, route, route_table_candidate_of(route, link)))
            refuse(link, entry, MESH_REFUSED_RENAMED);
        drop_ways(mesh, route);
        route_table_take_word(route, (struct route_seq){0});
    }
    if (route_table_set_first_channel(route, entry->first_channel) < 0)
        return -ENOMEM;
    if (route->kind == ROUTE_HUB)
        route->origin->hub_route = route;
    is_intact = route->best && !candidate_is_stale(route->best) && !route->is_broken;
    if (route_table_compare_seq(seq_of(entry), route->seq) > 0)
        drop_ways(mesh, route);
    r = put(link, route, entry, digest);
    if (r == 0 && route->kind == ROUTE_HUB)
        route->origin->rtt_ms = attributes_read_rtt(block_bytes(route->attributes));
    watch_limit(link);
    mesh_route_changed(mesh, route);
    /* One word in the place of another is not a way that is lost. */
    if (r == 0 && is_intact)
        route->is_broken = false;
    return r;
}

static int take_set(struct mesh_link *link, const struct link_entry *entry, uint64_t digest)
{
    struct mesh *mesh = link->mesh;
    struct route_key key = key_of(entry);
    struct route *route = route_table_find_in_row(&mesh->table, &key);
    struct candidate *previous = route ? route_table_candidate_of(route, link) : NULL;
    enum mesh_refusal refusal;

    if (!has_sound_path(link, entry))
        return MESH_E_BAD_MESSAGE;
    watch_for_conflict(mesh, entry);
    watch_neighbours(mesh, entry);
    refusal = judge(link, entry, route, previous);
    if (refusal == MESH_REFUSAL_COUNT && previous && previous->digest == digest) {
        previous->is_doubtful = false;
        return 0;
    }
    if (refusal == MESH_REFUSAL_COUNT)
        return take_in(link, entry, route, digest);
    refuse(link, entry, refusal);
    if (previous)
        drop(link, previous);
    return 0;
}

static void take_lost(struct mesh_link *link, const struct link_entry *entry)
{
    struct route_key key = key_of(entry);
    struct route *route = route_table_find_in_row(&link->mesh->table, &key);
    struct candidate *previous = route ? route_table_candidate_of(route, link) : NULL;

    if (previous)
        drop(link, previous);
}

static void take_dead(struct mesh_link *link, const struct link_entry *entry)
{
    struct mesh *mesh = link->mesh;
    struct route_key key = key_of(entry);
    struct route *route = route_table_find_in_row(&mesh->table, &key);

    if (!route)
        return;
    if (names_another(entry, route) && !list_is_empty(&route->candidates)) {
        if (has_other_name(entry, route, NULL))
            refuse(link, entry, MESH_REFUSED_RENAMED);
        return;
    }
    if (route_table_compare_seq(seq_of(entry), route->seq) <= 0) {
        mesh_refuse(mesh, MESH_REFUSED_OLD);
        return;
    }
    drop_ways(mesh, route);
    route_table_bury(&mesh->table, route, seq_of(entry), mesh->time.now_ms);
    mesh_route_changed(mesh, route);
}

static int take_named(struct mesh_link *link, const struct link_entry *entry, uint64_t digest)
{
    /* Not even a withdrawal is taken from a hub that may not know of the channel. */
    if (route_kind_has_channel((enum route_kind)entry->kind) && !guards_let(link, entry->channel)) {
        mesh_refuse(link->mesh, MESH_REFUSED_UNPROVEN);
        guards_refused(link, entry->channel);
        return 0;
    }
    switch (entry->change) {
    case LINK_ENTRY_SET:
        return take_set(link, entry, digest);
    case LINK_ENTRY_LOST:
        take_lost(link, entry);
        return 0;
    case LINK_ENTRY_DEAD:
        take_dead(link, entry);
        return 0;
    }
    return MESH_E_BAD_MESSAGE;
}

static int take_entry(struct mesh_link *link, const struct link_entry *told, uint64_t digest)
{
    struct link_entry entry = *told;
    struct bridge_remap_room room;

    if (entry.kind >= ROUTE_KIND_COUNT) {
        mesh_refuse(link->mesh, MESH_REFUSED_UNKNOWN_KIND);
        return 0;
    }
    if (!is_sound(&entry))
        return MESH_E_BAD_MESSAGE;
    if (entry.first_channel.len == 0)
        entry.first_channel = entry.channel;
    if (!crossing_rename(link, BRIDGE_IN, entry.channel, &room, &entry.channel)) {
        mesh_refuse(link->mesh, MESH_REFUSED_RENAMED);
        return 0;
    }
    return take_named(link, &entry, digest);
}

int intake_entries(struct mesh_link *link, uint32_t n_entries, struct bytes raw)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);
    struct link_entry entry = {0};
    struct digest_row row = {0};
    uint64_t told = 0;

    for (uint32_t i = 0; i < n_entries; i++) {
        uint64_t digest;
        int r;

        if (link_wire_next_entry(&reader, &entry) != 0)
            return MESH_E_BAD_MESSAGE;
        link->mesh->counts.entries_in++;
        digest = digest_of_next(&row, &entry);
        told += digest - entry.replaced;
        r = take_entry(link, &entry, digest);
        if (r != 0)
            return r;
    }
    /* Not before the end, for a message that is too much for the memory comes again from its beginning. */
    link->digests.absent += told;
    return msgpack_reader_is_at_end(&reader) ? 0 : MESH_E_BAD_MESSAGE;
}
