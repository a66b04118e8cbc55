/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which messages of the mesh the foreign hub has been given already
 *
 * A foreign hub has no window of its own, so whoever speaks for it keeps one for each hub of the mesh: what
 * is sent another way after a cut may come twice.
 */
#ifndef COMMHUB_FEDERATION_FOREIGN_SEEN_H
#define COMMHUB_FEDERATION_FOREIGN_SEEN_H

#include "federation/hub_id.h"
#include "hub/base/map.h"

void foreign_seen_clear(struct map *windows);

/* Whether the message (@seq 0: one without an id) is to be given to it. Counts those that are not. */
bool foreign_seen_is_first(struct map *windows, const struct hub_id *origin, uint64_t incarnation,
                           uint64_t seq);

#endif
