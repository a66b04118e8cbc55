/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A growing buffer of bytes
 *
 * Owned in place: init, use, clear. Growth at least doubles. An allocation that fails leaves the buffer as it
 * was and answers -ENOMEM; callers that write many small pieces may check `failed` once at the end instead.
 */
#ifndef COMMHUB_BASE_BUFFER_H
#define COMMHUB_BASE_BUFFER_H

#include "hub/base/bytes.h"

struct buffer {
    uint8_t *ptr;
    size_t len;
    size_t size;
    bool failed; /* an append did not fit into memory; sticks until clear */
};

static inline void buffer_init(struct buffer *buffer)
{
    *buffer = (struct buffer){0};
}

void buffer_clear(struct buffer *buffer);

/* buffer_reserve() where the room is not there yet. */
int buffer_grow(struct buffer *buffer, size_t more);

/* Room for @more bytes behind what is there: 0 or -ENOMEM. */
static inline int buffer_reserve(struct buffer *buffer, size_t more)
{
    return more <= buffer->size - buffer->len ? 0 : buffer_grow(buffer, more);
}

static inline int buffer_append(struct buffer *buffer, const void *ptr, size_t len)
{
    int r = buffer_reserve(buffer, len);

    if (r < 0 || len == 0)
        return r;
    memcpy(buffer->ptr + buffer->len, ptr, len);
    buffer->len += len;
    return 0;
}

static inline int buffer_append_bytes(struct buffer *buffer, struct bytes bytes)
{
    return buffer_append(buffer, bytes.ptr, bytes.len);
}

int buffer_append_text(struct buffer *buffer, const char *text);

/* As printf; 0, -ENOMEM or -EINVAL where the format cannot be written. */
int buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drops @len bytes at the front and moves the rest there. */
void buffer_consume(struct buffer *buffer, size_t len);

static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
    return bytes_of(buffer->ptr, buffer->len);
}

/* The content as zero-terminated text, which the caller frees; the buffer is empty then. NULL: out of memory.
 */
char *buffer_take_text(struct buffer *buffer);

#endif
