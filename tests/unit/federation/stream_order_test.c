/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/stream_order.h"

#include <errno.h>

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

static struct stream_orders orders;
static struct stream_order order;

static int set_up(void **state)
{
    (void)state;
    stream_order_init_all(&orders);
    stream_order_init(&order);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stream_order_clear(&orders, &order);
    assert_int_equal(orders.n_bytes, 0);
    assert_true(list_is_empty(&orders.waiting));
    return 0;
}

static int hold(struct stream_order *into, uint64_t number, size_t n_bytes, uint64_t now_ms)
{
    struct block *frame = block_new(n_bytes);
    int r;

    assert_non_null(frame);
    memset(frame->ptr, (int)number, n_bytes);
    r = stream_order_hold(&orders, into, number, frame, now_ms);
    block_unref(frame);
    return r;
}

static void assert_next(uint64_t number)
{
    struct block *frame = stream_order_next(&orders, &order, 0);

    assert_non_null(frame);
    assert_int_equal(frame->ptr[0], number);
    block_unref(frame);
}

static void test_what_comes_in_its_turn_is_not_held(void **state)
{
    (void)state;
    for (uint64_t number = 1; number <= 5; number++)
        assert_true(stream_order_take(&orders, &order, number, 0));
    assert_null(stream_order_next(&orders, &order, 0));
    assert_null(stream_order_overdue(&orders, UINT64_MAX));
}

static void test_what_comes_too_early_is_held_until_its_turn(void **state)
{
    (void)state;
    assert_int_equal(hold(&order, 4, 10, 0), 0);
    assert_int_equal(hold(&order, 2, 10, 0), 0);
    assert_int_equal(hold(&order, 3, 10, 0), 0);
    assert_null(stream_order_next(&orders, &order, 0));
    assert_false(stream_order_take(&orders, &order, 3, 0));
    assert_true(stream_order_take(&orders, &order, 1, 0));
    for (uint64_t number = 2; number <= 4; number++)
        assert_next(number);
    assert_null(stream_order_next(&orders, &order, 0));
    assert_int_equal(order.n_bytes, 0);
}

static void test_each_number_is_taken_once(void **state)
{
    (void)state;
    assert_true(stream_order_take(&orders, &order, 1, 0));
    assert_false(stream_order_take(&orders, &order, 1, 0));
    assert_int_equal(hold(&order, 1, 10, 0), STREAM_ORDER_E_TWICE);
    assert_int_equal(hold(&order, 3, 10, 0), 0);
    assert_int_equal(hold(&order, 3, 10, 0), STREAM_ORDER_E_TWICE);
}

static void test_one_call_and_all_together_hold_only_so_many_bytes(void **state)
{
    const size_t n_calls = STREAM_ORDER_MOST_BYTES_ALL / STREAM_ORDER_MOST_BYTES;
    const size_t large = STREAM_ORDER_MOST_BYTES - 1024;
    struct stream_order others[STREAM_ORDER_MOST_BYTES_ALL / STREAM_ORDER_MOST_BYTES];

    (void)state;
    for (size_t i = 0; i < n_calls; i++) {
        stream_order_init(&others[i]);
        assert_int_equal(hold(&others[i], 2, large, 0), 0);
        assert_int_equal(hold(&others[i], 3, 1024, 0), STREAM_ORDER_E_FULL);
        assert_int_equal(hold(&others[i], 4, 100, 0), 0);
    }
    assert_int_equal(hold(&order, 2, 4 * 1024, 0), STREAM_ORDER_E_FULL);
    stream_order_clear(&orders, &others[0]);
    assert_int_equal(hold(&order, 2, 4 * 1024, 0), 0);
    for (size_t i = 1; i < n_calls; i++)
        stream_order_clear(&orders, &others[i]);
}

static void test_a_gap_is_overdue_after_its_time_and_each_gap_has_its_own(void **state)
{
    struct stream_order other;

    (void)state;
    stream_order_init(&other);
    assert_int_equal(hold(&order, 2, 10, 1000), 0);
    assert_int_equal(hold(&order, 4, 10, 2000), 0);
    assert_int_equal(hold(&other, 2, 10, 3000), 0);
    assert_null(stream_order_overdue(&orders, 1000 + STREAM_ORDER_WAIT_MS - 1));
    assert_ptr_equal(stream_order_overdue(&orders, 1000 + STREAM_ORDER_WAIT_MS), &order);
    /* The first is filled; the second has begun when 2 was passed on. */
    assert_true(stream_order_take(&orders, &order, 1, 4000));
    assert_next(2);
    assert_ptr_equal(stream_order_overdue(&orders, 3000 + STREAM_ORDER_WAIT_MS), &other);
    stream_order_clear(&orders, &other);
    assert_ptr_equal(stream_order_overdue(&orders, 4000 + STREAM_ORDER_WAIT_MS), &order);
    assert_true(stream_order_take(&orders, &order, 3, 5000));
    assert_next(4);
    assert_null(stream_order_overdue(&orders, UINT64_MAX));
}

static void test_nothing_is_held_where_memory_runs_out(void **state)
{
    struct block *frame = block_new(10);

    (void)state;
    assert_non_null(frame);
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        int r = stream_order_hold(&orders, &order, 2, frame, 0);

        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        assert_int_equal(order.held.n_nodes, r == 0);
        assert_int_equal(frame->n_refs, 1 + (r == 0));
        stream_order_clear(&orders, &order);
    }
    block_unref(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_comes_in_its_turn_is_not_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_comes_too_early_is_held_until_its_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_number_is_taken_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_call_and_all_together_hold_only_so_many_bytes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_gap_is_overdue_after_its_time_and_each_gap_has_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_held_where_memory_runs_out, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("order of streams", tests, NULL, NULL);
}
