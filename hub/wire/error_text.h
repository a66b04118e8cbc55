/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The protocol's error texts, all of them in error_text.def: programs match them as substrings, so they are
 * exact.
 */
#ifndef COMMHUB_WIRE_ERROR_TEXT_H
#define COMMHUB_WIRE_ERROR_TEXT_H

#include "hub/base/bytes.h"

enum error_text {
#define X(id, format) ERROR_##id,
#include "hub/wire/error_text.def"
#undef X
    ERROR_TEXT_COUNT
};

/* Longest text: a format and two names of 255 bytes. */
#define ERROR_TEXT_SIZE 768

/*
 * Writes the text with %1 and %2 replaced by @first and @second (BYTES_NONE where the text has none), cut at
 * the size and closed by a zero. Answers a view of @buffer.
 */
struct bytes error_text_format(enum error_text id, struct bytes first, struct bytes second,
                               char buffer[ERROR_TEXT_SIZE]);

#endif
