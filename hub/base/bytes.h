/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A borrowed view of bytes
 *
 * Owns nothing; lives as long as what it points into. Text in a view is UTF-8 without a closing zero.
 */
#ifndef COMMHUB_BASE_BYTES_H
#define COMMHUB_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *ptr;
    size_t len;
};

#define BYTES_NONE ((struct bytes){0})

/* A view of a string literal; the length is known when compiling. */
#define BYTES_LITERAL(literal) ((struct bytes){(const uint8_t *)("" literal), sizeof(literal) - 1})

static inline struct bytes bytes_of(const void *ptr, size_t len)
{
    return (struct bytes){(const uint8_t *)ptr, len};
}

/* NULL gives an empty view. */
static inline struct bytes bytes_of_text(const char *text)
{
    return bytes_of(text, text ? strlen(text) : 0);
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool bytes_equal_text(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of_text(text));
}

static inline bool bytes_start_with(struct bytes a, struct bytes prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

static inline struct bytes bytes_from(struct bytes a, size_t offset)
{
    return offset >= a.len ? BYTES_NONE : bytes_of(a.ptr + offset, a.len - offset);
}

/* Bytewise order, the shorter first where one begins the other: <0, 0, >0. */
int bytes_compare(struct bytes a, struct bytes b);

/* A zero-terminated copy for the caller to free(); NULL when out of memory. */
char *bytes_to_text(struct bytes a);

/*
 * A copy on the heap for bytes_free(), closed by a zero that is not counted; an empty view is copied as
 * BYTES_NONE. 0 or -ENOMEM.
 */
int bytes_copy(struct bytes a, struct bytes *out_copy);

/* Releases what bytes_copy() made and empties the view. */
void bytes_free(struct bytes *copy);

/* The same for a secret: nothing of it stays in memory. */
void bytes_free_secret(struct bytes *copy);

/* Equal without a running time that tells where they differ; for proofs and tokens. */
bool bytes_equal_secret(struct bytes a, struct bytes b);

#endif
