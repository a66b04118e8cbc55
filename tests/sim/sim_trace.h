/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What links carry of routes, entry by entry
 *
 * Every entry that arrives while a trace is on is held against what may be told: a path that ends with the
 * link that brought it, in which no hub stands twice and the receiver not at all; none of the receiver's own.
 */
#ifndef COMMHUB_TESTS_SIM_TRACE_H
#define COMMHUB_TESTS_SIM_TRACE_H

#include "hub/base/map.h"

struct sim;
struct sim_link;
struct link_message;

struct sim_trace {
    bool is_on;
    struct map updates; /* how many entries of a key have come by a link in one direction */
    unsigned most;
    uint64_t n_entries;
};

void sim_trace_init(struct sim_trace *trace);
void sim_trace_clear(struct sim_trace *trace);

/* Entries that @link has brought to @end. */
void sim_trace_entries(struct sim *sim, const struct sim_link *link, unsigned end,
                       const struct link_message *message);

#endif
