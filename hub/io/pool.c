/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/io/pool.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Kept at most: 128 KiB of references, 512 KiB of small and 1 MiB of large chunks. A loop that has once
 * served ten thousand full outboxes gives the rest back.
 */
static const struct {
    size_t size;
    uint32_t most_free;
} kinds[POOL_N_PIECES] = {
    [POOL_REFERENCE] = {.size = 32, .most_free = 4096},
    [POOL_SMALL] = {.size = 2048, .most_free = 256},
    [POOL_LARGE] = {.size = 16384, .most_free = 64},
};

int pool_init(struct pool *pool)
{
    *pool = (struct pool){.scratch = malloc(POOL_SCRATCH_SIZE)};
    return pool->scratch ? 0 : -ENOMEM;
}

void pool_clear(struct pool *pool)
{
    for (size_t i = 0; i < POOL_N_PIECES; i++) {
        while (pool->free[i]) {
            struct pool_free *next = pool->free[i]->next;

            free(pool->free[i]);
            pool->free[i] = next;
        }
    }
    free(pool->scratch);
    *pool = (struct pool){0};
}

size_t pool_piece_size(enum pool_piece piece)
{
    return kinds[piece].size;
}

void *pool_get(struct pool *pool, enum pool_piece piece)
{
    struct pool_free *memory = pool->free[piece];

    if (!memory)
        return malloc(kinds[piece].size);
    pool->free[piece] = memory->next;
    pool->n_free[piece]--;
    return memory;
}

void pool_put(struct pool *pool, enum pool_piece piece, void *memory)
{
    struct pool_free *kept = memory;

    if (pool->n_free[piece] == kinds[piece].most_free) {
        free(memory);
        return;
    }
    kept->next = pool->free[piece];
    pool->free[piece] = kept;
    pool->n_free[piece]++;
}
