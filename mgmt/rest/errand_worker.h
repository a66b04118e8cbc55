/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Carries out what other hubs of the mesh ask of this one's REST interface
 *
 * Requests arrive on the loop's thread, wait in a bounded queue, and are carried out one after the other on a
 * thread of the worker's own, for they may touch the store. One whose answer is still to come (a bridge that
 * is tried) steps aside until it is there. Who asks is "mesh:HUB:NAME", with the role it has
 * there but at most that of an operator, a viewer where the links grant only reading, and the scopes hub,
 * clients, channels and mesh. Writes stand in the audit log as those of anybody else.
 */
#ifndef COMMHUB_MGMT_REST_ERRAND_WORKER_H
#define COMMHUB_MGMT_REST_ERRAND_WORKER_H

#include "mgmt/rest/rest.h"

#define ERRAND_WORKER_MOST 64U

struct errand_worker;

/* 0 or a negative errno. */
int errand_worker_new(struct errand_worker **out_worker, struct rest *rest);

/* Waits for the request that is being carried out; the loop must run, or its mailbox be closed. NULL is fine.
 */
void errand_worker_free(struct errand_worker *worker);

#endif
