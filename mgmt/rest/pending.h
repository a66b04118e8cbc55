/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * An answer that the hub's loop gives once, some time after the question
 *
 * Request and loop share what waits for it; no thread does.
 */
#ifndef COMMHUB_MGMT_REST_PENDING_H
#define COMMHUB_MGMT_REST_PENDING_H

#include <jansson.h>

#include "mgmt/rest/rest.h"

struct pending;

struct pending_kind {
    /* On the loop. 0 and an id: pending_deliver() follows, once, perhaps before this returns. Else it never
     * does, and the outcome is the asker's. */
    int (*ask)(struct federation *federation, void *question, struct pending *pending, uint64_t *out_id);
    /* On the loop: nobody waits any more. True: pending_deliver() does not follow. */
    bool (*forget)(struct federation *federation, uint64_t id);
    /* NULL: out of memory. */
    json_t *(*show)(const void *answer);
};

/*
 * True and the outcome of kind->ask(): with 0 the reply waits, with anything else it is the caller's to fill.
 * False: the reply is filled. @question is used until this returns.
 */
bool pending_ask(struct rest *rest, const struct pending_kind *kind, void *question, int *out_outcome,
                 const struct request *request, struct reply *reply);

/* On the loop: @answer is for free() from now on; NULL: there is none, the hub is ending or has no memory. */
void pending_deliver(struct pending *pending, void *answer);

#endif
