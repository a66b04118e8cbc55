/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Scopes: the parts of the interface that a token is good for
 *
 * A role says how much, a scope where: a token of role operator with the scope "mesh" may change bridges and
 * read nothing else. Several make a set, by |.
 */
#ifndef COMMHUB_MGMT_AUTH_SCOPE_H
#define COMMHUB_MGMT_AUTH_SCOPE_H

#include <stdbool.h>

enum scope {
    SCOPE_NONE = 0,             /* of a route: any credential of the role will do */
    SCOPE_HUB = 1 << 0,         /* the hub itself: identity, settings, upkeep */
    SCOPE_CLIENTS = 1 << 1,     /* clients */
    SCOPE_CHANNELS = 1 << 2,    /* channels and their passwords */
    SCOPE_MESH = 1 << 3,        /* bridges, links, routes */
    SCOPE_CALLS = 1 << 4,       /* the gateway to the bus: calls, streams, subscriptions */
    SCOPE_EVENTS = 1 << 5,      /* logs and events */
    SCOPE_DEFINITIONS = 1 << 6, /* export and import */
    SCOPE_ACCESS = 1 << 7,      /* users, tokens, sessions */
    SCOPE_AUDIT = 1 << 8,       /* the audit log */
};

#define SCOPE_COUNT 9
#define SCOPE_ALL ((1u << SCOPE_COUNT) - 1)

/* "mesh"; NULL for a set and for none. */
const char *scope_name(enum scope scope);

/* False: no scope is called so. */
bool scope_parse(const char *name, enum scope *out_scope);

#endif
