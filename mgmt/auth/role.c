/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/auth/role.h"

#include <string.h>

const char *role_name(enum role role)
{
    switch (role) {
    case ROLE_NONE:
        return "none";
    case ROLE_VIEWER:
        return "viewer";
    case ROLE_OPERATOR:
        return "operator";
    case ROLE_ADMIN:
        return "admin";
    }
    return "none";
}

bool role_parse(const char *name, enum role *out_role)
{
    for (enum role role = ROLE_VIEWER; role <= ROLE_ADMIN; role++) {
        if (strcmp(name, role_name(role)) == 0) {
            *out_role = role;
            return true;
        }
    }
    return false;
}
