/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/passage.h"

#include "federation/mesh_stamp.h"
#include "federation/origins.h"
#include "hub/wire/msgpack_read.h"

/* Whether what is said in the channel at that hub comes to us: only then it was heard there. */
static bool hears_channel_at(const struct mesh *mesh, const struct origin *origin, struct bytes channel)
{
    struct route_key key = {.kind = ROUTE_INTEREST, .channel = channel, .origin = origin->id};
    const struct route *interest = route_table_find(&mesh->table, &key);

    return interest && interest->best;
}

struct search {
    const struct mesh *mesh;
    const struct hub_id *from;
    struct bytes channel;
    struct bytes name;
    bool is_found;
};

static void consider_origin(struct map_node *node, void *context)
{
    struct search *search = context;
    const struct origin *origin = container_of(node, struct origin, node);
    const char *name = origin == search->mesh->self ? search->mesh->server_id : origin->server_id;

    if (!name || hub_id_equal(&origin->id, search->from) || !bytes_equal_text(search->name, name))
        return;
    search->is_found = search->is_found || hears_channel_at(search->mesh, origin, search->channel);
}

static bool was_at_hub(const struct mesh *mesh, const struct hub_id *from, struct bytes channel,
                       struct bytes raw_path)
{
    struct msgpack_reader reader = msgpack_reader_of(raw_path);
    struct search search = {.mesh = mesh, .from = from, .channel = channel};
    struct msgpack_value path;
    struct msgpack_value name;

    if (msgpack_read(&reader, &path) != 0 || path.type != MSGPACK_ARRAY)
        return false;
    for (uint32_t i = 0; i < path.n_items && i < MESSAGE_MAX_PATH && !search.is_found; i++) {
        if (msgpack_read(&reader, &name) != 0 || name.type != MSGPACK_STR)
            break;
        search.name = name.raw;
        map_walk((struct map *)&mesh->origins, consider_origin, &search);
    }
    return search.is_found;
}

bool passage_is_repeated(const struct mesh *mesh, const struct hub_id *from, struct bytes channel,
                         const struct message *broadcast)
{
    struct mesh_stamp stamp;
    const struct origin *origin;

    if (mesh_stamp_read(message_raw(broadcast, KEY_METADATA), &stamp)) {
        origin = origins_find(mesh, &stamp.origin);
        if (origin)
            return origin == mesh->self ||
                   (origin->window && seen_window_has(origin->window, stamp.incarnation, stamp.seq));
    }
    return was_at_hub(mesh, from, channel, message_raw(broadcast, KEY_PATH));
}
