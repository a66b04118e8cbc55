/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Errands: what one hub's management plane asks of another's
 *
 * A request goes by the best way to the hub, its answer comes back the same kind of way. What is in them is
 * the management plane's; here it is only bytes and the right that the request needs. Every hub on the way,
 * the last one too, lets a request in only where its own side of the link grants that right to the hub behind
 * it (enum bridge_management), so a hub is managed from where its operator has said, and only by ways along
 * which every operator has. A refused request comes back with a sentence that says who refused it and what to
 * do.
 *
 * An errand is not sent again when it is lost: the asker waits for a bounded time.
 */
#ifndef COMMHUB_FEDERATION_ERRAND_H
#define COMMHUB_FEDERATION_ERRAND_H

#include "federation/mesh.h"

#define ERRAND_MAX_BYTES ((size_t)4 << 20)

enum { ERRAND_E_NO_WAY = 1 };

/* A request (READ or WRITE) or its ANSWER to the hub @to; @serial names the request at the hub that asks. 0,
 * ERRAND_E_NO_WAY or -ENOMEM. */
int errand_send(struct mesh *mesh, const struct hub_id *to, enum errand_kind kind, uint64_t serial,
                struct bytes body, struct hub_time time);

/* What came over a link: 0 or MESH_E_BAD_MESSAGE. */
int errand_receive(struct mesh_link *link, const struct link_errand *errand);

#endif
