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
    ROUTE_RUNG_CLASSES,
    ROUTE_RUNG_COST,
    ROUTE_RUNG_LENGTH,
    ROUTE_RUNG_NEXT_HOP,
    ROUTE_RUNG_LINK,
};

/* Why the way that loses on this rung is not taken, for people. */
const char *route_choice_rung_text(enum route_rung rung);

/* Whether messages of @classes (set of 1 << enum bridge_class; 0: to be told) go by @a rather than by @b;
 * @out_rung (may be NULL) says why. */
bool route_choice_prefers(const struct candidate *a, const struct candidate *b, uint32_t classes,
                          enum route_rung *out_rung);

/* The way that is told, and taken by what no bridge holds back; NULL if there is none. */
struct candidate *route_choice_best(const struct route *route);

/* The best way for messages of @classes (as above) whose next hub is not in @trail (a list of hub ids): what
 * has come from there does not go back. One that holds them back only where there is no other. */
struct candidate *route_choice_for(const struct route *route, uint32_t classes, struct bytes trail);

/* Whether it carries messages of @classes as far as is known here. */
static inline bool route_choice_carries(const struct candidate *way, uint32_t classes)
{
    return (way->held_back & classes) == 0;
}

#endif
