/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/offering.h"

#include <errno.h>

#include "federation/attributes.h"
#include "federation/origins.h"
#include "federation/outstanding.h"
#include "federation/lost_calls.h"
#include "federation/relay.h"
#include "hub/wire/msgpack_write.h"

static struct mesh_offer offer_of(const struct route *route)
{
    return (struct mesh_offer){.kind = (uint8_t)route->kind, .channel = route->channel, .name = route->name};
}

/* The hubs on the way by their display names, the origin first; a hub that is not known by name stands with
 * its id. */
static void write_server_path(const struct mesh *mesh, const struct route *route, struct buffer *out)
{
    struct bytes path = candidate_path(route->best);

    msgpack_write_array(out, (uint32_t)path_n_hops(path));
    for (size_t i = 0; i < path_n_hops(path); i++) {
        struct hop hop = path_at(path, i);
        const struct origin *origin = origins_find(mesh, &hop.hub);
        struct bytes server_id;
        char text[HUB_ID_TEXT];

        if (origin && origin_is_reachable(origin) &&
            attributes_read_hub(block_bytes(origin->hub_route->attributes), &server_id) == 0) {
            msgpack_write_str(out, server_id);
            continue;
        }
        hub_id_text(&hop.hub, text);
        msgpack_write_str(out, bytes_of_text(text));
    }
}

/* 0, ATTRIBUTES_E_BAD or -ENOMEM */
static int fill_offer(const struct mesh *mesh, const struct route *route, struct mesh_offer *offer,
                      struct buffer *path)
{
    struct bytes raw = block_bytes(route->attributes);

    switch (route->kind) {
    case ROUTE_SERVICE:
        return attributes_read_service(raw, &offer->service);
    case ROUTE_TOPIC:
        return attributes_read_topic(raw, &offer->topic);
    case ROUTE_MEMBER:
        write_server_path(mesh, route, path);
        offer->raw_path = buffer_bytes(path);
        if (path->failed)
            return -ENOMEM;
        return attributes_read_member(raw, &offer->mode);
    case ROUTE_INTEREST:
    case ROUTE_HUB:
    case ROUTE_PROFILE:
    case ROUTE_KIND_COUNT:
        break;
    }
    return 0;
}

static int offer(struct mesh *mesh, struct route *route)
{
    struct mesh_offer offer = offer_of(route);
    struct buffer path;
    int r;

    buffer_init(&path);
    r = fill_offer(mesh, route, &offer, &path);
    if (r == 0)
        r = mesh->core.offer(mesh->core.context, route->origin->peer, &offer);
    buffer_clear(&path);
    return r;
}

static void retract(struct mesh *mesh, struct route *route)
{
    struct mesh_offer offer = offer_of(route);

    route->is_offered = false;
    mesh->core.retract(mesh->core.context, route->origin->peer, &offer);
    if (route->kind == ROUTE_TOPIC)
        offering_reconsider_named(mesh, ROUTE_TOPIC, route->channel, route->name);
}

static void refused(struct mesh *mesh, struct route *route)
{
    if (route->is_offered)
        retract(mesh, route);
    route->was_refused = true;
    list_unlink(&route->unoffered);
    list_append(&mesh->refused, &route->unoffered);
}

static void settle_route(struct mesh *mesh, struct route *route)
{
    bool is_wanted = route->best && route_kind_has_channel(route->kind) && route->origin != mesh->self;
    /* A member is shown with its path, which may change without a word from the origin. */
    bool is_known = route->is_offered && route->kind != ROUTE_MEMBER && route->is_word_offered;

    list_unlink(&route->unoffered);
    if (!route->origin->peer) {
        route->is_offered = false;
    } else if (is_wanted && !is_known) {
        if (offer(mesh, route) != 0) {
            refused(mesh, route);
            return;
        }
        route->is_offered = true;
        route->is_word_offered = true;
    } else if (!is_wanted && route->is_offered) {
        retract(mesh, route);
    }
    route_table_release(&mesh->table, route);
}

static void end_peer(struct mesh *mesh, struct origin *origin)
{
    void *peer = origin->peer;

    origin->peer = NULL;
    outstanding_forget(origin);
    list_for_each (at, &origin->routes) {
        struct route *route = container_of(at, struct route, in_origin);

        if (route->is_offered && route->kind == ROUTE_TOPIC)
            offering_reconsider_named(mesh, ROUTE_TOPIC, route->channel, route->name);
        if (route->is_offered)
            mesh_mark_unoffered(mesh, route);
        route->is_offered = false;
    }
    mesh->core.peer_gone(mesh->core.context, peer,
                         origin->wants_end ? origin->end_reason : END_HUB_UNREACHABLE);
    origin->wants_end = false;
}

static void begin_peer(struct mesh *mesh, struct origin *origin, struct bytes server_id)
{
    char *text = bytes_to_text(server_id);

    if (!text) {
        mesh->is_incomplete = true;
        return;
    }
    free(origin->server_id);
    origin->server_id = text;
    if (mesh->core.add_peer(mesh->core.context, origin, bytes_of_text(text), &origin->peer) < 0) {
        origin->peer = NULL;
        mesh->is_incomplete = true;
        return;
    }
    list_for_each (at, &origin->routes) {
        struct route *route = container_of(at, struct route, in_origin);

        if (route->best && route_kind_has_channel(route->kind))
            mesh_mark_unoffered(mesh, route);
    }
}

/* Callers at both ends hear that nothing comes of their calls, as far as they can be told. */
static void end_calls(struct origin *origin)
{
    lost_calls_of_hub(origin);
    lost_calls_answer(origin);
    if (!origin->wants_end)
        relay_give_back(origin);
}

static void settle_origin(struct mesh *mesh, struct origin *origin)
{
    struct bytes server_id = BYTES_NONE;
    bool is_wanted = origin != mesh->self && origin_is_reachable(origin) && !origin->is_given_up &&
                     attributes_read_hub(block_bytes(origin->hub_route->attributes), &server_id) == 0;

    list_unlink(&origin->unsettled);
    if (origin->peer &&
        (!is_wanted || origin->wants_end || !bytes_equal_text(server_id, origin->server_id))) {
        end_calls(origin);
        end_peer(mesh, origin);
    }
    if (is_wanted && !origin->peer)
        begin_peer(mesh, origin, server_id);
    lost_calls_answer(origin);
}

void offering_settle(struct mesh *mesh)
{
    /* Entering the core may put more on either list, never without end: what it adds has lost something. */
    while (!list_is_empty(&mesh->unsettled) || !list_is_empty(&mesh->unoffered)) {
        if (!list_is_empty(&mesh->unsettled))
            settle_origin(mesh, list_first_entry(&mesh->unsettled, struct origin, unsettled));
        else
            settle_route(mesh, list_first_entry(&mesh->unoffered, struct route, unoffered));
    }
}

void offering_reconsider_named(struct mesh *mesh, enum route_kind kind, struct bytes channel,
                               struct bytes name)
{
    struct route *route = route_table_first_named(&mesh->table, kind, channel, name);

    for (; route; route = route_table_next_named(route)) {
        if (route->origin == mesh->self || !route->best || !route->origin->peer)
            continue;
        route->is_offered = false;
        mesh_mark_unoffered(mesh, route);
    }
}

struct channel_search {
    struct mesh *mesh;
    struct bytes channel;
};

static void reconsider(struct map_node *node, void *context)
{
    struct channel_search *search = context;
    struct route *route = container_of(node, struct route, by_key);

    if (route->origin == search->mesh->self || !bytes_equal(route->channel, search->channel))
        return;
    route->is_offered = false;
    mesh_mark_unoffered(search->mesh, route);
}

void offering_reconsider_channel(struct mesh *mesh, struct bytes channel)
{
    struct channel_search search = {.mesh = mesh, .channel = channel};

    map_walk(&mesh->table.by_key, reconsider, &search);
}

void offering_reconsider_refused(struct mesh *mesh)
{
    while (!list_is_empty(&mesh->refused))
        mesh_mark_unoffered(mesh, list_first_entry(&mesh->refused, struct route, unoffered));
}

static void end_peer_of(struct map_node *node, void *context)
{
    struct origin *origin = container_of(node, struct origin, node);

    if (origin->peer)
        end_peer(context, origin);
}

void offering_end_all(struct mesh *mesh)
{
    map_walk(&mesh->origins, end_peer_of, mesh);
}
