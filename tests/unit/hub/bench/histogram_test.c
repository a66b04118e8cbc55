/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/bench/histogram.h"

#include "tests/support/unit.h"

static struct histogram histogram;
static struct histogram other;

static int set_up(void **state)
{
    (void)state;
    histogram_init(&histogram);
    histogram_init(&other);
    return 0;
}

static void test_an_empty_one_answers_zero(void **state)
{
    (void)state;
    assert_int_equal(histogram_percentile(&histogram, 0.5), 0);
    assert_true(histogram_mean(&histogram) <= 0.0);
}

static void test_every_value_reads_back_at_most_one_part_in_128_above(void **state)
{
    (void)state;
    for (uint64_t value = 1; value < UINT64_C(1) << 41; value += value / 3 + 1) {
        uint64_t read;

        histogram_init(&histogram);
        histogram_record(&histogram, value);
        /* A second, larger one, so that the largest value does not cut the answer. */
        histogram_record(&histogram, (UINT64_C(1) << HISTOGRAM_MAX_BITS) - 1);
        read = histogram_percentile(&histogram, 0.5);
        assert_true(read >= value);
        assert_true(read - value <= value / HISTOGRAM_PARTS);
    }
}

static void test_percentiles_of_one_to_a_hundred_are_their_ranks(void **state)
{
    (void)state;
    for (uint64_t value = 1; value <= 100; value++)
        histogram_record(&histogram, value);
    assert_int_equal(histogram_percentile(&histogram, 0.0), 1);
    assert_int_equal(histogram_percentile(&histogram, 0.01), 1);
    assert_int_equal(histogram_percentile(&histogram, 0.5), 50);
    assert_int_equal(histogram_percentile(&histogram, 0.99), 99);
    assert_int_equal(histogram_percentile(&histogram, 1.0), 100);
    assert_true(histogram_mean(&histogram) > 50.49 && histogram_mean(&histogram) < 50.51);
}

static void test_a_value_beyond_the_last_place_counts_there_and_keeps_its_maximum(void **state)
{
    (void)state;
    histogram_record(&histogram, UINT64_MAX);
    histogram_record(&histogram, 7);
    assert_int_equal(histogram.most, UINT64_MAX);
    assert_int_equal(histogram_percentile(&histogram, 0.5), 7);
    assert_true(histogram_percentile(&histogram, 1.0) >= (UINT64_C(1) << HISTOGRAM_MAX_BITS) - 1);
}

static void test_the_sum_of_two_holds_the_values_of_both(void **state)
{
    (void)state;
    for (uint64_t value = 1; value <= 50; value++)
        histogram_record(&histogram, value);
    for (uint64_t value = 51; value <= 100; value++)
        histogram_record(&other, value);
    histogram_add(&histogram, &other);
    assert_int_equal(histogram.n_values, 100);
    assert_int_equal(histogram.least, 1);
    assert_int_equal(histogram.most, 100);
    assert_int_equal(histogram_percentile(&histogram, 0.75), 75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_empty_one_answers_zero, set_up),
        cmocka_unit_test_setup(test_every_value_reads_back_at_most_one_part_in_128_above, set_up),
        cmocka_unit_test_setup(test_percentiles_of_one_to_a_hundred_are_their_ranks, set_up),
        cmocka_unit_test_setup(test_a_value_beyond_the_last_place_counts_there_and_keeps_its_maximum, set_up),
        cmocka_unit_test_setup(test_the_sum_of_two_holds_the_values_of_both, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
