/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Writes to the audit log what a request did, or was refused
 *
 * Reads are not recorded, dry runs and quiet routes only where they are refused. What a request stores has
 * its row in the same transaction (change_stage()); everything else has it afterwards.
 */
#ifndef COMMHUB_MGMT_REST_AUDIT_H
#define COMMHUB_MGMT_REST_AUDIT_H

#include "mgmt/rest/rest.h"
#include "mgmt/rest/routes.h"
#include "mgmt/store/store_audit.h"

/* Before a request's handler: @out_row, to which request->audit may point then, says who asks for what. */
void audit_begin(struct rest *rest, const struct request *request, struct store_audit *out_row);

/* After it, in any case: adds what is not written yet. */
void audit_end(struct rest *rest, const struct route *route, const struct request *request,
               struct store_audit *row, const struct reply *reply);

/* Both, for a request that had no handler. */
void audit_record(struct rest *rest, const struct route *route, const struct request *request,
                  const struct reply *reply);

#endif
