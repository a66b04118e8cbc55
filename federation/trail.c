/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/trail.h"

#include "federation/origins.h"
#include "federation/path.h"
#include "hub/base/metrics.h"
#include "hub/wire/envelope.h"
#include "hub/wire/frame.h"

/* BYTES_NONE: not to be shown. The core takes a message with our own name for one that goes in a circle. */
static struct bytes name_to_show(const struct mesh *mesh, const struct hub_id *hub)
{
    const struct origin *origin = origins_find(mesh, hub);

    if (!origin || !origin->server_id || strcmp(origin->server_id, mesh->server_id) == 0)
        return BYTES_NONE;
    return bytes_of_text(origin->server_id);
}

/* NULL: out of memory. */
static struct block *append(const struct mesh *mesh, const struct message *message, struct bytes name)
{
    struct envelope envelope = {.server_id = name, .timestamp_s = mesh->time.wall_s};
    struct block *frame = envelope_forward(message, &envelope);

    if (!frame)
        metrics_count(METRICS_OUT_OF_MEMORY);
    return frame;
}

struct block *trail_show(const struct mesh *mesh, struct bytes trail, struct message *message)
{
    struct block *shown = NULL;
    uint32_t n_hops;

    if (hub_id_list_count(trail) < 2 || message_path_has(message, BYTES_NONE, &n_hops) != 0 || n_hops == 0)
        return NULL;
    /* The core refuses a path of PATH_MAX_HOPS. */
    for (size_t i = 1; i < hub_id_list_count(trail) && n_hops + 1 < PATH_MAX_HOPS; i++) {
        struct hub_id hub = hub_id_list_at(trail, i);
        struct bytes name = name_to_show(mesh, &hub);
        struct message longer;
        struct block *frame;

        if (name.len == 0)
            continue;
        frame = append(mesh, message, name);
        if (!frame || message_parse(frame_body(frame), &longer) != 0) {
            block_unref(frame);
            break;
        }
        *message = longer;
        block_unref(shown);
        shown = frame;
        n_hops++;
    }
    return shown;
}
