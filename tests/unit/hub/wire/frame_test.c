/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/frame.h"

#include <malloc.h>

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }

static void test_looking_at_the_first_frame(void **state)
{
    static const struct {
        const char *what;
        struct bytes in;
        int outcome;
        size_t frame_bytes;
        const char *body;
    } rows[] = {
        {"nothing", {NULL, 0}, FRAME_E_INCOMPLETE, 0, ""},
        {"half a head", TEXT("\0\0\0"), FRAME_E_INCOMPLETE, 0, ""},
        {"a head", TEXT("\0\0\0\5"), FRAME_E_INCOMPLETE, 9, ""},
        {"half a body", TEXT("\0\0\0\5hell"), FRAME_E_INCOMPLETE, 9, ""},
        {"a frame", TEXT("\0\0\0\5hello"), 0, 9, "hello"},
        {"a frame and more", TEXT("\0\0\0\5hello\0\0"), 0, 9, "hello"},
        {"no length", TEXT("\0\0\0\0hello"), FRAME_E_EMPTY, 0, ""},
        {"longest",
         TEXT("\0\0\0\x0a"
              "0123456789"),
         0, 14, "0123456789"},
        {"one longer, head only", TEXT("\0\0\0\x0b"), FRAME_E_TOO_LONG, 0, ""},
        {"four gigabytes", TEXT("\xff\xff\xff\xff"), FRAME_E_TOO_LONG, 0, ""},
        {"byte order", TEXT("\5\0\0\0hello"), FRAME_E_TOO_LONG, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct bytes body;
        size_t frame_bytes = 4711;

        assert_row(rows[i].what, frame_next(rows[i].in, 10, &body, &frame_bytes) == rows[i].outcome);
        assert_row(rows[i].what, frame_bytes == rows[i].frame_bytes);
        assert_row(rows[i].what, bytes_equal_text(body, rows[i].body));
    }
}

static void test_frames_come_out_of_bytes_that_come_one_by_one(void **state)
{
    static const char stream[] = "\0\0\0\1a\0\0\0\3bcd\0\0\0\2ef";
    struct buffer in = {0};
    struct buffer bodies = {0};

    (void)state;
    for (size_t i = 0; i < sizeof stream - 1; i++) {
        struct bytes body;
        size_t frame_bytes;

        buffer_append(&in, stream + i, 1);
        if (frame_next(buffer_bytes(&in), 100, &body, &frame_bytes) == 0) {
            buffer_append_bytes(&bodies, body);
            buffer_append_text(&bodies, ";");
            buffer_consume(&in, frame_bytes);
        }
    }
    assert_text(buffer_bytes(&bodies), "a;bcd;ef;");
    assert_int_equal(in.len, 0);
    buffer_clear(&in);
    buffer_clear(&bodies);
}

static void test_what_is_written_is_read_back(void **state)
{
    static const size_t sizes[] = {1, 2, 51, 52, 53, 500, 1000, 70000};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
        struct buffer out = {0};
        struct bytes body;
        size_t frame_bytes;
        struct block *frame;
        struct block *copy;

        frame_begin(&out);
        for (size_t k = 0; k < sizes[i]; k++)
            buffer_append(&out, "x", 1);
        frame = frame_finish(&out);
        assert_null(out.ptr);
        assert_int_equal(frame->n_refs, 1);
        assert_int_equal(frame->len, FRAME_HEAD_BYTES + sizes[i]);
        assert_int_equal(frame_next(block_bytes(frame), sizes[i], &body, &frame_bytes), 0);
        assert_int_equal(frame_bytes, frame->len);
        assert_bytes(body, frame_body(frame));

        copy = frame_of_body(body);
        assert_bytes(block_bytes(copy), block_bytes(frame));
        block_unref(copy);
        block_unref(frame);
    }
}

static void test_a_sized_frame_is_one_allocation(void **state)
{
    struct buffer out = {0};
    struct block *frame;

    (void)state;
    allocation_count_from_here();
    frame_begin_sized(&out, 1000);
    for (int i = 0; i < 1000; i++)
        buffer_append(&out, "x", 1);
    frame = frame_finish(&out);
    assert_int_equal(allocation_count(), 1);
    assert_int_equal(frame->len, 1004);
    block_unref(frame);
}

static void test_a_frame_keeps_no_memory_that_is_not_used(void **state)
{
    struct buffer out = {0};
    struct block *frame;

    (void)state;
    frame_begin(&out);
    for (int i = 0; i < 70000; i++)
        buffer_append(&out, "x", 1);
    assert_true(out.size > 100000);
    frame = frame_finish(&out);
    assert_non_null(frame);
    assert_in_range(malloc_usable_size(frame), 70004, 80000); /* the allocator may round to pages */
    block_unref(frame);
}

static struct block *write_a_frame(bool is_sized, size_t body_bytes)
{
    struct buffer out = {0};

    if (is_sized)
        frame_begin_sized(&out, 1);
    else
        frame_begin(&out);
    for (size_t i = 0; i < body_bytes; i++)
        buffer_append(&out, "x", 1);
    return frame_finish(&out);
}

static void test_without_memory_there_is_no_frame_or_all_of_it(void **state)
{
    (void)state;
    for (int is_sized = 0; is_sized < 2; is_sized++) {
        for (unsigned n = 1; allocation_fail_at(n); n++) {
            struct block *frame = write_a_frame(is_sized, 5000);

            allocation_fail_never();
            if (!allocation_has_failed())
                assert_non_null(frame);
            if (frame) /* the memory behind it could not be given back */
                assert_int_equal(frame->len, 5004);
            block_unref(frame);
        }
    }
    allocation_fail_at(1);
    assert_null(frame_of_body(BYTES_LITERAL("x")));
    allocation_fail_never();
    assert_null(frame_of_body(bytes_of("", (size_t)UINT32_MAX + 1)));
    assert_null(frame_of_body(bytes_of("", (size_t)UINT32_MAX - 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_looking_at_the_first_frame),
        cmocka_unit_test(test_frames_come_out_of_bytes_that_come_one_by_one),
        cmocka_unit_test(test_what_is_written_is_read_back),
        cmocka_unit_test(test_a_sized_frame_is_one_allocation),
        cmocka_unit_test(test_a_frame_keeps_no_memory_that_is_not_used),
        cmocka_unit_test(test_without_memory_there_is_no_frame_or_all_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
