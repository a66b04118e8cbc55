/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Roles and scopes in JSON
 */
#ifndef COMMHUB_MGMT_REST_ROLE_JSON_H
#define COMMHUB_MGMT_REST_ROLE_JSON_H

#include "mgmt/auth/scope.h"
#include "mgmt/auth/role.h"
#include "mgmt/rest/json_form.h"

/* The needed member `role`; a fault is noted, and ROLE_NONE answered, where it is not one. */
enum role role_json_read(struct json_form *form);

/* The member `scopes`, an array; not there: all. */
unsigned role_json_read_scopes(struct json_form *form);

/* NULL: out of memory. */
json_t *role_json_scopes(unsigned scopes);

#endif
