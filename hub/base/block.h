/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * An immutable, counted block of bytes
 *
 * What is sent is built once and shared by every outbox it waits in. Counted without atomics: a block belongs
 * to one thread (the loop's) for all its life.
 */
#ifndef COMMHUB_BASE_BLOCK_H
#define COMMHUB_BASE_BLOCK_H

#include <stdlib.h>

#include "hub/base/bytes.h"
#include "hub/base/cleanup.h"

struct block {
    uint32_t n_refs;
    uint32_t len;
    uint8_t ptr[];
};

/* A block of @len bytes for the caller to fill before it is shared, with one reference; NULL: out of memory.
 */
static inline struct block *block_new(size_t len)
{
    struct block *block = len <= UINT32_MAX ? (struct block *)malloc(sizeof *block + len) : NULL;

    if (block)
        *block = (struct block){.n_refs = 1, .len = (uint32_t)len};
    return block;
}

static inline struct block *block_ref(struct block *block)
{
    block->n_refs++;
    return block;
}

static inline void block_unref(struct block *block)
{
    if (block && --block->n_refs == 0)
        free(block);
}

DEFINE_CLEANUP(struct block *, block_unref)

static inline struct bytes block_bytes(const struct block *block)
{
    return bytes_of(block->ptr, block->len);
}

#endif
