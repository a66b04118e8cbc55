/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/io/outbox.h"

#include <errno.h>

#include "hub/base/check.h"

struct outbox_segment {
    struct outbox_segment *next;
    struct block *block; /* referenced; NULL: the bytes are in room */
    uint32_t begin;      /* unsent: from begin to before end */
    uint32_t end;
    uint32_t size; /* of room */
    uint8_t room[];
};

static enum pool_piece piece_of(const struct outbox_segment *segment)
{
    if (segment->block)
        return POOL_REFERENCE;
    return segment->size + sizeof *segment == pool_piece_size(POOL_SMALL) ? POOL_SMALL : POOL_LARGE;
}

static const uint8_t *bytes_at(const struct outbox_segment *segment)
{
    return (segment->block ? segment->block->ptr : segment->room) + segment->begin;
}

static struct outbox_segment *append(struct outbox *outbox, struct pool *pool, enum pool_piece piece)
{
    struct outbox_segment *segment = pool_get(pool, piece);

    if (!segment)
        return NULL;
    *segment = (struct outbox_segment){.size = (uint32_t)(pool_piece_size(piece) - sizeof *segment)};
    if (outbox->last)
        outbox->last->next = segment;
    else
        outbox->first = segment;
    outbox->last = segment;
    return segment;
}

static void drop_first(struct outbox *outbox, struct pool *pool)
{
    struct outbox_segment *segment = outbox->first;
    enum pool_piece piece = piece_of(segment);

    outbox->first = segment->next;
    if (!outbox->first)
        outbox->last = NULL;
    block_unref(segment->block);
    pool_put(pool, piece, segment);
}

void outbox_clear(struct outbox *outbox, struct pool *pool)
{
    while (outbox->first)
        drop_first(outbox, pool);
    outbox->n_bytes = 0;
}

static int add_copy(struct outbox *outbox, struct pool *pool, const struct block *block)
{
    struct outbox_segment *last = outbox->last;

    if (!last || last->block || last->size - last->end < block->len)
        last = append(outbox, pool, outbox->first ? POOL_LARGE : POOL_SMALL);
    if (!last)
        return -ENOMEM;
    memcpy(last->room + last->end, block->ptr, block->len);
    last->end += block->len;
    return 0;
}

static int add_reference(struct outbox *outbox, struct pool *pool, struct block *block)
{
    struct outbox_segment *segment = append(outbox, pool, POOL_REFERENCE);

    if (!segment)
        return -ENOMEM;
    segment->block = block_ref(block);
    segment->end = block->len;
    segment->size = 0;
    return 0;
}

int outbox_add(struct outbox *outbox, struct pool *pool, struct block *block)
{
    int r;

    if (block->len == 0)
        return 0;
    r = block->len <= OUTBOX_COPY_MOST ? add_copy(outbox, pool, block) : add_reference(outbox, pool, block);
    if (r == 0)
        outbox->n_bytes += block->len;
    return r;
}

int outbox_peek(const struct outbox *outbox, struct iovec *out_pieces, int most, size_t *out_bytes)
{
    int n = 0;

    *out_bytes = 0;
    for (struct outbox_segment *segment = outbox->first; segment && n < most; segment = segment->next) {
        size_t len = segment->end - segment->begin;

        /* writev takes a pointer to what it may only read. */
        out_pieces[n++] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes_at(segment), .iov_len = len};
        *out_bytes += len;
    }
    return n;
}

void outbox_consume(struct outbox *outbox, struct pool *pool, size_t n_bytes)
{
    check(n_bytes <= outbox->n_bytes);
    outbox->n_bytes -= n_bytes;
    while (n_bytes) {
        size_t len = outbox->first->end - outbox->first->begin;

        if (n_bytes < len) {
            outbox->first->begin += (uint32_t)n_bytes;
            return;
        }
        n_bytes -= len;
        drop_first(outbox, pool);
    }
}
