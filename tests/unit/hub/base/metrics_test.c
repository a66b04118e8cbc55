/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/metrics.h"

#include <ctype.h>

#include "tests/support/unit.h"

static void test_counters_add_up(void **state)
{
    uint64_t before = metrics_read(METRICS_CALLS);
    uint64_t other = metrics_read(METRICS_SENDS);

    (void)state;
    metrics_count(METRICS_CALLS);
    metrics_add(METRICS_CALLS, 41);
    assert_int_equal(metrics_read(METRICS_CALLS), before + 42);
    assert_int_equal(metrics_read(METRICS_SENDS), other);
}

static void test_every_counter_has_a_name_of_its_own_and_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < METRICS_N_COUNTERS; i++) {
        const char *name = metrics_name((enum metrics_counter)i);

        assert_true(*metrics_text((enum metrics_counter)i));
        for (const char *at = name; *at; at++)
            assert_row(name, islower((unsigned char)*at) || *at == '_');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(name, metrics_name((enum metrics_counter)k));
    }
    assert_string_equal(metrics_name(METRICS_OUT_OF_MEMORY), "out_of_memory");
}

static void test_a_duration_is_counted_in_the_first_bucket_that_is_long_enough(void **state)
{
    struct metrics_histogram histogram = {0};

    (void)state;
    metrics_note_duration(&histogram, 0);
    metrics_note_duration(&histogram, metrics_bounds_us[0]);
    metrics_note_duration(&histogram, metrics_bounds_us[0] + 1);
    metrics_note_duration(&histogram, metrics_bounds_us[METRICS_N_BOUNDS - 1] + 1);
    assert_int_equal(histogram.n[0], 2);
    assert_int_equal(histogram.n[1], 1);
    assert_int_equal(histogram.n[METRICS_N_BOUNDS], 1);
    assert_int_equal(histogram.sum_us,
                     2 * metrics_bounds_us[0] + 1 + metrics_bounds_us[METRICS_N_BOUNDS - 1] + 1);
    for (size_t i = 1; i < METRICS_N_BOUNDS; i++)
        assert_true(metrics_bounds_us[i - 1] < metrics_bounds_us[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_add_up),
        cmocka_unit_test(test_a_duration_is_counted_in_the_first_bucket_that_is_long_enough),
        cmocka_unit_test(test_every_counter_has_a_name_of_its_own_and_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
