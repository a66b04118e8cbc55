/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * `route->told` remembers, one bit a link, whether the far side believes in a way over us; so a withdrawal
 * goes exactly to those who were told, once. What withdraws is either our own loss ("I have no way any more")
 * or the origin's tombstone ("no older word on it is true"); a hub that hears the latter gives up all its
 * ways at once instead of trying one stale way after the other.
 *
 * What can't be written for want of memory ends the link: its far side would believe something wrong, and the
 * full table of the next session heals that.
 */
#include "federation/advertise.h"

#include "federation/crossing.h"
#include "federation/origins.h"

/* An entry message is sent when it has grown so far; well below what the far side takes in one frame. */
#define BATCH_BYTES 49152U

static void send_entries(struct mesh_link *link)
{
    struct mesh *mesh = link->mesh;
    struct link_message message = {.type = LINK_MESSAGE_ENTRIES};

    if (link->n_entries == 0)
        return;
    if (link->entries.failed) {
        mesh_end_link(link, "out_of_memory");
    } else if (!link->is_ending) {
        message.entries.n = link->n_entries;
        message.entries.raw = buffer_bytes(&link->entries);
        mesh->counts.entries_out += link->n_entries;
        mesh_send(link, &message);
    }
    link->entries.len = 0;
    link->n_entries = 0;
}

static void append_entry(struct mesh_link *link, const struct link_entry *entry)
{
    link_wire_append_entry(&link->entries, entry);
    link->n_entries++;
    if (link->entries.len >= BATCH_BYTES || link->entries.failed)
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
    };
}

static void tell_set(struct mesh_link *link, struct route *route)
{
    struct bridge_remap_room room;
    struct link_entry entry = entry_of(link, route, LINK_ENTRY_SET, &room);

    if (!write_path(link, route, &entry.path))
        return;
    entry.cost = route->best->cost;
    entry.raw_attributes = block_bytes(route->attributes);
    append_entry(link, &entry);
    link_set_add(&route->told, link->slot);
}

static void tell_gone(struct mesh_link *link, struct route *route)
{
    enum link_entry_change change = route->is_dead ? LINK_ENTRY_DEAD : LINK_ENTRY_LOST;
    struct bridge_remap_room room;
    struct link_entry entry = entry_of(link, route, change, &room);

    append_entry(link, &entry);
    link_set_remove(&route->told, link->slot);
}

static bool may_tell(const struct mesh_link *link, const struct route *route)
{
    const struct candidate *best = route->best;

    if (!best || best->link == link || hub_id_equal(&route->origin->id, &link->peer))
        return false;
    if (path_n_hops(candidate_path(best)) >= PATH_MAX_HOPS || path_has_hub(candidate_path(best), &link->peer))
        return false;
    return crossing_lets_tell(link, route->kind, route->channel, route->name);
}

void advertise_route(struct mesh_link *link, struct route *route)
{
    if (link->is_ending)
        return;
    if (may_tell(link, route))
        tell_set(link, route);
    else if (link_set_has(&route->told, link->slot))
        tell_gone(link, route);
}

struct full_table {
    struct mesh_link *link;
};

static void tell_origin(struct map_node *node, void *context)
{
    struct full_table *table = context;
    struct origin *origin = container_of(node, struct origin, node);

    list_for_each (at, &origin->routes) {
        struct route *route = container_of(at, struct route, in_origin);

        if (may_tell(table->link, route))
            advertise_route(table->link, route);
    }
}

void advertise_all(struct mesh_link *link)
{
    struct full_table table = {.link = link};

    map_walk(&link->mesh->origins, tell_origin, &table);
    send_entries(link);
    mesh_send(link, &(struct link_message){.type = LINK_MESSAGE_END});
}

void advertise_flush(struct mesh *mesh)
{
    while (!list_is_empty(&mesh->untold)) {
        struct route *route = list_first_entry(&mesh->untold, struct route, untold);

        list_unlink(&route->untold);
        for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
            if (mesh->links[slot])
                advertise_route(mesh->links[slot], route);
        }
        route_table_release(&mesh->table, route);
    }
    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        if (mesh->links[slot])
            send_entries(mesh->links[slot]);
    }
}
