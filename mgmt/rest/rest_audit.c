/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The audit log, newest first, and whether it is whole
 */
#include <stdlib.h>

#include "hub/base/text.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/listing.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"
#include "mgmt/store/store_audit.h"

static json_t *change_json(const char *text)
{
    json_t *value = *text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

    return value ? value : json_null();
}

static json_t *row_json(const struct request *request, const void *item)
{
    const struct store_audit *row = item;
    char hash[2 * STORE_AUDIT_HASH_BYTES + 1];

    (void)request;
    text_hex(row->hash, sizeof row->hash, hash);
    return json_pack(
        "{s:I, s:o, s:o, s:o, s:s, s:s, s:o, s:I, s:o, s:o, s:I, s:s}", "id", (json_int_t)row->serial, "time",
        json_value_time(row->time_ms), "who", json_value_text_or_null(row->who), "address",
        json_value_text(row->address), "request_id", row->request_id, "method", row->method, "target",
        json_value_text(row->target), "status", (json_int_t)row->status, "before", change_json(row->before),
        "after", change_json(row->after), "omitted", (json_int_t)row->omitted, "hash", hash);
}

static uint64_t place_of(const void *row)
{
    return (uint64_t)((const struct store_audit *)row)->serial;
}

static bool read_filter(struct store_audit_filter *filter, const struct listing_ask *ask)
{
    const char *status = listing_argument(ask, "status");
    struct problem_faults faults = {0};
    uint64_t number = 0;

    *filter = (struct store_audit_filter){
        .who = listing_argument(ask, "who"),
        .method = listing_argument(ask, "method"),
        .target = listing_argument(ask, "target"),
        .request_id = listing_argument(ask, "request_id"),
        .is_oldest_first = ask->is_backwards,
    };
    if (status && text_to_u64(status, 100, 599, &number) < 0) {
        problem_add(&faults, "?status", "must be a number from 100 to 599");
        problem_reply_arguments(ask->reply, ask->request, &faults);
        return false;
    }
    filter->status = (int64_t)number;
    return true;
}

static bool read_rows(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct store_audit_filter filter;
    struct store_audits rows;
    char why[STORE_WHY_SIZE];
    int r;

    if (!read_filter(&filter, ask))
        return false;
    r = store_audit_list(ask->rest->options.store, &filter, (int64_t)ask->after, ask->limit, &rows, why);
    if (r < 0) {
        rest_reply_store_fault(ask->reply, ask->request, r, why);
        return false;
    }
    *out_chunk = listing_rows(rows.rows, rows.n, rows.n ? place_of(&rows.rows[rows.n - 1]) : ask->after,
                              rows.has_more);
    return true;
}

void rest_audit_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {
        {"who", .match = LISTING_BY_SOURCE},        {"method", .match = LISTING_BY_SOURCE},
        {"target", .match = LISTING_BY_SOURCE},     {"status", .match = LISTING_BY_SOURCE},
        {"request_id", .match = LISTING_BY_SOURCE},
    };
    static const struct listing listing = {
        .name = "audit",
        .order = "time",
        .is_falling = true,
        .goes_both_ways = true,
        .row_bytes = sizeof(struct store_audit),
        .columns = columns,
        .n_columns = sizeof columns / sizeof *columns,
        .place = place_of,
        .row_json = row_json,
        .read = read_rows,
    };

    listing_reply(&listing, rest, request, reply);
}

void rest_audit_verify(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct store_audit_verdict verdict;
    char why[STORE_WHY_SIZE];
    int r = store_audit_verify(rest->options.store, &verdict, why);

    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else
        json_value_reply(reply, 200,
                         json_pack("{s:b, s:I, s:o, s:s}", "is_whole", verdict.broken_at == 0, "checked",
                                   (json_int_t)verdict.n_checked, "broken_at",
                                   verdict.broken_at ? json_integer(verdict.broken_at) : json_null(),
                                   "newest_hash", verdict.newest_hash));
}
