/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Messages that a link has not got rid of, and other ways for them
 *
 * Whoever has sent a message keeps it until the next hub has acknowledged it. So when a link is cut, what it
 * keeps is here to be given to another link; the essay is in custody.c.
 */
#ifndef COMMHUB_FEDERATION_CUSTODY_H
#define COMMHUB_FEDERATION_CUSTODY_H

#include "federation/mesh_state.h"

/* What stale links keep goes by fresh ways, where routes have changed so that there may be some. */
void custody_reroute(struct mesh *mesh);

/* The link is over: what it keeps goes by whatever way there is. What has none is lost: calls are answered,
 * the rest is counted. */
void custody_end(struct mesh_link *link);

#endif
