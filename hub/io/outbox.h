/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The outgoing queue of one stream
 *
 * Blocks in order, as a list of segments. A small block is copied behind the one before it, so that a hundred
 * of them are one piece of memory and one entry of a writev; a large one is referenced. The bytes are counted
 * exactly. Loop's thread.
 */
#ifndef COMMHUB_IO_OUTBOX_H
#define COMMHUB_IO_OUTBOX_H

#include <sys/uio.h>

#include "hub/base/block.h"
#include "hub/io/pool.h"

/* Up to here copying costs less than a reference, its count and an entry of its own in the writev. */
#define OUTBOX_COPY_MOST 512

struct outbox_segment;

struct outbox {
    struct outbox_segment *first;
    struct outbox_segment *last;
    size_t n_bytes;
};

static inline void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){0};
}

/* Drops all that is queued. */
void outbox_clear(struct outbox *outbox, struct pool *pool);

/* Queues @block, copied or with a reference of its own: 0 or -ENOMEM, and then nothing was queued. */
int outbox_add(struct outbox *outbox, struct pool *pool, struct block *block);

/* Shows the first bytes as at most @most pieces: answers how many; their sum in @out_bytes. */
int outbox_peek(const struct outbox *outbox, struct iovec *out_pieces, int most, size_t *out_bytes);

/* Drops the first @n_bytes, which must be there. */
void outbox_consume(struct outbox *outbox, struct pool *pool, size_t n_bytes);

#endif
