/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The hub in numbers, for what is asked often and by anyone: /metrics, /readyz, the live counters
 *
 * Taken from the loop at most every SUMMARY_MS, so that a flood of questions costs the hub next to nothing.
 */
#ifndef COMMHUB_MGMT_REST_SUMMARY_H
#define COMMHUB_MGMT_REST_SUMMARY_H

#include <jansson.h>
#include <pthread.h>

#include "federation/federation_control.h"
#include "hub/server/server_control.h"

struct rest;

#define SUMMARY_MS 100
#define SUMMARY_N_STATES (LINK_REFUSED + 1)

struct summary {
    bool is_reachable; /* the loop answered; else all else is 0 */
    bool is_accepting;
    struct view_counts counts;
    uint64_t n_connections;
    uint64_t n_bridges;
    uint64_t n_links;
    uint64_t n_links_by_state[SUMMARY_N_STATES][2]; /* [state][is_outgoing] */
    uint64_t link_queued_bytes;                     /* of all links */
    struct mesh_counts mesh;
};

struct summary_cache {
    pthread_mutex_t mutex;
    uint64_t taken_ms; /* 0: never */
    struct summary summary;
};

void summary_cache_init(struct summary_cache *cache);
void summary_cache_clear(struct summary_cache *cache);

/* Loop thread. */
void summary_take(const struct rest *rest, struct summary *out_summary);

/* Any thread but the loop's: the same, perhaps some milliseconds old. */
struct summary summary_recent(struct rest *rest);

/* The objects `counts` and `counters` of GET /hub; NULL: out of memory. */
json_t *summary_counts_json(const struct summary *summary);
json_t *summary_counters_json(void);

#endif
