/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/store_event.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hub/base/check.h"
#include "mgmt/store/data_dir.h"
#include "mgmt/store/migrations.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

#define ALL_STREAMS ((1U << LOG_N_STREAMS) - 1)
#define BATCH 250

static const struct store_event_bounds no_bounds = {
    .most = INT64_MAX,
    .most_bytes = INT64_MAX,
};
static const struct store_event_filter any = {.streams = ALL_STREAMS, .until_ms = INT64_MAX};

struct place {
    char dir[40];
    struct store *store;
    struct store_event_figures figures;
    uint64_t n; /* records made */
    char why[STORE_WHY_SIZE];
};

static void reopen(struct place *place)
{
    store_close(place->store);
    place->store = NULL;
    if (store_open(&place->store, place->dir, place->why) < 0)
        fail_msg("%s", place->why);
}

static int set_up(void **state)
{
    static struct place place;

    place = (struct place){.dir = "/tmp/commhub-event-XXXXXX"};
    check(mkdtemp(place.dir));
    reopen(&place);
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    store_close(place->store);
    stand_remove(place->dir);
    return 0;
}

static int write_rows(struct place *place, const struct store_event *rows, size_t n,
                      const struct store_event_bounds *bounds)
{
    return store_event_write(place->store, rows, n, bounds, &place->figures, place->why);
}

/* @n records, the next in order: number i is of the time 1000 * i and says so. */
static int add(struct place *place, size_t n, const struct store_event_bounds *bounds)
{
    static struct store_event rows[BATCH];
    static char data[BATCH][64];

    check(n <= BATCH);
    for (size_t i = 0; i < n; i++) {
        uint64_t id = ++place->n;

        snprintf(data[i], sizeof data[i], "{\"message\":\"Record %llu\"}", (unsigned long long)id);
        rows[i] = (struct store_event){.incarnation = 1,
                                       .id = id,
                                       .time_ms = 1000 * id,
                                       .level = LOG_INFO,
                                       .type = "server_log",
                                       .data = data[i]};
    }
    return write_rows(place, rows, n, bounds);
}

static void add_one(struct place *place, enum log_stream stream, enum log_level level, const char *type,
                    const char *data)
{
    struct store_event row = {
        .id = ++place->n, .time_ms = 1000 * place->n, .stream = stream, .level = level, .data = (char *)data};

    snprintf(row.type, sizeof row.type, "%s", type);
    assert_int_equal(write_rows(place, &row, 1, &no_bounds), 0);
}

/* The ids of all rows that the filter wants, in the order of the list, read @limit at a time: "3 2 1 ". */
static void assert_ids(struct place *place, const struct store_event_filter *filter, size_t limit,
                       const char *wanted)
{
    bool has_more = true;
    int64_t after = 0;
    char ids[4096] = "";
    size_t len = 0;

    while (has_more) {
        struct store_events events;

        assert_int_equal(store_event_list(place->store, filter, after, limit, &events, place->why), 0);
        for (size_t i = 0; i < events.n; i++)
            len +=
                (size_t)snprintf(ids + len, sizeof ids - len, "%llu ", (unsigned long long)events.rows[i].id);
        has_more = events.has_more;
        after = events.reached;
        store_event_list_clear(&events);
    }
    if (strcmp(ids, wanted) != 0)
        fail_msg("%s, not %s", ids, wanted);
}

static void test_records_come_back_after_a_restart_from_either_end(void **state)
{
    struct store_event_filter oldest_first = any;
    struct place *place = *state;
    struct store_events events;

    oldest_first.is_oldest_first = true;
    assert_ids(place, &any, 2, "");
    assert_ids(place, &oldest_first, 2, "");
    assert_int_equal(add(place, 5, &no_bounds), 0);
    reopen(place);
    for (size_t limit = 1; limit <= 6; limit++) {
        assert_ids(place, &any, limit, "5 4 3 2 1 ");
        assert_ids(place, &oldest_first, limit, "1 2 3 4 5 ");
    }
    assert_int_equal(store_event_list(place->store, &any, 4, 1, &events, place->why), 0);
    assert_int_equal(events.rows[0].serial, 3);
    assert_int_equal(events.rows[0].incarnation, 1);
    assert_int_equal(events.rows[0].time_ms, 3000);
    assert_int_equal(events.rows[0].level, LOG_INFO);
    assert_string_equal(events.rows[0].type, "server_log");
    assert_string_equal(events.rows[0].data, "{\"message\":\"Record 3\"}");
    store_event_list_clear(&events);
}

static void test_records_are_found_by_stream_level_text_and_time(void **state)
{
    static const struct {
        const char *what;
        struct store_event_filter filter;
        const char *ids;
    } rows[] = {
        {"any", {ALL_STREAMS, LOG_DEBUG, NULL, 0, INT64_MAX, false}, "6 5 4 3 2 1 "},
        {"a stream, and the gap", {1U << LOG_ERRORS, LOG_DEBUG, NULL, 0, INT64_MAX, false}, "5 2 "},
        {"two streams", {1U << LOG_ERRORS | 1U << LOG_LINKS, LOG_DEBUG, NULL, 0, INT64_MAX, false}, "5 4 2 "},
        {"a level", {ALL_STREAMS, LOG_WARN, NULL, 0, INT64_MAX, false}, "5 4 2 "},
        {"a text in other letters", {ALL_STREAMS, LOG_DEBUG, "BRIDGE WE", 0, INT64_MAX, false}, "4 1 "},
        {"the name of a member", {ALL_STREAMS, LOG_DEBUG, "message", 0, INT64_MAX, false}, ""},
        {"a number is no text", {ALL_STREAMS, LOG_DEBUG, "17", 0, INT64_MAX, false}, ""},
        {"signs of patterns", {ALL_STREAMS, LOG_DEBUG, "100%", 0, INT64_MAX, false}, "6 "},
        {"other letters than ASCII's", {ALL_STREAMS, LOG_DEBUG, "\xc3\xa4/X", 0, INT64_MAX, false}, "6 "},
        {"a control character", {ALL_STREAMS, LOG_DEBUG, "\tend", 0, INT64_MAX, false}, "6 "},
        {"signs of JSON", {ALL_STREAMS, LOG_DEBUG, "% \"'", 0, INT64_MAX, false}, "6 "},
        {"from", {ALL_STREAMS, LOG_DEBUG, NULL, 4000, INT64_MAX, false}, "6 5 4 "},
        {"until", {ALL_STREAMS, LOG_DEBUG, NULL, 0, 4000, true}, "1 2 3 "},
        {"all of it", {1U << LOG_LOGS, LOG_DEBUG, "bridge", 1000, 3000, true}, "1 "},
    };
    struct place *place = *state;

    add_one(place, LOG_LOGS, LOG_INFO, "server_log", "{\"message\":\"The bridge west\",\"n\":17}");
    add_one(place, LOG_ERRORS, LOG_WARN, "server_error", "{\"error\":\"x\",\"client_id\":null}");
    add_one(place, LOG_SYSTEM, LOG_INFO, "new_registration", "{}");
    add_one(place, LOG_LINKS, LOG_ERROR, "link_state", "{\"state\":\"up\",\"bridge\":\"bridge west\"}");
    add_one(place, LOG_LOGS, LOG_ERROR, STORE_EVENT_GAP, "{\"message\":\"3 are missing\"}");
    add_one(place, LOG_LOGS, LOG_INFO, "server_log",
            "{\"message\":\"100% \\\"'; DROP TABLE event \xc3\xa4/x\\tend\"}");
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        print_message("%s\n", rows[i].what);
        assert_ids(place, &rows[i].filter, 2, rows[i].ids);
    }
}

static void test_what_is_rare_is_found_in_several_looks(void **state)
{
    struct store_event_filter rare = any;
    struct place *place = *state;
    struct store_events events;

    add_one(place, LOG_LINKS, LOG_INFO, "link_state", "{}");
    for (int i = 0; i < 10; i++)
        assert_int_equal(add(place, BATCH, &no_bounds), 0);
    rare.streams = 1U << LOG_LINKS;
    assert_int_equal(store_event_list(place->store, &rare, 0, 10, &events, place->why), 0);
    assert_int_equal(events.n, 0);
    assert_true(events.has_more && events.reached > 1);
    store_event_list_clear(&events);
    assert_ids(place, &rare, 10, "1 ");
    rare.is_oldest_first = true;
    assert_ids(place, &rare, 10, "1 ");
}

static void test_of_more_than_the_bound_the_oldest_go(void **state)
{
    static const struct store_event_bounds ten = {.most = 10, .most_bytes = INT64_MAX};
    struct place *place = *state;

    assert_int_equal(add(place, 25, &ten), 0);
    assert_int_equal(place->figures.n, 10);
    assert_int_equal(place->figures.oldest_ms, 16000);
    assert_int_equal(add(place, 1, &ten), 0);
    assert_ids(place, &any, 100, "26 25 24 23 22 21 20 19 18 17 ");
    reopen(place);
    assert_int_equal(add(place, 0, &ten), 0);
    assert_int_equal(place->figures.n, 10);
}

static void test_what_is_too_old_goes_and_takes_nothing_younger_along(void **state)
{
    struct store_event_bounds bounds = no_bounds;
    struct place *place = *state;

    assert_int_equal(add(place, 5, &no_bounds), 0);
    bounds.oldest_ms = 3000;
    assert_int_equal(add(place, 0, &bounds), 0);
    assert_ids(place, &any, 100, "5 4 3 ");
    /* The clock was set back: what looks old waits until all before it may go. */
    place->n = 0;
    assert_int_equal(add(place, 2, &bounds), 0);
    assert_ids(place, &any, 100, "2 1 5 4 3 ");
    bounds.oldest_ms = 5000;
    assert_int_equal(add(place, 0, &bounds), 0);
    assert_ids(place, &any, 100, "2 1 5 ");
    bounds.oldest_ms = 6000;
    assert_int_equal(add(place, 0, &bounds), 0);
    assert_int_equal(place->figures.n, 0);
    assert_int_equal(place->figures.oldest_ms, 0);
}

static void test_the_bytes_of_all_records_are_bounded(void **state)
{
    struct store_event_bounds bounds = no_bounds;
    struct place *place = *state;
    uint64_t each;

    assert_int_equal(add(place, 9, &no_bounds), 0);
    each = place->figures.bytes / 9;
    bounds.most_bytes = 4 * each;
    assert_int_equal(add(place, 0, &bounds), 0);
    assert_int_equal(place->figures.n, 4);
    assert_int_equal(place->figures.bytes, 4 * each);
    bounds.most_bytes--;
    assert_int_equal(add(place, 0, &bounds), 0);
    assert_int_equal(place->figures.n, 3);
    bounds.most_bytes = 0;
    assert_int_equal(add(place, 0, &bounds), 0);
    assert_int_equal(place->figures.n, 0);
    assert_int_equal(add(place, 2, &no_bounds), 0); /* and counts from there */
    assert_true(place->figures.bytes < 3 * each);
}

static void test_much_is_dropped_in_steps(void **state)
{
    static const struct store_event_bounds none = {0};
    struct place *place = *state;
    uint64_t before;
    int n_steps = 0, r;

    for (int i = 0; i < 10; i++)
        assert_int_equal(add(place, BATCH, &no_bounds), 0);
    do {
        before = place->figures.n;
        r = add(place, 0, &none);
        assert_true(r == 0 || r == STORE_EVENT_E_MORE);
        assert_true(before - place->figures.n <= 1000);
        n_steps++;
    } while (r == STORE_EVENT_E_MORE);
    assert_int_equal(place->figures.n, 0);
    assert_int_equal(n_steps, 3);
    assert_int_equal(add(place, 1, &no_bounds), 0);
    assert_ids(place, &any, 1, "2501 ");
}

static long long size_of_file(const struct place *place)
{
    char *path = data_dir_path(place->dir, "commhub.db");
    struct stat stat_of;

    check(stat(path, &stat_of) == 0);
    free(path);
    return (long long)stat_of.st_size;
}

static void test_the_file_stops_growing_at_the_bound(void **state)
{
    static const struct store_event_bounds bounds = {.most = 1000, .most_bytes = INT64_MAX};
    struct place *place = *state;
    long long full = 0;

    for (int i = 0; i < 40; i++) {
        assert_true(add(place, BATCH, &bounds) >= 0);
        reopen(place); /* the log is moved into the file */
        if (i == 7)
            full = size_of_file(place);
    }
    assert_int_equal(place->figures.n, 1000);
    assert_true(full > 0 && size_of_file(place) <= full + full / 10);
}

static void test_a_gap_in_the_numbers_is_no_matter(void **state)
{
    struct place *place = *state;

    assert_int_equal(add(place, 3, &no_bounds), 0);
    place->n = 1; /* the next start of the hub counts anew */
    assert_int_equal(add(place, 2, &no_bounds), 0);
    assert_ids(place, &any, 2, "3 2 3 2 1 ");
}

/* Every allocation of ours in writing and reading fails once; SQLite's own are not counted. */
static void test_want_of_memory_is_told_and_leaks_nothing(void **state)
{
    struct place *place = *state;

    assert_int_equal(add(place, 3, &no_bounds), 0);
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct store_events events = {0};
        int r = add(place, 1, &no_bounds);

        if (r == 0)
            r = store_event_list(place->store, &any, 0, 2, &events, place->why);
        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        store_event_list_clear(&events);
    }
}

static void run_sql(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

/* As the program before left it: its migrations, its number, rows of its own. */
static void make_former(struct place *place)
{
    char *path = data_dir_path(place->dir, "commhub.db");
    sqlite3 *db;

    store_close(place->store);
    place->store = NULL;
    check(unlink(path) == 0);
    check(sqlite3_open(path, &db) == SQLITE_OK);
    for (size_t i = 0; i < 4; i++)
        run_sql(db, migrations[i]);
    run_sql(db, "PRAGMA user_version = 4");
    run_sql(db, "INSERT INTO meta VALUES ('hub_id', x'66306630'), ('incarnation', x'3431')");
    run_sql(db, "INSERT INTO setting VALUES ('idle-timeout', '7')");
    check(sqlite3_close(db) == SQLITE_OK);
    free(path);
}

static void test_the_store_of_the_version_before_is_taken_over(void **state)
{
    struct place *place = *state;

    make_former(place);
    reopen(place);
    assert_string_equal(store_identity(place->store)->hub_id, "f0f0");
    assert_int_equal(store_identity(place->store)->incarnation, 42);
    assert_ids(place, &any, 2, "");
    assert_int_equal(add(place, 2, &no_bounds), 0);
    reopen(place);
    assert_int_equal(store_identity(place->store)->incarnation, 43);
    assert_ids(place, &any, 2, "2 1 ");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_records_come_back_after_a_restart_from_either_end),
        TEST(test_records_are_found_by_stream_level_text_and_time),
        TEST(test_what_is_rare_is_found_in_several_looks),
        TEST(test_of_more_than_the_bound_the_oldest_go),
        TEST(test_what_is_too_old_goes_and_takes_nothing_younger_along),
        TEST(test_the_bytes_of_all_records_are_bounded),
        TEST(test_much_is_dropped_in_steps),
        TEST(test_the_file_stops_growing_at_the_bound),
        TEST(test_a_gap_in_the_numbers_is_no_matter),
        TEST(test_want_of_memory_is_told_and_leaks_nothing),
        TEST(test_the_store_of_the_version_before_is_taken_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
