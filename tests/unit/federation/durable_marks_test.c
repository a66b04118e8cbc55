/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/durable_marks.h"

#include <errno.h>

#include "tests/support/unit.h"

static struct durable_marks marks;
static struct spool_mark written; /* what the spool was asked for last */
static int n_asked;
static bool is_disk_full;
static struct spool_stamp told;
static int n_told;

static const struct hub_id far = {{0xfa}};

static int mark(void *context, const struct spool_mark *wanted)
{
    (void)context;
    if (is_disk_full)
        return -ENOMEM;
    written = *wanted;
    n_asked++;
    return 0;
}

static const struct spool disk = {.id = 1, .mark = mark};

static void tell(void *context, const struct hub_id *hub, const struct spool_stamp *taken)
{
    (void)context;
    assert_true(hub_id_equal(hub, &far));
    told = *taken;
    n_told++;
}

static int set_up(void **state)
{
    (void)state;
    durable_marks_init(&marks, &disk);
    marks.tell = tell;
    n_asked = 0;
    n_told = 0;
    is_disk_full = false;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    durable_marks_clear(&marks);
    return 0;
}

static bool take_number(uint64_t number, uint64_t before)
{
    return durable_marks_take(&marks, &far, &(struct spool_stamp){77, 3, number, before});
}

static void disk_has_written(void)
{
    durable_marks_written(&marks, &written);
}

static void test_a_message_is_delivered_once_however_often_it_comes(void **state)
{
    (void)state;
    assert_true(take_number(1, 0));
    assert_false(take_number(1, 0));
    disk_has_written();
    assert_false(take_number(1, 0));
    assert_true(take_number(2, 1));
    assert_true(durable_marks_take(&marks, &far, &(struct spool_stamp){77, 4, 1, 0}));
    assert_true(durable_marks_take(&marks, &far, &(struct spool_stamp){78, 3, 1, 0}));
}

static void test_the_far_hub_hears_of_it_when_it_is_written_and_not_before(void **state)
{
    (void)state;
    assert_true(take_number(1, 0));
    assert_true(take_number(2, 1));
    assert_int_equal(n_told, 0);
    assert_int_equal(n_asked, 1);
    disk_has_written();
    assert_int_equal(told.number, 1);
    assert_int_equal(written.number, 2);
    disk_has_written();
    assert_int_equal(told.number, 2);
    assert_int_equal(n_asked, 2);
}

static void test_what_was_taken_long_ago_is_told_again(void **state)
{
    (void)state;
    assert_true(take_number(5, 0));
    disk_has_written();
    n_told = 0;
    assert_false(take_number(4, 0));
    assert_int_equal(n_told, 1);
    assert_int_equal(told.number, 5);
}

static void test_one_that_has_overtaken_another_waits_for_its_turn(void **state)
{
    (void)state;
    assert_true(take_number(1, 0));
    assert_false(take_number(3, 2));
    assert_true(take_number(2, 1));
    assert_true(take_number(3, 2));
}

static void test_numbers_may_be_missing_where_messages_were_lost_to_a_bound(void **state)
{
    (void)state;
    assert_true(take_number(1, 0));
    assert_true(take_number(900, 1));
    assert_false(take_number(2, 1));
}

static void test_a_disk_that_fails_is_tried_again_with_the_next(void **state)
{
    (void)state;
    is_disk_full = true;
    assert_true(take_number(1, 0));
    is_disk_full = false;
    assert_true(take_number(2, 1));
    durable_marks_written(&marks, &(struct spool_mark){77, 3, 0});
    assert_int_equal(n_told, 0);
    assert_false(take_number(2, 1));
    disk_has_written();
    assert_int_equal(told.number, 2);
}

static void test_what_was_written_before_a_restart_still_holds(void **state)
{
    (void)state;
    assert_int_equal(durable_marks_add(&marks, &(struct spool_mark){77, 3, 10}), 0);
    assert_false(take_number(10, 0));
    assert_true(take_number(11, 10));
}

static void test_without_a_disk_it_is_told_at_once(void **state)
{
    (void)state;
    marks.spool = NULL;
    assert_true(take_number(1, 0));
    assert_int_equal(told.number, 1);
    assert_false(take_number(1, 0));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_message_is_delivered_once_however_often_it_comes),
        T(test_the_far_hub_hears_of_it_when_it_is_written_and_not_before),
        T(test_what_was_taken_long_ago_is_told_again),
        T(test_one_that_has_overtaken_another_waits_for_its_turn),
        T(test_numbers_may_be_missing_where_messages_were_lost_to_a_bound),
        T(test_a_disk_that_fails_is_tried_again_with_the_next),
        T(test_what_was_written_before_a_restart_still_holds),
        T(test_without_a_disk_it_is_told_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
