/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What this hub's own core has, as entries of ours
 */
#include "federation/mesh.h"

#include <errno.h>

#include "federation/advertise.h"
#include "federation/attributes.h"
#include "federation/guards.h"
#include "federation/mesh_state.h"
#include "federation/offering.h"
#include "federation/passage.h"
#include "federation/relay.h"

static void local_set(struct mesh *mesh, enum route_kind kind, struct bytes channel, struct bytes name,
                      const struct buffer *attributes)
{
    struct route_key key = {.kind = kind, .channel = channel, .name = name, .origin = mesh->id};
    struct route_seq seq = {.incarnation = mesh->incarnation, .counter = mesh->counter + 1};
    struct route *route = route_table_get(&mesh->table, &key, mesh->self, &mesh->self->routes);

    if (!route || attributes->failed) {
        mesh->is_incomplete = true;
        mesh_wake(mesh);
        return;
    }
    if (route->best && bytes_equal(block_bytes(route->attributes), buffer_bytes(attributes)))
        return;
    if (route_table_put(&mesh->table, route, NULL, NULL, seq, BYTES_NONE, 0, buffer_bytes(attributes)) < 0) {
        route_table_release(&mesh->table, route);
        mesh->is_incomplete = true;
        mesh_wake(mesh);
        return;
    }
    mesh->counter = seq.counter;
    mesh_route_changed(mesh, route);
}

static void local_unset(struct mesh *mesh, enum route_kind kind, struct bytes channel, struct bytes name)
{
    struct route_key key = {.kind = kind, .channel = channel, .name = name, .origin = mesh->id};
    struct route *route = route_table_find(&mesh->table, &key);

    if (!route || !route->best)
        return;
    route_table_bury(&mesh->table, route,
                     (struct route_seq){.incarnation = mesh->incarnation, .counter = ++mesh->counter},
                     mesh->time.now_ms);
    mesh_route_changed(mesh, route);
}

int mesh_local_hub(struct mesh *mesh)
{
    struct buffer attributes;

    buffer_init(&attributes);
    attributes_write_hub(&attributes, bytes_of_text(mesh->server_id), mesh->run, mesh->hop_time.told_ms);
    local_set(mesh, ROUTE_HUB, BYTES_NONE, BYTES_NONE, &attributes);
    buffer_clear(&attributes);
    return mesh->is_incomplete ? -ENOMEM : 0;
}

static void local_changed(struct mesh *mesh)
{
    offering_reconsider_refused(mesh);
    advertise_flush(mesh);
}

void mesh_local_service(struct mesh *mesh, struct bytes channel, struct bytes event,
                        const struct peering_service *service)
{
    struct buffer attributes;

    if (bridge_policy_is_system(channel))
        return;
    if (service) {
        buffer_init(&attributes);
        attributes_write_service(&attributes, service);
        local_set(mesh, ROUTE_SERVICE, channel, event, &attributes);
        buffer_clear(&attributes);
    } else {
        local_unset(mesh, ROUTE_SERVICE, channel, event);
        offering_reconsider_named(mesh, ROUTE_SERVICE, channel, event);
    }
    local_changed(mesh);
}

void mesh_local_topic(struct mesh *mesh, struct bytes channel, struct bytes topic,
                      const struct peering_topic *declared)
{
    struct buffer attributes;

    if (bridge_policy_is_system(channel))
        return;
    if (declared) {
        buffer_init(&attributes);
        attributes_write_topic(&attributes, declared);
        local_set(mesh, ROUTE_TOPIC, channel, topic, &attributes);
        buffer_clear(&attributes);
    } else {
        local_unset(mesh, ROUTE_TOPIC, channel, topic);
        offering_reconsider_named(mesh, ROUTE_TOPIC, channel, topic);
    }
    local_changed(mesh);
}

void mesh_local_interest(struct mesh *mesh, struct bytes channel, struct bytes topic, bool is_wanted)
{
    struct buffer attributes;

    if (bridge_policy_is_system(channel))
        return;
    if (is_wanted) {
        buffer_init(&attributes);
        attributes_write_interest(&attributes);
        local_set(mesh, ROUTE_INTEREST, channel, topic, &attributes);
        buffer_clear(&attributes);
    } else {
        local_unset(mesh, ROUTE_INTEREST, channel, topic);
    }
    local_changed(mesh);
}

void mesh_local_member(struct mesh *mesh, struct bytes channel, struct bytes id, struct bytes mode,
                       bool has_joined)
{
    struct buffer attributes;

    if (bridge_policy_is_system(channel))
        return;
    if (has_joined) {
        buffer_init(&attributes);
        attributes_write_member(&attributes, mode);
        local_set(mesh, ROUTE_MEMBER, channel, id, &attributes);
        buffer_clear(&attributes);
    } else {
        local_unset(mesh, ROUTE_MEMBER, channel, id);
    }
    local_changed(mesh);
}

void mesh_local_profile(struct mesh *mesh, struct bytes raw)
{
    struct buffer attributes;

    buffer_init(&attributes);
    (void)buffer_append_bytes(&attributes, raw);
    local_set(mesh, ROUTE_PROFILE, BYTES_NONE, BYTES_NONE, &attributes);
    buffer_clear(&attributes);
    advertise_flush(mesh);
}

void mesh_local_multicast(struct mesh *mesh, struct bytes channel, struct bytes topic, struct block *frame)
{
    if (!bridge_policy_is_system(channel))
        relay_multicast(mesh, channel, topic, frame);
}

bool mesh_local_has_passed(const struct mesh *mesh, struct bytes channel, const struct message *broadcast)
{
    return passage_is_repeated(mesh, &mesh->id, channel, broadcast);
}

void mesh_local_guard(struct mesh *mesh, struct bytes channel, bool is_protected, const uint8_t *secret)
{
    if (bridge_policy_is_system(channel))
        return;
    if (is_protected)
        guards_set(mesh, channel, secret);
    else
        guards_unset(mesh, channel);
    local_changed(mesh);
}
