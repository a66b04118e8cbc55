/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How often one route is told, and when what is held back is told
 *
 * What has been told rests: its next change goes at once when the rest is over, and is held until then when
 * it comes earlier, together with all that come meanwhile. A rest is 50 ms. Where the origin keeps changing
 * its word each rest is twice as long as the one before, up to a second; after a second without a change
 * behind the last rest it is 50 ms again. A change of the way alone makes no rest longer: how often ways
 * change is bounded by the links, and whoever waits long for the news of one loses messages.
 *
 * Those that are held hang on a wheel with a place for each millisecond to come: no timer, and no memory, for
 * each. Pure, one thread.
 */
#ifndef COMMHUB_FEDERATION_PACER_H
#define COMMHUB_FEDERATION_PACER_H

#include <stdint.h>

#include "hub/base/list.h"

#define PACER_LEAST_MS 50U
#define PACER_MOST_MS 1000U
#define PACER_QUIET_MS 1000U

/* Nothing is held for as long; a power of two. */
#define PACER_HORIZON_MS 4096U

/* In what is told; its own memory. */
struct pacer_rest {
    struct list held;
    uint64_t until_ms;  /* the end of its rest, also of one that is over; 0: it was never told */
    uint64_t due_ms;    /* of what is held */
    uint32_t length_ms; /* how long it rests after a new word */
    bool is_held;       /* something waits to be told */
};

struct pacer {
    uint64_t at_ms; /* all that was due before has been taken off */
    size_t n_held;
    struct list places[PACER_HORIZON_MS];
    uint64_t taken[PACER_HORIZON_MS / 64]; /* a bit for each place on which something hangs */
};

void pacer_init(struct pacer *pacer);
void pacer_rest_init(struct pacer_rest *rest);

/* Whether it has rested. */
bool pacer_lets(const struct pacer_rest *rest, uint64_t now_ms);

/* It has been told, and nothing is held any more. @is_new_word: the origin said something new. */
void pacer_told(struct pacer *pacer, struct pacer_rest *rest, bool is_new_word, uint64_t now_ms);

/* Something waits until then, less than PACER_HORIZON_MS after the last pacer_next(), and no longer until
 * when it waited before; or it has been taken back. */
void pacer_hold(struct pacer *pacer, struct pacer_rest *rest, uint64_t due_ms);
void pacer_unhold(struct pacer *pacer, struct pacer_rest *rest);

/* One that is due; NULL: none. It is not held any more. */
struct pacer_rest *pacer_next(struct pacer *pacer, uint64_t now_ms);

/* Calls @visit for all that are held; they are not any more, and may be told. */
void pacer_unhold_all(struct pacer *pacer, void (*visit)(struct pacer_rest *rest, void *context),
                      void *context);

/* When the first that is held is due; UINT64_MAX: none is. */
uint64_t pacer_due_ms(const struct pacer *pacer);

#endif
