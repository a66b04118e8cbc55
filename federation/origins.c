/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/origins.h"

#include <errno.h>

#include "hub/base/check.h"

struct origin *origins_find(const struct mesh *mesh, const struct hub_id *id)
{
    struct map_node *node = map_find(&mesh->origins, hub_id_bytes(id));

    return node ? container_of(node, struct origin, node) : NULL;
}

static void origin_free(struct origin *origin)
{
    map_remove(&origin->mesh->origins, &origin->node);
    list_unlink(&origin->unsettled);
    if (origin->window)
        seen_window_clear(origin->window);
    free(origin->window);
    free(origin->server_id);
    free(origin);
}

/* Nothing is known but the hub's own route, which leads nowhere. */
static bool is_idle(const struct origin *origin)
{
    const struct route *own = origin->hub_route;
    bool has_others = own ? origin->routes.next->next != &origin->routes : !list_is_empty(&origin->routes);

    return origin != origin->mesh->self && !has_others && (!own || route_table_is_idle(own)) &&
           !origin->peer && list_is_empty(&origin->unsettled) && list_is_empty(&origin->lost_calls) &&
           list_is_empty(&origin->outstanding);
}

struct search {
    struct origin *found;
};

static void find_idle(struct map_node *node, void *context)
{
    struct search *search = context;
    struct origin *origin = container_of(node, struct origin, node);

    if (is_idle(origin) && !search->found)
        search->found = origin;
}

/* One that nothing leads to any more makes room. */
static bool make_room(struct mesh *mesh)
{
    struct search search = {0};

    map_walk(&mesh->origins, find_idle, &search);
    if (!search.found)
        return false;
    if (search.found->hub_route)
        route_table_remove(&mesh->table, search.found->hub_route);
    origin_free(search.found);
    return true;
}

int origins_get(struct mesh *mesh, const struct hub_id *id, struct origin **out_origin)
{
    struct origin *origin = origins_find(mesh, id);

    *out_origin = origin;
    if (origin)
        return 0;
    if (mesh->origins.n_nodes > MESH_MAX_ORIGINS && !make_room(mesh))
        return ORIGINS_E_FULL;
    origin = calloc(1, sizeof *origin);
    if (!origin)
        return -ENOMEM;
    origin->mesh = mesh;
    origin->id = *id;
    list_init(&origin->routes);
    list_init(&origin->unsettled);
    list_init(&origin->lost_calls);
    list_init(&origin->outstanding);
    if (map_insert(&mesh->origins, &origin->node, hub_id_bytes(&origin->id)) < 0) {
        free(origin);
        return -ENOMEM;
    }
    *out_origin = origin;
    return 0;
}

void origins_clear(struct mesh *mesh)
{
    struct map_node *node;

    while ((node = map_any(&mesh->origins)))
        origin_free(container_of(node, struct origin, node));
    map_clear(&mesh->origins);
}
