/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/bytes.h"

#include <errno.h>
#include <stdlib.h>

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

char *bytes_to_text(struct bytes a)
{
    char *text = malloc(a.len + 1);

    if (!text)
        return NULL;
    if (a.len)
        memcpy(text, a.ptr, a.len);
    text[a.len] = '\0';
    return text;
}

int bytes_copy(struct bytes a, struct bytes *out_copy)
{
    char *copy = a.len ? bytes_to_text(a) : NULL;

    if (a.len && !copy)
        return -ENOMEM;
    *out_copy = bytes_of(copy, a.len);
    return 0;
}

void bytes_free(struct bytes *copy)
{
    free((void *)(uintptr_t)copy->ptr);
    *copy = BYTES_NONE;
}

void bytes_free_secret(struct bytes *copy)
{
    if (copy->ptr)
        explicit_bzero((void *)(uintptr_t)copy->ptr, copy->len);
    bytes_free(copy);
}

bool bytes_equal_secret(struct bytes a, struct bytes b)
{
    unsigned char difference = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        difference |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
    return difference == 0;
}
