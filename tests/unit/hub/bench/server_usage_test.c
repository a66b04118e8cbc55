/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/bench/server_usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/unit.h"

#define BLOCK_BYTES (32U * 1024 * 1024)

static uint64_t own_cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void test_processor_time_is_that_of_the_pid(void **state)
{
    struct server_usage before;
    struct server_usage after;
    uint64_t begin_ns = own_cpu_ns();

    (void)state;
    assert_int_equal(server_usage_read(getpid(), &before), 0);
    while (own_cpu_ns() < begin_ns + 50000000)
        continue;
    assert_int_equal(server_usage_read(getpid(), &after), 0);
    assert_true(after.cpu_ns - before.cpu_ns >= 45000000);
    assert_true(after.cpu_ns <= own_cpu_ns());
}

static void test_memory_grows_with_what_is_touched(void **state)
{
    struct server_usage before;
    struct server_usage after;
    char *block;

    (void)state;
    assert_int_equal(server_usage_read(getpid(), &before), 0);
    block = (char *)malloc(BLOCK_BYTES);
    assert_non_null(block);
    memset(block, 1, BLOCK_BYTES);
    assert_int_equal(server_usage_read(getpid(), &after), 0);
    /* Kept from being taken for dead stores. */
    assert_int_equal(block[getpid() % 100], 1);
    free(block);
    assert_true(after.resident_bytes - before.resident_bytes >= BLOCK_BYTES * 9 / 10);
    assert_true(after.anonymous_bytes - before.anonymous_bytes >= BLOCK_BYTES * 9 / 10);
}

static void test_a_program_that_is_gone_has_no_usage(void **state)
{
    struct server_usage usage;
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0)
        _exit(0);
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(server_usage_read(pid, &usage), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processor_time_is_that_of_the_pid),
        cmocka_unit_test(test_memory_grows_with_what_is_touched),
        cmocka_unit_test(test_a_program_that_is_gone_has_no_usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
