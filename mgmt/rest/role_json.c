/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/role_json.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_NAME_BYTES 32

enum role role_json_read(struct json_form *form)
{
    const char *name = json_form_text(form, "role", true, 1, MOST_NAME_BYTES);
    enum role role = ROLE_NONE;

    if (name && !role_parse(name, &role))
        problem_add(form->faults, "#/role", "must be viewer, operator or admin");
    return role;
}

unsigned role_json_read_scopes(struct json_form *form)
{
    const char *const *names;
    unsigned scopes = 0;
    size_t n;

    json_form_texts(form, "scopes", SCOPE_COUNT, MOST_NAME_BYTES, &names, &n);
    for (size_t i = 0; i < n; i++) {
        enum scope scope;
        char pointer[32];

        snprintf(pointer, sizeof pointer, "#/scopes/%zu", i);
        if (!scope_parse(names[i], &scope))
            problem_add(form->faults, pointer,
                        "must be hub, clients, channels, mesh, calls, events, definitions, access or audit");
        else
            scopes |= (unsigned)scope;
    }
    free((void *)(uintptr_t)names);
    return n ? scopes : SCOPE_ALL;
}

json_t *role_json_scopes(unsigned scopes)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < SCOPE_COUNT; i++) {
        if (!(scopes & 1u << i))
            continue;
        if (json_array_append_new(array, json_string(scope_name((enum scope)(1u << i))))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}
