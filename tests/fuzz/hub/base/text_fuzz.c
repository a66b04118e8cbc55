/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Any bytes as text: valid UTF-8 by one reader is valid by the other, names are valid text, and what is shown
 * to people is valid text without control characters, at any size.
 */
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/name.h"
#include "hub/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_utf8_step_by_step(struct bytes text)
{
    size_t offset = 0;
    uint32_t code_point;

    while (offset < text.len) {
        size_t len = text_utf8_next(text, offset, &code_point);

        if (len == 0)
            return false;
        offset += len;
    }
    return true;
}

static void check_escaped(struct bytes text, size_t size)
{
    char *shown = malloc(size); /* exactly: the address sanitizer watches its end */

    check(shown);
    text_escape(text, shown, size);
    check(strlen(shown) < size);
    check(text_is_utf8(bytes_of_text(shown)));
    for (const char *at = shown; *at; at++)
        check((uint8_t)*at >= ' ' && *at != '\x7f');
    free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text;

    if (size == 0)
        return 0;
    text = bytes_of(data + 1, size - 1);
    check(text_is_utf8(text) == is_utf8_step_by_step(text));
    if (text_is_ascii(text))
        check(text_is_utf8(text));
    if (name_is_valid(text))
        check(text_is_utf8(text) && text.len > 0 && text.len <= NAME_MAX_BYTES);
    check_escaped(text, data[0] + sizeof "...");
    return 0;
}
