/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who asks
 */
#ifndef COMMHUB_MGMT_AUTH_PRINCIPAL_H
#define COMMHUB_MGMT_AUTH_PRINCIPAL_H

#include <stdint.h>

#include "mgmt/auth/role.h"
#include "mgmt/auth/scope.h"

#define PRINCIPAL_NAME_SIZE 272 /* a user's or token's name, with "token:" before the latter */

enum principal_kind {
    PRINCIPAL_NOBODY,
    PRINCIPAL_TOKEN,
    PRINCIPAL_SESSION, /* a user who has signed in; the credential is a cookie */
    PRINCIPAL_REMOTE,  /* somebody at another hub of the mesh, for whom that hub speaks */
};

/* All zero: nobody. */
struct principal {
    enum principal_kind kind;
    enum role role;
    unsigned scopes;                /* set of enum scope */
    int64_t serial;                 /* of the token, the session */
    char name[PRINCIPAL_NAME_SIZE]; /* "alice", "token:deploy"; "" for nobody */
};

static inline bool principal_has_role(const struct principal *principal, enum role role)
{
    return principal->role >= role;
}

static inline bool principal_has_scope(const struct principal *principal, enum scope scope)
{
    return (principal->scopes & (unsigned)scope) == (unsigned)scope;
}

#endif
