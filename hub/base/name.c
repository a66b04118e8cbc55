/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/name.h"

#include "hub/base/text.h"

static bool is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

/*
 * How many bytes at the front are plain ASCII letters, eight at a time: nearly every name is nothing else,
 * and names are checked with every message. A byte below 0x20 borrows from its top bit, 0x7f carries into it,
 * and all from 0x80 have it set; a borrow may also blame a neighbour, which only sends it the slower way.
 */
static size_t plain_prefix(struct bytes name)
{
    size_t offset = 0;
    uint64_t word;

    for (; name.len - offset >= sizeof word; offset += sizeof word) {
        memcpy(&word, name.ptr + offset, sizeof word);
        if ((word | (word - 0x2020202020202020U) | (word + 0x0101010101010101U)) & 0x8080808080808080U)
            break;
    }
    while (offset < name.len && name.ptr[offset] >= 0x20 && name.ptr[offset] < 0x7f)
        offset++;
    return offset;
}

bool name_is_valid(struct bytes name)
{
    size_t offset;

    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    offset = plain_prefix(name);
    while (offset < name.len) {
        uint32_t code_point;
        size_t len = text_utf8_next(name, offset, &code_point);

        if (len == 0 || is_control(code_point))
            return false;
        offset += len;
    }
    return true;
}
