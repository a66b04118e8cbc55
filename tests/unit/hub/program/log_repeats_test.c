/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/log_repeats.h"

#include "tests/support/unit.h"

#define START_MS 1000000U

struct told {
    unsigned n;
    uint64_t held;
    char text[LOG_REPEATS_TEXT + 1];
};

static struct log_repeats repeats;
static struct told told;

static void tell(const struct log_repeat *repeat, void *context)
{
    struct told *to = context;

    to->n++;
    to->held += log_repeats_held(repeat);
    memcpy(to->text, repeat->text, repeat->text_len);
    to->text[repeat->text_len] = '\0';
}

static int set_up(void **state)
{
    (void)state;
    told = (struct told){0};
    log_repeats_init(&repeats);
    return 0;
}

static bool pass(enum log_level level, const char *text, const char *client, uint64_t wall_ms)
{
    struct log_record record = {
        .level = level,
        .wall_ms = wall_ms,
        .event = "server_log",
        .n_fields = 2,
        .fields = {log_text("message", bytes_of_text(text)), log_text("client_id", bytes_of_text(client))},
    };

    return log_repeats_pass(&repeats, &record, tell, &told);
}

static void test_a_few_equal_lines_are_written_and_the_rest_is_counted(void **state)
{
    unsigned n_written = 0;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        n_written += pass(LOG_WARN, "refused", "a", START_MS + i);
    assert_int_equal(n_written, LOG_REPEATS_SHOWN);
    assert_int_equal(told.n, 0);
    log_repeats_flush(&repeats, START_MS + LOG_REPEATS_WINDOW_MS - 1, tell, &told);
    assert_int_equal(told.n, 0);
    log_repeats_flush(&repeats, START_MS + LOG_REPEATS_WINDOW_MS, tell, &told);
    assert_int_equal(told.n, 1);
    assert_int_equal(told.held, 100 - LOG_REPEATS_SHOWN);
    assert_string_equal(told.text, "refused");
}

static void test_after_its_time_a_line_is_new_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        pass(LOG_WARN, "refused", "a", START_MS);
    assert_false(pass(LOG_WARN, "refused", "a", START_MS + 1));
    assert_true(pass(LOG_WARN, "refused", "a", START_MS + LOG_REPEATS_WINDOW_MS));
    assert_int_equal(told.n, 1);
    assert_int_equal(told.held, 11 - LOG_REPEATS_SHOWN);
}

static void test_lines_that_differ_in_anything_are_all_written(void **state)
{
    char client[16];

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(client, sizeof client, "%u", i);
        assert_true(pass(LOG_INFO, "connected", client, START_MS));
    }
    for (unsigned i = 0; i < LOG_REPEATS_SHOWN; i++) {
        assert_true(pass(LOG_INFO, "same", "a", START_MS));
        assert_true(pass(LOG_WARN, "same", "a", START_MS));
        assert_true(pass(LOG_INFO, "a", "same", START_MS));
    }
    assert_int_equal(told.n, 0);
}

static void test_nothing_that_was_held_back_is_forgotten(void **state)
{
    uint64_t n_written = 0, n_lines = 0;
    char text[16];

    (void)state;
    /* More kinds of lines than there are places. */
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned kind = 0; kind < 4 * LOG_REPEATS_PLACES; kind += 1 + round % 2) {
            snprintf(text, sizeof text, "%u", kind);
            for (unsigned i = 0; i < 7; i++, n_lines++)
                n_written += pass(LOG_INFO, text, "a", START_MS + round);
        }
    }
    log_repeats_flush(&repeats, UINT64_MAX, tell, &told);
    assert_int_equal(n_written + told.held, n_lines);
    assert_true(told.held > 0);
}

static void test_a_clock_that_is_set_back_does_not_keep_lines_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        pass(LOG_WARN, "refused", "a", START_MS);
    assert_true(pass(LOG_WARN, "refused", "a", START_MS - 1000));
    assert_int_equal(told.held, 10 - LOG_REPEATS_SHOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_few_equal_lines_are_written_and_the_rest_is_counted, set_up),
        cmocka_unit_test_setup(test_after_its_time_a_line_is_new_again, set_up),
        cmocka_unit_test_setup(test_lines_that_differ_in_anything_are_all_written, set_up),
        cmocka_unit_test_setup(test_nothing_that_was_held_back_is_forgotten, set_up),
        cmocka_unit_test_setup(test_a_clock_that_is_set_back_does_not_keep_lines_back, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
