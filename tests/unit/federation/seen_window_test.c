/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/seen_window.h"

#include "tests/support/unit.h"

static struct seen_window window;

static int set_up(void **state)
{
    (void)state;
    seen_window_init(&window);
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

static void test_the_window_ends_65536_below_the_highest(void **state)
{
    (void)state;
    assert_int_equal(seen_window_take(&window, 1, 100000), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 1, 100000 - SEEN_WINDOW_BITS + 1), SEEN_NEVER);
    assert_int_equal(seen_window_take(&window, 1, 100000 - SEEN_WINDOW_BITS), SEEN_LATE);
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
    assert_true(seen_window_has(&window, 5, 70000 - SEEN_WINDOW_BITS));
    assert_true(seen_window_has(&window, 4, 80000));
    assert_false(seen_window_has(&window, 6, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_each_number_is_new_once, set_up),
        cmocka_unit_test_setup(test_numbers_may_come_in_any_order_and_with_gaps, set_up),
        cmocka_unit_test_setup(test_the_window_ends_65536_below_the_highest, set_up),
        cmocka_unit_test_setup(test_places_that_come_into_use_anew_are_empty, set_up),
        cmocka_unit_test_setup(test_a_later_incarnation_begins_anew_and_an_earlier_one_is_late, set_up),
        cmocka_unit_test_setup(test_asking_takes_nothing, set_up),
    };

    return cmocka_run_group_tests_name("seen_window", tests, NULL, NULL);
}
