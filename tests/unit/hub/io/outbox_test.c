/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/unit.h"

#include <errno.h>

#include "hub/base/buffer.h"
#include "hub/base/check.h"
#include "hub/io/outbox.h"
#include "tests/support/allocation.h"

static int set_up(void **state)
{
    static struct pool pool;

    *state = &pool;
    return pool_init(&pool);
}

static int tear_down(void **state)
{
    pool_clear(*state);
    return 0;
}

static struct block *new_block(size_t len, uint8_t first)
{
    struct block *block = block_new(len);

    check(block);
    for (size_t i = 0; i < len; i++)
        block->ptr[i] = (uint8_t)(first + i);
    return block;
}

static void test_what_goes_in_comes_out_in_order_and_is_counted_exactly(void **state)
{
    static const size_t lengths[] = {1, 512, 513, 0, 100, 20000, 3, 512, 512, 512, 512, 70000, 2};
    struct buffer expected;
    struct buffer seen;
    struct outbox outbox;
    uint8_t first = 0;

    buffer_init(&expected);
    buffer_init(&seen);
    outbox_init(&outbox);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < N_ELEMENTS(lengths); i++) {
            struct block *block = new_block(lengths[i], first += 7);

            assert_int_equal(outbox_add(&outbox, *state, block), 0);
            assert_int_equal(buffer_append(&expected, block->ptr, block->len), 0);
            assert_int_equal(outbox.n_bytes, expected.len);
            block_unref(block);
        }
    }
    for (size_t step = 1; outbox.n_bytes; step = step * 3 % 9973 + 1) {
        struct iovec pieces[5];
        size_t len;
        int n = outbox_peek(&outbox, pieces, 5, &len);
        size_t sum = 0;

        assert_in_range(n, 1, 5);
        for (int i = 0; i < n; i++)
            sum += pieces[i].iov_len;
        assert_int_equal(sum, len);
        if (step > len)
            step = len;
        for (size_t left = step, i = 0; left; i++) {
            size_t part = pieces[i].iov_len < left ? pieces[i].iov_len : left;

            assert_int_equal(buffer_append(&seen, pieces[i].iov_base, part), 0);
            left -= part;
        }
        outbox_consume(&outbox, *state, step);
        assert_int_equal(outbox.n_bytes, expected.len - seen.len);
    }
    assert_bytes(buffer_bytes(&seen), buffer_bytes(&expected));
    assert_null(outbox.first);
    buffer_clear(&expected);
    buffer_clear(&seen);
}

static void test_small_blocks_share_memory_and_large_ones_are_referenced(void **state)
{
    struct block *small = new_block(OUTBOX_COPY_MOST, 1);
    struct block *large = new_block(OUTBOX_COPY_MOST + 1, 1);
    struct iovec pieces[8];
    struct outbox outbox;
    size_t len;

    outbox_init(&outbox);
    assert_int_equal(outbox_add(&outbox, *state, small), 0);
    assert_int_equal(outbox_add(&outbox, *state, small), 0);
    assert_int_equal(small->n_refs, 1);
    assert_int_equal(outbox_peek(&outbox, pieces, 8, &len), 1);
    assert_int_equal(outbox_add(&outbox, *state, large), 0);
    assert_int_equal(large->n_refs, 2);
    assert_int_equal(outbox_peek(&outbox, pieces, 8, &len), 2);
    assert_ptr_equal(pieces[1].iov_base, large->ptr);
    /* Not behind the first two: order counts for more than memory. */
    assert_int_equal(outbox_add(&outbox, *state, small), 0);
    assert_int_equal(outbox_peek(&outbox, pieces, 8, &len), 3);
    outbox_clear(&outbox, *state);
    assert_int_equal(outbox.n_bytes, 0);
    assert_int_equal(large->n_refs, 1);
    block_unref(small);
    block_unref(large);
}

static void test_memory_given_back_is_used_again_and_kept_only_up_to_a_limit(void **state)
{
    struct pool *pool = *state;
    struct block *block = new_block(OUTBOX_COPY_MOST, 1);
    struct outbox outbox;

    outbox_init(&outbox);
    for (int round = 0; round < 2; round++) {
        allocation_count_from_here();
        for (int i = 0; i < 4000; i++)
            assert_int_equal(outbox_add(&outbox, pool, block), 0);
        outbox_clear(&outbox, pool);
    }
    assert_int_equal(pool->n_free[POOL_LARGE], 64);
    assert_in_range(allocation_count(), 1, 4000 * 512 / 15000 + 1 - 64);
    block_unref(block);
}

static void test_without_memory_nothing_is_queued(void **state)
{
    struct block *small = new_block(OUTBOX_COPY_MOST, 1);
    struct block *large = new_block(5000, 1);

    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct outbox outbox;
        size_t n_expected = 0;

        outbox_init(&outbox);
        for (int i = 0; i < 50; i++) {
            struct block *block = i % 5 ? small : large;
            int r = outbox_add(&outbox, *state, block);

            assert_true(r == 0 || r == -ENOMEM);
            n_expected += r == 0 ? block->len : 0;
            assert_int_equal(outbox.n_bytes, n_expected);
        }
        allocation_fail_never();
        assert_int_equal(n_expected == 40u * OUTBOX_COPY_MOST + 50000u, !allocation_has_failed());
        outbox_clear(&outbox, *state);
        assert_int_equal(large->n_refs, 1);
        /* An empty pool, so that each pass allocates. */
        pool_clear(*state);
        assert_int_equal(pool_init(*state), 0);
    }
    block_unref(small);
    block_unref(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_goes_in_comes_out_in_order_and_is_counted_exactly, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_small_blocks_share_memory_and_large_ones_are_referenced, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_memory_given_back_is_used_again_and_kept_only_up_to_a_limit,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_memory_nothing_is_queued, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
