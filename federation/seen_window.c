/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/seen_window.h"

#include <string.h>

void seen_window_init(struct seen_window *window)
{
    memset(window, 0, sizeof *window);
}

static uint64_t bit_of(uint64_t seq)
{
    return UINT64_C(1) << (seq % 64);
}

static uint64_t *word_of(struct seen_window *window, uint64_t seq)
{
    return &window->bits[seq % SEEN_WINDOW_BITS / 64];
}

/* Moves the upper end to @seq; the places that come into use anew are emptied. */
static void advance(struct seen_window *window, uint64_t seq)
{
    if (seq - window->highest >= SEEN_WINDOW_BITS) {
        memset(window->bits, 0, sizeof window->bits);
    } else {
        for (uint64_t at = window->highest + 1; at <= seq; at++)
            *word_of(window, at) &= ~bit_of(at);
    }
    window->highest = seq;
}

enum seen seen_window_take(struct seen_window *window, uint64_t incarnation, uint64_t seq)
{
    if (incarnation < window->incarnation || seq == 0)
        return SEEN_LATE;
    if (incarnation > window->incarnation) {
        seen_window_init(window);
        window->incarnation = incarnation;
    }
    if (seq > window->highest)
        advance(window, seq);
    else if (window->highest - seq >= SEEN_WINDOW_BITS)
        return SEEN_LATE;
    if (*word_of(window, seq) & bit_of(seq))
        return SEEN_BEFORE;
    *word_of(window, seq) |= bit_of(seq);
    return SEEN_NEVER;
}

bool seen_window_has(const struct seen_window *window, uint64_t incarnation, uint64_t seq)
{
    if (incarnation != window->incarnation || seq == 0)
        return incarnation < window->incarnation || seq == 0;
    if (seq > window->highest)
        return false;
    return window->highest - seq >= SEEN_WINDOW_BITS ||
           (window->bits[seq % SEEN_WINDOW_BITS / 64] & bit_of(seq)) != 0;
}
