/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/clock.h"

#include <time.h>

#include "tests/support/unit.h"

static void test_the_monotonic_clock_never_goes_back(void **state)
{
    uint64_t before_us = clock_monotonic_us();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t now_us = clock_monotonic_us();

        assert_true(now_us >= before_us);
        before_us = now_us;
    }
    assert_true(clock_monotonic_ms() >= before_us / 1000);
    assert_true(clock_monotonic_ms() - before_us / 1000 < 60000);
}

static void test_the_wall_clock_counts_from_1970(void **state)
{
    uint64_t now_s = (uint64_t)time(NULL);

    (void)state;
    assert_in_range(clock_wall_ms() / 1000, now_s - 1, now_s + 60);
}

static void test_times_are_written_as_rfc_3339(void **state)
{
    static const struct {
        uint64_t wall_ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {951782400007, "2000-02-29T00:00:00.007Z"},
        {1769862896789, "2026-01-31T12:34:56.789Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    char text[CLOCK_RFC3339_TEXT];

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        clock_rfc3339(rows[i].wall_ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_monotonic_clock_never_goes_back),
        cmocka_unit_test(test_the_wall_clock_counts_from_1970),
        cmocka_unit_test(test_times_are_written_as_rfc_3339),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
