/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Broadcasts reach every hub with a listener once, in order, by a tree
 */
#include "tests/sim/sim_room.h"

#define N_ROUNDS 3

static void broadcasts_reach_all(const struct shape *shape)
{
    struct sim *sim = begin(shape);
    struct sim_client *clients[SIM_MAX_HUBS];
    uint64_t n_frames;

    connect_all(sim, shape->n, clients);
    for (unsigned round = 0; round < N_ROUNDS; round++) {
        for (unsigned from = 0; from < shape->n; from++)
            sim_broadcast(clients[from], "room", 1 + round * 100 + from);
    }
    sim_run(sim, SETTLED_MS);
    for (unsigned to = 0; to < shape->n; to++) {
        for (unsigned from = 0; from < shape->n; from++) {
            for (unsigned round = 0; round < N_ROUNDS; round++)
                assert_row(shape->what, sim_count(clients[to], MESSAGE_BROADCAST, "news",
                                                  1 + round * 100 + from) == (from != to));
        }
    }
    /* A tree for each origin: as many frames as there are hubs to reach, and no more. */
    n_frames = sim_count_frames(sim, LINK_MESSAGE_MANY);
    assert_row(shape->what, n_frames == (uint64_t)N_ROUNDS * shape->n * (shape->n - 1));
    sim_free(sim);
}

static void test_a_broadcast_comes_exactly_once_in_every_shape_and_uses_a_tree(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(shapes); i++)
        broadcasts_reach_all(&shapes[i]);
}

static void test_a_broadcast_goes_only_where_somebody_listens(void **state)
{
    struct sim *sim = sim_new(4, 1);
    struct sim_client *from;
    struct sim_client *to;

    (void)state;
    sim_join_chain(sim, 4);
    from = sim_connect(sim, 1, "from");
    to = sim_connect(sim, 2, "to");
    sim_open(to, "room");
    sim_run(sim, SETTLED_MS);
    sim_broadcast(from, "room", 5);
    sim_broadcast(from, "empty", 6);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(to, MESSAGE_BROADCAST, "news", 5), 1);
    assert_int_equal(sim_count_frames(sim, LINK_MESSAGE_MANY), 1);
    sim_free(sim);
}

static void test_equal_broadcasts_all_arrive(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct sim_client *clients[3];

    (void)state;
    sim_join_ring(sim, 3);
    connect_all(sim, 3, clients);
    for (unsigned i = 0; i < 100; i++)
        sim_broadcast(clients[0], "room", 42);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(clients[1], MESSAGE_BROADCAST, "news", 42), 100);
    assert_int_equal(sim_count(clients[2], MESSAGE_BROADCAST, "news", 42), 100);
    sim_free(sim);
}

static void test_broadcasts_of_a_sender_arrive_in_order(void **state)
{
    struct sim *sim = sim_new(9, 3);
    struct sim_client *clients[9];
    uint64_t last = 0;

    (void)state;
    sim_join_grid(sim, 3, 3);
    connect_all(sim, 9, clients);
    for (uint64_t i = 1; i <= 200; i++) {
        sim_broadcast(clients[0], "room", i);
        sim_run(sim, i % 3);
    }
    sim_run(sim, SETTLED_MS);
    for (size_t i = 0; i < clients[8]->n_received; i++) {
        if (clients[8]->received[i].type != MESSAGE_BROADCAST)
            continue;
        assert_int_equal(clients[8]->received[i].data, last + 1);
        last++;
    }
    assert_int_equal(last, 200);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_broadcast_comes_exactly_once_in_every_shape_and_uses_a_tree),
        cmocka_unit_test(test_a_broadcast_goes_only_where_somebody_listens),
        cmocka_unit_test(test_equal_broadcasts_all_arrive),
        cmocka_unit_test(test_broadcasts_of_a_sender_arrive_in_order),
    };

    return cmocka_run_group_tests_name("broadcasts in virtual time", tests, NULL, NULL);
}
