/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/merge_patch.h"

/* As deep as the JSON parser lets bodies be (JSON_PARSER_MAX_DEPTH, 2048). */
json_t *merge_patch(const json_t *target, const json_t *patch)
{
    json_t *result, *value;
    const char *name;

    if (!json_is_object(patch))
        return json_deep_copy(patch);
    result = json_is_object(target) ? json_copy((json_t *)(uintptr_t)target) : json_object();
    json_object_foreach((json_t *)(uintptr_t)patch, name, value)
    {
        if (json_is_null(value)) {
            json_object_del(result, name);
        } else if (json_object_set_new(result, name, merge_patch(json_object_get(target, name), value))) {
            json_decref(result);
            return NULL;
        }
    }
    return result;
}
