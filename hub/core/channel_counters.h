/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What has passed through one channel
 */
#ifndef COMMHUB_CORE_CHANNEL_COUNTERS_H
#define COMMHUB_CORE_CHANNEL_COUNTERS_H

#include <stdint.h>

/* Since the channel came into being at this hub. */
struct channel_counters {
    uint64_t calls;
    uint64_t sends;
    uint64_t broadcasts; /* of this hub's clients, as the others */
    uint64_t publishes;
    uint64_t deliveries; /* of broadcasts and publishes, wherever from, to this hub's clients */
};

#endif
