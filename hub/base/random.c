/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/random.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "hub/base/check.h"
#include "hub/base/text.h"

void random_fill(void *ptr, size_t len)
{
    uint8_t *place = ptr;

    while (len) {
        ssize_t n = getrandom(place, len, 0);

        if (n < 0) {
            check(errno == EINTR);
            continue;
        }
        place += n;
        len -= (size_t)n;
    }
}

uint64_t random_u64(void)
{
    uint64_t value;

    random_fill(&value, sizeof value);
    return value;
}

void random_hex(char *out_text, size_t n_bytes)
{
    uint8_t raw[32];

    check(n_bytes <= sizeof raw);
    random_fill(raw, n_bytes);
    text_hex(raw, n_bytes, out_text);
}

void random_alphanumeric(char *out_text, size_t len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const unsigned n_letters = sizeof alphabet - 1;
    size_t i = 0;

    while (i < len) {
        uint8_t raw[64];

        random_fill(raw, sizeof raw);
        for (size_t k = 0; k < sizeof raw && i < len; k++)
            if (raw[k] < 256 / n_letters * n_letters) /* the rest would favour the first letters */
                out_text[i++] = alphabet[raw[k] % n_letters];
    }
    out_text[len] = '\0';
}

void random_uuid(char out_text[RANDOM_UUID_TEXT])
{
    uint8_t raw[16];
    char hex[33];

    random_fill(raw, sizeof raw);
    raw[6] = (uint8_t)((raw[6] & 0x0f) | 0x40); /* version 4, RFC 9562 section 5.4 */
    raw[8] = (uint8_t)((raw[8] & 0x3f) | 0x80);
    text_hex(raw, sizeof raw, hex);
    snprintf(out_text, RANDOM_UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
             hex + 20);
}
