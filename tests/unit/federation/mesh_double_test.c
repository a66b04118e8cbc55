/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Two hubs with one id, and how a mesh tells them from two lives of one hub
 */
#include "tests/unit/federation/mesh_stand.h"

static void test_another_hub_with_our_id_is_noticed(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    tell(a, 0x10, (struct hint){{0x50, 0x10}, 9999, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    tell(a, 0x10, (struct hint){{0x50, 0x10}, 10000, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    assert_int_equal(n_ended, 1);
}

static void test_a_link_to_a_hub_whose_id_has_another_run_elsewhere_is_ended(void **state)
{
    static const struct {
        uint64_t run; /* of the near one; the hints' is 7 */
        uint64_t incarnation;
        int n_ended;
    } rows[] = {{7, 1, 0}, {6, 1, 1}, {6, 2, 0}, {0, 1, 0}};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct mesh_link_options options = {
            .owner = &options, .peer = hub(0x77), .session = 0x177 + i, .cost = 10};
        struct mesh_link *near;
        struct mesh_link *a = join(0x10);

        options.peer_run = rows[i].run;
        options.peer_incarnation = rows[i].incarnation;
        n_ended = 0;
        assert_int_equal(mesh_link_up(mesh, &options, at(1000), &near), 0);
        tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
        assert_int_equal(n_ended, rows[i].n_ended);
        mesh_link_down(near, at(1000));
        mesh_link_down(a, at(1000));
        tear_down(state);
        begin();
    }
}

static void test_a_second_run_of_a_known_hub_is_told_from_the_first_and_from_its_next_life(void **state)
{
    struct hub_id known = hub(0x77);

    (void)state;
    tell(join(0x10), 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    assert_true(mesh_has_other_run(mesh, &known, 1, 8));
    assert_false(mesh_has_other_run(mesh, &known, 1, 7));
    assert_false(mesh_has_other_run(mesh, &known, 2, 8));
    known = hub(0x78);
    assert_false(mesh_has_other_run(mesh, &known, 1, 8));
}

static void tell_of_run(struct mesh_link *link, uint8_t peer, uint64_t run)
{
    run_of_hubs = run;
    tell(link, peer, (struct hint){{0x77, peer}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    run_of_hubs = 7;
}

static void test_a_copy_of_a_hub_that_has_gone_is_not_held_against_the_hub(void **state)
{
    struct mesh_link *a = join(0x10);
    struct hub_id known = hub(0x77);

    (void)state;
    tell_of_run(a, 0x10, 8);
    tell(a, 0x10, (struct hint){{0x77}, 0, LINK_ENTRY_LOST, ROUTE_HUB, 0, NULL});
    tell_of_run(a, 0x10, 9);
    assert_false(mesh_has_other_run(mesh, &known, 1, 9));
    assert_true(mesh_has_other_run(mesh, &known, 1, 8));
    /* One that takes its place at the same neighbour at once, too. */
    tell_of_run(a, 0x10, 10);
    assert_false(mesh_has_other_run(mesh, &known, 1, 10));
    /* What stands by another way is not put in doubt. */
    tell_of_run(join(0x20), 0x20, 11);
    assert_true(mesh_has_other_run(mesh, &known, 1, 11));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_another_hub_with_our_id_is_noticed),
        TEST(test_a_link_to_a_hub_whose_id_has_another_run_elsewhere_is_ended),
        TEST(test_a_second_run_of_a_known_hub_is_told_from_the_first_and_from_its_next_life),
        TEST(test_a_copy_of_a_hub_that_has_gone_is_not_held_against_the_hub),
#undef TEST
    };

    return cmocka_run_group_tests_name("mesh, hubs with one id", tests, NULL, NULL);
}
