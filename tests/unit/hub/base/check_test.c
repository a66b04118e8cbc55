/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/check.h"

#include <string.h>

#include "tests/support/unit.h"

static void break_a_rule(void)
{
    check(1 + 1 == 3);
}

static void reach_the_unreachable(void)
{
    unreachable();
}

static void keep_a_rule(void)
{
    check(1 + 1 == 2);
}

static void test_what_cannot_be_aborts(void **state)
{
    (void)state;
    assert_true(aborts(break_a_rule));
    assert_true(aborts(reach_the_unreachable));
    assert_false(aborts(keep_a_rule));
}

static void test_the_place_is_told_on_stderr(void **state)
{
    char text[512] = "";
    int ends[2];
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        break_a_rule();
        _exit(0);
    }
    close(ends[1]);
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_non_null(strstr(text, "check failed: 1 + 1 == 3 ("));
    assert_non_null(strstr(text, "check_test.c:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_be_aborts),
        cmocka_unit_test(test_the_place_is_told_on_stderr),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
