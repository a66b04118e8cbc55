/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which of an origin hub's messages for many have been here already
 *
 * One bit for each of the last 65536 sequence numbers below the highest one seen. The window is the authority
 * on duplicates: whatever the routes do, a message that it has seen is not delivered again. Contents are
 * never compared, for equal messages are legitimate.
 */
#ifndef COMMHUB_FEDERATION_SEEN_WINDOW_H
#define COMMHUB_FEDERATION_SEEN_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define SEEN_WINDOW_BITS 65536U

struct seen_window {
    uint64_t incarnation; /* of the origin; another one begins anew */
    uint64_t highest;     /* 0: none yet */
    uint64_t bits[SEEN_WINDOW_BITS / 64];
};

enum seen {
    SEEN_NEVER,  /* taken: from now on it is a duplicate */
    SEEN_BEFORE, /* came by another way */
    SEEN_LATE,   /* older than the window or of an earlier incarnation: nobody can tell, so it is dropped */
};

void seen_window_init(struct seen_window *window);

/* @seq counts from 1. */
enum seen seen_window_take(struct seen_window *window, uint64_t incarnation, uint64_t seq);

/* Whether it would be answered with anything but SEEN_NEVER. */
bool seen_window_has(const struct seen_window *window, uint64_t incarnation, uint64_t seq);

#endif
