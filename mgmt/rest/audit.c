/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Strangers may knock as often as they like: of their refusals one a second is recorded, and the others are
 * counted in the next row, or the log would forget for their sake what administrators did.
 */
#include "mgmt/rest/audit.h"

#include <stdatomic.h>
#include <stdio.h>

#include "hub/base/clock.h"

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

void audit_begin(struct rest *rest, const struct request *request, struct store_audit *out_row)
{
    *out_row = (struct store_audit){.time_ms = clock_wall_ms()};
    snprintf(out_row->who, sizeof out_row->who, "%s", request->by.name);
    snprintf(out_row->address, sizeof out_row->address, "%s", request->peer);
    snprintf(out_row->request_id, sizeof out_row->request_id, "%s", request->id);
    snprintf(out_row->method, sizeof out_row->method, "%s", request->method);
    snprintf(out_row->target, sizeof out_row->target, "%s", request->target);
    if (rest_is_write(request))
        out_row->omitted = (int64_t)atomic_exchange(&rest->n_omitted, 0);
}

static bool append(struct rest *rest, const struct request *request, struct store_audit *row)
{
    char why[STORE_WHY_SIZE];

    if (store_audit_append(rest->options.store, row, STORE_AUDIT_MOST_ROWS, why) == 0)
        return true;
    rest_log(rest, LOG_ERROR, request, "The audit log lacks this: %s %.200s was answered %lld. %.300s",
             row->method, row->target, (long long)row->status, why);
    return false;
}

/* The row as a record of the live socket, as soon as it is written. */
static void announce(struct rest *rest, const struct store_audit *row)
{
    struct log_field fields[] = {
        log_number("id", row->serial),
        log_text("who", bytes_of_text(row->who)),
        log_text("address", bytes_of_text(row->address)),
        log_text("request_id", bytes_of_text(row->request_id)),
        log_text("method", bytes_of_text(row->method)),
        log_text("target", bytes_of_text(row->target)),
        log_number("status", row->status),
    };

    log_record(rest->options.log, row->status < 400 ? LOG_INFO : LOG_WARN, LOG_AUDIT, "audit", fields,
               sizeof fields / sizeof fields[0]);
}

void audit_end(struct rest *rest, const struct route *route, const struct request *request,
               struct store_audit *row, const struct reply *reply)
{
    bool is_written = row->serial && row->status == reply->status;

    store_audit_stage(NULL, 0);
    row->status = reply->status;
    if (is_written ||
        (is_worth_it(route, request, reply) && may_record(rest, request) && append(rest, request, row)))
        announce(rest, row);
    else
        atomic_fetch_add(&rest->n_omitted, (uint_fast64_t)row->omitted);
}

void audit_record(struct rest *rest, const struct route *route, const struct request *request,
                  const struct reply *reply)
{
    struct store_audit row;

    audit_begin(rest, request, &row);
    audit_end(rest, route, request, &row, reply);
}
