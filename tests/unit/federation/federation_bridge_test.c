/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What becomes of a bridge that an operator makes, pauses, removes or gets wrong
 */
#include "tests/unit/federation/federation_nodes.h"

static void test_a_bridge_to_itself_is_refused(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    bridge(0, 0, NULL);
    run_until(status_of(0, true).state == LINK_REFUSED);
    assert_string_equal(status_of(0, true).reason, "itself");
}

static void test_a_bridge_that_makes_no_sense_is_refused_with_what_to_do(void **state)
{
    static const char *const bad_pattern[] = {""};
    const struct {
        const char *what;
        struct bridge_spec spec;
        const char *word;
    } rows[] = {
        {"no name", {.name = "", .address = "tcp://h:1", .secret = "s", .cost = 1}, "name"},
        {"no address", {.name = "b", .secret = "s", .cost = 1}, "address"},
        {"bad address", {.name = "b", .address = "carrier pigeon", .secret = "s", .cost = 1}, "address"},
        {"no port", {.name = "b", .address = "tcp://h:0", .secret = "s", .cost = 1}, "port"},
        {"no cost", {.name = "b", .address = "tcp://h:1", .secret = "s"}, "cost"},
        {"no secret anywhere", {.name = "b", .address = "tcp://h:1", .cost = 1}, "secret"},
        {"bad pattern",
         {.name = "b", .address = "tcp://h:1", .secret = "s", .cost = 1, .in.deny = {1, bad_pattern}},
         "channels/in/deny/0"},
        {"too many entries",
         {.name = "b", .address = "tcp://h:1", .secret = "s", .cost = 1, .limits.entries = 1000001},
         "limits/entries"},
        {"a certificate without its key",
         {.name = "b", .address = "tls://h:1", .secret = "s", .cost = 1, .tls.cert_file = "/c.pem"},
         "tls/key_file"},
        {"a file that is not there",
         {.name = "b", .address = "tls://h:1", .secret = "s", .cost = 1, .tls.ca_file = "/nowhere/ca.pem"},
         "cannot use the CA file /nowhere/ca.pem"},
    };
    struct bridge_fault fault;

    (void)state;
    start(0, 'a', 1, "alpha", NULL);
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        assert_row(rows[i].what, federation_control_judge_bridge(nodes[0].federation, &rows[i].spec,
                                                                 &fault) == FEDERATION_E_INVALID);
        assert_row(rows[i].what, strstr(fault.why, rows[i].word));
        fault.why[0] = '\0';
        assert_row(rows[i].what, federation_control_put_bridge(nodes[0].federation, &rows[i].spec, &fault) ==
                                     FEDERATION_E_INVALID);
        assert_row(rows[i].what, strstr(fault.why, rows[i].word));
    }
    assert_int_equal(federation_control_remove_bridge(nodes[0].federation, "b"), FEDERATION_E_UNKNOWN);
}

static void test_nobody_there_means_backing_off_and_the_link_comes_when_somebody_is(void **state)
{
    struct bridge_fault fault;
    char path[128];

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    snprintf(path, sizeof path, "%s/1", folder);
    assert_int_equal(bridge_to_path(0, path, NULL, &fault), 0);
    run_until(status_of(0, true).state == LINK_BACKOFF);
    assert_string_equal(status_of(0, true).reason, "not_connected");
    assert_string_not_equal(status_of(0, true).last_error, "");
    start(1, 'b', 1, "beta", "secret");
    run_until(IS_UP(0, true));
    assert_string_equal(status_of(0, true).last_error, "");
}

static void test_removing_a_bridge_ends_its_link_and_the_other_hub_hears_why(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, NULL);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    assert_int_equal(federation_control_remove_bridge(nodes[0].federation, "b"), 0);
    /* While the goodbye is still being written there is no link to be seen. */
    assert_true(status_of(0, true).address[0] == '\0');
    assert_string_equal(last_records[1], "out,b,ended,removed");
    run_until(status_of(1, false).address[0] == '\0');
    assert_string_equal(last_records[0], "in,,ended,removed");
    run_for(100);
    assert_int_equal(n_ended[0], 1);
    assert_int_equal(n_ended[1], 1);
}

static void test_an_incoming_link_that_breaks_and_is_not_called_again_is_ended_once_and_gone(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, NULL);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    stop(0);
    run_until(status_of(1, false).address[0] == '\0');
    assert_string_equal(last_records[0], "in,,ended,not_resumed");
    assert_int_equal(n_ended[0], 1);
}

static void test_removing_a_bridge_that_waits_to_dial_ends_it_at_once(void **state)
{
    struct bridge_fault fault;
    char path[128];

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    snprintf(path, sizeof path, "%s/1", folder);
    assert_int_equal(bridge_to_path(0, path, NULL, &fault), 0);
    run_until(status_of(0, true).state == LINK_BACKOFF);
    assert_int_equal(federation_control_remove_bridge(nodes[0].federation, "b"), 0);
    assert_true(status_of(0, true).address[0] == '\0');
    assert_string_equal(last_records[1], "out,b,ended,removed");
    assert_int_equal(n_ended[1], 1);
}

static void test_what_was_under_way_when_a_bridge_is_removed_may_still_need_its_policy(void **state)
{
    struct bridge_rename rule = {.from = "room", .to = "far.room"};
    char address[300];
    struct bridge_fault fault;
    struct bridge_spec spec = {.name = "b", .address = address, .cost = 10, .remap_out = {1, &rule}};

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    snprintf(address, sizeof address, "unix:%s", nodes[1].path);
    assert_int_equal(federation_control_put_bridge(nodes[0].federation, &spec, &fault), 0);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    connect_client(0);
    connect_client(1);
    SAY(1, "type", "register", "channel", "far.room");
    run_for(100);
    SAY(0, "type", "broadcast", "channel", "room", "event", "news", "data", "x");
    assert_int_equal(federation_control_remove_bridge(nodes[0].federation, "b"), 0);
    SAY(0, "type", "broadcast", "channel", "room", "event", "news", "data", "y");
    run_until(federation_control_counts(nodes[0].federation).n_origins == 0);
    assert_true(federation_control_counts(nodes[0].federation).parked > 0);
}

static void test_a_bridge_is_paused_with_a_goodbye_and_dials_again_when_it_is_wanted(void **state)
{
    struct federation *federation;

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, NULL);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    federation = nodes[0].federation;
    assert_int_equal(federation_control_pause_bridge(federation, "other", true), FEDERATION_E_UNKNOWN);
    assert_int_equal(federation_control_retry_bridge(federation, "other"), FEDERATION_E_UNKNOWN);
    assert_int_equal(federation_control_pause_bridge(federation, "b", true), 0);
    assert_int_equal(status_of(0, true).state, LINK_PAUSED);
    run_until(status_of(1, false).address[0] == '\0');
    assert_string_equal(last_records[0], "in,,ended,paused");
    run_for(500);
    assert_int_equal(federation_control_retry_bridge(federation, "b"), 0);
    assert_int_equal(status_of(0, true).state, LINK_PAUSED);
    assert_int_equal(federation_control_pause_bridge(federation, "b", false), 0);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    /* At once again, while the goodbye is still being written. */
    assert_int_equal(federation_control_pause_bridge(federation, "b", true), 0);
    assert_int_equal(federation_control_pause_bridge(federation, "b", false), 0);
    run_until(IS_UP(0, true) && IS_UP(1, false));
}

static void test_a_link_that_waits_is_dialed_at_once_when_that_is_wished(void **state)
{
    char path[128];
    struct bridge_fault fault;

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    snprintf(path, sizeof path, "%s/1", folder);
    assert_int_equal(bridge_to_path(0, path, NULL, &fault), 0);
    run_until(status_of(0, true).state == LINK_BACKOFF);
    start(1, 'b', 1, "beta", "secret");
    assert_int_equal(federation_control_retry_bridge(nodes[0].federation, "b"), 0);
    assert_int_equal(status_of(0, true).state, LINK_DIALING);
    run_until(IS_UP(0, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_a_bridge_to_itself_is_refused),
        TEST(test_a_bridge_that_makes_no_sense_is_refused_with_what_to_do),
        TEST(test_nobody_there_means_backing_off_and_the_link_comes_when_somebody_is),
        TEST(test_removing_a_bridge_ends_its_link_and_the_other_hub_hears_why),
        TEST(test_an_incoming_link_that_breaks_and_is_not_called_again_is_ended_once_and_gone),
        TEST(test_removing_a_bridge_that_waits_to_dial_ends_it_at_once),
        TEST(test_what_was_under_way_when_a_bridge_is_removed_may_still_need_its_policy),
        TEST(test_a_bridge_is_paused_with_a_goodbye_and_dials_again_when_it_is_wanted),
        TEST(test_a_link_that_waits_is_dialed_at_once_when_that_is_wished),
#undef TEST
    };

    return cmocka_run_group_tests_name("bridges", tests, make_folder, remove_folder);
}
