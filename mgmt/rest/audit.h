/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Writes to the audit log what a request did, or was refused
 */
#ifndef COMMHUB_MGMT_REST_AUDIT_H
#define COMMHUB_MGMT_REST_AUDIT_H

#include "mgmt/rest/change.h"
#include "mgmt/rest/rest.h"
#include "mgmt/rest/routes.h"

#define AUDIT_MOST_ROWS 100000

/*
 * Once for each request whose route is known, when @reply is filled; @change is what the handler said. Reads
 * are not recorded, dry runs and quiet routes only where they are refused.
 */
void audit_record(struct rest *rest, const struct route *route, const struct request *request,
                  const struct change *change, const struct reply *reply);

#endif
