/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which ways a mesh takes in, chooses and tells; what it shows to its core
 */
#include "tests/support/allocation.h"
#include "tests/unit/federation/mesh_stand.h"

static void test_a_new_link_is_told_everything_and_an_end_mark(void **state)
{
    struct peering_service service = {.owner = BYTES_LITERAL("p"), .n_providers = 1};

    (void)state;
    mesh_local_service(mesh, BYTES_LITERAL("room"), BYTES_LITERAL("add"), &service);
    join(0x10);
    assert_int_equal(n_told, 3);
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    assert_int_equal(told[2].type, LINK_MESSAGE_END);
    assert_int_equal(told[0].n_hops, 1);
}

static void test_only_the_best_way_is_told_and_never_back(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);

    (void)state;
    join(0x30);
    n_told = 0;
    tell(b, 0x20, (struct hint){{0x77, 0x66, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    assert_int_equal(count_told(0x20, LINK_ENTRY_SET), 0);
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 1);
    n_told = 0;
    /* A shorter way by a: b hears of it, a is told that ours is no more, for the best came from it. */
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(count_told(0x10, LINK_ENTRY_LOST), 1);
    mesh_settle(mesh, at(1000 + PACER_LEAST_MS));
    assert_int_equal(count_told(0x20, LINK_ENTRY_SET), 1);
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 0);
    n_told = 0;
    /* A longer way changes nothing for anybody. */
    tell(b, 0x20, (struct hint){{0x77, 0x65, 0x64, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(n_told, 0);
}

static void test_a_hub_in_the_path_is_not_told(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    join(0x20);
    n_told = 0;
    tell(a, 0x10, (struct hint){{0x77, 0x20, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(n_told, 0);
}

static void test_the_ladder_is_cost_then_length_then_next_hop(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);

    (void)state;
    tell(b, 0x20, (struct hint){{0x77, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_by("cost 20 ways 1 by 77000000000000000000000000000000 2000");
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_by("cost 20 ways 2 by 77000000000000000000000000000000 1000");
    tell(a, 0x10, (struct hint){{0x77, 0x66, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_by("cost 20 ways 2 by 77000000000000000000000000000000 2000");
}

static void test_an_alternative_takes_over_when_a_link_goes(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    tell(b, 0x20, (struct hint){{0x77, 0x66, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    mesh_link_down(a, at(2000));
    /* The way by it stands behind the other one while the mesh comes to know. */
    assert_by("cost 30 ways 2 by 77");
    mesh_link_down(b, at(2000));
    mesh_settle(mesh, at(2000 + MESH_LINGER_MS));
    assert_int_equal(mesh_counts(mesh).n_candidates, 1); /* our own hub entry */
}

static void test_loops_long_paths_and_old_entries_are_refused_and_counted(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);
    struct hint longest = {{0x77}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL};

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x50, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(refused(MESH_REFUSED_LOOP), 1);
    for (size_t i = 1; i < PATH_MAX_HOPS; i++)
        longest.hops[i] = (uint8_t)(0x80 + i);
    longest.hops[PATH_MAX_HOPS] = 0x10;
    tell(a, 0x10, longest);
    assert_int_equal(refused(MESH_REFUSED_TOO_LONG), 1);
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 5, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    tell(b, 0x20, (struct hint){{0x77, 0x20}, 4, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(refused(MESH_REFUSED_OLD), 1);
    assert_by("ways 1 by 77000000000000000000000000000000 1000");
}

static void test_a_tombstone_kills_all_ways_and_an_older_entry_does_not_raise_them(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);

    (void)state;
    join(0x30);
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    tell(b, 0x20, (struct hint){{0x77, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    n_told = 0;
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 2, LINK_ENTRY_DEAD, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(count_told(0x30, LINK_ENTRY_DEAD), 1);
    tell(b, 0x20, (struct hint){{0x77, 0x66, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(refused(MESH_REFUSED_OLD), 1);
    assert_int_equal(mesh_counts(mesh).n_candidates, 1);
    /* The origin itself may take it back. */
    tell(b, 0x20, (struct hint){{0x77, 0x20}, 3, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(mesh_counts(mesh).n_candidates, 2);
}

static void test_tombstones_are_forgotten_after_a_minute(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 2, LINK_ENTRY_DEAD, ROUTE_SERVICE, 0, NULL});
    mesh_settle(mesh, at(1000 + ROUTE_TABLE_GRAVE_MS - 1));
    assert_int_equal(mesh_counts(mesh).n_routes, 2);
    mesh_settle(mesh, at(1000 + ROUTE_TABLE_GRAVE_MS));
    assert_int_equal(mesh_counts(mesh).n_routes, 1);
}

static void test_a_dead_session_kills_every_way_over_it_and_is_passed_on_once(void **state)
{
    struct link_message gone = over(42);
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x66, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 42, NULL});
    tell(b, 0x20, (struct hint){{0x77, 0x65, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 43, NULL});
    n_told = 0;
    assert_int_equal(mesh_link_receive(a, &gone, at(1000)), 0);
    assert_by("ways 1 by 77000000000000000000000000000000 6500");
    assert_int_equal(told[0].type, LINK_MESSAGE_SESSION);
    assert_int_equal(told[0].state, LINK_SESSION_OVER);
    assert_int_equal(told[0].link, 0x20);
    n_told = 0;
    assert_int_equal(mesh_link_receive(b, &gone, at(1000)), 0);
    assert_int_equal(n_told, 0);
    /* And what still comes over it is refused. */
    tell(a, 0x10, (struct hint){{0x77, 0x66, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 42, NULL});
    assert_int_equal(refused(MESH_REFUSED_DEAD_SESSION), 1);
}

static void test_a_live_link_that_the_other_side_calls_dead_is_ended(void **state)
{
    struct link_message gone = over(100U + 0x10);
    struct mesh_link *b;

    (void)state;
    join(0x10);
    b = join(0x20);
    assert_int_equal(mesh_link_receive(b, &gone, at(1000)), 0);
    assert_int_equal(n_ended, 1);
}

static void test_a_path_that_does_not_end_with_the_teller_breaks_the_rules(void **state)
{
    struct mesh_link *a = join(0x10);
    struct hint foreign = {{0x77, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL};
    struct hint none = {{0}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL};

    (void)state;
    assert_int_equal(tell_by(a, 0x10, &foreign), MESH_E_BAD_MESSAGE);
    assert_int_equal(tell_by(a, 0x10, &none), MESH_E_BAD_MESSAGE);
}

static void test_a_remote_service_is_shown_anew_when_the_local_one_has_gone(void **state)
{
    struct peering_service service = {.owner = BYTES_LITERAL("p"), .n_providers = 1};
    struct mesh_link *a = join(0x10);

    (void)state;
    mesh_local_service(mesh, BYTES_LITERAL("room"), BYTES_LITERAL("add"), &service);
    tell(a, 0x10, (struct hint){{0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    tell(a, 0x10, (struct hint){{0x10}, 2, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(n_offered, 1);
    mesh_local_service(mesh, BYTES_LITERAL("room"), BYTES_LITERAL("add"), NULL);
    mesh_settle(mesh, at(1000));
    assert_int_equal(n_offered, 2);
}

static void test_the_core_is_shown_a_hub_while_it_can_be_reached(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 2, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(n_peers, 0);
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    assert_int_equal(n_peers, 1);
    assert_int_equal(n_offered, 1);
    mesh_link_down(a, at(1000));
    mesh_settle(mesh, at(1000 + MESH_LINGER_MS - 1));
    assert_int_equal(n_peers, 1);
    mesh_settle(mesh, at(1000 + 2 * MESH_LINGER_MS));
    assert_int_equal(n_peers, 0);
}

static void test_nothing_leaks_or_breaks_where_memory_runs_out(void **state)
{
    (void)state;
    tear_down(NULL);
    mesh = NULL;
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct mesh_link_options options = {(void *)(intptr_t)0x10, hub(0x10), 1, 0, 0, 0x110, 10, 0, NULL,
                                            BRIDGE_MANAGEMENT_NONE};
        struct hint service = {{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL};
        struct hint itself = {{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL};
        struct mesh_link *link = NULL;

        options.session = 100U + 0x10;
        mesh = NULL;
        if (begin() == 0) {
            mesh_local_interest(mesh, BYTES_LITERAL("room"), BYTES_NONE, true);
            if (mesh_link_up(mesh, &options, at(1), &link) == 0) {
                tell_by(link, 0x10, &itself);
                tell_by(link, 0x10, &service);
                mesh_link_down(link, at(2));
            }
        }
        allocation_fail_never();
        mesh_free(mesh);
        mesh = NULL;
    }
    allocation_fail_never();
    assert_int_equal(begin(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_a_new_link_is_told_everything_and_an_end_mark),
        TEST(test_only_the_best_way_is_told_and_never_back),
        TEST(test_a_hub_in_the_path_is_not_told),
        TEST(test_the_ladder_is_cost_then_length_then_next_hop),
        TEST(test_an_alternative_takes_over_when_a_link_goes),
        TEST(test_loops_long_paths_and_old_entries_are_refused_and_counted),
        TEST(test_a_tombstone_kills_all_ways_and_an_older_entry_does_not_raise_them),
        TEST(test_tombstones_are_forgotten_after_a_minute),
        TEST(test_a_dead_session_kills_every_way_over_it_and_is_passed_on_once),
        TEST(test_a_live_link_that_the_other_side_calls_dead_is_ended),
        TEST(test_a_path_that_does_not_end_with_the_teller_breaks_the_rules),
        TEST(test_a_remote_service_is_shown_anew_when_the_local_one_has_gone),
        TEST(test_the_core_is_shown_a_hub_while_it_can_be_reached),
        TEST(test_nothing_leaks_or_breaks_where_memory_runs_out),
#undef TEST
    };

    return cmocka_run_group_tests_name("mesh", tests, NULL, NULL);
}
