/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Records on their way from the ring to the store. keeper_free() writes what is left, so no test waits.
 */
#include "mgmt/live/keeper.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/base/log.h"
#include "hub/base/metrics.h"
#include "mgmt/store/store_event.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

#define RING_RECORDS 1000

static const struct keeper_bounds wide = {.most = 100000, .days = 30};

static atomic_int failing; /* the errno of all writes to disk; 0: they succeed */

static ssize_t write_or_fail(int fd, const void *bytes, size_t len, off_t at)
{
    int error = atomic_load(&failing);

    if (!error)
        return pwrite(fd, bytes, len, at);
    errno = error;
    return -1;
}

struct place {
    char dir[40];
    struct log *log;
    struct store *store;
    struct keeper *keeper;
};

static void start(struct place *place, const struct keeper_bounds *bounds)
{
    check(keeper_new(&place->keeper, place->log, place->store, bounds) == 0);
}

static void stop(struct place *place)
{
    keeper_free(place->keeper);
    place->keeper = NULL;
}

static int set_up(void **state)
{
    static struct place place;
    char why[STORE_WHY_SIZE];

    atomic_store(&failing, 0);
    place = (struct place){.dir = "/tmp/commhub-keeper-XXXXXX"};
    check(mkdtemp(place.dir));
    check(store_open(&place.store, place.dir, why) == 0);
    check(log_new(&place.log, RING_RECORDS) == 0);
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    keeper_free(place->keeper);
    store_close(place->store);
    log_free(place->log);
    stand_remove(place->dir);
    return 0;
}

static void say(struct place *place, enum log_level level, enum log_stream stream, const char *message)
{
    struct log_field fields[] = {log_text("message", bytes_of_text(message))};

    log_record(place->log, level, stream, "said", fields, 1);
}

static void say_often(struct place *place, unsigned n)
{
    while (n--)
        say(place, LOG_INFO, LOG_LOGS, "again");
}

/* All that is kept, oldest first; for store_event_list_clear(). */
static struct store_events kept(struct place *place)
{
    static const struct store_event_filter all = {
        .streams = (1U << LOG_N_STREAMS) - 1, .until_ms = INT64_MAX, .is_oldest_first = true};
    struct store_events events;
    char why[STORE_WHY_SIZE];

    check(store_event_list(place->store, &all, 0, 1000, &events, why) == 0);
    return events;
}

static void assert_kept(struct place *place, size_t n)
{
    struct store_events events = kept(place);

    if (events.n != n)
        fail_msg("%zu records are kept, not %zu", events.n, n);
    store_event_list_clear(&events);
}

static void test_what_was_said_until_the_end_is_kept(void **state)
{
    static const struct log_field fields[] = {{.name = "bridge", .type = LOG_FIELD_TEXT},
                                              {.name = "n", .type = LOG_FIELD_NUMBER, .number = 7},
                                              {.name = "is_up", .type = LOG_FIELD_BOOL, .is_true = true}};
    struct place *place = *state;
    struct store_events events;

    say(place, LOG_INFO, LOG_LOGS, "before the start");
    start(place, &wide);
    say(place, LOG_ERROR, LOG_ERRORS, "an error");
    log_record(place->log, LOG_WARN, LOG_LINKS, "link_state", fields, 3);
    stop(place);
    events = kept(place);
    assert_int_equal(events.n, 3);
    assert_string_equal(events.rows[0].data, "{\"message\":\"before the start\",\"level\":\"info\"}");
    assert_int_equal(events.rows[1].id, 2);
    assert_int_equal(events.rows[1].stream, LOG_ERRORS);
    assert_int_equal(events.rows[1].level, LOG_ERROR);
    assert_int_equal(events.rows[1].incarnation, 1);
    assert_string_equal(events.rows[2].type, "link_state");
    assert_string_equal(events.rows[2].data, "{\"bridge\":\"\",\"n\":7,\"is_up\":true}");
    assert_true(events.rows[2].time_ms + 60000 > clock_wall_ms());
    store_event_list_clear(&events);
}

static void test_debug_lines_and_the_audit_log_are_not_kept(void **state)
{
    struct place *place = *state;

    say(place, LOG_DEBUG, LOG_LOGS, "a line");
    say(place, LOG_INFO, LOG_AUDIT, "a change");
    say(place, LOG_INFO, LOG_SYSTEM, "a registration");
    start(place, &wide);
    stop(place);
    assert_kept(place, 1);
}

static void test_hostile_text_is_kept_as_the_log_has_it(void **state)
{
    struct place *place = *state;
    struct store_events events;
    json_t *data;

    say(place, LOG_INFO, LOG_LOGS, "'; DROP TABLE event; -- \"\\ \x01 \xe2\x80\xae <b>");
    say(place, LOG_INFO, LOG_LOGS, "no UTF-8: \xff\xc3");
    start(place, &wide);
    stop(place);
    events = kept(place);
    assert_int_equal(events.n, 2);
    data = json_loads(events.rows[0].data, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(data, "message")),
                        "'; DROP TABLE event; -- \"\\ \x01 \xe2\x80\xae <b>");
    json_decref(data);
    data = json_loads(events.rows[1].data, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(data, "message")), "no UTF-8: \\xff\\xc3");
    json_decref(data);
    store_event_list_clear(&events);
}

static void test_many_are_kept_in_order_and_once(void **state)
{
    struct place *place = *state;
    struct store_events events;

    start(place, &wide);
    say_often(place, RING_RECORDS - 1);
    stop(place);
    events = kept(place);
    assert_int_equal(events.n, RING_RECORDS - 1);
    for (size_t i = 0; i < events.n; i++)
        assert_int_equal(events.rows[i].id, i + 1);
    store_event_list_clear(&events);
}

/* The ring goes round while nothing can be written. */
static void test_what_the_ring_lost_is_one_row_that_says_how_much(void **state)
{
    uint64_t skipped = metrics_read(METRICS_RECORDS_SKIPPED);
    struct place *place = *state;
    struct store_events events;
    json_t *data;

    say_often(place, RING_RECORDS + 250);
    start(place, &wide);
    stop(place);
    events = kept(place);
    assert_int_equal(events.n, 1000);
    assert_string_equal(events.rows[0].type, STORE_EVENT_GAP);
    assert_int_equal(events.rows[0].id, 250);
    assert_int_equal(events.rows[1].id, 251);
    data = json_loads(events.rows[0].data, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(data, "from")), 1);
    assert_int_equal(json_integer_value(json_object_get(data, "to")), 250);
    assert_int_equal(json_integer_value(json_object_get(data, "count")), 250);
    assert_string_equal(json_string_value(json_object_get(data, "message")),
                        "250 records are missing: the store could not be written in time");
    assert_int_equal(metrics_read(METRICS_RECORDS_SKIPPED) - skipped, 250);
    json_decref(data);
    store_event_list_clear(&events);
}

/* As often as it likes to try: once at its end at the latest. */
static void test_a_disk_that_fails_keeps_nothing_and_loses_nothing_that_the_ring_has(void **state)
{
    static const int errors[] = {ENOSPC, EROFS, EIO};
    struct place *place = *state;

    for (size_t i = 0; i < N_ELEMENTS(errors); i++) {
        atomic_store(&failing, errors[i]);
        start(place, &wide);
        say_often(place, 10);
        stop(place);
        atomic_store(&failing, 0);
        assert_kept(place, 0);
    }
    start(place, &wide);
    stop(place);
    assert_kept(place, 30);
}

/* Within a second or two, once a write has failed. */
static void test_it_goes_on_by_itself_when_the_disk_is_mended(void **state)
{
    uint64_t give_up_ms = clock_monotonic_ms() + 20000, failed = metrics_read(METRICS_STORE_WRITES_FAILED);
    struct place *place = *state;

    atomic_store(&failing, ENOSPC);
    say_often(place, 3);
    start(place, &wide);
    while (metrics_read(METRICS_STORE_WRITES_FAILED) == failed) {
        assert_true(clock_monotonic_ms() < give_up_ms);
        usleep(20000);
    }
    atomic_store(&failing, 0);
    while (keeper_figures(place->keeper).n < 3) {
        assert_true(clock_monotonic_ms() < give_up_ms);
        usleep(20000);
    }
    assert_kept(place, 3);
}

static void test_bounds_count_from_when_they_are_changed(void **state)
{
    static const struct keeper_bounds five = {.most = 5, .days = 1}, none = {.most = 0, .days = 1};
    uint64_t give_up_ms = clock_monotonic_ms() + 20000;
    struct place *place = *state;

    say_often(place, 500);
    start(place, &wide);
    stop(place);
    start(place, &wide);
    keeper_set_bounds(place->keeper, &five);
    assert_int_equal(keeper_figures(place->keeper).bounds.most, 5);
    while (keeper_figures(place->keeper).n != 5) {
        assert_true(clock_monotonic_ms() < give_up_ms);
        usleep(20000);
    }
    stop(place);
    assert_kept(place, 5);
    start(place, &none);
    stop(place);
    assert_kept(place, 0);
    say_often(place, 5);
    start(place, &none);
    stop(place);
    assert_kept(place, 0);
}

static void test_it_is_made_whole_or_not_at_all(void **state)
{
    struct place *place = *state;

    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct keeper *keeper = NULL;
        int r = keeper_new(&keeper, place->log, place->store, &wide);

        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        keeper_free(keeper);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_said_until_the_end_is_kept),
        TEST(test_debug_lines_and_the_audit_log_are_not_kept),
        TEST(test_hostile_text_is_kept_as_the_log_has_it),
        TEST(test_many_are_kept_in_order_and_once),
        TEST(test_what_the_ring_lost_is_one_row_that_says_how_much),
        TEST(test_a_disk_that_fails_keeps_nothing_and_loses_nothing_that_the_ring_has),
        TEST(test_it_goes_on_by_itself_when_the_disk_is_mended),
        TEST(test_bounds_count_from_when_they_are_changed),
        TEST(test_it_is_made_whole_or_not_at_all),
    };
    sqlite3_vfs *vfs;

    check(sqlite3_initialize() == SQLITE_OK);
    vfs = sqlite3_vfs_find("unix");
    check(vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)write_or_fail) == SQLITE_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
