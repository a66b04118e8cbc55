/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * `route->told` remembers, one bit a link, whether the far side believes in a way over us; so a withdrawal
 * goes exactly to those who were told, once. What withdraws is either our own loss ("I have no way any more")
 * or the origin's tombstone ("no older word on it is true"); a hub that hears the latter gives up all its
 * ways at once instead of trying one stale way after the other.
 *
 * All who believe in a route believe the same of it, of which `route->told_digest` is the digest: a change is
 * told to all links or, while the route rests, to none, and who is not to hear of the new way hears at once
 * that the old one is gone. So what stands between two changes and cancels out is never told.
 *
 * A link that is cut or ends is told of by its session, and every hub throws out or marks by itself what
 * leads over it; so nothing is urgent about the ways that take its place, which a hub goes itself at once.
 * They are told in the order of their length, each hop the time of hop_time.h later: when a hub's turn comes,
 * whoever has a better way for it has told it, and if the way leads over a link that ended by the same blow
 * (a dead hub's others), the news of that have come along it. So one blow costs a link one update of a key,
 * and no way is told that is not there. The same order is kept behind a link that comes up, for a whole mesh
 * may come up with it; but the far side's own entries are told at once, for nobody has a shorter way to it,
 * and what it sends must not be faster than they. A way over a cut link is worth telling only where nothing
 * better is heard of for STALE_WAIT_MS, by when what takes the cut link for lost has said so; then in the
 * same order, or a mesh that has only such ways left tries one after the other.
 *
 * What can't be written for want of memory ends the link: its far side would believe something wrong, and the
 * full table of the next session heals that.
 */
#include "federation/advertise.h"

#include "federation/crossing.h"
#include "federation/digest.h"
#include "federation/hop_time.h"
#include "federation/origins.h"

/* An entry message is sent when it has grown so far; well below what the far side takes in one frame. */
#define BATCH_BYTES 49152U

/* The ends of a dead hub's links give them up within MESH_LINGER_MS and a look of each other. */
#define STALE_WAIT_MS 1000U

_Static_assert(STALE_WAIT_MS + HOP_TIME_BLOW_MS + PATH_MAX_HOPS * (HOP_TIME_MOST_MS / 2 + 1) <
                   PACER_HORIZON_MS,
               "the longest way's turn comes within what the pacer holds");

static void send_entries(struct mesh_link *link)
{
    struct mesh *mesh = link->mesh;
    struct link_message message = {.type = LINK_MESSAGE_ENTRIES};

    if (link->entries.n == 0)
        return;
    if (link->entries.raw.failed) {
        mesh_end_link(link, "out_of_memory");
    } else if (!link->is_ending) {
        message.entries.n = link->entries.n;
        message.entries.raw = buffer_bytes(&link->entries.raw);
        mesh->counts.entries_out += link->entries.n;
        mesh_send(link, &message);
    }
    link_wire_begin_entries(&link->entries);
}

static void append_entry(struct mesh_link *link, const struct link_entry *entry)
{
    link->mesh->has_entries = true;
    link_wire_append_entry(&link->entries, entry);
    if (link->entries.raw.len >= BATCH_BYTES || link->entries.raw.failed)
        send_entries(link);
}

/* The route's best way and ourselves behind it. */
static bool write_path(struct mesh_link *link, const struct route *route, struct bytes *out_path)
{
    struct mesh *mesh = link->mesh;
    struct buffer *path = &mesh->trail;
    struct hop own = {.hub = mesh->id, .session = link->session};

    path->len = 0;
    if (buffer_append_bytes(path, candidate_path(route->best)) < 0 || path_append(path, &own) < 0) {
        buffer_clear(path);
        mesh_end_link(link, "out_of_memory");
        return false;
    }
    *out_path = buffer_bytes(path);
    return true;
}

/* The entry under the name that the far side has for its channel, which is put together in @room. */
static struct link_entry entry_of(const struct mesh_link *link, const struct route *route,
                                  enum link_entry_change change, struct bridge_remap_room *room)
{
    struct bytes first_channel = route_table_first_channel(route);
    struct bytes channel;

    /* What was told had a name, and still has it. */
    (void)crossing_rename(link, BRIDGE_OUT, route->channel, room, &channel);
    return (struct link_entry){
        .kind = (uint8_t)route->kind,
        .change = change,
        .origin = route->origin->id,
        .channel = channel,
        .first_channel = bytes_equal(first_channel, channel) ? BYTES_NONE : first_channel,
        .name = route->name,
        .incarnation = route->seq.incarnation,
        .counter = route->seq.counter,
        .replaced = link_set_has(&route->told, link->slot) ? route->told_digest : 0,
    };
}

/* @digest: of what is told. */
static void tell_set(struct mesh_link *link, struct route *route, uint64_t digest)
{
    struct bridge_remap_room room;
    struct link_entry entry = entry_of(link, route, LINK_ENTRY_SET, &room);

    if (!write_path(link, route, &entry.path))
        return;
    entry.cost = route->best->cost;
    entry.held_back = crossing_held_back(link, route->kind, route->best->held_back);
    entry.raw_attributes = block_bytes(route->attributes);
    append_entry(link, &entry);
    link_set_add(&route->told, link->slot);
    link->digests.told += digest - entry.replaced;
}

static void tell_gone(struct mesh_link *link, struct route *route)
{
    enum link_entry_change change = route->is_dead ? LINK_ENTRY_DEAD : LINK_ENTRY_LOST;
    struct bridge_remap_room room;
    struct link_entry entry = entry_of(link, route, change, &room);

    append_entry(link, &entry);
    link_set_remove(&route->told, link->slot);
    link->digests.told -= entry.replaced;
}

static bool may_tell(const struct mesh_link *link, const struct route *route)
{
    const struct candidate *best = route->best;

    if (!best || best->link == link || hub_id_equal(&route->origin->id, &link->peer))
        return false;
    if (path_n_hops(candidate_path(best)) >= PATH_MAX_HOPS || path_has_hub(candidate_path(best), &link->peer))
        return false;
    return crossing_lets_tell(link, route->kind, route->channel, route->name, best->held_back);
}

/* Of what is told of the route now, by whatever link. */
static uint64_t digest_of(const struct route *route)
{
    struct link_entry entry = {
        .kind = (uint8_t)route->kind,
        .origin = route->origin->id,
        .channel = route_table_first_channel(route),
        .name = route->name,
        .incarnation = route->seq.incarnation,
        .counter = route->seq.counter,
        .cost = route->best->cost,
        .raw_attributes = block_bytes(route->attributes),
    };

    return digest_of_entry(&entry, route->best->path->digest, digest_of_bytes(entry.raw_attributes));
}

/* Tells all links what they do not believe yet; @again (may be NULL) even what it does. */
static void tell_all(struct mesh *mesh, struct route *route, const struct mesh_link *again)
{
    uint64_t digest = 0;
    bool is_told = false;

    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];
        bool was_told = link_set_has(&route->told, slot);

        if (!link || link->is_ending)
            continue;
        if (!may_tell(link, route)) {
            if (was_told)
                tell_gone(link, route);
            continue;
        }
        if (digest == 0)
            digest = digest_of(route);
        if (was_told && digest == route->told_digest && link != again)
            continue;
        tell_set(link, route, digest);
        is_told = true;
    }
    route->told_digest = digest;
    if (route->best)
        route->is_broken = candidate_is_stale(route->best);
    else if (route->is_dead)
        route->is_broken = false;
    pacer_unhold(&mesh->pacer, &route->rest);
    if (is_told) {
        pacer_told(&mesh->pacer, &route->rest, !route->is_word_told, mesh->time.now_ms);
        route->is_word_told = true;
    }
}

/* Counts the links that are to hear of the way, and do not yet; answers whether there is one. */
static bool count_held(struct mesh *mesh, const struct route *route)
{
    bool is_wanted = false;

    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];

        if (!link || link->is_ending || !may_tell(link, route))
            continue;
        is_wanted = true;
        link->counts.updates_held++;
        mesh->counts.updates_held++;
    }
    return is_wanted;
}

static void tell_losses(struct mesh *mesh, struct route *route)
{
    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];

        if (link && !link->is_ending && link_set_has(&route->told, slot) && !may_tell(link, route))
            tell_gone(link, route);
    }
}

/* Tells all links what they must not believe any longer; the new way waits for the end of the rest. */
static void rest(struct mesh *mesh, struct route *route)
{
    tell_losses(mesh, route);
    if (count_held(mesh, route)) {
        pacer_hold(&mesh->pacer, &route->rest, route->rest.until_ms);
        return;
    }
    pacer_unhold(&mesh->pacer, &route->rest);
    route->told_digest = 0;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* When it is the route's turn, counted from the last cut of its way or the last link that came up here. */
static uint64_t settled_ms(struct mesh *mesh, const struct route *route)
{
    uint64_t n_hops = path_n_hops(candidate_path(route->best));
    uint64_t hop_ms = hop_time_ms(mesh);
    uint64_t of_join_ms = mesh->joined_ms + (n_hops > 1 ? n_hops - 1 : 0) * hop_ms;
    uint64_t of_upset_ms = hop_time_blow_ms(mesh, route->upset_ms) + HOP_TIME_BLOW_MS + n_hops * hop_ms;

    return max_of(of_join_ms, of_upset_ms) + (candidate_is_stale(route->best) ? STALE_WAIT_MS : 0);
}

static void tell_change(struct mesh *mesh, struct route *route)
{
    if (route->best && mesh->time.now_ms < settled_ms(mesh, route))
        pacer_hold(&mesh->pacer, &route->rest, settled_ms(mesh, route));
    else if (!route->best || route->is_broken || pacer_lets(&route->rest, mesh->time.now_ms))
        tell_all(mesh, route, NULL);
    else
        rest(mesh, route);
}

void advertise_route(struct mesh_link *link, struct route *route)
{
    if (link->is_ending)
        return;
    if (!list_is_empty(&route->untold) || route->rest.is_held) {
        tell_all(link->mesh, route, link);
    } else if (may_tell(link, route)) {
        if (route->told_digest == 0)
            route->told_digest = digest_of(route);
        tell_set(link, route, route->told_digest);
    } else if (link_set_has(&route->told, link->slot)) {
        tell_gone(link, route);
    }
}

static void send_all_entries(struct mesh *mesh)
{
    if (!mesh->has_entries)
        return;
    mesh->has_entries = false;
    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        if (mesh->links[slot])
            send_entries(mesh->links[slot]);
    }
}

static void tell_origin(struct map_node *node, void *context)
{
    struct mesh_link *link = context;
    struct origin *origin = container_of(node, struct origin, node);

    list_for_each (at, &origin->routes) {
        struct route *route = container_of(at, struct route, in_origin);

        link_set_remove(&route->told, link->slot);
        if (may_tell(link, route))
            advertise_route(link, route);
    }
}

void advertise_all(struct mesh_link *link)
{
    link->digests.told = 0;
    map_walk(&link->mesh->origins, tell_origin, link);
    send_entries(link);
    mesh_send(link, &(struct link_message){.type = LINK_MESSAGE_END});
}

static void wake_when_rested(struct mesh *mesh)
{
    uint64_t due_ms = pacer_due_ms(&mesh->pacer);

    if (due_ms == UINT64_MAX || due_ms == mesh->paced_ms)
        return;
    mesh->paced_ms = due_ms;
    mesh->outlet.wake_at(mesh->outlet.context, due_ms);
}

void advertise_flush(struct mesh *mesh)
{
    struct pacer_rest *rest;

    while ((rest = pacer_next(&mesh->pacer, mesh->time.now_ms)))
        mesh_mark_untold(mesh, container_of(rest, struct route, rest));
    while (!list_is_empty(&mesh->untold)) {
        struct route *route = list_first_entry(&mesh->untold, struct route, untold);

        list_unlink(&route->untold);
        tell_change(mesh, route);
        route_table_release(&mesh->table, route);
    }
    send_all_entries(mesh);
    wake_when_rested(mesh);
}

static void tell_held(struct pacer_rest *rest, void *context)
{
    tell_all(context, container_of(rest, struct route, rest), NULL);
}

void advertise_held(struct mesh *mesh)
{
    pacer_unhold_all(&mesh->pacer, tell_held, mesh);
    advertise_flush(mesh);
}
