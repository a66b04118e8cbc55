/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Where a message of a durable topic stands in the spool it came from: 32 bytes on the wire
 */
#ifndef COMMHUB_FEDERATION_SPOOL_STAMP_H
#define COMMHUB_FEDERATION_SPOOL_STAMP_H

#include "hub/base/bytes.h"

#define SPOOL_STAMP_BYTES 32U

struct spool_stamp {
    uint64_t spool;
    uint64_t lane;
    uint64_t number; /* from 1 */
    uint64_t before; /* the number of the message that goes before it; 0: whatever came last */
};

static inline void spool_stamp_write(const struct spool_stamp *stamp, uint8_t out[SPOOL_STAMP_BYTES])
{
    const uint64_t parts[4] = {stamp->spool, stamp->lane, stamp->number, stamp->before};

    for (unsigned i = 0; i < SPOOL_STAMP_BYTES; i++)
        out[i] = (uint8_t)(parts[i / 8] >> (56 - 8 * (i % 8)));
}

/* @packed has SPOOL_STAMP_BYTES. */
static inline struct spool_stamp spool_stamp_read(struct bytes packed)
{
    uint64_t parts[4] = {0};

    for (unsigned i = 0; i < SPOOL_STAMP_BYTES; i++)
        parts[i / 8] = parts[i / 8] << 8 | packed.ptr[i];
    return (struct spool_stamp){parts[0], parts[1], parts[2], parts[3]};
}

#endif
