/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Small readers and writers of text: hex, numbers, UTF-8. Any thread, nothing allocated.
 */
#ifndef COMMHUB_BASE_TEXT_H
#define COMMHUB_BASE_TEXT_H

#include "hub/base/bytes.h"

/* 2 * @len lowercase hex characters and a closing zero. */
void text_hex(const void *ptr, size_t len, char *out_text);

/* The value of a hexadecimal digit of either case, or -1. */
static inline int text_hex_digit(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    if (letter >= 'a' && letter <= 'f')
        return letter - 'a' + 10;
    return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

/* The whole of @text as a decimal number in @least..@most: 0, or -EINVAL, or -ERANGE. */
int text_to_u64(const char *text, uint64_t least, uint64_t most, uint64_t *out_value);

/*
 * Reads one code point at @bytes.ptr[@offset] and answers its length in bytes, 0 where it is not valid UTF-8
 * (overlong forms, surrogates and values over U+10FFFF are not).
 */
size_t text_utf8_next(struct bytes bytes, size_t offset, uint32_t *out_code_point);

bool text_is_utf8(struct bytes bytes);

/* Whether no byte has its high bit set: a few loads, for nearly all text of the protocol is short and ASCII.
 */
static inline bool text_is_ascii(struct bytes bytes)
{
    const uint8_t *ptr = bytes.ptr;
    size_t len = bytes.len;
    uint64_t seen = 0;
    uint64_t word;
    uint32_t half[2];

    if (len >= sizeof word) {
        for (size_t i = 0; i + sizeof word <= len; i += sizeof word) {
            memcpy(&word, ptr + i, sizeof word);
            seen |= word;
        }
        memcpy(&word, ptr + len - sizeof word, sizeof word); /* overlaps those before */
        seen |= word;
    } else if (len >= sizeof half[0]) {
        memcpy(&half[0], ptr, sizeof half[0]);
        memcpy(&half[1], ptr + len - sizeof half[1], sizeof half[1]);
        seen = half[0] | half[1];
    } else if (len > 0) {
        seen = ptr[0] | ptr[len / 2] | ptr[len - 1];
    }
    return (seen & 0x8080808080808080U) == 0;
}

/*
 * Copies @bytes for a person's eyes: control characters, invalid UTF-8 and the marks that turn the direction
 * of writing come out as \xNN or \u{...}. Always closed by a zero, cut at @size with "..." at the end.
 */
void text_escape(struct bytes bytes, char *out_text, size_t size);

/*
 * How many letters must be put in, taken out, changed or swapped with their neighbour to make @a of @b; only
 * the first 63 bytes of each count. For guessing what a person meant.
 */
size_t text_distance(const char *a, const char *b);

#endif
