/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/outstanding.h"

#include "hub/base/name.h"

#define KEY_MAX_BYTES (1 + HUB_ID_BYTES + 2 * (1 + NAME_MAX_BYTES))

static uint8_t *put(uint8_t *at, struct bytes bytes)
{
    if (bytes.len > 0)
        memcpy(at, bytes.ptr, bytes.len);
    return at + bytes.len;
}

static uint8_t *put_name(uint8_t *at, struct bytes name)
{
    *at++ = (uint8_t)name.len;
    return put(at, name);
}

static struct bytes pack_key(uint8_t buffer[KEY_MAX_BYTES], const struct origin *origin,
                             enum outstanding_side side, struct bytes request_id, struct bytes client_id)
{
    uint8_t *at = buffer;

    *at++ = (uint8_t)side;
    at = put(at, hub_id_bytes(&origin->id));
    at = put_name(at, request_id);
    at = put_name(at, client_id);
    return bytes_of(buffer, (size_t)(at - buffer));
}

static bool is_name(struct bytes text)
{
    return text.len > 0 && text.len <= NAME_MAX_BYTES;
}

static struct bytes keep(uint8_t **at, struct bytes bytes)
{
    struct bytes kept = bytes_of(*at, bytes.len);

    *at = put(*at, bytes);
    return kept;
}

/* An earlier call of the same name was given up by its caller. */
static void make_room(struct mesh *mesh, struct bytes key, uint64_t hash)
{
    struct map_node *node = map_find_hashed(&mesh->outstanding, key, hash);

    if (node)
        outstanding_free(container_of(node, struct outstanding, node));
    if (mesh->outstanding.n_nodes >= OUTSTANDING_MAX)
        outstanding_free(list_first_entry(&mesh->outstanding_by_age, struct outstanding, in_mesh));
}

void outstanding_add(struct origin *origin, enum outstanding_side side, const struct outlet_one *call,
                     struct bytes way)
{
    uint8_t buffer[KEY_MAX_BYTES];
    struct bytes key;
    struct outstanding *outstanding;
    uint64_t hash;
    uint8_t *at;

    if (!is_name(call->request_id) || !is_name(call->caller) || !is_name(call->channel) ||
        !is_name(call->event))
        return;
    key = pack_key(buffer, origin, side, call->request_id, call->caller);
    hash = map_hash_of(&origin->mesh->outstanding, key);
    make_room(origin->mesh, key, hash);
    outstanding = malloc(sizeof *outstanding + key.len + call->channel.len + call->event.len + way.len);
    if (!outstanding)
        return;
    *outstanding = (struct outstanding){.origin = origin, .side = side};
    stream_order_init(&outstanding->order);
    at = outstanding->storage;
    key = keep(&at, key);
    outstanding->request_id = bytes_of(key.ptr + 2 + HUB_ID_BYTES, call->request_id.len);
    outstanding->client_id = bytes_of(key.ptr + 3 + HUB_ID_BYTES + call->request_id.len, call->caller.len);
    outstanding->channel = keep(&at, call->channel);
    outstanding->event = keep(&at, call->event);
    outstanding->way = keep(&at, way);
    if (map_insert_hashed(&origin->mesh->outstanding, &outstanding->node, key, hash) < 0) {
        free(outstanding);
        return;
    }
    list_append(&origin->outstanding, &outstanding->in_origin);
    list_append(&origin->mesh->outstanding_by_age, &outstanding->in_mesh);
}

struct outstanding *outstanding_find(const struct origin *origin, enum outstanding_side side,
                                     struct bytes request_id, struct bytes client_id)
{
    uint8_t buffer[KEY_MAX_BYTES];
    struct map_node *node;

    if (!is_name(request_id) || !is_name(client_id))
        return NULL;
    node = map_find(&origin->mesh->outstanding, pack_key(buffer, origin, side, request_id, client_id));
    return node ? container_of(node, struct outstanding, node) : NULL;
}

void outstanding_free(struct outstanding *outstanding)
{
    if (!outstanding)
        return;
    stream_order_clear(&outstanding->origin->mesh->orders, &outstanding->order);
    map_remove(&outstanding->origin->mesh->outstanding, &outstanding->node);
    list_unlink(&outstanding->in_origin);
    list_unlink(&outstanding->in_mesh);
    free(outstanding);
}

void outstanding_forget(struct origin *origin)
{
    while (!list_is_empty(&origin->outstanding))
        outstanding_free(list_first_entry(&origin->outstanding, struct outstanding, in_origin));
}
