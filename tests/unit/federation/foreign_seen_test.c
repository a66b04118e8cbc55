/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/foreign_seen.h"

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

static void test_a_message_is_given_once_by_its_id_and_one_without_an_id_always(void **state)
{
    const struct hub_id a = {{0xaa}};
    const struct hub_id b = {{0xbb}};
    struct map windows;

    (void)state;
    map_init(&windows);
    assert_true(foreign_seen_is_first(&windows, &a, 1, 5));
    assert_false(foreign_seen_is_first(&windows, &a, 1, 5));
    assert_true(foreign_seen_is_first(&windows, &b, 1, 5));
    assert_true(foreign_seen_is_first(&windows, &a, 2, 5));
    assert_false(foreign_seen_is_first(&windows, &a, 1, 6));
    assert_true(foreign_seen_is_first(&windows, &a, 0, 0));
    assert_true(foreign_seen_is_first(&windows, &a, 0, 0));
    foreign_seen_clear(&windows);
}

static void test_without_memory_to_note_it_a_message_is_not_given(void **state)
{
    const struct hub_id a = {{0xaa}};
    struct map windows;

    (void)state;
    map_init(&windows);
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        bool is_first = foreign_seen_is_first(&windows, &a, 1, n);

        allocation_fail_never();
        if (is_first)
            break;
    }
    allocation_fail_never();
    foreign_seen_clear(&windows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_is_given_once_by_its_id_and_one_without_an_id_always),
        cmocka_unit_test(test_without_memory_to_note_it_a_message_is_not_given),
    };

    return cmocka_run_group_tests_name("foreign_seen", tests, NULL, NULL);
}
