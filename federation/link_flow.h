/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How one class of a link's messages flows, for the eye (credit.h)
 */
#ifndef COMMHUB_FEDERATION_LINK_FLOW_H
#define COMMHUB_FEDERATION_LINK_FLOW_H

#include <stdbool.h>
#include <stdint.h>

struct link_flow {
    uint64_t credit_bytes;    /* that may be under way */
    uint64_t under_way_bytes; /* sent or kept, and not acknowledged */
    uint64_t n_waiting;       /* producers that wait now */
    bool is_stalled;          /* they have waited for too long, and nobody does until there is room again */
    /* Since the session has begun: */
    uint64_t n_waits;   /* how often the credit was used up and somebody had to wait */
    uint64_t n_refused; /* messages that there was no room for */
};

#endif
