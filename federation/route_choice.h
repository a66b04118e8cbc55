/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which of several ways is taken
 *
 * A numbered ladder without timing in it and a total order, so that every run over the same links ends with
 * the same tables; the ladder itself stands in route_choice.c.
 */
#ifndef COMMHUB_FEDERATION_ROUTE_CHOICE_H
#define COMMHUB_FEDERATION_ROUTE_CHOICE_H

#include "federation/route_table.h"

/* The rung on which one way won over another; for explaining. */
enum route_rung {
    ROUTE_RUNG_SAME,
    ROUTE_RUNG_OWN,
    ROUTE_RUNG_FRESH,
    ROUTE_RUNG_COST,
    ROUTE_RUNG_LENGTH,
    ROUTE_RUNG_NEXT_HOP,
    ROUTE_RUNG_LINK,
};

/* Why the way that loses on this rung is not taken, for people. */
const char *route_choice_rung_text(enum route_rung rung);

/* Whether @a is taken before @b; @out_rung (may be NULL) says why. */
bool route_choice_prefers(const struct candidate *a, const struct candidate *b, enum route_rung *out_rung);

/* The way that is taken; NULL if there is none. */
struct candidate *route_choice_best(const struct route *route);

/* The best way whose next hub is not in @trail (a list of hub ids): what has come from there does not go
 * back. */
struct candidate *route_choice_best_avoiding(const struct route *route, struct bytes trail);

#endif
