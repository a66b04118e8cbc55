/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Order, filters and cursors, on the list of clients that fake_controls.c plays and on some others
 */
#include "mgmt/rest/listing.h"

#include <string.h>

#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

#define N_CLIENTS 2500U /* a sorted list reads 1000 at once */

static struct stand stand;

static int set_up(void **state)
{
    (void)state;
    stand_start(&stand, NULL);
    fake_controls.n_clients = N_CLIENTS;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stand_stop(&stand);
    return 0;
}

static struct stand_answer ask(const char *target)
{
    return stand_ask(&stand, "GET", target, STAND_TOKEN, NULL);
}

static unsigned serial_of(const json_t *client)
{
    unsigned serial = 0;

    assert_int_equal(sscanf(json_string_value(json_object_get(client, "id")), "client-%u", &serial), 1);
    return serial;
}

static long queue_of(const json_t *client)
{
    return (long)json_integer_value(json_object_get(client, "queued_bytes"));
}

/* Reads all pages of "TARGET&cursor=..."; each row is handed to @see once. Answers how many there were. */
static size_t read_all(const char *target, void (*see)(const json_t *row, const json_t *before))
{
    char next[512];
    json_t *before = NULL, *row;
    size_t n = 0, i;

    snprintf(next, sizeof next, "%s", target);
    while (*next) {
        struct stand_answer answer = ask(next);
        const char *cursor = json_string_value(json_object_get(answer.json, "next"));

        if (answer.status != 200)
            fail_msg("%s: %s", next, answer.body);
        json_array_foreach(json_object_get(answer.json, "items"), i, row)
        {
            see(row, before);
            json_decref(before);
            before = json_incref(row);
            n++;
        }
        *next = '\0';
        if (cursor)
            snprintf(next, sizeof next, "%s&cursor=%s", target, cursor);
        stand_answer_clear(&answer);
    }
    json_decref(before);
    return n;
}

static void see_rising_queue(const json_t *row, const json_t *before)
{
    if (before && queue_of(row) == queue_of(before))
        assert_true(serial_of(row) > serial_of(before));
    else
        assert_true(!before || queue_of(row) > queue_of(before));
}

static void see_falling_queue(const json_t *row, const json_t *before)
{
    if (before && queue_of(row) == queue_of(before))
        assert_true(serial_of(row) < serial_of(before));
    else
        assert_true(!before || queue_of(row) < queue_of(before));
}

static void see_falling_age(const json_t *row, const json_t *before)
{
    assert_int_equal(serial_of(row), before ? serial_of(before) - 1 : N_CLIENTS);
}

static void see_rising_id(const json_t *row, const json_t *before)
{
    assert_true(!before || strcmp(json_string_value(json_object_get(row, "id")),
                                  json_string_value(json_object_get(before, "id"))) > 0);
}

static void see_bridge(const json_t *row, const json_t *before)
{
    assert_int_equal(serial_of(row), before ? serial_of(before) + 3 : 3);
}

static void see_any(const json_t *row, const json_t *before)
{
    (void)row;
    (void)before;
}

static void test_a_sorted_list_is_whole_over_its_pages(void **state)
{
    (void)state;
    assert_int_equal(read_all("/api/v1/clients?limit=333&sort=queued_bytes", see_rising_queue), N_CLIENTS);
    assert_int_equal(read_all("/api/v1/clients?limit=333&sort=-queued_bytes", see_falling_queue), N_CLIENTS);
    assert_int_equal(read_all("/api/v1/clients?limit=333&sort=-since", see_falling_age), N_CLIENTS);
    assert_int_equal(read_all("/api/v1/clients?limit=333&sort=id", see_rising_id), N_CLIENTS);
    assert_int_equal(read_all("/api/v1/clients?limit=1000&sort=since", see_any), N_CLIENTS);
}

static void test_filters_let_through_what_is_wanted(void **state)
{
    (void)state;
    assert_int_equal(read_all("/api/v1/clients?limit=100&mode=bridge", see_bridge), N_CLIENTS / 3);
    assert_int_equal(read_all("/api/v1/clients?limit=100&mode=bridge&sort=-id", see_any), N_CLIENTS / 3);
    assert_int_equal(read_all("/api/v1/clients?limit=100&id=LIENT-24", see_any), 111); /* 24, 24x and 24xx */
    assert_int_equal(read_all("/api/v1/clients?limit=100&id=nobody", see_any), 0);
    assert_int_equal(read_all("/api/v1/clients?limit=1000&channel=jobs", see_any), N_CLIENTS);
    assert_int_equal(read_all("/api/v1/clients?limit=1000&channel=empty", see_any), 0);
    assert_int_equal(read_all("/api/v1/clients?limit=100&id=client-2499&mode=client", see_any), 0);
    assert_int_equal(read_all("/api/v1/clients?limit=100&id=client-2499&mode=bridge", see_any), 1);
    /* A filter is text, whatever a stranger may have called himself. */
    assert_int_equal(read_all("/api/v1/clients?limit=100&id=%25%27%20OR%201%3D1--%3Cb%3E", see_any), 0);
    assert_int_equal(read_all("/api/v1/channels?limit=1&name=%2f", see_any), 1);
    assert_int_equal(read_all("/api/v1/channels?limit=1&protected=true", see_any), 0);
}

static void test_a_list_that_changes_between_pages_shows_no_row_twice(void **state)
{
    struct stand_answer answer;
    char target[512];

    (void)state;
    answer = ask("/api/v1/clients?limit=2&sort=-since");
    snprintf(target, sizeof target, "/api/v1/clients?limit=2&sort=-since&cursor=%s",
             json_string_value(json_object_get(answer.json, "next")));
    stand_answer_clear(&answer);
    fake_controls.n_clients += 10;
    answer = ask(target);
    assert_int_equal(serial_of(json_array_get(json_object_get(answer.json, "items"), 0)), N_CLIENTS - 2);
    stand_answer_clear(&answer);
    fake_controls.n_clients = 5;
    answer = ask(target);
    assert_int_equal(serial_of(json_array_get(json_object_get(answer.json, "items"), 0)), 5);
    stand_answer_clear(&answer);
}

static void expect_fault(const char *target, const char *pointer, const char *detail)
{
    struct stand_answer answer = ask(target);
    json_t *fault = json_array_get(json_object_get(answer.json, "errors"), 0);

    if (answer.status != 400 || !fault ||
        strcmp(json_string_value(json_object_get(fault, "pointer")), pointer) != 0 ||
        !strstr(json_string_value(json_object_get(fault, "detail")), detail))
        fail_msg("%s: %d: %s", target, answer.status, answer.body);
    stand_answer_clear(&answer);
}

static void test_what_is_wrong_is_named_with_what_would_do(void **state)
{
    static const char states[] = "paused dialing handshake syncing up degraded backoff refused";
    static const char *const rows[][3] = {
        {"clients?limit=0", "?limit", "from 1 to 1000"},
        {"clients?limit=1001", "?limit", "from 1 to 1000"},
        {"clients?limit=ten", "?limit", "from 1 to 1000"},
        {"clients?sort=colour", "?sort", "since, id, mode, address, n_channels, queued_bytes"},
        {"clients?sort=", "?sort", "since, id"},
        {"clients?sort=--id", "?sort", "since, id"},
        {"clients?sort=channel", "?sort", "since, id"}, /* a filter only */
        {"clients?mode=peer", "?mode", "client bridge"},
        {"clients?mode=", "?mode", "client bridge"},
        {"clients?mode=client%20bridge", "?mode", "client bridge"},
        {"channels?protected=yes", "?protected", "true false"},
        {"channels?sort=%3Cb%3E", "?sort", "opened, name"},
        {"links?state=broken", "?state", states},
        {"links?direction=up", "?direction", "in out"},
        {"links?kind=auto", "?kind", "native reference"},
        {"bridges?state=ended", "?state", states},
        {"bridges?kind=x", "?kind", "native reference auto"},
        {"mesh?health=bad", "?health", "ok degraded unknown"},
        {"routes?kind=x", "?kind", "hub service topic interest member profile"},
        {"routes?sort=origin", "?sort", "heard, kind, channel"},
        {"users?role=root", "?role", "viewer operator admin"},
        {"users?enabled=1", "?enabled", "true false"},
        {"tokens?origin=x", "?origin", "api first_run configuration"},
        {"sessions?role=x", "?role", "viewer operator admin"},
        {"audit?sort=who", "?sort", "one of time;"},
        {"audit?status=x", "?status", "from 100 to 599"},
        {"events/history?sort=id", "?sort", "one of time;"},
        {"events/history?limit=0", "?limit", "from 1 to 1000"},
        {"events/history?streams=", "?streams", "some of logs, errors, system, links, each once"},
        {"events/history?streams=logs,audit", "?streams", "some of logs, errors, system, links, each once"},
        {"events/history?streams=logs,logs", "?streams", "each once"},
        {"events/history?level=loud", "?level", "debug, info, warning or error"},
        {"events/history?from=yesterday", "?from", "2026-01-31T12:34:56Z"},
        {"events/history?until=2026-02-30T00:00:00Z", "?until", "2026-01-31T12:34:56Z"},
        {"events/history?from=", "?from", "must be a time"},
        {"events?streams=logs,metrics", "?streams", "some of logs, errors, system, links, audit, each once"},
        {"events?level=", "?level", "debug, info, warning or error"},
        {"events?since=-1", "?since", "the id of the last record"},
        {"events?limit=1001", "?limit", "from 1 to 1000"},
        {"events?wait=61", "?wait", "from 0 to 60"},
    };
    struct stand_answer answer;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        char target[128];

        snprintf(target, sizeof target, "/api/v1/%s", rows[i][0]);
        expect_fault(target, rows[i][1], rows[i][2]);
    }
    answer = ask("/api/v1/clients?limit=0&sort=x&mode=y");
    assert_int_equal(json_array_size(json_object_get(answer.json, "errors")), 3);
    stand_answer_clear(&answer);
}

static void expect_refused(const char *list, const char *cursor)
{
    char target[1024];

    snprintf(target, sizeof target, "/api/v1/%s&cursor=%s", list, cursor);
    expect_fault(target, "?cursor", "the same sort and filters");
}

static void test_a_cursor_is_good_for_its_own_list_order_and_filters_only(void **state)
{
    static const char *const made_up[] = {
        "1", "x", "-1", ".", "..", "0000000000000000.1", "0000000000000000"};
    struct stand_answer plain, sorted;
    char broken[512];

    (void)state;
    plain = ask("/api/v1/clients?limit=2");
    sorted = ask("/api/v1/clients?limit=2&sort=id");
    const char *of_plain = json_string_value(json_object_get(plain.json, "next"));
    const char *of_sorted = json_string_value(json_object_get(sorted.json, "next"));

    for (size_t i = 0; i < N_ELEMENTS(made_up); i++)
        expect_refused("clients?limit=2", made_up[i]);
    expect_refused("clients?sort=id", of_plain);
    expect_refused("clients?sort=-since", of_plain);
    expect_refused("clients?mode=bridge", of_plain);
    expect_refused("clients?channel=jobs", of_plain);
    expect_refused("clients?channel=", of_plain);
    expect_refused("channels?limit=2", of_plain);
    expect_refused("clients?limit=2", of_sorted);
    expect_refused("clients?sort=-id", of_sorted);
    expect_refused("clients?sort=address", of_sorted);
    /* Its end cut off, or something put behind it. */
    snprintf(broken, sizeof broken, "%.*s", (int)strlen(of_sorted) - 1, of_sorted);
    expect_refused("clients?sort=id", broken);
    snprintf(broken, sizeof broken, "%.18s", of_sorted);
    expect_refused("clients?sort=id", broken);
    snprintf(broken, sizeof broken, "%s0g", of_sorted);
    expect_refused("clients?sort=id", broken);
    snprintf(broken, sizeof broken, "%s00", of_sorted);
    expect_refused("clients?sort=id", broken);
    snprintf(broken, sizeof broken, "%s.n1", of_plain);
    expect_refused("clients?limit=2", broken);
    stand_answer_clear(&plain);
    stand_answer_clear(&sorted);
}

static void see_user(const json_t *row, const json_t *before)
{
    assert_true(!before || strcmp(json_string_value(json_object_get(row, "name")),
                                  json_string_value(json_object_get(before, "name"))) < 0);
}

static void test_stored_lists_sort_and_filter_too(void **state)
{
    static const char body[] = "{\"role\": \"viewer\", \"password\": \"correct horse\"}";
    static const char *const names[] = {"carol", "alice", "bob", "%3Cb%3Edave"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        struct stand_answer answer;
        char target[64];

        snprintf(target, sizeof target, "/api/v1/users/%s", names[i]);
        answer = stand_ask(&stand, "PUT", target, STAND_TOKEN, body);
        assert_int_equal(answer.status, 201);
        stand_answer_clear(&answer);
    }
    assert_int_equal(read_all("/api/v1/users?limit=1&sort=-name", see_user), 4);
    assert_int_equal(read_all("/api/v1/users?limit=1&name=%3Cb%3E", see_any), 1);
    assert_int_equal(read_all("/api/v1/users?limit=1&role=admin", see_any), 0);
    assert_int_equal(read_all("/api/v1/tokens?limit=1&origin=configuration", see_any), 1);
    assert_int_equal(read_all("/api/v1/tokens?limit=1&sort=expires_at&origin=api", see_any), 0);
    assert_int_equal(read_all("/api/v1/sessions?limit=1&sort=-seen_at", see_any), 0);
}

static void see_newer(const json_t *row, const json_t *before)
{
    assert_true(!before || json_integer_value(json_object_get(row, "id")) >
                               json_integer_value(json_object_get(before, "id")));
}

static void test_the_audit_log_is_read_from_either_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct stand_answer answer = stand_ask(&stand, "DELETE", "/api/v1/users/x", STAND_TOKEN, NULL);

        stand_answer_clear(&answer);
    }
    assert_int_equal(read_all("/api/v1/audit?limit=2&sort=time&method=DELETE", see_newer), 3);
    assert_int_equal(read_all("/api/v1/audit?limit=2&sort=-time&method=DELETE", see_any), 3);
}

static void test_bridges_and_links_filter_by_state(void **state)
{
    struct stand_answer answer;

    (void)state;
    answer = stand_ask(&stand, "PUT", "/api/v1/bridges/west", STAND_TOKEN, "{\"address\": \"tcp://west:1\"}");
    assert_int_equal(answer.status, 201);
    stand_answer_clear(&answer);
    assert_int_equal(read_all("/api/v1/bridges?limit=1&state=up&sort=-cost", see_any), 1);
    assert_int_equal(read_all("/api/v1/bridges?limit=1&state=backoff", see_any), 0);
    assert_int_equal(read_all("/api/v1/links?limit=1&direction=out&sort=rtt_ms", see_any), 1);
    assert_int_equal(read_all("/api/v1/links?limit=1&sort=-made", see_any), 2);
    assert_int_equal(read_all("/api/v1/mesh?limit=1&health=unknown&sort=version", see_any), 1);
    assert_int_equal(read_all("/api/v1/routes?limit=1&sort=-ways", see_any), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_sorted_list_is_whole_over_its_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_filters_let_through_what_is_wanted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_list_that_changes_between_pages_shows_no_row_twice, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_named_with_what_would_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_cursor_is_good_for_its_own_list_order_and_filters_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_stored_lists_sort_and_filter_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_audit_log_is_read_from_either_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bridges_and_links_filter_by_state, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
