/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * MessagePack in tests as text that a person can read: keys sorted, no blanks, as Python's json.dumps has it.
 */
#ifndef COMMHUB_TESTS_JSON_H
#define COMMHUB_TESTS_JSON_H

#include "hub/wire/frame.h"
#include "hub/wire/json_text.h"
#include "tests/support/unit.h"

#define assert_json(raw, expected) assert_json_at((raw), (expected), __FILE__, __LINE__)

static inline void assert_json_at(struct bytes raw, const char *expected, const char *file, int line)
{
    struct buffer text = {0};
    int r = json_text_append(raw, &text);

    if (r)
        print_error("not JSON: %d\n", r);
    assert_bytes_at(buffer_bytes(&text), bytes_of_text(expected), file, line);
    buffer_clear(&text);
}

/* A frame that is released here; NULL fails. */
#define assert_frame_json(frame, expected) assert_frame_json_at((frame), (expected), __FILE__, __LINE__)

static inline void assert_frame_json_at(struct block *frame, const char *expected, const char *file, int line)
{
    if (!frame)
        _fail(file, line);
    assert_json_at(frame_body(frame), expected, file, line);
    block_unref(frame);
}

#endif
