/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What lanes of other hubs' spools have brought to this hub
 *
 * The far hub sends a message again until it hears that it was taken. A mark is the last number of a lane
 * that was delivered here; what is not above it is not delivered again. A mark is first acted on, then
 * written, and what has been written is told to the far hub: so nothing is lost when this hub is killed in
 * between, and what was delivered in its last moments comes once more.
 */
#ifndef COMMHUB_FEDERATION_DURABLE_MARKS_H
#define COMMHUB_FEDERATION_DURABLE_MARKS_H

#include "federation/hub_id.h"
#include "federation/spool.h"
#include "federation/spool_stamp.h"
#include "hub/base/map.h"

#define DURABLE_MARKS_MAX 65536U /* lanes that may have brought something */

struct durable_marks {
    const struct spool *spool; /* NULL: marks live as long as this hub */
    struct map by_lane;
    /* What the far hub should hear. */
    void (*tell)(void *context, const struct hub_id *hub, const struct spool_stamp *taken);
    void *context;
};

void durable_marks_init(struct durable_marks *marks, const struct spool *spool);
void durable_marks_clear(struct durable_marks *marks);

/* What the spool knows from before. 0 or -ENOMEM. */
int durable_marks_add(struct durable_marks *marks, const struct spool_mark *mark);

/* A message has come from @hub: whether it is to be delivered. */
bool durable_marks_take(struct durable_marks *marks, const struct hub_id *hub,
                        const struct spool_stamp *stamp);

/* The spool has written one. */
void durable_marks_written(struct durable_marks *marks, const struct spool_mark *mark);

#endif
