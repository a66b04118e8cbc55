/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/errand.h"

#include <errno.h>
#include <stdio.h>

#include "federation/mesh_state.h"
#include "federation/origins.h"
#include "federation/route_choice.h"
#include "hub/base/metrics.h"

#define TEXT_SIZE 512

static bool is_request(enum errand_kind kind)
{
    return kind == ERRAND_READ || kind == ERRAND_WRITE;
}

/* Sends it one hub further, with ourselves in its trail. */
static int pass_on(struct mesh *mesh, const struct link_errand *errand)
{
    struct route_key key = {.kind = ROUTE_HUB, .origin = errand->to};
    struct route *route = route_table_find(&mesh->table, &key);
    struct candidate *way = route ? route_choice_for(route, 0, errand->trail) : NULL;
    struct link_message message = {.type = LINK_MESSAGE_ERRAND, .errand = *errand};
    struct buffer *trail = &mesh->trail;

    /* Over a link that is cut it would wait, and be carried out when its asker has long gone. */
    if (!way || !way->link || candidate_is_stale(way) || way->link->is_ending)
        return ERRAND_E_NO_WAY;
    trail->len = 0;
    if (buffer_append_bytes(trail, errand->trail) < 0 ||
        buffer_append_bytes(trail, hub_id_bytes(&mesh->id)) < 0) {
        buffer_clear(trail);
        return -ENOMEM;
    }
    message.errand.trail = buffer_bytes(trail);
    mesh_send(way->link, &message);
    return 0;
}

int errand_send(struct mesh *mesh, const struct hub_id *to, enum errand_kind kind, uint64_t serial,
                struct bytes body, struct hub_time time)
{
    struct link_errand errand = {.to = *to, .from = mesh->id, .kind = kind, .serial = serial, .body = body};

    mesh->time = time;
    return pass_on(mesh, &errand);
}

/* Tells the asker why; what is no request is dropped, for nobody waits behind it. */
static void refuse(struct mesh *mesh, const struct link_errand *errand, const char *why)
{
    struct link_errand refusal = {.to = errand->from, .from = mesh->id, .kind = ERRAND_REFUSED};
    char text[TEXT_SIZE];

    if (!is_request(errand->kind))
        return;
    snprintf(text, sizeof text, "Hub %s: %s", mesh->server_id, why);
    refusal.serial = errand->serial;
    refusal.body = bytes_of_text(text);
    if (pass_on(mesh, &refusal) != 0)
        mesh_refuse(mesh, MESH_REFUSED_NO_ROUTE);
}

/* NULL: the link's own side lets it in. */
static const char *judge(const struct mesh_link *link, const struct link_errand *errand)
{
    if (errand->kind == ERRAND_READ && link->management == BRIDGE_MANAGEMENT_NONE)
        return "operators of other hubs may not look at it over the link that this came by. Grant its bridge "
               "management \"read\", or start the hub with --link-management read where the other hub dials.";
    if (errand->kind == ERRAND_WRITE && link->management != BRIDGE_MANAGEMENT_WRITE)
        return "operators of other hubs may not change it over the link that this came by. Grant its bridge "
               "management \"write\", or start the hub with --link-management write where the other hub "
               "dials.";
    return NULL;
}

int errand_receive(struct mesh_link *link, const struct link_errand *errand)
{
    struct mesh *mesh = link->mesh;
    const char *why = judge(link, errand);

    if (errand->trail.len == 0 || errand->body.len > ERRAND_MAX_BYTES)
        return MESH_E_BAD_MESSAGE;
    if (hub_id_list_has(errand->trail, &mesh->id)) {
        metrics_count(METRICS_LOOPS_DROPPED);
        mesh_refuse(mesh, MESH_REFUSED_LOOP);
        return 0;
    }
    if (why) {
        mesh_refuse(mesh, MESH_REFUSED_NOT_GRANTED);
        refuse(mesh, errand, why);
    } else if (hub_id_equal(&errand->to, &mesh->id)) {
        mesh->outlet.errand(mesh->outlet.context, errand);
    } else if (hub_id_list_count(errand->trail) >= PATH_MAX_HOPS || pass_on(mesh, errand) != 0) {
        mesh_refuse(mesh, MESH_REFUSED_NO_ROUTE);
        refuse(mesh, errand, "there is no way on to the hub that was asked.");
    }
    return 0;
}
