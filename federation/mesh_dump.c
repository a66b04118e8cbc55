/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The tables as text, the same for equal tables: for tests and for the eye
 */
#include "federation/mesh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "federation/mesh_state.h"

struct lines {
    char **texts;
    size_t n;
    bool failed;
};

static void write_line(const struct route *route, struct buffer *out)
{
    static const char *const kinds[ROUTE_KIND_COUNT] = {"hub",      "service", "topic",
                                                        "interest", "member",  "profile"};
    struct bytes path = candidate_path(route->best);
    char origin[HUB_ID_TEXT];
    size_t n_ways = 0;

    for (struct list *at = route->candidates.next; at != &route->candidates; at = at->next)
        n_ways++;
    hub_id_text(&route->origin->id, origin);
    buffer_append_format(out, "%s %.*s:%.*s %s cost %llu ways %zu by", kinds[route->kind],
                         (int)route->channel.len, (const char *)route->channel.ptr, (int)route->name.len,
                         (const char *)route->name.ptr, origin, (unsigned long long)route->best->cost,
                         n_ways);
    for (size_t i = 0; i < path_n_hops(path); i++) {
        struct hop hop = path_at(path, i);
        char hub[HUB_ID_TEXT];

        hub_id_text(&hop.hub, hub);
        buffer_append_format(out, " %s", hub);
    }
    buffer_append_text(out, "\n");
}

static void collect_line(struct map_node *node, void *context)
{
    struct lines *lines = context;
    const struct route *route = container_of(node, struct route, by_key);
    struct buffer line;

    if (!route->best)
        return;
    buffer_init(&line);
    write_line(route, &line);
    lines->texts[lines->n] = buffer_take_text(&line);
    if (lines->texts[lines->n])
        lines->n++;
    else
        lines->failed = true;
    buffer_clear(&line);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int mesh_dump(const struct mesh *mesh, struct buffer *out)
{
    struct lines lines = {0};

    lines.texts = calloc(mesh->table.by_key.n_nodes + 1, sizeof *lines.texts);
    if (!lines.texts)
        return -ENOMEM;
    map_walk((struct map *)&mesh->table.by_key, collect_line, &lines);
    qsort(lines.texts, lines.n, sizeof *lines.texts, compare_lines);
    for (size_t i = 0; i < lines.n; i++) {
        buffer_append_text(out, lines.texts[i]);
        free(lines.texts[i]);
    }
    free(lines.texts);
    return lines.failed || out->failed ? -ENOMEM : 0;
}
