/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/self_profile.h"

#include "federation/link.h"
#include "federation/profile.h"
#include "hub/base/metrics.h"

static uint32_t count_links(const struct federation *federation)
{
    uint32_t n = 0;

    for (struct link *link = link_first(federation); link; link = link_next(federation, link))
        n++;
    return n;
}

static void write_link(struct buffer *out, const struct link *link)
{
    struct link_status status;
    struct profile_link told = {.hub_id = BYTES_NONE};
    struct hub_id peer;

    link_describe(link, &status);
    if (hub_id_parse(bytes_of_text(status.hub_id), &peer) == 0)
        told.hub_id = hub_id_bytes(&peer);
    told.bridge = bytes_of_text(status.bridge);
    told.is_outgoing = status.is_outgoing;
    told.state = bytes_of_text(link_state_name(status.state));
    profile_write_link(out, &told);
}

void self_profile_tell(struct federation *federation)
{
    struct buffer profile;
    uint32_t n_named = 0;

    buffer_init(&profile);
    profile_write(&profile, bytes_of_text(federation->version), federation->started_s,
                  count_links(federation));
    for (struct link *link = link_first(federation); link && n_named < PROFILE_MAX_LINKS;
         link = link_next(federation, link), n_named++)
        write_link(&profile, link);
    if (profile.failed)
        metrics_count(METRICS_OUT_OF_MEMORY);
    else
        mesh_local_profile(federation->mesh, buffer_bytes(&profile));
    buffer_clear(&profile);
}
