/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Hubs that link with each other: what they know, tell and refuse, and how they part
 */
#include "tests/unit/federation/federation_nodes.h"

static void start_ring(void)
{
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    start(2, 'c', 1, "gamma", "secret");
    bridge(0, 1, NULL);
    bridge(1, 2, NULL);
    bridge(2, 0, NULL);
    for (unsigned i = 0; i < 3; i++)
        run_until(IS_UP(i, true) && IS_UP(i, false));
}

/* Whether hub @i knows @n hubs, each with @n_links links that are all in @state. */
static bool knows(unsigned i, size_t n, uint32_t n_links, const char *state)
{
    struct mesh_hub_list list = list_hubs(i);
    const struct mesh_hub *hubs = list.hubs;
    bool is_so = list.n == n && hubs[0].is_self;

    for (size_t at = 0; is_so && at < n; at++) {
        is_so = hubs[at].has_profile && strcmp(hubs[at].version, "9.8.7") == 0 && hubs[at].n_links == n_links;
        for (uint32_t link = 0; is_so && link < hubs[at].n_named; link++)
            is_so = strcmp(hubs[at].links[link].state, state) == 0;
    }
    federation_control_clear_hubs(&list);
    return is_so;
}

static void test_every_hub_knows_all_hubs_and_their_links(void **state)
{
    struct mesh_hub_list list;
    const struct mesh_hub *hubs;

    (void)state;
    start_ring();
    run_until(knows(0, 3, 2, "up") && knows(1, 3, 2, "up") && knows(2, 3, 2, "up"));
    list = list_hubs(0);
    hubs = list.hubs;
    assert_string_equal(hubs[0].server_id, "alpha");
    assert_int_equal(hubs[0].n_hops, 0);
    assert_string_equal(hubs[1].server_id, "beta");
    assert_int_equal(hubs[1].n_hops, 1);
    assert_string_equal(hubs[1].via, hubs[1].hub_id);
    assert_string_equal(hubs[1].links[0].bridge, hubs[1].links[0].is_outgoing ? "b" : "");
    federation_control_clear_hubs(&list);
    stop(2);
    run_until(count_hubs(0) == 2 && count_hubs(1) == 2);
}

static void test_a_link_comes_up_on_both_sides_and_knows_its_peer(void **state)
{
    struct link_status outgoing;
    struct link_status incoming;

    (void)state;
    start(0, 'a', 1, "alpha", NULL);
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, "secret");
    run_until(IS_UP(0, true) && IS_UP(1, false));
    outgoing = status_of(0, true);
    incoming = status_of(1, false);
    assert_string_equal(outgoing.bridge, "b");
    assert_string_equal(outgoing.server_id, "beta");
    assert_string_equal(outgoing.hub_id, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    assert_string_equal(incoming.bridge, "");
    assert_string_equal(incoming.server_id, "alpha");
    assert_true(outgoing.rtt_us >= 0);
    assert_true(outgoing.bytes_in > 0 && outgoing.bytes_out > 0 && outgoing.messages_in > 0);
}

static void test_a_ring_of_three_passes_each_broadcast_once_and_answers_calls(void **state)
{
    (void)state;
    start_ring();
    for (unsigned i = 0; i < 3; i++) {
        connect_client(i);
        SAY(i, "type", "register", "channel", "room");
    }
    SAY(2, "type", "register", "channel", "room", "event", "add", "is_provider", "yes");
    run_for(100);
    for (unsigned i = 0; i < 10; i++)
        SAY(0, "type", "broadcast", "channel", "room", "event", "news", "data", "equal");
    SAY(0, "type", "call", "channel", "room", "event", "add", "request_id", "r1");
    run_until(nodes[2].n_calls == 1);
    run_for(100);
    assert_int_equal(nodes[0].n_broadcasts, 0);
    assert_int_equal(nodes[1].n_broadcasts, 10);
    assert_int_equal(nodes[2].n_broadcasts, 10);
    nodes[0].n_answers = 0;
    SAY(2, "type", "response", "request_id", "r1", "target_id", "client-0", "data", "sum");
    run_until(nodes[0].n_answers == 1);
    assert_string_equal(nodes[0].last_error, "");
}

static void test_a_hub_that_goes_is_withdrawn_and_comes_back_by_itself(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, NULL);
    run_until(IS_UP(0, true));
    connect_client(0);
    connect_client(1);
    SAY(1, "type", "register", "channel", "room", "event", "add", "is_provider", "yes");
    run_for(50);
    SAY(0, "type", "call", "channel", "room", "event", "add", "request_id", "r1");
    run_until(nodes[1].n_calls == 1);
    stop(1);
    run_until(nodes[0].n_answers == 1);
    assert_string_not_equal(nodes[0].last_error, "");
    run_until(status_of(0, true).state != LINK_UP);
    start(1, 'b', 2, "beta", "secret");
    run_within(35000, IS_UP(0, true)); /* what a link waits at most before it dials again, and 5 s */
}

static void test_hubs_with_different_secrets_refuse_each_other_and_both_say_so(void **state)
{
    struct link_status refused;

    (void)state;
    start(0, 'a', 1, "alpha", NULL);
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, "guess");
    run_until(status_of(0, true).state == LINK_REFUSED);
    refused = status_of(0, true);
    assert_string_equal(refused.reason, "wrong_secret");
    assert_non_null(strstr(refused.last_error, "secret"));
}

static void test_a_hub_without_a_link_secret_takes_no_links(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", NULL);
    start(1, 'b', 1, "beta", NULL);
    bridge(0, 1, "secret");
    run_until(status_of(0, true).state == LINK_REFUSED);
    assert_string_equal(status_of(0, true).reason, "links_not_enabled");
    assert_non_null(strstr(status_of(0, true).last_error, "--link-secret-file"));
}

static void test_two_hubs_with_one_hub_id_or_one_server_id_refuse_each_other(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'a', 2, "beta", "secret");
    start(2, 'c', 1, "alpha", "secret");
    bridge(0, 1, NULL);
    run_until(status_of(0, true).state == LINK_REFUSED);
    assert_string_equal(status_of(0, true).reason, "duplicate_hub_id");
    bridge(0, 2, NULL);
    run_until(status_of(0, true).state == LINK_REFUSED);
    assert_string_equal(status_of(0, true).reason, "duplicate_server_id");
}

static void test_the_counts_of_the_mesh_can_be_read(void **state)
{
    struct mesh_counts counts[3];

    (void)state;
    start_ring();
    for (unsigned i = 0; i < 3; i++) {
        connect_client(i);
        SAY(i, "type", "register", "channel", "room");
    }
    run_for(100);
    SAY(0, "type", "broadcast", "channel", "room", "event", "news", "data", "x");
    SAY(0, "type", "broadcast", "channel", "room", "event", "news", "data", "y");
    run_until(nodes[1].n_broadcasts == 2 && nodes[2].n_broadcasts == 2);
    for (unsigned i = 0; i < 3; i++)
        counts[i] = federation_control_counts(nodes[i].federation);
    assert_int_equal(counts[0].manys_out, 2);
    assert_int_equal(counts[0].delivered, 0);
    assert_int_equal(counts[1].delivered, 2);
    assert_int_equal(counts[2].delivered, 2);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(counts[i].n_origins, 2);
        assert_true(counts[i].n_routes > 0 && counts[i].entries_in > 0 && counts[i].entries_out > 0);
        assert_int_equal(counts[i].calls_lost, 0);
    }
    assert_string_equal(mesh_refusal_name(MESH_REFUSED_LATE), "late");
}

static void test_draining_says_goodbye(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, NULL);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    federation_drain(nodes[1].federation);
    run_until(strcmp(status_of(0, true).reason, "shutdown") == 0);
    /* It is dialed again and says so again, which needs nobody to act. */
    run_for(500);
    assert_int_not_equal(status_of(0, true).state, LINK_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_every_hub_knows_all_hubs_and_their_links),
        TEST(test_a_link_comes_up_on_both_sides_and_knows_its_peer),
        TEST(test_a_ring_of_three_passes_each_broadcast_once_and_answers_calls),
        TEST(test_a_hub_that_goes_is_withdrawn_and_comes_back_by_itself),
        TEST(test_hubs_with_different_secrets_refuse_each_other_and_both_say_so),
        TEST(test_a_hub_without_a_link_secret_takes_no_links),
        TEST(test_two_hubs_with_one_hub_id_or_one_server_id_refuse_each_other),
        TEST(test_the_counts_of_the_mesh_can_be_read),
        TEST(test_draining_says_goodbye),
#undef TEST
    };

    return cmocka_run_group_tests_name("federation", tests, make_folder, remove_folder);
}
