/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/list.h"

#include "tests/support/unit.h"

struct element {
    int number;
    struct list link;
};

static struct list list;
static struct element elements[4];

static int set_up(void **state)
{
    (void)state;
    list_init(&list);
    for (int i = 0; i < 4; i++) {
        elements[i].number = i;
        list_init(&elements[i].link);
    }
    return 0;
}

/* The numbers on the list, in order, as decimal digits. */
static int numbers(void)
{
    int all = 0;

    list_for_each (link, &list) {
        all = 10 * all + container_of(link, struct element, link)->number;
    }
    return all;
}

static void test_append_prepend_and_insert_keep_their_places(void **state)
{
    (void)state;
    assert_true(list_is_empty(&list));
    assert_null(list_first(&list));
    assert_null(list_first_entry(&list, struct element, link));
    list_append(&list, &elements[2].link);
    list_append(&list, &elements[3].link);
    list_prepend(&list, &elements[1].link);
    assert_int_equal(numbers(), 123);
    list_unlink(&elements[1].link);
    list_insert_before(&elements[3].link, &elements[1].link);
    assert_int_equal(numbers(), 213);
    assert_ptr_equal(list_first_entry(&list, struct element, link), &elements[2]);
}

static void test_unlinking_twice_does_no_harm(void **state)
{
    (void)state;
    list_append(&list, &elements[1].link);
    list_append(&list, &elements[2].link);
    list_unlink(&elements[1].link);
    list_unlink(&elements[1].link);
    assert_int_equal(numbers(), 2);
    list_unlink(&elements[2].link);
    assert_true(list_is_empty(&list));
}

static void test_the_body_of_a_walk_may_unlink_its_element(void **state)
{
    (void)state;
    for (int i = 1; i < 4; i++)
        list_append(&list, &elements[i].link);
    list_for_each (link, &list) {
        if (container_of(link, struct element, link)->number != 2)
            list_unlink(link);
    }
    assert_int_equal(numbers(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_append_prepend_and_insert_keep_their_places, set_up),
        cmocka_unit_test_setup(test_unlinking_twice_does_no_harm, set_up),
        cmocka_unit_test_setup(test_the_body_of_a_walk_may_unlink_its_element, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
