/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/text.h"

#include <errno.h>
#include <stdio.h>

#include "hub/base/check.h"

void text_hex(const void *ptr, size_t len, char *out_text)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = ptr;

    for (size_t i = 0; i < len; i++) {
        *out_text++ = digits[bytes[i] >> 4];
        *out_text++ = digits[bytes[i] & 15];
    }
    *out_text = '\0';
}

int text_to_u64(const char *text, uint64_t least, uint64_t most, uint64_t *out_value)
{
    uint64_t value = 0;

    if (!*text)
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        if (__builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return -ERANGE;
    }
    if (value < least || value > most)
        return -ERANGE;
    *out_value = value;
    return 0;
}

/* The length a first byte announces and the bits it carries; 0 for what cannot be a first byte. */
static size_t utf8_length(uint8_t first, uint32_t *out_bits)
{
    if (first < 0x80) {
        *out_bits = first;
        return 1;
    }
    if (first >= 0xc2 && first < 0xe0) {
        *out_bits = first & 0x1fU;
        return 2;
    }
    if (first >= 0xe0 && first < 0xf0) {
        *out_bits = first & 0x0fU;
        return 3;
    }
    if (first >= 0xf0 && first < 0xf5) {
        *out_bits = first & 0x07U;
        return 4;
    }
    return 0;
}

size_t text_utf8_next(struct bytes bytes, size_t offset, uint32_t *out_code_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t value = 0;
    size_t len;

    if (offset >= bytes.len)
        return 0;
    len = utf8_length(bytes.ptr[offset], &value);
    if (len == 0 || len > bytes.len - offset)
        return 0;
    for (size_t i = 1; i < len; i++) {
        uint8_t byte = bytes.ptr[offset + i];

        if ((byte & 0xc0) != 0x80)
            return 0;
        value = (value << 6) | (byte & 0x3fU);
    }
    if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return 0;
    *out_code_point = value;
    return len;
}

bool text_is_utf8(struct bytes bytes)
{
    size_t offset = 0;
    uint32_t code_point;

    while (offset < bytes.len) {
        size_t len;

        if (bytes.ptr[offset] < 0x80) { /* nearly all there is */
            offset++;
            continue;
        }
        len = text_utf8_next(bytes, offset, &code_point);
        if (len == 0)
            return false;
        offset += len;
    }
    return true;
}

static bool is_harmless(uint32_t c)
{
    bool is_control = c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
    bool turns_direction = c == 0x061c || (c >= 0x200e && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
                           (c >= 0x2066 && c <= 0x2069);

    return !is_control && !turns_direction;
}

/* One character of @bytes as it is shown; answers its length there, and in @piece its own. */
static size_t escape_next(struct bytes bytes, size_t offset, char piece[16], size_t *out_piece_len)
{
    uint32_t c = 0;
    size_t len = text_utf8_next(bytes, offset, &c);

    if (len == 0) {
        *out_piece_len = (size_t)snprintf(piece, 16, "\\x%02x", bytes.ptr[offset]);
        return 1;
    }
    if (is_harmless(c)) {
        memcpy(piece, bytes.ptr + offset, len);
        *out_piece_len = len;
    } else {
        *out_piece_len = (size_t)snprintf(piece, 16, "\\u{%x}", (unsigned)c);
    }
    return len;
}

void text_escape(struct bytes bytes, char *out_text, size_t size)
{
    size_t used = 0;
    size_t cut = 0; /* the last place where the dots and the zero fit */
    size_t offset = 0;

    check(size >= sizeof "...");
    while (offset < bytes.len) {
        char piece[16];
        size_t piece_len;

        offset += escape_next(bytes, offset, piece, &piece_len);
        if (used + piece_len + 1 > size) {
            memcpy(out_text + cut, "...", 3);
            used = cut + 3;
            break;
        }
        memcpy(out_text + used, piece, piece_len);
        used += piece_len;
        if (used + sizeof "..." <= size)
            cut = used;
    }
    out_text[used] = '\0';
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t text_distance(const char *a, const char *b)
{
    enum { MOST = 63 };
    size_t cost[MOST + 1][MOST + 1]; /* [i][j]: between the first i bytes of a and the first j of b */
    size_t a_len = strnlen(a, MOST);
    size_t b_len = strnlen(b, MOST);

    for (size_t i = 0; i <= a_len; i++) {
        for (size_t j = 0; j <= b_len; j++) {
            bool is_same = i && j && a[i - 1] == b[j - 1];

            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            cost[i][j] = least_of(least_of(cost[i - 1][j], cost[i][j - 1]) + 1,
                                  cost[i - 1][j - 1] + (is_same ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost[i][j] = least_of(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return cost[a_len][b_len];
}
