/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/check.h"

#define SMALLEST_BUFFER 64

void buffer_clear(struct buffer *buffer)
{
    free(buffer->ptr);
    buffer_init(buffer);
}

int buffer_grow(struct buffer *buffer, size_t more)
{
    size_t size = buffer->size ? buffer->size : SMALLEST_BUFFER;
    size_t needed;
    uint8_t *grown;

    if (__builtin_add_overflow(buffer->len, more, &needed) || needed > SIZE_MAX / 2)
        goto no_memory;
    while (size < needed)
        size *= 2;
    grown = realloc(buffer->ptr, size);
    if (!grown)
        goto no_memory;
    buffer->ptr = grown;
    buffer->size = size;
    return 0;

no_memory:
    buffer->failed = true;
    return -ENOMEM;
}

int buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

int buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    int len;
    int r;

    va_start(arguments, format);
    len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0)
        return -EINVAL;

    /* One more for the zero that vsnprintf insists on; it is not counted. */
    r = buffer_reserve(buffer, (size_t)len + 1);
    if (r < 0)
        return r;
    va_start(arguments, format);
    vsnprintf((char *)buffer->ptr + buffer->len, (size_t)len + 1, format, arguments);
    va_end(arguments);
    buffer->len += (size_t)len;
    return 0;
}

void buffer_consume(struct buffer *buffer, size_t len)
{
    check(len <= buffer->len);
    if (len && len < buffer->len)
        memmove(buffer->ptr, buffer->ptr + len, buffer->len - len);
    buffer->len -= len;
}

char *buffer_take_text(struct buffer *buffer)
{
    char *text;

    if (buffer->failed || buffer_append(buffer, "", 1) < 0) {
        buffer_clear(buffer);
        return NULL;
    }
    text = (char *)buffer->ptr;
    buffer_init(buffer);
    return text;
}
