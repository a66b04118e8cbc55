/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/base64.h"

#include <errno.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_append(struct bytes bytes, struct buffer *out)
{
    if (buffer_reserve(out, (bytes.len + 2) / 3 * 4) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        unsigned word = (unsigned)bytes.ptr[i] << 16 | (n > 1 ? (unsigned)bytes.ptr[i + 1] << 8 : 0) |
                        (n > 2 ? bytes.ptr[i + 2] : 0);

        for (size_t k = 0; k < 4; k++)
            out->ptr[out->len++] = k <= n ? (uint8_t)letters[word >> (18 - 6 * k) & 63] : '=';
    }
    return 0;
}

static int value_of(uint8_t letter)
{
    const char *at = letter ? strchr(letters, letter) : NULL;

    return at ? (int)(at - letters) : -1;
}

/* Four letters, of which the last @n_pad are padding. */
static int decode_four(const uint8_t *four, size_t n_pad, struct buffer *out)
{
    unsigned word = 0;

    for (size_t k = 0; k < 4; k++) {
        int value = k < 4 - n_pad ? value_of(four[k]) : 0;

        if (value < 0)
            return BASE64_E_MALFORMED;
        word = word << 6 | (unsigned)value;
    }
    if (word & ((1U << (8 * n_pad)) - 1)) /* bits that no encoder leaves */
        return BASE64_E_MALFORMED;
    for (size_t k = 0; k < 3 - n_pad; k++)
        out->ptr[out->len++] = (uint8_t)(word >> (16 - 8 * k));
    return 0;
}

int base64_decode(struct bytes text, struct buffer *out)
{
    size_t n_pad = 0;

    if (text.len % 4 != 0)
        return BASE64_E_MALFORMED;
    while (n_pad < 2 && n_pad < text.len && text.ptr[text.len - 1 - n_pad] == '=')
        n_pad++;
    if (buffer_reserve(out, text.len / 4 * 3) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < text.len; i += 4) {
        int r = decode_four(text.ptr + i, i + 4 == text.len ? n_pad : 0, out);

        if (r)
            return r;
    }
    return 0;
}
