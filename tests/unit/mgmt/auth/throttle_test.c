/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/auth/throttle.h"
#include "tests/support/unit.h"

static struct throttle throttle;
static const uint8_t alice[THROTTLE_KEY_BYTES] = {1};
static const uint8_t bob[THROTTLE_KEY_BYTES] = {2};

static int set_up(void **state)
{
    (void)state;
    throttle_init(&throttle);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    throttle_clear(&throttle);
    return 0;
}

static void be_wrong(const uint8_t *key, int times, uint64_t now_ms)
{
    for (int i = 0; i < times; i++)
        throttle_count_wrong(&throttle, key, now_ms);
}

static void test_a_burst_is_let_through_and_then_one_a_second(void **state)
{
    (void)state;
    be_wrong(alice, THROTTLE_BURST - 1, 5000);
    assert_int_equal(throttle_wait_ms(&throttle, alice, 5000), 0);
    be_wrong(alice, 1, 5000);
    assert_int_equal(throttle_wait_ms(&throttle, alice, 5000), 1000);
    assert_int_equal(throttle_wait_ms(&throttle, alice, 5400), 600);
    assert_int_equal(throttle_wait_ms(&throttle, alice, 6000), 0);
    be_wrong(alice, 1, 6000);
    assert_int_equal(throttle_wait_ms(&throttle, alice, 6000), 1000);
}

static void test_one_address_does_not_throttle_another(void **state)
{
    (void)state;
    be_wrong(alice, 20, 5000);
    assert_true(throttle_wait_ms(&throttle, alice, 5000) > 0);
    assert_int_equal(throttle_wait_ms(&throttle, bob, 5000), 0);
}

static void test_a_flood_makes_no_debt_beyond_the_burst(void **state)
{
    (void)state;
    be_wrong(alice, 100000, 5000);
    assert_int_equal(throttle_wait_ms(&throttle, alice, 5000), 1000);
    assert_int_equal(throttle_wait_ms(&throttle, alice, 5000 + THROTTLE_BURST * THROTTLE_REFILL_MS), 0);
}

static void test_the_address_that_was_wrong_longest_ago_makes_room(void **state)
{
    uint8_t key[THROTTLE_KEY_BYTES] = {9};

    (void)state;
    be_wrong(alice, 20, 5000);
    be_wrong(bob, 20, 5001);
    for (unsigned i = 0; i < THROTTLE_PLACES - 1; i++) {
        key[1] = (uint8_t)i;
        key[2] = (uint8_t)(i >> 8);
        be_wrong(key, 1, 5002);
    }
    assert_int_equal(throttle_wait_ms(&throttle, alice, 5002), 0);
    assert_true(throttle_wait_ms(&throttle, bob, 5002) > 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_burst_is_let_through_and_then_one_a_second),
        TEST(test_one_address_does_not_throttle_another),
        TEST(test_a_flood_makes_no_debt_beyond_the_burst),
        TEST(test_the_address_that_was_wrong_longest_ago_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
