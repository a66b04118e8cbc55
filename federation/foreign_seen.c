/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/foreign_seen.h"

#include <stdlib.h>

#include "federation/seen_window.h"
#include "hub/base/list.h"
#include "hub/base/metrics.h"

struct foreign_window {
    struct map_node node;
    struct hub_id origin;
    struct seen_window window;
};

void foreign_seen_clear(struct map *windows)
{
    struct map_node *node;

    while ((node = map_any(windows))) {
        struct foreign_window *window = container_of(node, struct foreign_window, node);

        map_remove(windows, node);
        seen_window_clear(&window->window);
        free(window);
    }
    map_clear(windows);
}

/* There are no more of them than the mesh has hubs. NULL: out of memory. */
static struct foreign_window *window_of(struct map *windows, const struct hub_id *origin)
{
    struct map_node *node = map_find(windows, hub_id_bytes(origin));
    struct foreign_window *window;

    if (node)
        return container_of(node, struct foreign_window, node);
    window = calloc(1, sizeof *window);
    if (!window)
        return NULL;
    window->origin = *origin;
    seen_window_init(&window->window);
    if (map_insert(windows, &window->node, hub_id_bytes(&window->origin)) < 0) {
        free(window);
        return NULL;
    }
    return window;
}

bool foreign_seen_is_first(struct map *windows, const struct hub_id *origin, uint64_t incarnation,
                           uint64_t seq)
{
    struct foreign_window *window;

    if (seq == 0)
        return true;
    window = window_of(windows, origin);
    if (!window) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        return false;
    }
    if (seen_window_take(&window->window, incarnation, seq) == SEEN_NEVER)
        return true;
    metrics_count(METRICS_DUPLICATES_DROPPED);
    return false;
}
