/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A disk that takes no writes, while everything looks on
 */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

static struct stand stand;
static atomic_int failing; /* the errno of all writes to disk; 0: they succeed */

static ssize_t write_or_fail(int fd, const void *bytes, size_t len, off_t at)
{
    int error = atomic_load(&failing);

    if (!error)
        return pwrite(fd, bytes, len, at);
    errno = error;
    return -1;
}

static int set_up(void **state)
{
    (void)state;
    atomic_store(&failing, 0);
    stand_start(&stand, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    atomic_store(&failing, 0);
    stand_stop(&stand);
    return 0;
}

static int put_bridge(const char *name)
{
    char target[64];
    struct stand_answer answer;
    int status;

    snprintf(target, sizeof target, "/api/v1/bridges/%s", name);
    answer = stand_ask(&stand, "PUT", target, STAND_TOKEN, "{\"address\": \"tcp://west:1\"}");
    status = answer.status;
    stand_answer_clear(&answer);
    return status;
}

static bool has(const char *target, const char *text)
{
    struct stand_answer answer = stand_ask(&stand, "GET", target, STAND_TOKEN, NULL);
    bool is_there = strstr(answer.body, text) != NULL;

    assert_row(target, answer.status == 200);
    stand_answer_clear(&answer);
    return is_there;
}

/* Within some seconds, for the watch tries once a second. */
static void await(const char *target, const char *text)
{
    uint64_t give_up_ms = clock_monotonic_ms() + 8000;

    while (!has(target, text)) {
        if (clock_monotonic_ms() > give_up_ms)
            fail_msg("%s never says %s", target, text);
        usleep(50000);
    }
}

static const struct {
    int error;
    int status;
    const char *kind, *text;
} rows[] = {
    {ENOSPC, 507, "full", "its disk is full"},
    {EDQUOT, 507, "full", "its disk is full"},
    {EROFS, 500, "read_only", "its disk is read-only"},
    {EIO, 500, "io", "its disk fails"},
};

static void test_a_fault_of_the_disk_is_shown_everywhere_until_it_is_mended(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        char kind[64], metric[64], line[128];

        snprintf(kind, sizeof kind, "\"kind\":\"%s\"", rows[i].kind);
        snprintf(metric, sizeof metric, "commhub_store_fault{kind=\"%s\"} 1", rows[i].kind);
        snprintf(line, sizeof line, "The store cannot be written: %s", rows[i].text);
        assert_true(has("/api/v1/hub", "\"store_fault\":null"));
        assert_false(has("/readyz", "store"));
        atomic_store(&failing, rows[i].error);
        assert_row(rows[i].kind, put_bridge("west") == rows[i].status);
        assert_row(rows[i].kind, has("/readyz", rows[i].text));
        assert_row(rows[i].kind, has("/api/v1/hub", kind));
        assert_row(rows[i].kind, has("/metrics", metric));
        await("/api/v1/events", line);
        assert_row(rows[i].kind, !has("/api/v1/bridges", "west"));
        atomic_store(&failing, 0);
        await("/api/v1/hub", "\"store_fault\":null");
        await("/api/v1/events", "The store can be written again");
        assert_false(has("/readyz", "store"));
        assert_false(has("/metrics", metric));
        assert_row(rows[i].kind, put_bridge("east") < 300);
        tear_down(state);
        set_up(state);
    }
}

static void test_a_fault_that_lasts_is_told_once(void **state)
{
    struct stand_answer answer;
    size_t n = 0;

    (void)state;
    atomic_store(&failing, ENOSPC);
    assert_int_equal(put_bridge("west"), 507);
    await("/api/v1/events", "The store cannot be written");
    usleep(1500000);
    assert_int_equal(put_bridge("west"), 507);
    answer = stand_ask(&stand, "GET", "/api/v1/events", STAND_TOKEN, NULL);
    for (const char *at = answer.body; (at = strstr(at, "The store cannot be written")); at++)
        n++;
    assert_int_equal(n, 1);
    stand_answer_clear(&answer);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_fault_of_the_disk_is_shown_everywhere_until_it_is_mended),
        TEST(test_a_fault_that_lasts_is_told_once),
    };
    sqlite3_vfs *vfs;

    check(sqlite3_initialize() == SQLITE_OK);
    vfs = sqlite3_vfs_find("unix");
    check(vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)write_or_fail) == SQLITE_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
