/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/error_text.h"

#include "hub/base/check.h"

static const char *const formats[] = {
#define X(id, format) [ERROR_##id] = format,
#include "hub/wire/error_text.def"
#undef X
};

struct room {
    char *text;
    size_t used;
};

/* As much of @bytes as there is room for, without cutting a character: clients refuse text that is not UTF-8.
 */
static void add(struct room *room, struct bytes bytes)
{
    size_t left = ERROR_TEXT_SIZE - 1 - room->used;
    size_t len = bytes.len;

    if (len > left) {
        len = left;
        while (len && (bytes.ptr[len] & 0xc0) == 0x80)
            len--;
    }
    if (len)
        memcpy(room->text + room->used, bytes.ptr, len);
    room->used += len;
}

struct bytes error_text_format(enum error_text id, struct bytes first, struct bytes second,
                               char buffer[ERROR_TEXT_SIZE])
{
    struct room room = {.text = buffer};
    const char *rest;

    check(id < ERROR_TEXT_COUNT);
    rest = formats[id];
    while (*rest) {
        size_t len = strcspn(rest, "%");

        add(&room, bytes_of(rest, len));
        rest += len;
        if (*rest) {
            check(rest[1] == '1' || rest[1] == '2');
            add(&room, rest[1] == '1' ? first : second);
            rest += 2;
        }
    }
    buffer[room.used] = '\0';
    return bytes_of(buffer, room.used);
}
