/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/path_table.h"

#include <stdlib.h>

#include "federation/digest.h"

void path_table_init(struct path_table *table)
{
    *table = (struct path_table){0};
    map_init(&table->paths);
}

void path_table_clear(struct path_table *table)
{
    map_clear(&table->paths);
}

struct shared_path *path_table_find(struct path_table *table, struct bytes hops)
{
    struct map_node *node;

    if (table->latest && bytes_equal(table->latest->node.key, hops))
        return table->latest;
    node = map_find(&table->paths, hops);
    if (!node)
        return NULL;
    table->latest = container_of(node, struct shared_path, node);
    return table->latest;
}

static struct shared_path *make(struct path_table *table, struct bytes hops)
{
    struct shared_path *path = malloc(sizeof *path + hops.len);

    if (!path)
        return NULL;
    *path = (struct shared_path){.digest = digest_of_bytes(hops)};
    list_init(&path->candidates);
    if (hops.len > 0)
        memcpy(path->hops, hops.ptr, hops.len);
    if (map_insert(&table->paths, &path->node, bytes_of(path->hops, hops.len)) < 0) {
        free(path);
        return NULL;
    }
    return path;
}

struct shared_path *path_table_get(struct path_table *table, struct bytes hops)
{
    struct shared_path *path = path_table_find(table, hops);

    return path ? path : make(table, hops);
}

void path_table_set_stale(struct path_table *table, struct shared_path *path, bool is_stale)
{
    table->n_stale += is_stale;
    table->n_stale -= path->is_stale;
    path->is_stale = is_stale;
}

void path_table_release(struct path_table *table, struct shared_path *path)
{
    if (!list_is_empty(&path->candidates))
        return;
    if (table->latest == path)
        table->latest = NULL;
    table->n_stale -= path->is_stale;
    map_remove(&table->paths, &path->node);
    free(path);
}
