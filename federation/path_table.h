/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The paths that the candidates of a route table lead over, each kept once
 *
 * What a hub offers comes by one path from each neighbour: ten thousand ways share a few hundred paths. So
 * what becomes of a path (a link on it is cut, goes on, or is over) is found out once and not way by way, and
 * a path that is known here has been looked at before.
 */
#ifndef COMMHUB_FEDERATION_PATH_TABLE_H
#define COMMHUB_FEDERATION_PATH_TABLE_H

#include "federation/path.h"
#include "hub/base/list.h"
#include "hub/base/map.h"

struct shared_path {
    struct map_node node;   /* keyed by the hops */
    struct list candidates; /* that lead over it */
    uint64_t digest;        /* of the hops (digest.h) */
    bool is_stale;          /* leads over a link that is cut, and may go on */
    uint8_t hops[];
};

struct path_table {
    struct map paths;
    size_t n_stale;
    struct shared_path *latest; /* that was asked for, for entries come in rows; or NULL */
};

void path_table_init(struct path_table *table);

/* No candidate may be left. */
void path_table_clear(struct path_table *table);

/* NULL: it is not known. */
struct shared_path *path_table_find(struct path_table *table, struct bytes hops);

/* The path, made (and fresh) if it was not known; NULL: out of memory. One that no candidate is hung on is
 * let go of by path_table_release(). */
struct shared_path *path_table_get(struct path_table *table, struct bytes hops);

/* Whoever hears of cuts says so. */
void path_table_set_stale(struct path_table *table, struct shared_path *path, bool is_stale);

/* Frees a path without candidates. */
void path_table_release(struct path_table *table, struct shared_path *path);

#endif
