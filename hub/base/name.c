/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/name.h"

#include "hub/base/text.h"

static bool is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

bool name_is_valid(struct bytes name)
{
    size_t offset = 0;

    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    while (offset < name.len) {
        uint32_t code_point;
        size_t len = text_utf8_next(name, offset, &code_point);

        if (len == 0 || is_control(code_point))
            return false;
        offset += len;
    }
    return true;
}
