/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/change.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub/base/cleanup.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/rest.h"
#include "mgmt/store/store_audit.h"

#define PLAN_TYPE "application/vnd.commhub.plan+json"

static void put(char out[STORE_AUDIT_CHANGE_SIZE], const json_t *value)
{
    cleanup_free_ char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    size_t len = text ? strlen(text) : 0;

    if (len < STORE_AUDIT_CHANGE_SIZE)
        snprintf(out, STORE_AUDIT_CHANGE_SIZE, "%s", text ? text : "");
    else
        snprintf(out, STORE_AUDIT_CHANGE_SIZE, "\"(%zu bytes, too long to be kept)\"", len);
}

void change_write(struct store_audit *row, json_t *before, json_t *after)
{
    put(row->before, before);
    put(row->after, after);
    json_decref(before);
    json_decref(after);
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
    if (request->audit) {
        change_write(request->audit, before, after);
        return;
    }
    json_decref(before);
    json_decref(after);
}

void change_stage(const struct request *request, unsigned status, json_t *before, json_t *after)
{
    change_note(request, before, after);
    if (!request->audit)
        return;
    request->audit->status = status;
    store_audit_stage(request->audit, STORE_AUDIT_MOST_ROWS);
}

bool change_is_tried(const struct request *request, struct reply *reply, unsigned status, json_t *before,
                     json_t *after)
{
    if (rest_is_dry_run(request)) {
        reply_plan(reply, status, before, after);
        return true;
    }
    change_stage(request, status, before, after);
    return false;
}
