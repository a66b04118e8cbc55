/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Values below HISTOGRAM_PARTS have a place each. Above, a place is the power of two and the bits that follow
 * the highest one.
 */
#include "hub/bench/histogram.h"

#include <string.h>

#define MAX_VALUE ((UINT64_C(1) << HISTOGRAM_MAX_BITS) - 1)

static uint32_t place_of(uint64_t value)
{
    uint32_t shift;

    if (value < HISTOGRAM_PARTS)
        return (uint32_t)value;
    shift = (uint32_t)(63 - __builtin_clzll(value)) - HISTOGRAM_PART_BITS;
    return shift * HISTOGRAM_PARTS + (uint32_t)(value >> shift);
}

/* The highest value that has this place. */
static uint64_t top_of(uint32_t place)
{
    uint32_t shift;

    if (place < 2 * HISTOGRAM_PARTS)
        return place;
    shift = place / HISTOGRAM_PARTS - 1;
    return ((uint64_t)(place - shift * HISTOGRAM_PARTS + 1) << shift) - 1;
}

void histogram_init(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
    histogram->least = UINT64_MAX;
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    histogram->n_values++;
    histogram->sum += value;
    if (value < histogram->least)
        histogram->least = value;
    if (value > histogram->most)
        histogram->most = value;
    histogram->counts[place_of(value < MAX_VALUE ? value : MAX_VALUE)]++;
}

void histogram_add(struct histogram *histogram, const struct histogram *other)
{
    histogram->n_values += other->n_values;
    histogram->sum += other->sum;
    if (other->least < histogram->least)
        histogram->least = other->least;
    if (other->most > histogram->most)
        histogram->most = other->most;
    for (uint32_t i = 0; i < HISTOGRAM_N_COUNTS; i++)
        histogram->counts[i] += other->counts[i];
}

uint64_t histogram_percentile(const struct histogram *histogram, double share)
{
    uint64_t rank = (uint64_t)(share * (double)histogram->n_values + 0.999999);
    uint64_t seen = 0;

    if (histogram->n_values == 0)
        return 0;
    if (rank == 0)
        rank = 1;
    for (uint32_t i = 0; i < HISTOGRAM_N_COUNTS; i++) {
        seen += histogram->counts[i];
        if (seen >= rank)
            return top_of(i) < histogram->most ? top_of(i) : histogram->most;
    }
    return histogram->most;
}

double histogram_mean(const struct histogram *histogram)
{
    return histogram->n_values == 0 ? 0.0 : (double)histogram->sum / (double)histogram->n_values;
}
