/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/page.h"

#include <stdio.h>

#include "hub/base/text.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/problem.h"

bool page_parse(struct page *out_page, const struct request *request, struct reply *reply)
{
    const char *limit = request_argument(request, "limit");
    const char *cursor = request_argument(request, "cursor");
    uint64_t value = PAGE_LIMIT;

    *out_page = (struct page){0};
    if (limit && text_to_u64(limit, 1, PAGE_MOST, &value) < 0) {
        problem_reply(reply, request, 400, "limit must be a number from 1 to %d.", PAGE_MOST);
        return false;
    }
    out_page->limit = (size_t)value;
    if (cursor && *cursor && text_to_u64(cursor, 1, INT64_MAX, &out_page->after) < 0) {
        problem_reply(reply, request, 400, "cursor must be what `next` of the page before was.");
        return false;
    }
    return true;
}

json_t *page_cursor(uint64_t last)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)last);
    return json_string(text);
}

json_t *page_of_places(const struct page *page, size_t n,
                       json_t *(*item_json)(const void *rows, size_t place), const void *rows)
{
    size_t from = page->after < n ? (size_t)page->after : n;
    size_t until = n - from > page->limit ? from + page->limit : n;
    json_t *items = json_array();

    for (size_t place = from; place < until; place++) {
        if (json_array_append_new(items, item_json(rows, place))) {
            json_decref(items);
            return NULL;
        }
    }
    return json_value_page(items, until < n ? page_cursor(until) : NULL);
}
