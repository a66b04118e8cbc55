/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How often an address may guess
 *
 * A bucket of tries an address: each wrong token takes one, time gives them back. Any thread.
 */
#ifndef COMMHUB_MGMT_AUTH_THROTTLE_H
#define COMMHUB_MGMT_AUTH_THROTTLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THROTTLE_KEY_BYTES 16
#define THROTTLE_BURST 10 /* wrong tokens in a row */
#define THROTTLE_REFILL_MS 1000
/* Addresses that are remembered; the one that was wrong longest ago makes room. */
#define THROTTLE_PLACES 512

struct throttle_place {
    uint8_t key[THROTTLE_KEY_BYTES];
    uint64_t last_ms; /* 0: free */
    uint64_t debt_ms; /* at last_ms: one wrong token is THROTTLE_REFILL_MS */
};

struct throttle {
    pthread_mutex_t mutex;
    struct throttle_place places[THROTTLE_PLACES];
};

void throttle_init(struct throttle *throttle);
void throttle_clear(struct throttle *throttle);

/* Milliseconds until the address may try again; 0: now. */
uint64_t throttle_wait_ms(struct throttle *throttle, const uint8_t key[THROTTLE_KEY_BYTES], uint64_t now_ms);

void throttle_count_wrong(struct throttle *throttle, const uint8_t key[THROTTLE_KEY_BYTES], uint64_t now_ms);

#endif
