/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The audit log, newest first, and whether it is whole
 */
#include <stdlib.h>

#include "hub/base/text.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/page.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"
#include "mgmt/store/store_audit.h"

static json_t *change_json(const char *text)
{
    json_t *value = *text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

    return value ? value : json_null();
}

static json_t *row_json(const struct store_audit *row)
{
    char hash[2 * STORE_AUDIT_HASH_BYTES + 1];

    text_hex(row->hash, sizeof row->hash, hash);
    return json_pack(
        "{s:I, s:o, s:o, s:o, s:s, s:s, s:o, s:I, s:o, s:o, s:I, s:s}", "id", (json_int_t)row->serial, "time",
        json_value_time(row->time_ms), "who", json_value_text_or_null(row->who), "address",
        json_value_text(row->address), "request_id", row->request_id, "method", row->method, "target",
        json_value_text(row->target), "status", (json_int_t)row->status, "before", change_json(row->before),
        "after", change_json(row->after), "omitted", (json_int_t)row->omitted, "hash", hash);
}

static json_t *page_json(const struct store_audits *rows)
{
    json_t *items = json_array();

    for (size_t i = 0; i < rows->n; i++) {
        if (json_array_append_new(items, row_json(&rows->rows[i]))) {
            json_decref(items);
            return NULL;
        }
    }
    return json_value_page(items,
                           rows->has_more ? page_cursor((uint64_t)rows->rows[rows->n - 1].serial) : NULL);
}

static bool read_filter(struct store_audit_filter *filter, const struct request *request, struct reply *reply)
{
    const char *status = request_argument(request, "status");
    uint64_t number = 0;

    *filter = (struct store_audit_filter){
        .who = request_argument(request, "who"),
        .method = request_argument(request, "method"),
        .target = request_argument(request, "target"),
        .request_id = request_argument(request, "request_id"),
    };
    if (status && text_to_u64(status, 100, 599, &number) < 0) {
        problem_reply(reply, request, 400, "status must be a number from 100 to 599.");
        return false;
    }
    filter->status = (int64_t)number;
    return true;
}

void rest_audit_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct store_audit_filter filter;
    struct store_audits rows;
    char why[STORE_WHY_SIZE];
    struct page page;
    int r;

    if (!page_parse(&page, request, reply) || !read_filter(&filter, request, reply))
        return;
    r = store_audit_list(rest->options.store, &filter, (int64_t)page.after, page.limit, &rows, why);
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    json_value_reply(reply, 200, page_json(&rows));
    free(rows.rows);
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
