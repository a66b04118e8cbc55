/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Durable topics: what is published waits on disk until the far hub has it
 *
 * A bridge names topics. What local clients publish there is stored in the bridge's lanes, sent to the hub at
 * its far end when that has a subscriber, by whatever way the mesh has, and removed when that hub says that
 * it has delivered it. The essay is in durable.c; durable_marks.h is the receiving side. Loop's thread.
 */
#ifndef COMMHUB_FEDERATION_DURABLE_H
#define COMMHUB_FEDERATION_DURABLE_H

#include "federation/bridge.h"
#include "federation/mesh.h"
#include "federation/spool.h"

#define DURABLE_MAX_LANES 65536U

struct durable;

/*
 * Takes up what the spool holds, and the mesh's messages from now on. @spool NULL: there is no disk; then
 * durable topics are like others. @warn: what an operator should know. 0 or a negative errno.
 */
int durable_new(struct durable **out_durable, struct mesh *mesh, const struct spool *spool,
                void (*warn)(void *context, const char *event, const char *text), void *warn_context);

/* NULL is fine. The mesh must still be there. */
void durable_free(struct durable *durable);

/* The bridge's wish has come, or has another policy; borrowed until durable_bridge_gone(). 0 or -ENOMEM. */
int durable_bridge(struct durable *durable, const struct bridge *bridge);

/* The bridge is to be freed; what waits for it stays. */
void durable_bridge_gone(struct durable *durable, const struct bridge *bridge);

/* The operator has removed it: what waits is lost. */
void durable_bridge_removed(struct durable *durable, const char *bridge);

/* The bridge's link is proven. */
void durable_bridge_leads_to(struct durable *durable, const struct bridge *bridge, const struct hub_id *hub);

/* Every second or so. */
void durable_tick(struct durable *durable, struct hub_time time);

struct durable_status durable_status(const struct durable *durable, const char *bridge);

#endif
