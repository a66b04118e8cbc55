/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/sim/sim_events.h"

#include <stdlib.h>

#include "hub/base/check.h"

static struct list *place_of(struct sim_events *events, uint64_t at_ms)
{
    return &events->places[at_ms % SIM_HORIZON_MS];
}

void sim_events_init(struct sim_events *events, uint64_t now_ms)
{
    events->now_ms = now_ms;
    for (size_t i = 0; i < SIM_HORIZON_MS; i++)
        list_init(&events->places[i]);
    list_init(&events->spare);
}

void sim_events_clear(struct sim_events *events)
{
    while (!list_is_empty(&events->spare)) {
        struct event *event = list_first_entry(&events->spare, struct event, in_place);

        list_unlink(&event->in_place);
        free(event);
    }
}

static struct event *take_spare(struct sim_events *events)
{
    struct event *event = list_first_entry(&events->spare, struct event, in_place);

    if (event)
        list_unlink(&event->in_place);
    else
        event = malloc(sizeof *event);
    check(event);
    return event;
}

void sim_events_add(struct sim_events *events, uint64_t after_ms, const struct event *event)
{
    struct event *own = take_spare(events);

    check(after_ms < SIM_HORIZON_MS);
    *own = *event;
    list_init(&own->in_place);
    list_append(place_of(events, events->now_ms + after_ms), &own->in_place);
}

struct event *sim_events_next(struct sim_events *events, uint64_t until_ms)
{
    for (;;) {
        struct event *event = list_first_entry(place_of(events, events->now_ms), struct event, in_place);

        if (event) {
            list_unlink(&event->in_place);
            return event;
        }
        if (events->now_ms >= until_ms)
            return NULL;
        events->now_ms++;
    }
}

void sim_events_drop(struct sim_events *events, struct event *event)
{
    list_prepend(&events->spare, &event->in_place);
}
