/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How much somebody may ask
 *
 * A bucket of units for each key (an address, a credential): a request takes some, time gives them back. The
 * table is of fixed size, and keys that meet in one place share its bucket; where they meet is different with
 * each start. Any thread.
 */
#ifndef COMMHUB_MGMT_AUTH_RATE_LIMIT_H
#define COMMHUB_MGMT_AUTH_RATE_LIMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define RATE_LIMIT_KEY_BYTES 16
#define RATE_LIMIT_PLACES 4096

struct rate_limit_place {
    uint64_t last_ms;
    uint64_t taken; /* thousandths of units, at last_ms */
};

struct rate_limit {
    pthread_mutex_t mutex;
    uint64_t seed;
    uint64_t per_s; /* units that come back in a second; the bucket holds twice as many */
    struct rate_limit_place places[RATE_LIMIT_PLACES];
};

void rate_limit_init(struct rate_limit *limit, uint64_t per_s);
void rate_limit_clear(struct rate_limit *limit);

/* How a bucket stands. */
struct rate_limit_state {
    uint64_t left;   /* units */
    uint64_t full_s; /* seconds until it is full again */
    uint64_t wait_s; /* seconds until the refused request may come again */
};

/* Takes @units, or answers false and takes none. */
bool rate_limit_take(struct rate_limit *limit, const uint8_t key[RATE_LIMIT_KEY_BYTES], uint64_t units,
                     uint64_t now_ms, struct rate_limit_state *out_state);

#endif
