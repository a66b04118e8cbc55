/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a mesh promises where its hubs, links and ways change, on real cores and real meshes in virtual time.
 * The judge is always what the simulated clients got, never the hubs' own counters.
 */
#include "federation/mesh_view.h"
#include "tests/sim/sim_room.h"

/* Routes at hub 1 that have to do with the channel. */
static uint64_t count_channel_routes(struct sim *sim)
{
    char *dump = sim_dump(sim, 1);
    uint64_t n = 0;

    for (const char *at = strstr(dump, " room:"); at; at = strstr(at + 1, " room:"))
        n++;
    free(dump);
    return n;
}

static void withdrawal_is_told_once(const struct shape *shape)
{
    struct sim *sim = begin(shape);
    struct sim_client *provider = sim_connect(sim, 0, "provider");
    uint64_t n_before;
    uint64_t n_told;
    uint64_t n_keys;

    sim_provide(provider, "room", "add", false, false);
    /* Until all hubs have told how slow their links are. */
    sim_run(sim, 2000 + SETTLED_MS);
    n_keys = count_channel_routes(sim);
    assert_row(shape->what, n_keys > 0);
    n_before = sim_count_entries(sim);
    sim_disconnect(provider);
    sim_run(sim, SETTLED_MS);
    n_told = sim_count_entries(sim) - n_before;
    /* At most one update for each key, link and direction. */
    assert_row(shape->what, n_told <= n_keys * 2 * (uint64_t)sim_n_links(sim));
    assert_row(shape->what, count_channel_routes(sim) == 0);
    for (unsigned hub = 1; hub < shape->n; hub++) {
        struct sim_client *caller;
        char id[32];

        snprintf(id, sizeof id, "caller%u", hub);
        caller = sim_connect(sim, hub, id);
        sim_call(caller, "room", "add", "r1", 1);
        assert_row(shape->what, sim_answer(caller, "r1"));
        assert_row(shape->what, strcmp(sim_answer(caller, "r1")->error, "No provider for room:add") == 0);
    }
    sim_free(sim);
}

static void test_a_provider_that_leaves_is_withdrawn_everywhere_with_one_update_a_link(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(shapes); i++)
        withdrawal_is_told_once(&shapes[i]);
}

static void test_a_service_moves_from_hub_to_hub(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct sim_client *caller = sim_connect(sim, 2, "caller");
    struct sim_client *first = sim_connect(sim, 0, "first");
    struct sim_client *second = sim_connect(sim, 1, "second");

    (void)state;
    sim_join_ring(sim, 3);
    first->answers = second->answers = 1;
    sim_provide(first, "room", "add", false, false);
    sim_run(sim, SETTLED_MS);
    sim_disconnect(first);
    sim_run(sim, SETTLED_MS);
    sim_provide(second, "room", "add", false, false);
    sim_run(sim, SETTLED_MS);
    sim_call(caller, "room", "add", "r1", 1);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(second, MESSAGE_CALL, "add", 1), 1);
    assert_non_null(sim_answer(caller, "r1"));
    assert_string_equal(sim_answer(caller, "r1")->error, "");
    sim_free(sim);
}

static void test_a_ring_goes_on_when_one_link_is_cut(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct sim_client *provider = sim_connect(sim, 0, "provider");
    struct sim_client *clients[3];

    (void)state;
    sim_join_ring(sim, 3);
    provider->answers = 1;
    sim_provide(provider, "room", "add", false, false);
    connect_all(sim, 3, clients);
    /* 2 - 0 is the ring's last link. */
    sim_cut(sim, 2, 10);
    sim_run(sim, SETTLED_MS);
    sim_call(clients[2], "room", "add", "r1", 1);
    sim_broadcast(clients[0], "room", 77);
    sim_run(sim, SETTLED_MS);
    assert_non_null(sim_answer(clients[2], "r1"));
    assert_int_equal(sim_answer(clients[2], "r1")->data, 2);
    assert_int_equal(sim_count(clients[2], MESSAGE_BROADCAST, "news", 77), 1);
    assert_int_equal(sim_count(clients[1], MESSAGE_BROADCAST, "news", 77), 1);
    sim_free(sim);
}

static void test_what_a_filter_holds_back_finds_another_way_or_none(void **state)
{
    const char *deny[] = {"secret*"};
    struct bridge_spec spec = {.channels.deny = {1, deny}};
    struct bridge_policy policy;
    struct sim *sim = sim_new(3, 1);
    struct sim_client *from = sim_connect(sim, 0, "from");
    struct sim_client *to = sim_connect(sim, 1, "to");
    unsigned filtered = sim_add_link(sim, 0, 1);

    (void)state;
    assert_int_equal(bridge_policy_init(&policy, &spec), 0);
    sim_link(sim, filtered)->policy = &policy;
    sim_join(sim, filtered);
    sim_open(to, "room");
    sim_open(to, "secret-room");
    sim_run(sim, SETTLED_MS);
    sim_broadcast(from, "room", 1);
    sim_broadcast(from, "secret-room", 2);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(to, MESSAGE_BROADCAST, NULL, 1), 1);
    assert_int_equal(sim_count(to, MESSAGE_BROADCAST, NULL, 2), 0);
    sim_join(sim, sim_add_link(sim, 0, 2));
    sim_join(sim, sim_add_link(sim, 2, 1));
    sim_run(sim, SETTLED_MS);
    sim_broadcast(from, "room", 3);
    sim_broadcast(from, "secret-room", 4);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(to, MESSAGE_BROADCAST, NULL, 3), 1);
    assert_int_equal(sim_count(to, MESSAGE_BROADCAST, NULL, 4), 1);
    sim_free(sim);
    bridge_policy_clear(&policy);
}

static void test_system_channels_never_cross(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct sim_client *listener = sim_connect(sim, 0, "listener");
    char *dump;

    (void)state;
    sim_join_chain(sim, 2);
    sim_open(listener, "__comm_ipc_logs");
    sim_run(sim, SETTLED_MS);
    dump = sim_dump(sim, 1);
    assert_null(strstr(dump, "__comm_ipc"));
    free(dump);
    sim_free(sim);
}

static void test_a_hub_that_starts_anew_is_taken_in_again(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct sim_client *reader = sim_connect(sim, 2, "reader");
    struct sim_client *again;

    (void)state;
    sim_join_ring(sim, 3);
    sim_open(reader, "room");
    sim_open(sim_connect(sim, 0, "old"), "room");
    sim_run(sim, SETTLED_MS);
    sim_restart(sim, 0);
    sim_run(sim, SETTLED_MS);
    sim_join(sim, 0);
    sim_join(sim, 2);
    sim_run(sim, SETTLED_MS);
    again = sim_connect(sim, 0, "new");
    sim_open(again, "room");
    sim_broadcast(again, "room", 31);
    sim_run(sim, SETTLED_MS);
    /* Its message numbers begin at 1 again, which must not look like duplicates. */
    assert_int_equal(sim_count(reader, MESSAGE_BROADCAST, "news", 31), 1);
    sim_free(sim);
}

struct kills {
    const char *what;
    void (*join)(struct sim *sim, unsigned n);
    unsigned n;
    uint64_t seed;
};

static void compare_with_fresh(const struct kills *kills, struct sim *sim)
{
    struct sim *fresh = sim_new(kills->n, 99);
    struct sim_client *clients[SIM_MAX_HUBS];

    kills->join(fresh, kills->n);
    connect_all(fresh, kills->n, clients);
    for (unsigned hub = 0; hub < kills->n; hub++)
        sim_provide(clients[hub], "room", clients[hub]->id, false, false);
    sim_run(fresh, SETTLED_MS);
    for (unsigned hub = 0; hub < kills->n; hub++) {
        char *got = sim_dump(sim, hub);
        char *expected = sim_dump(fresh, hub);

        assert_string_equal(got, expected);
        free(got);
        free(expected);
    }
    sim_free(fresh);
}

/* Every number is used once in the whole run, so more than one of it at a client is a duplicate. */
static void assert_no_duplicates(const struct kills *kills, struct sim_client *client, uint8_t *seen,
                                 uint64_t n)
{
    memset(seen, 0, n + 1);
    for (size_t i = 0; i < client->n_received; i++) {
        if (client->received[i].type != MESSAGE_BROADCAST)
            continue;
        assert_row(kills->what, client->received[i].data <= n && !seen[client->received[i].data]);
        seen[client->received[i].data] = 1;
    }
}

static void assert_calls_are_over(const struct kills *kills, struct sim_client *client, uint64_t n_calls)
{
    for (uint64_t i = 0; i < n_calls; i++) {
        char request[96];

        snprintf(request, sizeof request, "%s-%llu", client->id, (unsigned long long)i);
        assert_row(kills->what, sim_answer(client, request));
    }
}

#define N_STEPS 400

static void survive(const struct kills *kills)
{
    struct sim *sim = sim_new(kills->n, kills->seed);
    struct sim_client *clients[SIM_MAX_HUBS];
    uint64_t n_calls[SIM_MAX_HUBS] = {0};
    uint8_t *seen = malloc(N_STEPS + 2);
    uint64_t n_answers = 0;

    assert_non_null(seen);
    kills->join(sim, kills->n);
    connect_all(sim, kills->n, clients);
    for (unsigned hub = 0; hub < kills->n; hub++) {
        clients[hub]->answers = 1;
        sim_provide(clients[hub], "room", clients[hub]->id, false, false);
    }
    for (uint64_t step = 1; step <= N_STEPS; step++) {
        unsigned link = (unsigned)sim_random(sim, sim_n_links(sim));
        unsigned hub = (unsigned)sim_random(sim, kills->n);
        char request[96];

        if (sim_link(sim, link)->is_joined)
            sim_cut(sim, link, 50);
        else if (!sim_link(sim, link)->is_up[0] && !sim_link(sim, link)->is_up[1])
            sim_join(sim, link);
        sim_broadcast(clients[hub], "room", step);
        snprintf(request, sizeof request, "%s-%llu", clients[hub]->id, (unsigned long long)n_calls[hub]++);
        sim_call(clients[hub], "room", clients[sim_random(sim, kills->n)]->id, request, step);
        sim_run(sim, sim_random(sim, 20));
    }
    sim_run(sim, WITHDRAWN_MS);
    for (unsigned link = 0; link < sim_n_links(sim); link++) {
        if (!sim_link(sim, link)->is_joined)
            sim_join(sim, link);
    }
    sim_run(sim, SETTLED_MS);
    for (unsigned hub = 0; hub < kills->n; hub++) {
        assert_no_duplicates(kills, clients[hub], seen, N_STEPS);
        assert_calls_are_over(kills, clients[hub], n_calls[hub]);
        n_answers += sim_count(clients[hub], MESSAGE_RESPONSE, NULL, 0);
    }
    assert_row(kills->what, n_answers > 0);
    compare_with_fresh(kills, sim);
    /* And now everything arrives everywhere. */
    sim_broadcast(clients[0], "room", N_STEPS + 1);
    sim_run(sim, SETTLED_MS);
    for (unsigned hub = 1; hub < kills->n; hub++)
        assert_row(kills->what, sim_count(clients[hub], MESSAGE_BROADCAST, "news", N_STEPS + 1) == 1);
    free(seen);
    sim_free(sim);
}

static void test_after_random_cuts_the_tables_equal_a_fresh_start_and_nothing_came_twice(void **state)
{
    static const struct kills runs[] = {
        {"ring of 3", sim_join_ring, 3, 1},
        {"ring of 5", sim_join_ring, 5, 2},
        {"ring of 8", sim_join_ring, 8, 3},
        {"full mesh of 5", sim_join_full, 5, 4},
        {"full mesh of 5 again", sim_join_full, 5, 5},
        {"grid 3 x 3", join_grid_of_9, 9, 6},
        {"grid 3 x 3 again", join_grid_of_9, 9, 7},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(runs); i++)
        survive(&runs[i]);
}

static void test_tables_are_right_within_a_few_round_trips(void **state)
{
    struct sim *sim = sim_new(8, 1);
    struct sim_client *provider = sim_connect(sim, 0, "provider");
    uint64_t began_ms;

    (void)state;
    sim_join_ring(sim, 8);
    sim_run(sim, SETTLED_MS);
    sim_provide(provider, "room", "add", false, false);
    began_ms = sim_now_ms(sim);
    /* Four hops of at most 5 ms each way round. */
    sim_run(sim, 20);
    for (unsigned hub = 1; hub < 8; hub++) {
        char *dump = sim_dump(sim, hub);

        assert_non_null(strstr(dump, "service room:add"));
        free(dump);
    }
    assert_int_equal(sim_now_ms(sim) - began_ms, 20);
    sim_free(sim);
}

#define N_STAR (2 * MESH_VIEW_STEP_HUBS + 5)

static void test_a_list_of_hubs_is_taken_in_steps_and_leaves_out_who_goes_meanwhile(void **state)
{
    struct sim *sim = sim_new(N_STAR, 1);
    struct mesh_hub_list list = {0};
    unsigned last_link = 0;
    unsigned n_steps = 2;

    (void)state;
    for (unsigned hub = 1; hub < N_STAR; hub++) {
        last_link = sim_add_link(sim, 0, hub);
        sim_join(sim, last_link);
    }
    sim_run(sim, SETTLED_MS);
    assert_int_equal(mesh_view_hubs(sim_mesh(sim, 0), &list), MESH_VIEW_E_GOES_ON);
    assert_int_equal(mesh_view_hubs(sim_mesh(sim, 0), &list), MESH_VIEW_E_GOES_ON);
    assert_int_equal(list.n, MESH_VIEW_STEP_HUBS);
    sim_cut(sim, last_link, 1);
    sim_run(sim, 60000);
    while (mesh_view_hubs(sim_mesh(sim, 0), &list) == MESH_VIEW_E_GOES_ON)
        n_steps++;
    assert_int_equal(n_steps, 3);
    assert_int_equal(list.n_ids, N_STAR);
    assert_true(list.hubs[0].is_self);
    for (size_t i = 2; i < list.n; i++)
        assert_true(strcmp(list.hubs[i - 1].hub_id, list.hubs[i].hub_id) < 0);
    /* The one that has gone has the last id. */
    assert_int_equal(list.n, N_STAR - 1);
    mesh_view_clear(&list);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_provider_that_leaves_is_withdrawn_everywhere_with_one_update_a_link),
        cmocka_unit_test(test_a_service_moves_from_hub_to_hub),
        cmocka_unit_test(test_a_ring_goes_on_when_one_link_is_cut),
        cmocka_unit_test(test_what_a_filter_holds_back_finds_another_way_or_none),
        cmocka_unit_test(test_system_channels_never_cross),
        cmocka_unit_test(test_a_hub_that_starts_anew_is_taken_in_again),
        cmocka_unit_test(test_after_random_cuts_the_tables_equal_a_fresh_start_and_nothing_came_twice),
        cmocka_unit_test(test_tables_are_right_within_a_few_round_trips),
        cmocka_unit_test(test_a_list_of_hubs_is_taken_in_steps_and_leaves_out_who_goes_meanwhile),
    };

    return cmocka_run_group_tests_name("mesh in virtual time", tests, NULL, NULL);
}
