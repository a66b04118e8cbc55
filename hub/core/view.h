/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Read-only pictures of the hub's tables for other threads, taken in steps
 *
 * A view owns copies of all it shows and is free of the hub as soon as it is taken. Texts are
 * zero-terminated.
 *
 * A list is read in the order of serials, in pages of at most @limit rows after @after. So that no list holds
 * up the loop, a page is taken in steps of some tens of microseconds, each VIEW_STEP_ROWS rows at most;
 * between two steps the hub goes on. A row therefore shows its element at the moment of its step: what is
 * there from the first step to the last is shown exactly once, what comes meanwhile is shown if the page gets
 * as far, what goes before its step is not.
 */
#ifndef COMMHUB_CORE_VIEW_H
#define COMMHUB_CORE_VIEW_H

#include "hub/base/bytes.h"
#include "hub/base/roll.h"

#define VIEW_STEP_ROWS 32
#define VIEW_STEP_BYTES 65536          /* copied: schemas may be long */
#define VIEW_MOST_BYTES (4U << 20)     /* of a page, which then ends before its limit */
#define VIEW_LATER_PLACES (1ULL << 62) /* what a list of two rolls adds to the serials of the second */

struct view; /* owns all that the rows point to */

/* One page. Starts with after, limit and what the list wants, the rest 0. */
struct view_list {
    uint64_t after;       /* moves on to the last row that was looked at */
    size_t limit;         /* at least 1 */
    struct bytes channel; /* borrowed, as the list says; ptr NULL: none */
    struct bytes member;

    struct view *view;
    size_t n;
    void *rows;    /* n of the list's struct, see hub_view.h and channel_view.h */
    bool has_more; /* there may be rows after `after` */
};

/* Outcomes of a step; 0: the page is complete. After VIEW_E_UNKNOWN and errors the list has no view any more.
 */
enum {
    VIEW_E_GOES_ON = 1,
    VIEW_E_UNKNOWN, /* there is no such channel (any more) */
};

/* Any thread. NULL is fine. */
void view_free(struct view *view);

/* The rest is for those who take views, on the loop's thread. */

/* NULL: out of memory. */
struct view *view_new(void);

/* Whether memory was short: then something is missing. */
bool view_has_failed(const struct view *view);

/* Zeroed rows; where memory fails, *@n is set to 0 so that nobody walks them. */
void *view_rows(struct view *view, size_t row_bytes, size_t *n);

/* Copies; where memory fails: "" and nothing. */
const char *view_text(struct view *view, struct bytes text);
struct bytes view_raw(struct view *view, struct bytes raw);

/* How a list makes rows of the elements of a roll. */
struct view_kind {
    size_t row_bytes;
    uint64_t first_place; /* added to the serials: 0, or VIEW_LATER_PLACES for the second of two rolls */
    bool (*wants)(const void *context, void *element); /* NULL: all */
    void (*copy)(struct view *view, void *element, void *out_row);
};

/* One step, through the elements of @roll. 0, VIEW_E_GOES_ON or -ENOMEM. */
int view_step(struct view_list *list, const struct view_kind *kind, const struct roll *roll,
              const void *context);

/* The page is not to be: answers @r, and the list has no view any more. */
int view_give_up(struct view_list *list, int r);

#endif
