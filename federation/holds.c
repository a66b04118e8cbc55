/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Two tables of one kind of row: producers elsewhere that wait on a line here (far), and clients here that
 * wait for a receiver elsewhere, each on a line of its own (near). A row is known by the other hub and the
 * client's id.
 */
#include "federation/holds.h"

#include <stdlib.h>

#include "federation/origins.h"
#include "federation/route_choice.h"
#include "hub/base/metrics.h"
#include "hub/base/name.h"

/* A producer that has been told to wait, and brings more, is told no more often: what it brings was under
 * way.
 */
#define TELL_MS 20U

struct held {
    struct map_node node; /* keyed by `key` */
    struct mesh *mesh;
    struct waiter waiter; /* far: on the line of what is full here */
    struct list line;     /* near: on which the client stands */
    uint64_t at_ms;       /* when the word was last told, or heard */
    struct hub_id hub;
    size_t key_len;
    uint8_t key[HUB_ID_BYTES + NAME_MAX_BYTES]; /* hub and client */
};

static struct bytes client_of(const struct held *held)
{
    return bytes_of(held->key + HUB_ID_BYTES, held->key_len - HUB_ID_BYTES);
}

static struct held *find(const struct map *table, const struct hub_id *hub, struct bytes client)
{
    uint8_t key[HUB_ID_BYTES + NAME_MAX_BYTES];
    struct map_node *node;

    memcpy(key, hub->octets, HUB_ID_BYTES);
    memcpy(key + HUB_ID_BYTES, client.ptr, client.len);
    node = map_find(table, bytes_of(key, HUB_ID_BYTES + client.len));
    return node ? container_of(node, struct held, node) : NULL;
}

/* NULL: there are too many, or no memory. */
static struct held *add(struct mesh *mesh, struct map *table, const struct hub_id *hub, struct bytes client)
{
    struct held *held = table->n_nodes < HOLDS_MAX ? calloc(1, sizeof *held) : NULL;

    if (!held)
        return NULL;
    held->mesh = mesh;
    held->hub = *hub;
    held->key_len = HUB_ID_BYTES + client.len;
    memcpy(held->key, hub->octets, HUB_ID_BYTES);
    memcpy(held->key + HUB_ID_BYTES, client.ptr, client.len);
    list_init(&held->waiter.in_line);
    list_init(&held->line);
    if (map_insert(table, &held->node, bytes_of(held->key, held->key_len)) < 0) {
        free(held);
        return NULL;
    }
    return held;
}

static void drop(struct map *table, struct held *held)
{
    list_unlink(&held->waiter.in_line);
    waiters_go(&held->line);
    map_remove(table, &held->node);
    free(held);
}

static void drop_all(struct map *table)
{
    struct map_node *node;

    while ((node = map_any(table)))
        drop(table, container_of(node, struct held, node));
    map_clear(table);
}

void holds_init(struct holds *holds)
{
    map_init(&holds->far);
    map_init(&holds->near);
}

void holds_clear(struct holds *holds)
{
    drop_all(&holds->far);
    drop_all(&holds->near);
}

/* --- on the way ----------------------------------------------------------------------------------------- */

/* Sends it one hub further, with ourselves in its trail; over a link that is cut it would come too late. */
static void pass_on(struct mesh *mesh, const struct link_hold *hold)
{
    struct route_key key = {.kind = ROUTE_HUB, .origin = hold->to};
    struct route *route = route_table_find(&mesh->table, &key);
    struct candidate *way = route ? route_choice_for(route, 0, hold->trail) : NULL;
    struct link_message message = {.type = LINK_MESSAGE_HOLD, .hold = *hold};
    uint8_t trail[PATH_MAX_HOPS * HUB_ID_BYTES]; /* a message may be on its way in the mesh's own place */

    if (!way || !way->link || candidate_is_stale(way) || way->link->is_ending ||
        hold->trail.len + HUB_ID_BYTES > sizeof trail)
        return;
    if (hold->trail.len > 0)
        memcpy(trail, hold->trail.ptr, hold->trail.len);
    memcpy(trail + hold->trail.len, mesh->id.octets, HUB_ID_BYTES);
    message.hold.trail = bytes_of(trail, hold->trail.len + HUB_ID_BYTES);
    mesh_send(way->link, &message);
}

static void tell(struct held *held, bool is_held)
{
    struct link_hold hold = {
        .to = held->hub,
        .from = held->mesh->id,
        .client = client_of(held),
        .is_held = is_held,
    };

    held->at_ms = held->mesh->time.now_ms;
    pass_on(held->mesh, &hold);
}

/* --- producers elsewhere -------------------------------------------------------------------------------- */

static void go(struct waiter *waiter)
{
    struct held *held = container_of(waiter, struct held, waiter);

    tell(held, false);
    drop(&held->mesh->holds.far, held);
}

static struct bytes sender_of(struct bytes body)
{
    struct bytes sender = BYTES_NONE;
    struct message message;

    if (body.len > 0 && message_parse(body, &message) == 0)
        (void)message_text(&message, KEY_SENDER_ID, &sender);
    return sender;
}

void holds_add(struct mesh *mesh, const struct hub_id *hub, struct bytes body, struct list *line,
               bool is_for_many)
{
    struct bytes sender = sender_of(body);
    struct held *held;

    if (!name_is_valid(sender))
        return;
    held = find(&mesh->holds.far, hub, sender);
    if (held && mesh->time.now_ms - held->at_ms < TELL_MS)
        return;
    if (!held) {
        held = add(mesh, &mesh->holds.far, hub, sender);
        if (!held)
            return;
        held->waiter = (struct waiter){.is_for_many = is_for_many, .go = go};
        list_append(line, &held->waiter.in_line);
    }
    tell(held, true);
}

void holds_producer(struct mesh *mesh, struct list *line, const struct link_message *message)
{
    bool is_for_many = message->type == LINK_MESSAGE_MANY;
    const struct hub_id *hub = is_for_many ? &message->many.origin : &message->one.from;

    if (hub_id_equal(hub, &mesh->id))
        mesh->core.hold(mesh->core.context, line, is_for_many);
    else
        holds_add(mesh, hub, is_for_many ? message->many.body : message->one.body, line, is_for_many);
}

/* --- clients here --------------------------------------------------------------------------------------- */

static void hold_here(struct mesh *mesh, const struct link_hold *hold)
{
    struct map *near = &mesh->holds.near;
    struct held *held = find(near, &hold->from, hold->client);

    if (!hold->is_held) {
        if (held)
            drop(near, held);
        return;
    }
    if (!held)
        held = add(mesh, near, &hold->from, hold->client);
    if (!held)
        return;
    held->at_ms = mesh->time.now_ms;
    if (list_is_empty(&held->line))
        mesh->core.hold_client(mesh->core.context, hold->client, &held->line);
    /* There is no such client, or it can't wait. */
    if (list_is_empty(&held->line))
        drop(near, held);
}

int holds_receive(struct mesh_link *link, const struct link_hold *hold)
{
    struct mesh *mesh = link->mesh;

    if (hold->trail.len == 0 || hold->client.len == 0)
        return MESH_E_BAD_MESSAGE;
    if (hub_id_list_has(hold->trail, &mesh->id))
        metrics_count(METRICS_LOOPS_DROPPED);
    else if (hub_id_equal(&hold->to, &mesh->id))
        hold_here(mesh, hold);
    else if (hub_id_list_count(hold->trail) < PATH_MAX_HOPS)
        pass_on(mesh, hold);
    return 0;
}

/* --- time ----------------------------------------------------------------------------------------------- */

static void tell_again(struct map_node *node, void *context)
{
    struct held *held = container_of(node, struct held, node);
    const struct mesh *mesh = context;

    if (mesh->time.now_ms - held->at_ms >= HOLDS_AGAIN_MS)
        tell(held, true);
}

static void let_go_of_old(struct map_node *node, void *context)
{
    struct held *held = container_of(node, struct held, node);
    struct mesh *mesh = context;

    if (mesh->time.now_ms - held->at_ms >= HOLDS_LAST_MS)
        drop(&mesh->holds.near, held);
}

void holds_look(struct mesh *mesh)
{
    map_walk(&mesh->holds.far, tell_again, mesh);
    map_walk(&mesh->holds.near, let_go_of_old, mesh);
}
