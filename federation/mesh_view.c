/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/mesh_view.h"

#include <errno.h>
#include <stdlib.h>

#include "federation/attributes.h"
#include "federation/mesh_state.h"
#include "federation/origins.h"
#include "federation/profile.h"

static void copy_text(char *out, size_t size, struct bytes text)
{
    size_t len = text.len < size ? text.len : size - 1;

    if (len > 0)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
}

static void copy_id(char out[HUB_ID_TEXT], struct bytes id)
{
    struct hub_id hub;

    if (id.len != HUB_ID_BYTES) {
        out[0] = '\0';
        return;
    }
    memcpy(hub.octets, id.ptr, HUB_ID_BYTES);
    hub_id_text(&hub, out);
}

static struct bytes profile_of(const struct origin *origin)
{
    struct route_key key = {.kind = ROUTE_PROFILE, .origin = origin->id};
    const struct route *route = route_table_find(&origin->mesh->table, &key);

    return route && route->best ? block_bytes(route->attributes) : BYTES_NONE;
}

static int copy_links(struct profile *profile, struct mesh_hub *hub)
{
    hub->links = calloc(profile->n_named + 1, sizeof *hub->links);
    if (!hub->links)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_named; i++) {
        struct mesh_hub_link *link = &hub->links[hub->n_named];
        struct profile_link told;

        if (profile_next_link(profile, &told) != 0)
            break;
        copy_id(link->hub_id, told.hub_id);
        copy_text(link->bridge, sizeof link->bridge, told.bridge);
        copy_text(link->state, sizeof link->state, told.state);
        link->is_outgoing = told.is_outgoing;
        hub->n_named++;
    }
    return 0;
}

static int copy_profile(const struct origin *origin, struct mesh_hub *hub)
{
    struct profile profile;

    if (profile_read(profile_of(origin), &profile) != 0)
        return 0;
    hub->has_profile = true;
    copy_text(hub->version, sizeof hub->version, profile.version);
    hub->started_s = profile.started_s;
    hub->n_links = profile.n_links;
    return copy_links(&profile, hub);
}

static int describe_self(const struct mesh *mesh, struct mesh_hub *hub)
{
    hub->is_self = true;
    copy_text(hub->server_id, sizeof hub->server_id, bytes_of_text(mesh->server_id));
    return copy_profile(mesh->self, hub);
}

static int describe_remote(const struct origin *origin, struct mesh_hub *hub)
{
    const struct candidate *best = origin->hub_route->best;
    struct bytes server_id = BYTES_NONE;

    hub->cost = best->cost;
    hub->n_hops = path_n_hops(candidate_path(best));
    hub_id_text(&best->link->peer, hub->via);
    (void)attributes_read_hub(block_bytes(origin->hub_route->attributes), &server_id);
    copy_text(hub->server_id, sizeof hub->server_id, server_id);
    return copy_profile(origin, hub);
}

/* --- the list ------------------------------------------------------------------------------------------- */

/* The first step: nothing but the ids, in order; this hub's stays ahead. */
struct gathering {
    const struct mesh *mesh;
    struct mesh_hub_list *list;
};

static void gather(struct map_node *node, void *context)
{
    struct gathering *gathering = context;
    const struct origin *origin = container_of(node, struct origin, node);
    struct mesh_hub_list *list = gathering->list;

    if (origin != gathering->mesh->self && origin_is_reachable(origin))
        memcpy(list->ids[list->n_ids++], origin->id.octets, HUB_ID_BYTES);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, HUB_ID_BYTES);
}

static int begin(const struct mesh *mesh, struct mesh_hub_list *list)
{
    struct gathering gathering = {mesh, list};
    size_t n_most = mesh->origins.n_nodes + 1;

    list->ids = calloc(n_most, sizeof *list->ids);
    list->hubs = calloc(n_most, sizeof *list->hubs);
    if (!list->ids || !list->hubs)
        return -ENOMEM;
    memcpy(list->ids[list->n_ids++], mesh->id.octets, HUB_ID_BYTES);
    map_walk((struct map *)&mesh->origins, gather, &gathering);
    qsort(list->ids + 1, list->n_ids - 1, sizeof *list->ids, compare_ids);
    return MESH_VIEW_E_GOES_ON;
}

static int describe(const struct mesh *mesh, struct mesh_hub_list *list, const uint8_t octets[HUB_ID_BYTES])
{
    const struct origin *origin;
    struct mesh_hub *hub;
    struct hub_id id;

    memcpy(id.octets, octets, HUB_ID_BYTES);
    origin = origins_find(mesh, &id);
    if (!origin || (origin != mesh->self && !origin_is_reachable(origin)))
        return 0;
    hub = &list->hubs[list->n++];
    hub->incarnation = origin->incarnation;
    hub_id_text(&id, hub->hub_id);
    return origin == mesh->self ? describe_self(mesh, hub) : describe_remote(origin, hub);
}

int mesh_view_hubs(const struct mesh *mesh, struct mesh_hub_list *list)
{
    if (!list->ids)
        return begin(mesh, list);
    for (unsigned i = 0; i < MESH_VIEW_STEP_HUBS && list->n_seen < list->n_ids; i++) {
        int r = describe(mesh, list, list->ids[list->n_seen++]);

        if (r < 0)
            return r;
    }
    return list->n_seen < list->n_ids ? MESH_VIEW_E_GOES_ON : 0;
}

void mesh_view_clear(struct mesh_hub_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->hubs[i].links);
    free(list->hubs);
    free(list->ids);
    *list = (struct mesh_hub_list){0};
}
