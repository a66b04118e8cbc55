/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/auth/scope.h"

#include <stddef.h>
#include <string.h>

/* In the order of their bits. */
static const char *const names[SCOPE_COUNT] = {"hub",    "clients",     "channels", "mesh", "calls",
                                               "events", "definitions", "access",   "audit"};

const char *scope_name(enum scope scope)
{
    for (unsigned i = 0; i < SCOPE_COUNT; i++) {
        if ((unsigned)scope == 1u << i)
            return names[i];
    }
    return NULL;
}

bool scope_parse(const char *name, enum scope *out_scope)
{
    for (unsigned i = 0; i < SCOPE_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out_scope = (enum scope)(1u << i);
            return true;
        }
    }
    return false;
}
