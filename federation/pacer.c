/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/pacer.h"

static const uint32_t rest_ms[PACER_STEPS] = {PACER_LEAST_MS, 100, 200, 400, 800, PACER_MOST_MS};

void pacer_init(struct pacer *pacer)
{
    *pacer = (struct pacer){0};
    for (size_t step = 0; step < PACER_STEPS; step++)
        list_init(&pacer->resting[step]);
}

void pacer_rest_init(struct pacer_rest *rest)
{
    *rest = (struct pacer_rest){0};
    list_init(&rest->resting);
}

bool pacer_lets(const struct pacer_rest *rest, uint64_t now_ms)
{
    return now_ms >= rest->until_ms;
}

static void grow(struct pacer_rest *rest, uint64_t now_ms)
{
    if (rest->until_ms == 0 || now_ms >= rest->until_ms + PACER_QUIET_MS)
        rest->step = 0;
    else if (rest->step + 1U < PACER_STEPS)
        rest->step++;
}

void pacer_told(struct pacer *pacer, struct pacer_rest *rest, bool is_new_word, uint64_t now_ms)
{
    unsigned step = 0;

    pacer_unhold(pacer, rest);
    if (is_new_word) {
        grow(rest, now_ms);
        step = rest->step;
    }
    rest->until_ms = now_ms + rest_ms[step];
    list_unlink(&rest->resting);
    list_append(&pacer->resting[step], &rest->resting);
}

void pacer_hold(struct pacer *pacer, struct pacer_rest *rest)
{
    pacer->n_held += !rest->is_held;
    rest->is_held = true;
}

void pacer_unhold(struct pacer *pacer, struct pacer_rest *rest)
{
    pacer->n_held -= rest->is_held;
    rest->is_held = false;
}

struct pacer_rest *pacer_next(struct pacer *pacer, uint64_t now_ms)
{
    for (size_t step = 0; step < PACER_STEPS; step++) {
        struct pacer_rest *rest;

        while ((rest = list_first_entry(&pacer->resting[step], struct pacer_rest, resting)) &&
               pacer_lets(rest, now_ms)) {
            bool was_held = rest->is_held;

            list_unlink(&rest->resting);
            pacer_unhold(pacer, rest);
            if (was_held)
                return rest;
        }
    }
    return NULL;
}

void pacer_unhold_all(struct pacer *pacer, void (*visit)(struct pacer_rest *rest, void *context),
                      void *context)
{
    for (size_t step = 0; step < PACER_STEPS && pacer->n_held > 0; step++) {
        list_for_each (at, &pacer->resting[step]) {
            struct pacer_rest *rest = container_of(at, struct pacer_rest, resting);

            if (!rest->is_held)
                continue;
            pacer_unhold(pacer, rest);
            visit(rest, context);
        }
    }
}

uint64_t pacer_due_ms(const struct pacer *pacer)
{
    uint64_t due_ms = UINT64_MAX;

    for (size_t step = 0; step < PACER_STEPS && pacer->n_held > 0; step++) {
        const struct pacer_rest *rest = list_first_entry(&pacer->resting[step], struct pacer_rest, resting);

        if (rest && rest->until_ms < due_ms)
            due_ms = rest->until_ms;
    }
    return due_ms;
}
