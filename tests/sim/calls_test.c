/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Calls, sends and streams over any number of hubs, and over links that break while they are under way
 */
#include "federation/path.h"
#include "tests/sim/sim_room.h"

/* In hubs. */
#define LONGEST_WAY (PATH_MAX_HOPS + 1)

static void calls_reach_the_provider(const struct shape *shape)
{
    struct sim *sim = begin(shape);
    struct sim_client *provider = sim_connect(sim, 0, "provider");

    provider->answers = 1;
    sim_provide(provider, "room", "add", false, false);
    sim_run(sim, SETTLED_MS);
    for (unsigned hub = 0; hub < shape->n; hub++) {
        struct sim_client *caller;
        const struct sim_received *answer;
        char id[32];

        snprintf(id, sizeof id, "caller%u", hub);
        caller = sim_connect(sim, hub, id);
        sim_call(caller, "room", "add", "r1", 100 + hub);
        sim_run(sim, SETTLED_MS);
        answer = sim_answer(caller, "r1");
        assert_row(shape->what, answer && answer->data == 101 + hub && !answer->error[0]);
        /* The provider saw the caller itself, once. */
        assert_row(shape->what, sim_count(provider, MESSAGE_CALL, "add", 100 + hub) == 1);
        assert_row(shape->what, strcmp(provider->received[provider->n_received - 1].sender, id) == 0);
    }
    sim_free(sim);
}

static void test_a_call_is_answered_from_every_hub_of_every_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(shapes); i++)
        calls_reach_the_provider(&shapes[i]);
}

static void test_a_stream_crosses_hubs_in_order(void **state)
{
    struct sim *sim = sim_new(4, 1);
    struct sim_client *provider = sim_connect(sim, 0, "provider");
    struct sim_client *caller = sim_connect(sim, 3, "caller");
    uint64_t last = 0;

    (void)state;
    sim_join_chain(sim, 4);
    provider->answers = 50;
    sim_provide(provider, "room", "count", false, true);
    sim_run(sim, SETTLED_MS);
    sim_call(caller, "room", "count", "s1", 1);
    sim_run(sim, SETTLED_MS);
    for (size_t i = 0; i < caller->n_received; i++) {
        const struct sim_received *chunk = &caller->received[i];

        if (chunk->type != MESSAGE_RESPONSE)
            continue;
        assert_true(chunk->is_stream);
        assert_int_equal(chunk->data, ++last);
        assert_int_equal(chunk->is_final, last == 50);
    }
    assert_int_equal(last, 50);
    sim_free(sim);
}

static const struct sim_received *last_of_type(const struct sim_client *client, enum message_type type)
{
    for (size_t i = client->n_received; i > 0; i--) {
        if (client->received[i - 1].type == type)
            return &client->received[i - 1];
    }
    fail_msg("%s has got none of type %d", client->id, (int)type);
    return NULL;
}

static void test_the_path_of_a_message_shows_every_hub_that_it_passed(void **state)
{
    struct sim *sim = sim_new(4, 1);
    struct sim_client *clients[4];

    (void)state;
    sim_join_chain(sim, 4);
    connect_all(sim, 4, clients);
    clients[3]->answers = 1;
    sim_provide(clients[3], "room", "add", false, false);
    sim_provide(clients[3], "room", "tell", false, false);
    sim_run(sim, SETTLED_MS);
    sim_broadcast(clients[0], "room", 1);
    sim_call(clients[0], "room", "add", "far", 1);
    sim_send(clients[0], "room", "tell", 1);
    sim_run(sim, SETTLED_MS);
    assert_string_equal(last_of_type(clients[0], MESSAGE_RESPONSE)->path, "hub-3 hub-2 hub-1 hub-0");
    assert_string_equal(last_of_type(clients[1], MESSAGE_BROADCAST)->path, "hub-0 hub-1");
    assert_string_equal(last_of_type(clients[2], MESSAGE_BROADCAST)->path, "hub-0 hub-1 hub-2");
    assert_string_equal(last_of_type(clients[3], MESSAGE_BROADCAST)->path, "hub-0 hub-1 hub-2 hub-3");
    assert_string_equal(last_of_type(clients[3], MESSAGE_CALL)->path, "hub-0 hub-1 hub-2 hub-3");
    assert_string_equal(last_of_type(clients[3], MESSAGE_SEND)->path, "hub-0 hub-1 hub-2 hub-3");
    sim_call(clients[2], "room", "add", "near", 1);
    sim_run(sim, SETTLED_MS);
    assert_string_equal(last_of_type(clients[3], MESSAGE_CALL)->path, "hub-2 hub-3");
    assert_string_equal(last_of_type(clients[2], MESSAGE_RESPONSE)->path, "hub-3 hub-2");
    sim_free(sim);
}

static void test_a_call_over_the_longest_way_is_still_answered(void **state)
{
    struct sim *sim = sim_new(LONGEST_WAY, 1);
    struct sim_client *provider = sim_connect(sim, 0, "provider");
    struct sim_client *caller = sim_connect(sim, LONGEST_WAY - 1, "caller");

    (void)state;
    sim_join_chain(sim, LONGEST_WAY);
    provider->answers = 1;
    sim_provide(provider, "room", "add", false, false);
    sim_run(sim, 2 * SETTLED_MS);
    sim_call(caller, "room", "add", "r", 7);
    sim_run(sim, SETTLED_MS);
    assert_non_null(sim_answer(caller, "r"));
    assert_int_equal(sim_answer(caller, "r")->data, 8);
    assert_string_equal(sim_answer(caller, "r")->error, "");
    sim_free(sim);
}

static void test_a_send_reaches_the_provider_once(void **state)
{
    struct sim *sim = sim_new(5, 1);
    struct sim_client *provider = sim_connect(sim, 0, "provider");
    struct sim_client *sender = sim_connect(sim, 2, "sender");

    (void)state;
    sim_join_full(sim, 5);
    sim_provide(provider, "room", "tell", false, false);
    sim_run(sim, SETTLED_MS);
    sim_send(sender, "room", "tell", 9);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(provider, MESSAGE_SEND, "tell", 9), 1);
    sim_free(sim);
}

static void test_a_group_spreads_over_hubs(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct sim_client *workers[2];
    struct sim_client *caller = sim_connect(sim, 2, "caller");
    char request[96];

    (void)state;
    sim_join_chain(sim, 3);
    for (unsigned i = 0; i < 2; i++) {
        workers[i] = sim_connect(sim, i, i ? "w1" : "w0");
        sim_provide(workers[i], "room", "workers.run", true, false);
    }
    sim_run(sim, SETTLED_MS);
    for (unsigned i = 0; i < 4; i++) {
        snprintf(request, sizeof request, "r%u", i);
        sim_call(caller, "room", "workers.run", request, 1);
    }
    sim_run(sim, SETTLED_MS);
    /* Least active: four calls that nobody answers split evenly. */
    assert_int_equal(sim_count(workers[0], MESSAGE_CALL, NULL, 0), 2);
    assert_int_equal(sim_count(workers[1], MESSAGE_CALL, NULL, 0), 2);
    sim_free(sim);
}

static void test_a_call_to_a_hub_that_is_cut_off_is_answered(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct sim_client *provider = sim_connect(sim, 0, "provider");
    struct sim_client *caller = sim_connect(sim, 2, "caller");

    (void)state;
    sim_join_chain(sim, 3);
    /* It never answers by itself. */
    sim_provide(provider, "room", "add", false, false);
    sim_run(sim, SETTLED_MS);
    sim_call(caller, "room", "add", "r1", 1);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(provider, MESSAGE_CALL, "add", 1), 1);
    assert_null(sim_answer(caller, "r1"));
    sim_cut(sim, 0, 10);
    sim_run(sim, WITHDRAWN_MS);
    assert_non_null(sim_answer(caller, "r1"));
    assert_string_not_equal(sim_answer(caller, "r1")->error, "");
    sim_call(caller, "room", "add", "r2", 1);
    assert_string_equal(sim_answer(caller, "r2")->error, "No provider for room:add");
    sim_free(sim);
}

static void test_a_call_under_way_on_a_link_that_breaks_goes_another_way_and_is_carried_out_once(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct sim_client *provider = sim_connect(sim, 0, "provider");
    struct sim_client *caller = sim_connect(sim, 2, "caller");

    (void)state;
    sim_join_ring(sim, 3);
    provider->answers = 1;
    sim_provide(provider, "room", "add", false, false);
    sim_run(sim, SETTLED_MS);
    sim_call(caller, "room", "add", "r1", 1);
    sim_cut(sim, 2, 10);
    sim_run(sim, 50);
    assert_int_equal(sim_count(provider, MESSAGE_CALL, "add", 1), 1);
    assert_non_null(sim_answer(caller, "r1"));
    assert_int_equal(sim_answer(caller, "r1")->data, 2);
    assert_int_equal(sim_count(caller, MESSAGE_RESPONSE, NULL, 0), 1);
    sim_free(sim);
}

static void test_a_call_under_way_on_a_far_link_that_breaks_is_sent_back_and_around(void **state)
{
    struct sim *sim = sim_new(5, 1);
    struct sim_client *provider = sim_connect(sim, 0, "provider");
    struct sim_client *caller = sim_connect(sim, 2, "caller");

    (void)state;
    sim_join_ring(sim, 5);
    provider->answers = 1;
    sim_provide(provider, "room", "add", false, false);
    sim_run(sim, SETTLED_MS);
    /* Its way is 2 - 1 - 0; the link 0 - 1 goes while it is on it. */
    sim_call(caller, "room", "add", "r1", 1);
    sim_run(sim, sim_link(sim, 1)->delay_ms);
    sim_cut(sim, 0, 10);
    sim_run(sim, 100);
    assert_int_equal(sim_count(provider, MESSAGE_CALL, "add", 1), 1);
    assert_non_null(sim_answer(caller, "r1"));
    assert_int_equal(sim_answer(caller, "r1")->data, 2);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_is_answered_from_every_hub_of_every_shape),
        cmocka_unit_test(test_a_stream_crosses_hubs_in_order),
        cmocka_unit_test(test_the_path_of_a_message_shows_every_hub_that_it_passed),
        cmocka_unit_test(test_a_call_over_the_longest_way_is_still_answered),
        cmocka_unit_test(test_a_send_reaches_the_provider_once),
        cmocka_unit_test(test_a_group_spreads_over_hubs),
        cmocka_unit_test(test_a_call_to_a_hub_that_is_cut_off_is_answered),
        cmocka_unit_test(
            test_a_call_under_way_on_a_link_that_breaks_goes_another_way_and_is_carried_out_once),
        cmocka_unit_test(test_a_call_under_way_on_a_far_link_that_breaks_is_sent_back_and_around),
    };

    return cmocka_run_group_tests_name("calls in virtual time", tests, NULL, NULL);
}
