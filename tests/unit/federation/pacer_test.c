/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/pacer.h"

#include "tests/support/unit.h"

static struct pacer pacer;
static struct pacer_rest rests[8];

static int set_up(void **state)
{
    (void)state;
    pacer_init(&pacer);
    for (size_t i = 0; i < N_ELEMENTS(rests); i++)
        pacer_rest_init(&rests[i]);
    return 0;
}

/* Says something new once a millisecond; answers how often it was told. */
static unsigned change_for(struct pacer_rest *rest, uint64_t from_ms, uint64_t until_ms, bool is_new_word)
{
    unsigned n = 0;

    for (uint64_t now_ms = from_ms; now_ms < until_ms; now_ms++) {
        struct pacer_rest *next = pacer_next(&pacer, now_ms);

        assert_true(!next || next == rest);
        if (next || pacer_lets(rest, now_ms)) {
            pacer_told(&pacer, rest, is_new_word, now_ms);
            n++;
        } else {
            pacer_hold(&pacer, rest, rest->until_ms);
        }
    }
    return n;
}

static void test_the_first_change_goes_at_once_and_the_next_after_a_rest(void **state)
{
    struct pacer_rest *rest = &rests[0];

    (void)state;
    assert_true(pacer_lets(rest, 5000));
    pacer_told(&pacer, rest, true, 5000);
    assert_false(pacer_lets(rest, 5000 + PACER_LEAST_MS - 1));
    assert_int_equal(pacer_due_ms(&pacer), UINT64_MAX);
    assert_null(pacer_next(&pacer, 5000));
    pacer_hold(&pacer, rest, rest->until_ms);
    pacer_hold(&pacer, rest, rest->until_ms);
    assert_int_equal(pacer_due_ms(&pacer), 5000 + PACER_LEAST_MS);
    assert_null(pacer_next(&pacer, 5000 + PACER_LEAST_MS - 1));
    assert_ptr_equal(pacer_next(&pacer, 5000 + PACER_LEAST_MS), rest);
    assert_null(pacer_next(&pacer, 5000 + PACER_LEAST_MS));
    assert_int_equal(pacer_due_ms(&pacer), UINT64_MAX);
}

static void test_an_origin_that_keeps_changing_its_word_is_told_once_a_second(void **state)
{
    (void)state;
    /* At 0, 50, 150, 350, 750 and 1550 ms. */
    assert_int_equal(change_for(&rests[0], 5000, 7000, true), 6);
    assert_int_equal(change_for(&rests[0], 7000, 17000, true), 10);
}

static void test_a_change_of_the_way_alone_waits_no_longer_than_the_shortest_rest(void **state)
{
    (void)state;
    assert_int_equal(change_for(&rests[0], 5000, 7000, false), 2000 / PACER_LEAST_MS);
}

static void test_rests_are_short_again_after_a_quiet_time(void **state)
{
    struct pacer_rest *rest = &rests[0];
    uint64_t quiet_ms;

    (void)state;
    change_for(rest, 5000, 9000, true);
    quiet_ms = rest->until_ms + PACER_QUIET_MS;
    assert_null(pacer_next(&pacer, rest->until_ms - 1));
    assert_ptr_equal(pacer_next(&pacer, rest->until_ms), rest);
    pacer_told(&pacer, rest, true, quiet_ms);
    assert_int_equal(rest->until_ms, quiet_ms + PACER_LEAST_MS);
}

static void test_a_word_shortly_after_a_rest_goes_at_once_and_makes_the_next_rest_longer(void **state)
{
    (void)state;
    pacer_told(&pacer, &rests[0], true, 5000);
    assert_null(pacer_next(&pacer, 5100));
    assert_true(pacer_lets(&rests[0], 5100));
    pacer_told(&pacer, &rests[0], true, 5100);
    assert_int_equal(rests[0].until_ms, 5200);
}

static void test_what_is_taken_back_is_not_told_after_the_rest(void **state)
{
    (void)state;
    assert_null(pacer_next(&pacer, 5000));
    pacer_told(&pacer, &rests[0], true, 5000);
    pacer_hold(&pacer, &rests[0], 5050);
    pacer_unhold(&pacer, &rests[0]);
    assert_int_equal(pacer_due_ms(&pacer), UINT64_MAX);
    assert_null(pacer_next(&pacer, 9000));
}

static void test_what_is_held_comes_when_it_is_due_whenever_it_was_held(void **state)
{
    (void)state;
    assert_null(pacer_next(&pacer, 5000));
    pacer_hold(&pacer, &rests[0], 5150);
    pacer_hold(&pacer, &rests[1], 5000 + PACER_HORIZON_MS - 1);
    pacer_hold(&pacer, &rests[2], 5120);
    pacer_hold(&pacer, &rests[3], 5000);
    pacer_hold(&pacer, &rests[4], 5120);
    assert_ptr_equal(pacer_next(&pacer, 5000), &rests[3]);
    assert_int_equal(pacer_due_ms(&pacer), 5120);
    assert_null(pacer_next(&pacer, 5119));
    assert_ptr_equal(pacer_next(&pacer, 6000), &rests[2]);
    assert_ptr_equal(pacer_next(&pacer, 6000), &rests[4]);
    assert_ptr_equal(pacer_next(&pacer, 6000), &rests[0]);
    assert_null(pacer_next(&pacer, 6000));
    pacer_hold(&pacer, &rests[0], 6000 + PACER_HORIZON_MS - 1);
    assert_ptr_equal(pacer_next(&pacer, 6000 + PACER_HORIZON_MS), &rests[1]);
    assert_ptr_equal(pacer_next(&pacer, 6000 + PACER_HORIZON_MS), &rests[0]);
    assert_int_equal(pacer_due_ms(&pacer), UINT64_MAX);
}

static void test_what_is_held_anew_waits_for_the_new_time_alone(void **state)
{
    (void)state;
    assert_null(pacer_next(&pacer, 5000));
    pacer_hold(&pacer, &rests[0], 5050);
    pacer_hold(&pacer, &rests[0], 5200);
    assert_null(pacer_next(&pacer, 5199));
    pacer_hold(&pacer, &rests[0], 5300);
    pacer_hold(&pacer, &rests[0], 5250);
    assert_ptr_equal(pacer_next(&pacer, 5250), &rests[0]);
    assert_null(pacer_next(&pacer, 5300));
}

static void tell(struct pacer_rest *rest, void *context)
{
    unsigned *n = context;

    pacer_told(&pacer, rest, true, 5010);
    (*n)++;
}

static void test_all_that_is_held_can_be_told_at_once(void **state)
{
    unsigned n = 0;

    (void)state;
    assert_null(pacer_next(&pacer, 5000));
    for (size_t i = 0; i < N_ELEMENTS(rests); i++) {
        pacer_told(&pacer, &rests[i], i % 3 != 0, 5000);
        if (i % 2)
            pacer_hold(&pacer, &rests[i], 5050 + i);
    }
    pacer_unhold_all(&pacer, tell, &n);
    assert_int_equal(n, N_ELEMENTS(rests) / 2);
    assert_int_equal(pacer_due_ms(&pacer), UINT64_MAX);
    assert_null(pacer_next(&pacer, 9000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, set_up)
        TEST(test_the_first_change_goes_at_once_and_the_next_after_a_rest),
        TEST(test_an_origin_that_keeps_changing_its_word_is_told_once_a_second),
        TEST(test_a_change_of_the_way_alone_waits_no_longer_than_the_shortest_rest),
        TEST(test_rests_are_short_again_after_a_quiet_time),
        TEST(test_a_word_shortly_after_a_rest_goes_at_once_and_makes_the_next_rest_longer),
        TEST(test_what_is_taken_back_is_not_told_after_the_rest),
        TEST(test_what_is_held_comes_when_it_is_due_whenever_it_was_held),
        TEST(test_what_is_held_anew_waits_for_the_new_time_alone),
        TEST(test_all_that_is_held_can_be_told_at_once),
#undef TEST
    };

    return cmocka_run_group_tests_name("pacer", tests, NULL, NULL);
}
