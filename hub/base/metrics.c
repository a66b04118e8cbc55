/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/metrics.h"

_Atomic uint64_t metrics_counters[METRICS_N_COUNTERS];

const char *metrics_name(enum metrics_counter counter)
{
    static const char *const names[] = {
#define X(id, name, text) name,
        METRICS_COUNTERS(X)
#undef X
    };

    return names[counter];
}

const char *metrics_text(enum metrics_counter counter)
{
    static const char *const texts[] = {
#define X(id, name, text) text,
        METRICS_COUNTERS(X)
#undef X
    };

    return texts[counter];
}

const uint64_t metrics_bounds_us[METRICS_N_BOUNDS] = {500,   1000,   2500,   5000,   10000,   25000,
                                                      50000, 100000, 250000, 500000, 1000000, 10000000};

struct metrics_histogram metrics_histograms[METRICS_N_DURATIONS];

void metrics_note_duration(struct metrics_histogram *histogram, uint64_t us)
{
    size_t i = 0;

    while (i < METRICS_N_BOUNDS && us > metrics_bounds_us[i])
        i++;
    atomic_fetch_add_explicit(&histogram->n[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, us, memory_order_relaxed);
}

const char *metrics_duration_name(enum metrics_duration duration)
{
    static const char *const names[] = {
#define X(id, name, text) name,
        METRICS_DURATIONS(X)
#undef X
    };

    return names[duration];
}

const char *metrics_duration_text(enum metrics_duration duration)
{
    static const char *const texts[] = {
#define X(id, name, text) text,
        METRICS_DURATIONS(X)
#undef X
    };

    return texts[duration];
}
