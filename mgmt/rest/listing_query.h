/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a request wants of a list: how many rows, after which, in which order, and which at all
 */
#ifndef COMMHUB_MGMT_REST_LISTING_QUERY_H
#define COMMHUB_MGMT_REST_LISTING_QUERY_H

#include "hub/base/buffer.h"
#include "mgmt/rest/listing.h"

#define LISTING_QUERY_CURSOR_SIZE 2048

/* Borrows from the listing and the request. */
struct listing_query {
    const struct listing *listing;
    size_t limit;
    const struct listing_column *order;       /* NULL: the list's own */
    bool is_falling;                          /* of the order that was asked for */
    const char *wanted[LISTING_MOST_COLUMNS]; /* column by column; NULL: any */
    bool is_filtered;                         /* by us: the source's filters do not count */
    uint64_t fingerprint;                     /* of all that a cursor is bound to */

    bool has_cursor; /* the row to go on after: */
    uint64_t place;
    struct listing_value value; /* where order is not NULL */
    struct buffer value_text;   /* owns its text */
};

/* False: the reply is a 400 that names every fault. Either way listing_query_clear() is the caller's. */
bool listing_query_read(struct listing_query *query, const struct listing *listing,
                        const struct request *request, struct reply *reply);
void listing_query_clear(struct listing_query *query);

/* Whether the row is one that is wanted. */
bool listing_query_wants(const struct listing_query *query, const void *row);

/* The cursor behind the row at @place, with @value in the order that was asked for; NULL: out of memory. */
json_t *listing_query_cursor(const struct listing_query *query, uint64_t place, struct listing_value value);

#endif
