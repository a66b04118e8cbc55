/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * May this request be carried out?
 */
#ifndef COMMHUB_MGMT_REST_ACCESS_H
#define COMMHUB_MGMT_REST_ACCESS_H

#include "mgmt/rest/rest.h"
#include "mgmt/rest/routes.h"

/*
 * Finds out who asks (request->by) and whether they may, by the route's row. False: the reply is filled, with
 * 401 where nobody known asks, 403 where the role or the scope is too small, 429 after too many wrong
 * guesses.
 */
bool access_check(struct rest *rest, const struct route *route, struct request *request, struct reply *reply);

/*
 * Whether who asks may give roles to others: a credential with some scopes only could make itself one with
 * all. False: the reply is filled (403).
 */
bool access_may_grant(const struct request *request, struct reply *reply);

/* Whether they may read the audit log, row by row or as a stream. */
bool access_may_audit(const struct request *request);

/*
 * True if there is no Origin, or it is the very host that was asked: a page of ours. Where the port speaks
 * TLS its scheme must be https: a page that came in the clear may be anybody's. A plain port takes both, for
 * a proxy before it may speak TLS.
 */
bool access_is_same_origin(const struct rest *rest, const struct request *request);

#endif
