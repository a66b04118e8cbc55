/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/seen_window.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_WORDS (SEEN_WINDOW_PAGE_BITS / 64)

void seen_window_init(struct seen_window *window)
{
    memset(window, 0, sizeof *window);
}

void seen_window_clear(struct seen_window *window)
{
    for (size_t i = 0; i < SEEN_WINDOW_PAGES; i++)
        free(window->pages[i]);
    seen_window_init(window);
}

static uint64_t bit_of(uint64_t seq)
{
    return UINT64_C(1) << (seq % 64);
}

static uint64_t page_of(uint64_t seq)
{
    return seq / SEEN_WINDOW_PAGE_BITS;
}

/* Moves the upper end to @seq; the pages that come into use anew are emptied. */
static void advance(struct seen_window *window, uint64_t seq)
{
    uint64_t first = page_of(window->highest) + 1;
    uint64_t last = page_of(seq);

    if (last >= SEEN_WINDOW_PAGES && first < last - SEEN_WINDOW_PAGES + 1)
        first = last - SEEN_WINDOW_PAGES + 1;
    for (uint64_t page = first; page <= last; page++) {
        uint64_t *words = window->pages[page % SEEN_WINDOW_PAGES];

        if (words)
            memset(words, 0, PAGE_WORDS * sizeof *words);
    }
    window->highest = seq;
}

static bool is_below(const struct seen_window *window, uint64_t seq)
{
    return page_of(window->highest) >= page_of(seq) + SEEN_WINDOW_PAGES;
}

/* The word with the number's bit; NULL: out of memory. */
static uint64_t *word_of(struct seen_window *window, uint64_t seq)
{
    uint64_t **words = &window->pages[page_of(seq) % SEEN_WINDOW_PAGES];

    if (!*words)
        *words = calloc(PAGE_WORDS, sizeof **words);
    return *words ? &(*words)[seq % SEEN_WINDOW_PAGE_BITS / 64] : NULL;
}

enum seen seen_window_take(struct seen_window *window, uint64_t incarnation, uint64_t seq)
{
    uint64_t *word;

    if (incarnation < window->incarnation || seq == 0)
        return SEEN_LATE;
    if (incarnation > window->incarnation) {
        seen_window_clear(window);
        window->incarnation = incarnation;
    }
    if (seq > window->highest)
        advance(window, seq);
    else if (is_below(window, seq))
        return SEEN_LATE;
    word = word_of(window, seq);
    if (!word)
        return SEEN_UNNOTED;
    if (*word & bit_of(seq))
        return SEEN_BEFORE;
    *word |= bit_of(seq);
    return SEEN_NEVER;
}

bool seen_window_has(const struct seen_window *window, uint64_t incarnation, uint64_t seq)
{
    const uint64_t *words = window->pages[page_of(seq) % SEEN_WINDOW_PAGES];

    if (incarnation != window->incarnation || seq == 0)
        return incarnation < window->incarnation || seq == 0;
    if (seq > window->highest)
        return false;
    return is_below(window, seq) || (words && (words[seq % SEEN_WINDOW_PAGE_BITS / 64] & bit_of(seq)) != 0);
}
