/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/trail.h"

#include "federation/mesh_state.h"
#include "federation/origins.h"
#include "federation/path.h"
#include "hub/base/metrics.h"
#include "hub/wire/msgpack_write.h"

/* BYTES_NONE: not to be shown. The core takes a message with our own name for one that goes in a circle. */
static struct bytes name_to_show(const struct mesh *mesh, const struct hub_id *hub)
{
    const struct origin *origin = origins_find(mesh, hub);

    if (!origin || !origin->server_id || strcmp(origin->server_id, mesh->server_id) == 0)
        return BYTES_NONE;
    return bytes_of_text(origin->server_id);
}

void trail_show(struct mesh *mesh, struct bytes trail, struct message *message)
{
    struct buffer *names = &mesh->shown;
    uint32_t n_hops;
    uint32_t n = 0;

    if (hub_id_list_count(trail) < 2 || message_path_has(message, BYTES_NONE, &n_hops) != 0 || n_hops == 0)
        return;
    names->len = 0;
    /* The core refuses a path of PATH_MAX_HOPS. */
    for (size_t i = 1; i < hub_id_list_count(trail) && n_hops + n + 1 < PATH_MAX_HOPS; i++) {
        struct hub_id hub = hub_id_list_at(trail, i);
        struct bytes name = name_to_show(mesh, &hub);

        if (name.len == 0)
            continue;
        msgpack_write_str(names, name);
        n++;
    }
    if (names->failed) {
        buffer_clear(names);
        metrics_count(METRICS_OUT_OF_MEMORY);
        return;
    }
    message->passed = (struct message_hops){.raw = buffer_bytes(names), .n = n};
}
