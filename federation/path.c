/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/path.h"

#include <endian.h>

#include "hub/base/check.h"

struct hop path_at(struct bytes path, size_t i)
{
    struct hop hop;
    const uint8_t *at = path.ptr + i * PATH_HOP_BYTES;

    check(i < path_n_hops(path));
    memcpy(hop.hub.octets, at, HUB_ID_BYTES);
    hop.session = 0;
    for (size_t byte = 0; byte < 8; byte++)
        hop.session = hop.session << 8 | at[HUB_ID_BYTES + byte];
    return hop;
}

bool path_has_hub(struct bytes path, const struct hub_id *hub)
{
    for (size_t i = 0; i + PATH_HOP_BYTES <= path.len; i += PATH_HOP_BYTES) {
        if (memcmp(path.ptr + i, hub->octets, HUB_ID_BYTES) == 0)
            return true;
    }
    return false;
}

bool path_has_session(struct bytes path, uint64_t session)
{
    uint64_t packed = htobe64(session);

    for (size_t i = HUB_ID_BYTES; i + sizeof packed <= path.len; i += PATH_HOP_BYTES) {
        if (memcmp(path.ptr + i, &packed, sizeof packed) == 0)
            return true;
    }
    return false;
}

int path_append(struct buffer *out, const struct hop *hop)
{
    uint8_t session[8];
    int r = buffer_append(out, hop->hub.octets, HUB_ID_BYTES);

    if (r < 0)
        return r;
    for (size_t byte = 0; byte < 8; byte++)
        session[byte] = (uint8_t)(hop->session >> (56 - 8 * byte));
    return buffer_append(out, session, sizeof session);
}
