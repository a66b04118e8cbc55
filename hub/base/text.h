/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Small readers and writers of text: hex, numbers, UTF-8. Any thread, nothing allocated.
 */
#ifndef COMMHUB_BASE_TEXT_H
#define COMMHUB_BASE_TEXT_H

#include "hub/base/bytes.h"

/* 2 * @len lowercase hex characters and a closing zero. */
void text_hex(const void *ptr, size_t len, char *out_text);

/* The whole of @text as a decimal number in @least..@most: 0, or -EINVAL, or -ERANGE. */
int text_to_u64(const char *text, uint64_t least, uint64_t most, uint64_t *out_value);

/*
 * Reads one code point at @bytes.ptr[@offset] and answers its length in bytes, 0 where it is not valid UTF-8
 * (overlong forms, surrogates and values over U+10FFFF are not).
 */
size_t text_utf8_next(struct bytes bytes, size_t offset, uint32_t *out_code_point);

bool text_is_utf8(struct bytes bytes);

/* Whether no byte has its high bit set; eight bytes at a time, for nearly all text of the protocol is ASCII.
 */
static inline bool text_is_ascii(struct bytes bytes)
{
    uint64_t seen = 0;
    uint64_t word;

    if (bytes.len >= sizeof word) {
        for (size_t i = 0; i + sizeof word <= bytes.len; i += sizeof word) {
            memcpy(&word, bytes.ptr + i, sizeof word);
            seen |= word;
        }
        /* The last eight, which may overlap those before. */
        memcpy(&word, bytes.ptr + bytes.len - sizeof word, sizeof word);
        seen |= word;
    } else {
        for (size_t i = 0; i < bytes.len; i++)
            seen |= bytes.ptr[i];
    }
    return (seen & 0x8080808080808080U) == 0;
}

/*
 * Copies @bytes for a person's eyes: control characters, invalid UTF-8 and the marks that turn the direction
 * of writing come out as \xNN or \u{...}. Always closed by a zero, cut at @size with "..." at the end.
 */
void text_escape(struct bytes bytes, char *out_text, size_t size);

#endif
