/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/mesh_view.h"

#include <errno.h>
#include <stdlib.h>

#include "federation/attributes.h"
#include "federation/mesh_state.h"
#include "federation/origins.h"
#include "federation/profile.h"

struct gathering {
    const struct mesh *mesh;
    struct mesh_hub *hubs;
    size_t n;
    bool failed;
};

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

static void gather(struct map_node *node, void *context)
{
    struct gathering *gathering = context;
    const struct origin *origin = container_of(node, struct origin, node);
    bool is_self = origin == gathering->mesh->self;
    struct mesh_hub *hub = &gathering->hubs[gathering->n];
    int r;

    if (gathering->failed || (!is_self && !origin_is_reachable(origin)))
        return;
    gathering->n++;
    hub->incarnation = origin->incarnation;
    hub_id_text(&origin->id, hub->hub_id);
    r = is_self ? describe_self(gathering->mesh, hub) : describe_remote(origin, hub);
    gathering->failed = r < 0;
}

static int compare_hubs(const void *a, const void *b)
{
    const struct mesh_hub *left = a;
    const struct mesh_hub *right = b;

    if (left->is_self != right->is_self)
        return left->is_self ? -1 : 1;
    return strcmp(left->hub_id, right->hub_id);
}

int mesh_view_hubs(const struct mesh *mesh, struct mesh_hub **out_hubs, size_t *out_n)
{
    struct gathering gathering = {.mesh = mesh};

    gathering.hubs = calloc(mesh->origins.n_nodes + 1, sizeof *gathering.hubs);
    if (!gathering.hubs)
        return -ENOMEM;
    map_walk((struct map *)&mesh->origins, gather, &gathering);
    if (gathering.failed) {
        mesh_view_free(gathering.hubs, gathering.n);
        return -ENOMEM;
    }
    qsort(gathering.hubs, gathering.n, sizeof *gathering.hubs, compare_hubs);
    *out_hubs = gathering.hubs;
    *out_n = gathering.n;
    return 0;
}

void mesh_view_free(struct mesh_hub *hubs, size_t n)
{
    for (size_t i = 0; hubs && i < n; i++)
        free(hubs[i].links);
    free(hubs);
}
