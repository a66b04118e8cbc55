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
