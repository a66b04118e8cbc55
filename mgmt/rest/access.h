/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * May this request be carried out?
 */
#ifndef COMMHUB_MGMT_REST_ACCESS_H
#define COMMHUB_MGMT_REST_ACCESS_H

#include "mgmt/rest/rest.h"

/* The token of the header Authorization; false: the reply is filled (401 or 429). */
bool access_check_bearer(struct rest *rest, const struct request *request, struct reply *reply);

/* The same for a token that came another way; an empty one is none. */
bool access_check_token(struct rest *rest, struct bytes token, const struct request *request,
                        struct reply *reply);

/* What stands behind "Bearer " in Authorization; empty if nothing does. */
struct bytes access_bearer(const struct request *request);

/* True if there is no Origin, or it is the very host that was asked: a page of ours. */
bool access_is_same_origin(const struct request *request);

#endif
