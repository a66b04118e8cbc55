/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Roles: how much somebody may do
 *
 * Each role may do all that the ones before it may.
 */
#ifndef COMMHUB_MGMT_AUTH_ROLE_H
#define COMMHUB_MGMT_AUTH_ROLE_H

#include <stdbool.h>

enum role {
    ROLE_NONE,     /* of a route: anyone; of somebody: nothing but what anyone may */
    ROLE_VIEWER,   /* looks */
    ROLE_OPERATOR, /* shapes the mesh: bridges, channels, clients, calls */
    ROLE_ADMIN,    /* also users, tokens, sessions, the audit log, the hub's settings */
};

#define ROLE_COUNT (ROLE_ADMIN + 1)

/* "viewer"; of ROLE_NONE "none". */
const char *role_name(enum role role);

/* False: no role is called so. */
bool role_parse(const char *name, enum role *out_role);

#endif
