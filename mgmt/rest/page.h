/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Lists in pages: ?limit=&cursor=
 *
 * A cursor is the serial of the last row that was given, so that rows that come and go meanwhile shift
 * nothing. To clients it is opaque text.
 */
#ifndef COMMHUB_MGMT_REST_PAGE_H
#define COMMHUB_MGMT_REST_PAGE_H

#include <jansson.h>

#include "mgmt/http/reply.h"
#include "mgmt/http/request.h"

#define PAGE_LIMIT 100
#define PAGE_MOST 1000

struct page {
    size_t limit;
    uint64_t after;
};

/* False: the reply is filled (400). */
bool page_parse(struct page *out_page, const struct request *request, struct reply *reply);

/* The member `next` where there is more. */
json_t *page_cursor(uint64_t last);

/*
 * The page {items, next} of @n rows that have no serials: the cursor is a place in the list. @item_json makes
 * the row at a place. NULL: out of memory.
 */
json_t *page_of_places(const struct page *page, size_t n,
                       json_t *(*item_json)(const void *rows, size_t place), const void *rows);

#endif
