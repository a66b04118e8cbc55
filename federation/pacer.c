/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/pacer.h"

#include "hub/base/check.h"

#define WORDS (PACER_HORIZON_MS / 64)

void pacer_init(struct pacer *pacer)
{
    *pacer = (struct pacer){0};
    for (size_t place = 0; place < PACER_HORIZON_MS; place++)
        list_init(&pacer->places[place]);
}

void pacer_rest_init(struct pacer_rest *rest)
{
    *rest = (struct pacer_rest){0};
    list_init(&rest->held);
}

bool pacer_lets(const struct pacer_rest *rest, uint64_t now_ms)
{
    return now_ms >= rest->until_ms;
}

static void grow(struct pacer_rest *rest, uint64_t now_ms)
{
    if (rest->length_ms == 0 || now_ms >= rest->until_ms + PACER_QUIET_MS)
        rest->length_ms = PACER_LEAST_MS;
    else if (rest->length_ms < PACER_MOST_MS)
        rest->length_ms = rest->length_ms * 2 < PACER_MOST_MS ? rest->length_ms * 2 : PACER_MOST_MS;
}

void pacer_told(struct pacer *pacer, struct pacer_rest *rest, bool is_new_word, uint64_t now_ms)
{
    pacer_unhold(pacer, rest);
    if (is_new_word)
        grow(rest, now_ms);
    rest->until_ms = now_ms + (is_new_word ? rest->length_ms : PACER_LEAST_MS);
}

void pacer_hold(struct pacer *pacer, struct pacer_rest *rest, uint64_t due_ms)
{
    size_t place = due_ms % PACER_HORIZON_MS;

    check(due_ms >= pacer->at_ms && due_ms - pacer->at_ms < PACER_HORIZON_MS);
    pacer_unhold(pacer, rest);
    rest->is_held = true;
    rest->due_ms = due_ms;
    list_append(&pacer->places[place], &rest->held);
    pacer->taken[place / 64] |= UINT64_C(1) << place % 64;
    pacer->n_held++;
}

void pacer_unhold(struct pacer *pacer, struct pacer_rest *rest)
{
    size_t place = rest->due_ms % PACER_HORIZON_MS;

    if (!rest->is_held)
        return;
    rest->is_held = false;
    pacer->n_held--;
    list_unlink(&rest->held);
    if (list_is_empty(&pacer->places[place]))
        pacer->taken[place / 64] &= ~(UINT64_C(1) << place % 64);
}

uint64_t pacer_due_ms(const struct pacer *pacer)
{
    size_t begin = pacer->at_ms % PACER_HORIZON_MS;

    /* The first word a second time, for what comes last. */
    for (size_t i = 0; pacer->n_held > 0 && i <= WORDS; i++) {
        size_t word = (begin / 64 + i) % WORDS;
        uint64_t bits = pacer->taken[word];
        size_t place;

        if (i == 0)
            bits &= UINT64_MAX << begin % 64;
        if (bits == 0)
            continue;
        place = 64 * word + (size_t)__builtin_ctzll(bits);
        return pacer->at_ms + (place - begin) % PACER_HORIZON_MS;
    }
    return UINT64_MAX;
}

struct pacer_rest *pacer_next(struct pacer *pacer, uint64_t now_ms)
{
    uint64_t due_ms = pacer_due_ms(pacer);
    struct pacer_rest *rest = NULL;

    if (due_ms <= now_ms) {
        rest = list_first_entry(&pacer->places[due_ms % PACER_HORIZON_MS], struct pacer_rest, held);
        pacer_unhold(pacer, rest);
    }
    pacer->at_ms = rest ? due_ms : now_ms;
    return rest;
}

void pacer_unhold_all(struct pacer *pacer, void (*visit)(struct pacer_rest *rest, void *context),
                      void *context)
{
    for (size_t place = 0; place < PACER_HORIZON_MS && pacer->n_held > 0; place++) {
        list_for_each (at, &pacer->places[place]) {
            struct pacer_rest *rest = container_of(at, struct pacer_rest, held);

            pacer_unhold(pacer, rest);
            visit(rest, context);
        }
    }
}
