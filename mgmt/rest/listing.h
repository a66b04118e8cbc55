/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Lists in pages, sorted and filtered: ?limit=&cursor=&sort=&NAME=...
 *
 * Every list has an order of its own, by the places of its rows (mostly serials), in which its source reads a
 * page at once however long the list is. Any other order takes a copy of the whole list, a piece at a time,
 * which is sorted here, on the HTTP thread; so does a filter, as far as it must to fill the page.
 *
 * A cursor says behind which row the page before ended: by place and, in another order, by value. Rows that
 * come and go meanwhile shift nothing. It names the list, the order and the filters too, and is refused
 * elsewhere. To clients it is opaque text.
 */
#ifndef COMMHUB_MGMT_REST_LISTING_H
#define COMMHUB_MGMT_REST_LISTING_H

#include <jansson.h>

#include "mgmt/rest/rest.h"

#define LISTING_LIMIT 100
#define LISTING_MOST 1000
#define LISTING_MOST_SORTED_BYTES ((size_t)64 << 20) /* of rows that are copied at once to be sorted */
#define LISTING_MOST_COLUMNS 12

/* What a row says in a column. @text NULL: the number counts. */
struct listing_value {
    const char *text;
    uint64_t number;
};

enum listing_match {
    LISTING_UNFILTERED,
    LISTING_PART,      /* the text has it somewhere; ASCII letters in either case */
    LISTING_WHOLE,     /* the text is it */
    LISTING_WORD,      /* the same, and only some words can be asked for */
    LISTING_BY_SOURCE, /* the source sees to it, see listing_argument(); `words` where only some can be asked
                        */
};

struct listing_column {
    const char *name;                               /* the key to sort by, and the argument to filter by */
    struct listing_value (*value)(const void *row); /* NULL: only the source knows */
    bool sorts;
    enum listing_match match;
    const char *words; /* of LISTING_WORD, between blanks */
};

/* column_MEMBER(): what a row that is a struct TYPE says by a member; FORM: text or number. */
#define LISTING_COLUMN(type, member, form)                                                                   \
    static struct listing_value column_##member(const void *row)                                             \
    {                                                                                                        \
        return (struct listing_value){.form = ((const struct type *)row)->member};                           \
    }

/* Rows that a source has read; their memory is the chunk's. */
struct listing_chunk {
    const void *rows;
    size_t n;
    uint64_t reached; /* the place to read on after */
    bool has_more;
    void (*free)(void *memory);
    void *memory;
};

struct listing_ask {
    struct rest *rest;
    const struct request *request;
    struct reply *reply;
    uint64_t after;    /* 0: from the first row */
    size_t limit;      /* a source may read more or less */
    bool is_backwards; /* only of lists that go both ways */
};

struct listing {
    const char *name;
    const char *order; /* the sort key of its own order: "since"; that is rising unless is_falling */
    bool is_falling;
    bool goes_both_ways; /* the source reads its own order backwards too */
    bool is_heavy;       /* rows are big: a page ends with what the source reads at once. Does not sort */
    size_t row_bytes;
    const struct listing_column *columns;
    size_t n_columns;
    uint64_t (*place)(const void *row); /* > 0; NULL: the row's number, and the source reads all at once */
    json_t *(*row_json)(const struct request *request, const void *row); /* NULL: out of memory */
    /* False: the reply is filled. */
    bool (*read)(const struct listing_ask *ask, struct listing_chunk *out_chunk);
};

/* Answers the request with a page {items, next}. */
void listing_reply(const struct listing *listing, struct rest *rest, const struct request *request,
                   struct reply *reply);

/* What the query says of a column that the source filters; NULL: nothing. */
const char *listing_argument(const struct listing_ask *ask, const char *name);

/* A chunk of @n rows of calloc(), the last of which is at @reached. */
struct listing_chunk listing_rows(void *rows, size_t n, uint64_t reached, bool has_more);

/* The hub's lists (hub/core/view.h): reads a page by @step. False: the reply is filled. */
typedef int listing_step(struct server *server, struct view_list *list);
bool listing_read_view(const struct listing_ask *ask, listing_step *step, struct view_list *list,
                       struct listing_chunk *out_chunk);

#endif
