/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Strangers may knock as often as they like: of their refusals one a second is recorded, and the others are
 * counted in the next row, or the log would forget for their sake what administrators did.
 */
#include "mgmt/rest/audit.h"

#include <stdatomic.h>
#include <stdio.h>

#include "hub/base/clock.h"
#include "mgmt/store/store_audit.h"

static bool is_worth_it(const struct route *route, const struct request *request, const struct reply *reply)
{
    bool is_refused = reply->status >= 400;

    if (!rest_is_write(request) || reply->later)
        return false;
    return is_refused || !(route->is_quiet || rest_is_dry_run(request));
}

static bool may_record(struct rest *rest, const struct request *request)
{
    static const uint8_t everybody[RATE_LIMIT_KEY_BYTES];
    struct rate_limit_state state;

    if (request->by.kind != PRINCIPAL_NOBODY ||
        rate_limit_take(&rest->strangers, everybody, 1, clock_monotonic_ms(), &state))
        return true;
    atomic_fetch_add(&rest->n_omitted, 1);
    return false;
}

static void put_change(char out[STORE_AUDIT_CHANGE_SIZE], const char *json)
{
    size_t len = json ? strlen(json) : 0;

    if (len < STORE_AUDIT_CHANGE_SIZE)
        snprintf(out, STORE_AUDIT_CHANGE_SIZE, "%s", json ? json : "");
    else
        snprintf(out, STORE_AUDIT_CHANGE_SIZE, "\"(%zu bytes, too long to be kept)\"", len);
}

void audit_record(struct rest *rest, const struct route *route, const struct request *request,
                  const struct change *change, const struct reply *reply)
{
    struct store_audit row = {.time_ms = clock_wall_ms(), .status = reply->status};
    char why[STORE_WHY_SIZE];

    if (!is_worth_it(route, request, reply) || !may_record(rest, request))
        return;
    snprintf(row.who, sizeof row.who, "%s", request->by.name);
    snprintf(row.address, sizeof row.address, "%s", request->peer);
    snprintf(row.request_id, sizeof row.request_id, "%s", request->id);
    snprintf(row.method, sizeof row.method, "%s", request->method);
    snprintf(row.target, sizeof row.target, "%s", request->target);
    put_change(row.before, change->before);
    put_change(row.after, change->after);
    row.omitted = (int64_t)atomic_exchange(&rest->n_omitted, 0);
    if (store_audit_append(rest->options.store, &row, AUDIT_MOST_ROWS, why) < 0)
        rest_log(rest, LOG_ERROR, request, "The audit log lacks this: %s %.200s was answered %lld. %.300s",
                 row.method, row.target, (long long)row.status, why);
}
