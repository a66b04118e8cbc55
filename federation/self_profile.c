/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/self_profile.h"

#include <stdlib.h>

#include "federation/profile.h"
#include "hub/base/metrics.h"

static void write_link(struct buffer *out, const struct link_status *status)
{
    struct profile_link told = {.hub_id = BYTES_NONE};
    struct hub_id peer;

    if (hub_id_parse(bytes_of_text(status->hub_id), &peer) == 0)
        told.hub_id = hub_id_bytes(&peer);
    told.bridge = bytes_of_text(status->bridge);
    told.is_outgoing = status->is_outgoing;
    told.state = bytes_of_text(link_state_name(status->state));
    profile_write_link(out, &told);
}

void self_profile_tell(struct federation *federation)
{
    struct buffer profile;
    struct link_status *links;
    size_t n_links;

    if (federation_control_links(federation, &links, &n_links) < 0) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        return;
    }
    buffer_init(&profile);
    profile_write(&profile, bytes_of_text(federation->version), federation->started_s, (uint32_t)n_links);
    for (size_t i = 0; i < n_links && i < PROFILE_MAX_LINKS; i++)
        write_link(&profile, &links[i]);
    free(links);
    if (profile.failed)
        metrics_count(METRICS_OUT_OF_MEMORY);
    else
        mesh_local_profile(federation->mesh, buffer_bytes(&profile));
    buffer_clear(&profile);
}
