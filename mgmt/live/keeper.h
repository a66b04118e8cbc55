/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Keeps the log's records in the store
 *
 * Once a second a thread of its own writes what has come to the ring: logs, errors, registrations and states
 * of links; no line of the level debug, and not the audit log, which has its own table. The ring is the only
 * buffer: while the store cannot be written the thread tries on, and what the ring has lost meanwhile is one
 * row that says how much is missing.
 */
#ifndef COMMHUB_MGMT_LIVE_KEEPER_H
#define COMMHUB_MGMT_LIVE_KEEPER_H

#include <stdint.h>

#include "hub/base/cleanup.h"

struct keeper;
struct log;
struct store;

/* Beside KEEPER_MOST_BYTES. */
struct keeper_bounds {
    uint64_t most; /* records; 0: none are kept */
    uint64_t days;
};

#define KEEPER_MOST_BYTES ((uint64_t)64 << 20) /* a backup is made in memory */

/* 0 or a negative errno. Both are borrowed. */
int keeper_new(struct keeper **out_keeper, struct log *log, struct store *store,
               const struct keeper_bounds *bounds);

/* Writes what is in the ring, if the store takes it, and ends the thread. NULL is fine. */
void keeper_free(struct keeper *keeper);

DEFINE_CLEANUP(struct keeper *, keeper_free)

/* Other bounds, from the next second on. Any thread. */
void keeper_set_bounds(struct keeper *keeper, const struct keeper_bounds *bounds);

struct keeper_figures {
    struct keeper_bounds bounds;
    uint64_t n; /* records in the store, when it was last written */
    uint64_t bytes;
    uint64_t oldest_ms; /* wall clock; 0: there is none */
};

/* Any thread; never waits for the store. NULL: no records are kept, and all is 0. */
struct keeper_figures keeper_figures(struct keeper *keeper);

#endif
