/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Counts of values by magnitude, for percentiles
 *
 * Each power of two is cut into 128 equal parts, so that a value read back is at most 0.8 % above the one
 * that was recorded, whatever its size, in fixed memory and at the cost of one increment. Plain data: may lie
 * in memory that processes share, one writer at a time.
 */
#ifndef COMMHUB_BENCH_HISTOGRAM_H
#define COMMHUB_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PART_BITS 7
#define HISTOGRAM_PARTS (1U << HISTOGRAM_PART_BITS)
#define HISTOGRAM_MAX_BITS 42 /* in nanoseconds more than an hour; what is above counts as that */
#define HISTOGRAM_N_COUNTS ((HISTOGRAM_MAX_BITS - HISTOGRAM_PART_BITS + 1) * HISTOGRAM_PARTS)

struct histogram {
    uint64_t n_values;
    uint64_t sum;
    uint64_t least;
    uint64_t most;
    uint64_t counts[HISTOGRAM_N_COUNTS];
};

void histogram_init(struct histogram *histogram);

void histogram_record(struct histogram *histogram, uint64_t value);

/* Adds what @other holds. */
void histogram_add(struct histogram *histogram, const struct histogram *other);

/* The value at or below which @share (0.0 to 1.0) of all values lie; 0 when there is none. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);

double histogram_mean(const struct histogram *histogram);

#endif
