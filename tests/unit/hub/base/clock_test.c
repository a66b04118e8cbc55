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

static void test_times_are_read_as_rfc_3339(void **state)
{
    static const struct {
        const char *text;
        uint64_t wall_ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-31T12:34:56.789Z", 1769862896789},
        {"2026-01-31t12:34:56.7z", 1769862896700},
        {"2026-01-31 12:34:56.78999999+00:00", 1769862896789},
        {"2026-01-31T14:04:56.789+01:30", 1769862896789},
        {"2026-01-30T23:34:56.789-13:00", 1769862896789},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"2016-12-31T23:59:60Z", 1483228800000},
        {"0000-01-01T00:00:00Z", 0},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        uint64_t wall_ms = 1;

        assert_row(rows[i].text, clock_read_rfc3339(rows[i].text, &wall_ms) == 0);
        assert_row(rows[i].text, wall_ms == rows[i].wall_ms);
    }
}

static void test_what_is_no_time_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "2026",
        "2026-01-31",
        "2026-01-31T12:34:56",
        "2026-01-31T12:34:56.Z",
        "2026-01-31T12:34:56Zx",
        "2026-01-31T12:34:56+01",
        "2026-01-31T12:34:56+01:60",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "26-01-31T12:34:56Z",
        "+026-01-31T12:34:56Z",
        "2026-1-31T12:34:56Z",
        "2026-01-31T12:34Z",
        "yesterday",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        uint64_t wall_ms;

        assert_row(rows[i], clock_read_rfc3339(rows[i], &wall_ms) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_monotonic_clock_never_goes_back),
        cmocka_unit_test(test_the_wall_clock_counts_from_1970),
        cmocka_unit_test(test_times_are_written_as_rfc_3339),
        cmocka_unit_test(test_times_are_read_as_rfc_3339),
        cmocka_unit_test(test_what_is_no_time_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
