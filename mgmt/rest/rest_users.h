/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What signing in and setting up need of users
 */
#ifndef COMMHUB_MGMT_REST_REST_USERS_H
#define COMMHUB_MGMT_REST_REST_USERS_H

#include <jansson.h>

#include "mgmt/rest/rest.h"
#include "mgmt/store/store_user.h"

/* The user as shown; NULL: out of memory. */
json_t *rest_users_json(const struct store_user *user);

/* Whether there is an enabled administrator other than @name; false: the reply is filled (409). */
bool rest_users_leave_an_admin(struct rest *rest, const char *name, const struct request *request,
                               struct reply *reply);

#endif
