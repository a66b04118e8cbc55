/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/bytes.h"

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

bool bytes_equal_secret(struct bytes a, struct bytes b)
{
    unsigned char difference = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        difference |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
    return difference == 0;
}
