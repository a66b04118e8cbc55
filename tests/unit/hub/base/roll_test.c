/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/roll.h"

#include <errno.h>

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#define N_ELEMENTS_MADE 1000

/* The element of serial 10 * i stands at i; is_there is what the roll should say. */
static char elements[N_ELEMENTS_MADE + 1];
static bool is_there[N_ELEMENTS_MADE + 1];

static struct roll filled(size_t n)
{
    struct roll roll = {0};

    for (size_t i = 1; i <= n; i++) {
        assert_int_equal(roll_add(&roll, 10 * i, &elements[i]), 0);
        is_there[i] = true;
    }
    return roll;
}

static void take_out(struct roll *roll, size_t i)
{
    roll_remove(roll, 10 * i);
    is_there[i] = false;
}

/* Reads all of it from @after on. */
static void expect_rest(const struct roll *roll, uint64_t after, size_t n)
{
    uint64_t serial = after;

    for (size_t i = after / 10 + 1; i <= n; i++) {
        if (!is_there[i])
            continue;
        assert_ptr_equal(roll_next(roll, serial, &serial), &elements[i]);
        assert_int_equal(serial, 10 * i);
    }
    assert_null(roll_next(roll, serial, &serial));
}

static void test_a_roll_is_read_in_order_from_any_place(void **state)
{
    struct roll roll = filled(N_ELEMENTS_MADE);

    (void)state;
    expect_rest(&roll, 0, N_ELEMENTS_MADE);
    expect_rest(&roll, 10, N_ELEMENTS_MADE);
    expect_rest(&roll, 4999, N_ELEMENTS_MADE); /* between two */
    expect_rest(&roll, 10 * N_ELEMENTS_MADE, N_ELEMENTS_MADE);
    expect_rest(&roll, UINT64_MAX, 0);
    roll_clear(&roll);
    expect_rest(&roll, 0, 0);
}

static void test_what_is_removed_is_passed_over(void **state)
{
    struct roll roll = filled(N_ELEMENTS_MADE);
    unsigned random = 7;

    (void)state;
    for (size_t left = N_ELEMENTS_MADE; left > 0; left--) {
        size_t i = 1 + (random = random * 1103515245U + 12345U) % N_ELEMENTS_MADE;

        while (!is_there[i])
            i = i % N_ELEMENTS_MADE + 1;
        take_out(&roll, i);
        assert_int_equal(roll.n_elements, left - 1);
        if (left % 97 == 0) {
            expect_rest(&roll, 0, N_ELEMENTS_MADE);
            expect_rest(&roll, 5000, N_ELEMENTS_MADE);
        }
    }
    assert_null(roll.entries); /* nothing is kept for nothing */
}

static void test_holes_never_outnumber_the_elements_by_much(void **state)
{
    struct roll roll = filled(10);

    (void)state;
    for (size_t i = 11; i <= N_ELEMENTS_MADE; i++) {
        assert_int_equal(roll_add(&roll, 10 * i, &elements[i]), 0);
        is_there[i] = true;
        take_out(&roll, i - 10);
    }
    assert_int_equal(roll.n_elements, 10);
    assert_true(roll.size <= 64);
    expect_rest(&roll, 0, N_ELEMENTS_MADE);
    roll_clear(&roll);
}

static void test_without_memory_nothing_is_added(void **state)
{
    struct roll roll = filled(4);

    (void)state;
    allocation_fail_at(1);
    assert_int_equal(roll_add(&roll, 50, &elements[5]), -ENOMEM);
    allocation_fail_never();
    is_there[5] = false;
    expect_rest(&roll, 0, 5);
    assert_int_equal(roll_add(&roll, 50, &elements[5]), 0);
    is_there[5] = true;
    expect_rest(&roll, 0, 5);
    roll_clear(&roll);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_roll_is_read_in_order_from_any_place),
        cmocka_unit_test(test_what_is_removed_is_passed_over),
        cmocka_unit_test(test_holes_never_outnumber_the_elements_by_much),
        cmocka_unit_test(test_without_memory_nothing_is_added),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
