/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/priority.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "tests/support/unit.h"

struct standing {
    int policy;
    int nice;
};

static struct standing standing_of_caller(void)
{
    return (struct standing){sched_getscheduler(0), getpriority(PRIO_PROCESS, 0)};
}

static void *give_way(void *argument)
{
    priority_give_way();
    *(struct standing *)argument = standing_of_caller();
    return NULL;
}

static void
test_a_thread_that_gives_way_is_nicer_than_the_others_and_wakes_without_taking_a_processor(void **state)
{
    struct standing before = standing_of_caller();
    struct standing other;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, give_way, &other), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(other.policy, SCHED_BATCH);
    /* 19 is the nicest that there is. */
    assert_int_equal(other.nice, before.nice + 10 < 19 ? before.nice + 10 : 19);
    assert_int_equal(standing_of_caller().policy, before.policy);
    assert_int_equal(standing_of_caller().nice, before.nice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_thread_that_gives_way_is_nicer_than_the_others_and_wakes_without_taking_a_processor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
