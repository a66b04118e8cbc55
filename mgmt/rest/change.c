/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/change.h"

#include <stdlib.h>

#include "mgmt/rest/json_value.h"
#include "mgmt/rest/rest.h"

#define PLAN_TYPE "application/vnd.commhub.plan+json"

void change_clear(struct change *change)
{
    free(change->before);
    free(change->after);
    *change = (struct change){0};
}

static char *text_of(const json_t *value)
{
    return value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
}

static void reply_plan(struct reply *reply, unsigned status, json_t *before, json_t *after)
{
    json_value_reply(reply, 200,
                     json_pack("{s:b, s:i, s:o, s:o}", "dry_run", 1, "status", (int)status, "before",
                               before ? before : json_null(), "after", after ? after : json_null()));
    if (reply->status == 200)
        reply->content_type = PLAN_TYPE;
}

void change_note(const struct request *request, json_t *before, json_t *after)
{
    if (request->change) {
        change_clear(request->change);
        *request->change = (struct change){text_of(before), text_of(after)};
    }
    json_decref(before);
    json_decref(after);
}

bool change_is_tried(const struct request *request, struct reply *reply, unsigned status, json_t *before,
                     json_t *after)
{
    if (rest_is_dry_run(request)) {
        reply_plan(reply, status, before, after);
        return true;
    }
    change_note(request, before, after);
    return false;
}
