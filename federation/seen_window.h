/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which of an origin hub's messages have been here already
 *
 * One bit for each of the last million sequence numbers below the highest one seen: five seconds of the
 * fastest origin, for what a dead link held is sent another way when that is noticed, after three. The window
 * is the authority on duplicates: whatever the routes do, a message that it has seen is not delivered again.
 * Contents are never compared, for equal messages are legitimate.
 *
 * In pages, allocated when the first number of each is seen, so that an origin costs what it says: 512 bytes
 * for 4096 numbers, 130 KiB at the most.
 */
#ifndef COMMHUB_FEDERATION_SEEN_WINDOW_H
#define COMMHUB_FEDERATION_SEEN_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define SEEN_WINDOW_PAGE_BITS 4096U
#define SEEN_WINDOW_PAGES 256U
/* So many numbers below the highest are always known; the oldest page goes as a whole. */
#define SEEN_WINDOW_BITS (SEEN_WINDOW_PAGE_BITS * (SEEN_WINDOW_PAGES - 1))

struct seen_window {
    uint64_t incarnation; /* of the origin; another one begins anew */
    uint64_t highest;     /* 0: none yet */
    uint64_t *pages[SEEN_WINDOW_PAGES];
};

enum seen {
    SEEN_NEVER,   /* taken: from now on it is a duplicate */
    SEEN_BEFORE,  /* came by another way */
    SEEN_LATE,    /* older than the window or of an earlier incarnation: nobody can tell, so it is dropped */
    SEEN_UNNOTED, /* no memory to note it: dropped, or it might be delivered twice */
};

void seen_window_init(struct seen_window *window);
void seen_window_clear(struct seen_window *window);

/* @seq counts from 1. */
enum seen seen_window_take(struct seen_window *window, uint64_t incarnation, uint64_t seq);

/* Whether it is certain not to be answered with SEEN_NEVER. */
bool seen_window_has(const struct seen_window *window, uint64_t incarnation, uint64_t seq);

#endif
