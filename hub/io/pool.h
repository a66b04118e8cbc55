/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Memory that the streams of one loop share
 *
 * The scratch is the one buffer into which all of them read. Pieces are what outboxes are made of; a piece
 * given back is kept for the next taker, hot in the cache, up to a fixed number of each kind. Loop's thread.
 */
#ifndef COMMHUB_IO_POOL_H
#define COMMHUB_IO_POOL_H

#include <stddef.h>
#include <stdint.h>

/* One read of this size carries hundreds of small messages; and it, what is made of it, and what the kernel
 * holds of both fit into a core's second-level cache, also where two hubs take turns on that core. */
#define POOL_SCRATCH_SIZE (64u * 1024)

enum pool_piece {
    POOL_REFERENCE, /* a segment that only points at a block */
    POOL_SMALL,     /* a chunk for the first bytes of an outbox: most never hold more */
    POOL_LARGE,     /* a chunk for what follows */
    POOL_N_PIECES,
};

struct pool_free {
    struct pool_free *next;
};

struct pool {
    uint8_t *scratch;
    struct pool_free *free[POOL_N_PIECES];
    uint32_t n_free[POOL_N_PIECES];
};

/* 0 or -ENOMEM. */
int pool_init(struct pool *pool);
void pool_clear(struct pool *pool);

size_t pool_piece_size(enum pool_piece piece);

/* Uninitialised memory of pool_piece_size(); NULL: out of memory. */
void *pool_get(struct pool *pool, enum pool_piece piece);
void pool_put(struct pool *pool, enum pool_piece piece, void *memory);

#endif
