/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Knows whether the store can be written
 *
 * A write that fails for the disk's sake begins a fault. From then on a thread of the watch tries a write of
 * its own once a second, and one that succeeds ends the fault; where there is none the thread sleeps.
 */
#ifndef COMMHUB_MGMT_STORE_STORE_WATCH_H
#define COMMHUB_MGMT_STORE_STORE_WATCH_H

#include "hub/base/cleanup.h"
#include "mgmt/store/store.h"

struct store_watch;

enum store_watch_fault {
    STORE_WATCH_NONE,
    STORE_WATCH_FULL,
    STORE_WATCH_READ_ONLY,
    STORE_WATCH_DAMAGED,
    STORE_WATCH_IO,
    STORE_WATCH_FAULT_COUNT,
};

/* "none", "full", "read_only", "damaged", "io". */
const char *store_watch_name(enum store_watch_fault kind);

/* What is wrong, as the end of a sentence: "its disk is full". */
const char *store_watch_text(enum store_watch_fault kind);

struct store_watch_state {
    enum store_watch_fault kind;
    uint64_t since_ms; /* wall clock; 0: there is no fault */
};

/*
 * @on_change is called on the watch's thread, without a lock, when a fault begins, becomes another one, and
 * ends. One watch for a store. 0 or a negative errno.
 */
int store_watch_new(struct store_watch **out_watch, struct store *store,
                    void (*on_change)(void *context, const struct store_watch_state *state), void *context);

/* After all that write have ended. */
void store_watch_free(struct store_watch *watch);

DEFINE_CLEANUP(struct store_watch *, store_watch_free)

/* Any thread. */
struct store_watch_state store_watch_state(struct store_watch *watch);

#endif
