/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/seen_window.h"

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

static struct seen_window window;

static int set_up(void **state)
{
    (void)state;
    seen_window_init(&window);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    seen_window_clear(&window);
    return 0;
}

static void test_each_number_is_new_once(void **state)
{
    (void)state;
    for (uint64_t seq = 1; seq <= 1000; seq++) {
        assert_int_equal(seen_window_take(&window, 1, seq), SEEN_NEVER);
        assert_int_equal(seen_window_take(&window, 1, seq), SEEN_BEFORE);
    }
}

static void test_numbers_may_come_in_any_order_and_with_gaps(void **state)
{
    (void)state;
    assert_int_equal(seen_window_take(&window, 1, 500), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 1, 3), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 1, 499), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 1, 3), SEEN_BEFORE);
    assert_int_equal(seen_window_take(&window, 1, 500), SEEN_BEFORE);
}

static void test_the_window_ends_a_million_below_the_highest_with_a_whole_page(void **state)
{
    const uint64_t highest = 10 * SEEN_WINDOW_BITS + 100;
    const uint64_t oldest = (highest / SEEN_WINDOW_PAGE_BITS - SEEN_WINDOW_PAGES + 1) * SEEN_WINDOW_PAGE_BITS;

    (void)state;
    assert_int_equal(seen_window_take(&window, 1, highest), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 1, highest - SEEN_WINDOW_BITS), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 1, oldest), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 1, oldest - 1), SEEN_LATE);
    assert_int_equal(seen_window_take(&window, 1, oldest), SEEN_BEFORE);
}

static void test_an_origin_costs_what_it_says_and_no_memory_means_no_delivery(void **state)
{
    (void)state;
    allocation_count_from_here();
    for (uint64_t seq = 1; seq < 2 * SEEN_WINDOW_PAGE_BITS; seq++)
        seen_window_take(&window, 1, seq);
    assert_int_equal(allocation_count(), 2);
    allocation_fail_at(1);
    assert_int_equal(seen_window_take(&window, 1, 2 * SEEN_WINDOW_PAGE_BITS), SEEN_UNNOTED);
    allocation_fail_never();
    assert_int_equal(seen_window_take(&window, 1, 2 * SEEN_WINDOW_PAGE_BITS), SEEN_NEVER);
}

static void test_places_that_come_into_use_anew_are_empty(void **state)
{
    (void)state;
    for (uint64_t seq = 1; seq <= 3 * SEEN_WINDOW_BITS; seq++)
        assert_int_equal(seen_window_take(&window, 1, seq), SEEN_NEVER);
    /* A jump over part of the window leaves the skipped numbers unseen and the rest seen. */
    assert_int_equal(seen_window_take(&window, 1, 3 * SEEN_WINDOW_BITS + 1000), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 1, 3 * SEEN_WINDOW_BITS + 999), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 1, 3 * SEEN_WINDOW_BITS), SEEN_BEFORE);
    /* A jump over all of it. */
    assert_int_equal(seen_window_take(&window, 1, 9 * SEEN_WINDOW_BITS), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 1, 9 * SEEN_WINDOW_BITS - 1), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 1, 9 * SEEN_WINDOW_BITS), SEEN_BEFORE);
}

static void test_a_later_incarnation_begins_anew_and_an_earlier_one_is_late(void **state)
{
    (void)state;
    assert_int_equal(seen_window_take(&window, 2, 1), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 3, 1), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 2, 2), SEEN_LATE);
    assert_int_equal(seen_window_take(&window, 3, 1), SEEN_BEFORE);
    assert_int_equal(seen_window_take(&window, 3, 0), SEEN_LATE);
}

static void test_asking_takes_nothing(void **state)
{
    (void)state;
    assert_false(seen_window_has(&window, 5, 70000));
    assert_int_equal(seen_window_take(&window, 5, 70000), SEEN_NEVER);
    assert_true(seen_window_has(&window, 5, 70000));
    assert_false(seen_window_has(&window, 5, 69999));
    assert_false(seen_window_has(&window, 5, 70001));
    assert_true(seen_window_has(&window, 5, 0));
    assert_true(seen_window_has(&window, 4, 80000));
    assert_false(seen_window_has(&window, 6, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_number_is_new_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_may_come_in_any_order_and_with_gaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_window_ends_a_million_below_the_highest_with_a_whole_page,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_places_that_come_into_use_anew_are_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_later_incarnation_begins_anew_and_an_earlier_one_is_late,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_origin_costs_what_it_says_and_no_memory_means_no_delivery,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_asking_takes_nothing, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("seen_window", tests, NULL, NULL);
}
