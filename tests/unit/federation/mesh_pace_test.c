/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * When a mesh tells what has changed: at once, after a rest, or in the order of the ways' lengths
 */
#include "tests/unit/federation/mesh_stand.h"

static void test_a_service_that_comes_and_goes_costs_each_link_two_entries_a_second(void **state)
{
    size_t n_sets = 0;
    size_t n_withdrawals = 0;

    (void)state;
    join(0x10);
    join(0x20);
    for (uint64_t ms = 0; ms < 6000; ms += 10) {
        n_told = 0;
        mesh_settle(mesh, at(1000 + ms));
        provide(1);
        mesh_settle(mesh, at(1005 + ms));
        provide(0);
        if (ms < 2000)
            continue;
        assert_int_equal(count_told(0x10, LINK_ENTRY_SET), count_told(0x20, LINK_ENTRY_SET));
        n_sets += count_told(0x10, LINK_ENTRY_SET);
        n_withdrawals += count_told(0x10, LINK_ENTRY_DEAD);
    }
    assert_int_equal(n_sets, 4);
    assert_int_equal(n_withdrawals, 4);
    assert_true(mesh_counts(mesh).updates_held > 1000);
}

static void test_changes_that_come_together_are_told_together(void **state)
{
    (void)state;
    join(0x10);
    n_told = 0;
    provide(1);
    for (uint32_t n = 2; n < 20; n++)
        provide(n);
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    mesh_settle(mesh, at(1000 + PACER_LEAST_MS));
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 2);
    mesh_settle(mesh, at(5000));
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 2);
}

static void test_changes_that_a_neighbour_passes_on_are_told_together(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    join(0x20);
    n_told = 0;
    for (uint64_t counter = 1; counter < 20; counter++)
        tell(a, 0x10, (struct hint){{0x77, 0x10}, counter, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(count_told(0x20, LINK_ENTRY_SET), 1);
    mesh_settle(mesh, at(1000 + PACER_LEAST_MS));
    assert_int_equal(count_told(0x20, LINK_ENTRY_SET), 2);
}

static void test_a_withdrawal_overtakes_what_is_held_and_cancels_it(void **state)
{
    (void)state;
    join(0x10);
    n_told = 0;
    provide(1);
    provide(2);
    provide(0);
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    assert_int_equal(count_told(0x10, LINK_ENTRY_DEAD), 1);
    mesh_settle(mesh, at(5000));
    assert_int_equal(n_told, 2);
    /* What was never told is not withdrawn either. */
    provide(1);
    provide(0);
    provide(3);
    provide(0);
    mesh_settle(mesh, at(9000));
    assert_int_equal(n_told, 4);
}

static void test_a_way_that_breaks_is_replaced_at_once_and_told_after_those_that_are_shorter(void **state)
{
    static const struct {
        const char *what;
        enum link_session_state state;
    } rows[] = {{"stale", LINK_SESSION_STALE}, {"over", LINK_SESSION_OVER}};

    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct mesh_link *a = join(0x10);
        struct mesh_link *b = join(0x20);
        struct link_message news = session(42, 1, rows[i].state);

        join(0x30);
        tell(a, 0x10, service_by_a);
        tell(b, 0x20, service_by_b);
        n_told = 0;
        assert_int_equal(mesh_link_receive(a, &news, at(1000)), 0);
        assert_by("cost 40 ways");
        mesh_settle(mesh, at(1017));
        assert_row(rows[i].what, count_told(0x30, LINK_ENTRY_SET) == 0);
        mesh_settle(mesh, at(1018));
        assert_row(rows[i].what, count_told(0x30, LINK_ENTRY_SET) == 1);
        tear_down(state);
        begin();
    }
}

static void test_a_link_that_returns_before_another_way_was_told_costs_nothing(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);
    struct link_message stale = session(42, 1, LINK_SESSION_STALE);
    struct link_message fresh = session(42, 1, LINK_SESSION_FRESH);

    (void)state;
    join(0x30);
    tell(a, 0x10, service_by_a);
    tell(b, 0x20, service_by_b);
    n_told = 0;
    assert_int_equal(mesh_link_receive(a, &stale, at(1000)), 0);
    assert_int_equal(mesh_link_receive(a, &fresh, at(1017)), 0);
    mesh_settle(mesh, at(9000));
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 0);
}

/* A hub that dies takes all its links with it, and the news of one of them come first. */
static void test_a_way_whose_end_is_not_known_yet_is_not_told(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);
    struct link_message news[] = {session(42, 1, LINK_SESSION_STALE), session(43, 1, LINK_SESSION_STALE),
                                  over(42), over(43)};
    const uint64_t times_ms[] = {1000, 1017, 3000, 3999};

    (void)state;
    join(0x30);
    tell(a, 0x10, service_by_a);
    tell(b, 0x20, service_by_b);
    n_told = 0;
    for (size_t i = 0; i < N_ELEMENTS(news); i++) {
        mesh_settle(mesh, at(times_ms[i] - 1));
        assert_int_equal(count_told(0x30, LINK_ENTRY_LOST), 0);
        assert_int_equal(mesh_link_receive(i % 2 ? b : a, &news[i], at(times_ms[i])), 0);
    }
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 0);
    assert_int_equal(count_told(0x30, LINK_ENTRY_LOST), 1);
}

static void test_a_way_over_a_cut_link_is_told_a_second_after_its_turn(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);
    struct link_message gone = over(42);
    struct link_message stale = session(43, 1, LINK_SESSION_STALE);

    (void)state;
    join(0x30);
    tell(a, 0x10, service_by_a);
    tell(b, 0x20, service_by_b);
    n_told = 0;
    assert_int_equal(mesh_link_receive(b, &stale, at(1000)), 0);
    assert_int_equal(mesh_link_receive(a, &gone, at(3000)), 0);
    /* Four hubs are on the way. */
    mesh_settle(mesh, at(4017));
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 0);
    mesh_settle(mesh, at(4018));
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 1);
}

/* Where many come up together the shorter ways are told before the longer ones that they replace. */
static void test_what_a_new_link_brings_is_told_after_what_is_nearer(void **state)
{
    struct mesh_link *a = join_at(0x10, 1000);

    (void)state;
    join_at(0x30, 1000);
    n_told = 0;
    provide(1);
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 1);
    tell(a, 0x10, service_by_a);
    mesh_settle(mesh, at(1003));
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 1);
    mesh_settle(mesh, at(1004));
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 2);
}

static void test_what_a_neighbour_tells_in_the_place_of_a_broken_way_is_passed_on_at_once(void **state)
{
    struct mesh_link *a = join(0x10);
    struct link_message stale = session(42, 1, LINK_SESSION_STALE);

    (void)state;
    join(0x30);
    tell(a, 0x10, service_by_a);
    n_told = 0;
    assert_int_equal(mesh_link_receive(a, &stale, at(960)), 0);
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 0);
    tell(a, 0x10, (struct hint){{0x77, 0x67, 0x68, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 44, NULL});
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 1);
    /* And one that is lost altogether. */
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_LOST, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(count_told(0x30, LINK_ENTRY_LOST), 1);
    tell(a, 0x10, (struct hint){{0x77, 0x66, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 44, NULL});
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 2);
}

static void test_a_new_link_ends_all_holding(void **state)
{
    (void)state;
    join(0x10);
    provide(1);
    provide(2);
    n_told = 0;
    join(0x20);
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    assert_int_equal(count_told(0x20, LINK_ENTRY_SET), 1);
    mesh_settle(mesh, at(5000));
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    assert_int_equal(count_told(0x20, LINK_ENTRY_SET), 1);
}

static void test_a_link_that_ends_costs_each_other_link_one_update_for_each_route(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);

    (void)state;
    join(0x30);
    tell(a, 0x10, service_by_a);
    tell(b, 0x20, service_by_b);
    mesh_settle(mesh, at(3000));
    n_told = 0;
    mesh_link_down(a, at(3000));
    for (uint64_t ms = 0; ms < 2 * MESH_LINGER_MS; ms += 250)
        mesh_settle(mesh, at(3000 + ms));
    /* The other way is told, and nothing of how it was found. */
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 1);
    assert_int_equal(count_told(0x30, LINK_ENTRY_LOST), 0);
    n_told = 0;
    mesh_link_down(b, at(9000));
    for (uint64_t ms = 0; ms < 2 * MESH_LINGER_MS; ms += 250)
        mesh_settle(mesh, at(9000 + ms));
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 0);
    assert_int_equal(count_told(0x30, LINK_ENTRY_LOST), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_a_service_that_comes_and_goes_costs_each_link_two_entries_a_second),
        TEST(test_changes_that_come_together_are_told_together),
        TEST(test_changes_that_a_neighbour_passes_on_are_told_together),
        TEST(test_a_withdrawal_overtakes_what_is_held_and_cancels_it),
        TEST(test_a_way_that_breaks_is_replaced_at_once_and_told_after_those_that_are_shorter),
        TEST(test_a_link_that_returns_before_another_way_was_told_costs_nothing),
        TEST(test_a_way_whose_end_is_not_known_yet_is_not_told),
        TEST(test_a_way_over_a_cut_link_is_told_a_second_after_its_turn),
        TEST(test_what_a_new_link_brings_is_told_after_what_is_nearer),
        TEST(test_what_a_neighbour_tells_in_the_place_of_a_broken_way_is_passed_on_at_once),
        TEST(test_a_new_link_ends_all_holding),
        TEST(test_a_link_that_ends_costs_each_other_link_one_update_for_each_route),
#undef TEST
    };

    return cmocka_run_group_tests_name("mesh, pace of news", tests, NULL, NULL);
}
