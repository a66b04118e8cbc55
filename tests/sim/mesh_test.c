/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a mesh promises, on real cores and real meshes in virtual time. The judge is always what the simulated
 * clients got, never the hubs' own counters.
 */
#include "federation/path.h"
#include "tests/sim/sim.h"

#include "tests/support/unit.h"

/* Long enough for any shape here to come to rest. */
#define SETTLED_MS 500
/* The same after a link has gone for good. */
#define WITHDRAWN_MS (MESH_LINGER_MS + 1000)

/* In hubs. */
#define LONGEST_WAY (PATH_MAX_HOPS + 1)

struct shape {
    const char *what;
    void (*join)(struct sim *sim, unsigned n);
    unsigned n;
};

static void join_grid_of_9(struct sim *sim, unsigned n)
{
    (void)n;
    sim_join_grid(sim, 3, 3);
}

/* Two links between each pair of neighbours. */
static void join_double_ring(struct sim *sim, unsigned n)
{
    sim_join_ring(sim, n);
    sim_join_ring(sim, n);
}

static const struct shape shapes[] = {
    {"pair", sim_join_chain, 2},
    {"chain of 4", sim_join_chain, 4},
    {"ring of 3", sim_join_ring, 3},
    {"ring of 4", sim_join_ring, 4},
    {"ring of 5", sim_join_ring, 5},
    {"ring of 6", sim_join_ring, 6},
    {"ring of 7", sim_join_ring, 7},
    {"ring of 8", sim_join_ring, 8},
    {"full mesh of 5", sim_join_full, 5},
    {"grid 3 x 3", join_grid_of_9, 9},
    {"double ring of 4", join_double_ring, 4},
};

static struct sim *begin(const struct shape *shape)
{
    struct sim *sim = sim_new(shape->n, 7);

    shape->join(sim, shape->n);
    sim_run(sim, SETTLED_MS);
    return sim;
}

/* One client a hub that has the channel open. */
static void connect_all(struct sim *sim, unsigned n, struct sim_client **clients)
{
    for (unsigned i = 0; i < n; i++) {
        char id[32];

        snprintf(id, sizeof id, "c%u", i);
        clients[i] = sim_connect(sim, i, id);
        sim_open(clients[i], "room");
    }
    sim_run(sim, SETTLED_MS);
}

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
    sim_run(sim, SETTLED_MS);
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

/* News of ways are told in turn, so a message may be faster than the news of the hub that it is from. */
static void test_who_has_heard_of_a_subscriber_reaches_him_at_once(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct sim_client *owner = sim_connect(sim, 2, "owner");
    struct sim_client *reader = sim_connect(sim, 0, "reader");

    (void)state;
    for (unsigned hub = 0; hub < 2; hub++)
        sim_link(sim, sim_add_link(sim, hub, hub + 1))->delay_ms = 1;
    sim_join(sim, 0);
    sim_declare(owner, "room", "temp");
    sim_subscribe(reader, "room", "temp", true);
    sim_run(sim, SETTLED_MS);
    sim_join(sim, 1);
    for (unsigned ms = 0; ms < 1000 && sim_count(owner, MESSAGE_RECEIVE, "subscription.temp.first", 0) == 0;
         ms++)
        sim_run(sim, 1);
    sim_publish(owner, "room", "temp", 7);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(reader, MESSAGE_RECEIVE, NULL, 7), 1);
    assert_int_equal(sim_count_refused(sim, MESH_REFUSED_NO_ROUTE), 0);
    sim_free(sim);
}

static void test_a_topic_is_published_over_hubs_with_first_and_last_notices(void **state)
{
    struct sim *sim = sim_new(4, 1);
    struct sim_client *owner = sim_connect(sim, 0, "owner");
    struct sim_client *near = sim_connect(sim, 1, "near");
    struct sim_client *far = sim_connect(sim, 3, "far");

    (void)state;
    sim_join_ring(sim, 4);
    sim_open(owner, "room");
    sim_open(near, "room");
    sim_open(far, "room");
    sim_declare(owner, "room", "temp");
    sim_run(sim, SETTLED_MS);
    sim_subscribe(near, "room", "temp", true);
    sim_subscribe(far, "room", "temp", true);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(owner, MESSAGE_RECEIVE, "subscription.temp.first", 0), 1);
    sim_publish(owner, "room", "temp", 21);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(near, MESSAGE_RECEIVE, "subscription.temp.data", 21), 1);
    assert_int_equal(sim_count(far, MESSAGE_RECEIVE, "subscription.temp.data", 21), 1);
    sim_subscribe(near, "room", "temp", false);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(owner, MESSAGE_RECEIVE, "subscription.temp.last", 0), 0);
    sim_disconnect(far);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(owner, MESSAGE_RECEIVE, "subscription.temp.last", 0), 1);
    sim_free(sim);
}

static void test_a_topic_that_another_hub_owns_is_taken_until_its_owner_goes(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct sim_client *first = sim_connect(sim, 0, "first");
    struct sim_client *second = sim_connect(sim, 1, "second");
    struct sim_client *reader = sim_connect(sim, 2, "reader");

    (void)state;
    sim_join_ring(sim, 3);
    sim_open(reader, "room");
    sim_subscribe(reader, "room", "temp", true);
    /* Both at the same time: neither hub knows of the other's yet. */
    sim_declare(first, "room", "temp");
    sim_declare(second, "room", "temp");
    sim_run(sim, SETTLED_MS);
    sim_disconnect(first);
    sim_run(sim, SETTLED_MS);
    sim_publish(second, "room", "temp", 8);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count(reader, MESSAGE_RECEIVE, "subscription.temp.data", 8), 1);
    sim_free(sim);
}

static void test_members_are_seen_and_forgotten_everywhere(void **state)
{
    struct sim *sim = sim_new(4, 1);
    struct sim_client *clients[4];
    size_t n_joined = 0;

    (void)state;
    sim_join_ring(sim, 4);
    connect_all(sim, 4, clients);
    for (size_t i = 0; i < clients[0]->n_received; i++)
        n_joined += clients[0]->received[i].type == MESSAGE_METADATA_UPDATE;
    assert_int_equal(n_joined, 3);
    sim_disconnect(clients[2]);
    sim_run(sim, SETTLED_MS);
    for (size_t i = n_joined = 0; i < clients[0]->n_received; i++)
        n_joined += clients[0]->received[i].type == MESSAGE_METADATA_UPDATE;
    assert_int_equal(n_joined, 4);
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

static void test_a_channel_with_a_password_stays_at_its_hub_and_comes_back_without_it(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct sim_client *owner = sim_connect(sim, 0, "owner");
    struct sim_client *provider = sim_connect(sim, 1, "provider");

    (void)state;
    sim_join_chain(sim, 2);
    provider->answers = 1;
    sim_open(owner, "room");
    sim_provide(provider, "room", "add", false, false);
    sim_run(sim, SETTLED_MS);
    sim_call(owner, "room", "add", "r1", 1);
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_answer(owner, "r1")->data, 2);
    sim_set_password(owner, "room", "sesame");
    sim_run(sim, SETTLED_MS);
    sim_call(owner, "room", "add", "r2", 1);
    sim_run(sim, SETTLED_MS);
    assert_string_equal(sim_answer(owner, "r2")->error, "No provider for room:add");
    sim_set_password(owner, "room", NULL);
    sim_run(sim, SETTLED_MS);
    sim_call(owner, "room", "add", "r3", 1);
    sim_run(sim, SETTLED_MS);
    assert_non_null(sim_answer(owner, "r3"));
    assert_int_equal(sim_answer(owner, "r3")->data, 2);
    sim_free(sim);
}

/* A member at each end that speaks and listens in the room. */
struct conversation {
    struct sim_client *near;
    struct sim_client *far;
    unsigned n_said;
};

static void begin_conversation(struct sim *sim, struct conversation *talk, unsigned near, unsigned far)
{
    *talk =
        (struct conversation){.near = sim_connect(sim, near, "near"), .far = sim_connect(sim, far, "far")};
    talk->far->answers = 1;
    sim_open(talk->near, "vault");
    sim_open(talk->far, "vault");
    sim_provide(talk->far, "vault", "open_safe", false, false);
    sim_declare(talk->far, "vault", "alarm");
    sim_subscribe(talk->near, "vault", "alarm", true);
}

/* Whether everything crosses, or nothing does; anything between fails. */
static bool can_converse(struct sim *sim, struct conversation *talk)
{
    uint64_t said = 100 + 10 * ++talk->n_said;
    char request_id[16];
    unsigned n_crossed = 0;

    snprintf(request_id, sizeof request_id, "r%u", talk->n_said);
    sim_run(sim, SETTLED_MS);
    sim_call(talk->near, "vault", "open_safe", request_id, said);
    sim_broadcast(talk->near, "vault", said + 1);
    sim_broadcast(talk->far, "vault", said + 2);
    sim_publish(talk->far, "vault", "alarm", said + 3);
    sim_send(talk->near, "vault", "open_safe", said + 4);
    sim_run(sim, SETTLED_MS);
    assert_non_null(sim_answer(talk->near, request_id));
    n_crossed += sim_answer(talk->near, request_id)->data == said + 1;
    n_crossed += sim_count(talk->far, MESSAGE_BROADCAST, NULL, said + 1) == 1;
    n_crossed += sim_count(talk->near, MESSAGE_BROADCAST, NULL, said + 2) == 1;
    n_crossed += sim_count(talk->near, MESSAGE_RECEIVE, NULL, said + 3) == 1;
    n_crossed += sim_count(talk->far, MESSAGE_SEND, NULL, said + 4) == 1;
    assert_true(n_crossed == 0 || n_crossed == 5);
    return n_crossed == 5;
}

static void test_a_channel_crosses_where_both_hubs_hold_its_password(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct conversation talk;

    (void)state;
    sim_join_chain(sim, 2);
    begin_conversation(sim, &talk, 0, 1);
    sim_set_password(talk.near, "vault", "sesame");
    assert_false(can_converse(sim, &talk));
    sim_set_password(talk.far, "vault", "sesame");
    assert_true(can_converse(sim, &talk));
    assert_int_equal(sim_count_words(sim, MESH_CHANNEL_PROVEN), 2);
    sim_free(sim);
}

static void test_a_password_that_is_there_before_the_link_is_proven_when_it_comes_up(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct conversation talk;

    (void)state;
    begin_conversation(sim, &talk, 0, 1);
    sim_set_password(talk.near, "vault", "sesame");
    sim_set_password(talk.far, "vault", "sesame");
    sim_join_chain(sim, 2);
    assert_true(can_converse(sim, &talk));
    sim_cut(sim, 0, 5);
    sim_run(sim, WITHDRAWN_MS);
    assert_false(can_converse(sim, &talk));
    sim_join(sim, 0);
    assert_true(can_converse(sim, &talk));
    sim_free(sim);
}

static void test_another_password_is_no_proof_and_nothing_leaks(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct sim_client *near = sim_connect(sim, 0, "near");
    struct conversation talk;

    (void)state;
    sim_configure_password(sim, 0, "vault", "sesame");
    sim_configure_password(sim, 1, "vault", "alakazam");
    sim_watch(sim, "vault");
    sim_join_chain(sim, 2);
    sim_run(sim, SETTLED_MS);
    sim_set_password(near, "other", "x");
    sim_run(sim, SETTLED_MS);
    assert_int_equal(sim_count_watched(sim), 0);
    assert_int_equal(sim_count_words(sim, MESH_CHANNEL_PROVEN), 0);
    assert_true(sim_count_words(sim, MESH_CHANNEL_UNPROVEN) >= 2);
    sim_configure_password(sim, 0, "vault", NULL);
    sim_configure_password(sim, 1, "vault", NULL);
    sim_disconnect(near);
    begin_conversation(sim, &talk, 0, 1);
    assert_true(can_converse(sim, &talk));
    sim_free(sim);
}

static void test_a_hub_without_the_password_neither_sees_nor_carries_the_channel(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct conversation talk;
    char *dump;

    (void)state;
    begin_conversation(sim, &talk, 0, 2);
    sim_set_password(talk.near, "vault", "sesame");
    sim_set_password(talk.far, "vault", "sesame");
    sim_watch(sim, "vault");
    sim_join_chain(sim, 3);
    assert_false(can_converse(sim, &talk));
    assert_int_equal(sim_count_watched(sim), 0);
    dump = sim_dump(sim, 1);
    assert_null(strstr(dump, "vault"));
    free(dump);
    sim_configure_password(sim, 1, "vault", "sesame");
    assert_true(can_converse(sim, &talk));
    sim_configure_password(sim, 1, "vault", "changed");
    assert_false(can_converse(sim, &talk));
    sim_watch(sim, "vault");
    assert_false(can_converse(sim, &talk));
    assert_int_equal(sim_count_watched(sim), 0);
    sim_free(sim);
}

static void test_a_protected_channel_goes_round_a_hub_that_does_not_hold_it(void **state)
{
    struct sim *sim = sim_new(4, 1);
    struct conversation talk;
    char *dump;

    (void)state;
    sim_join_ring(sim, 4);
    begin_conversation(sim, &talk, 0, 2);
    sim_set_password(talk.near, "vault", "sesame");
    sim_set_password(talk.far, "vault", "sesame");
    sim_configure_password(sim, 3, "vault", "sesame");
    assert_true(can_converse(sim, &talk));
    sim_watch(sim, "vault");
    assert_true(can_converse(sim, &talk));
    assert_true(sim_count_watched(sim) > 0);
    dump = sim_dump(sim, 1);
    assert_null(strstr(dump, "vault"));
    free(dump);
    sim_free(sim);
}

static void test_a_change_of_password_voids_the_proof_until_the_other_side_follows(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct conversation talk;

    (void)state;
    sim_join_chain(sim, 2);
    begin_conversation(sim, &talk, 0, 1);
    sim_set_password(talk.near, "vault", "sesame");
    sim_set_password(talk.far, "vault", "sesame");
    assert_true(can_converse(sim, &talk));
    sim_set_password(talk.near, "vault", "changed");
    assert_false(can_converse(sim, &talk));
    sim_set_password(talk.far, "vault", "changed");
    assert_true(can_converse(sim, &talk));
    sim_set_password(talk.near, "vault", "once");
    sim_set_password(talk.near, "vault", "changed");
    assert_true(can_converse(sim, &talk));
    sim_set_password(talk.far, "vault", NULL);
    assert_false(can_converse(sim, &talk));
    sim_set_password(talk.near, "vault", NULL);
    assert_true(can_converse(sim, &talk));
    sim_free(sim);
}

static void test_after_random_changes_of_passwords_the_tables_are_those_of_a_fresh_start(void **state)
{
    static const char *const passwords[] = {"sesame", "alakazam", NULL};
    enum { HUBS = 5 };

    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct sim *sim = sim_new(HUBS, seed);
        struct sim_client *members[HUBS];
        char *before;
        char *after;

        sim_join_ring(sim, HUBS);
        for (unsigned i = 0; i < HUBS; i++) {
            char id[8];

            snprintf(id, sizeof id, "m%u", i);
            members[i] = sim_connect(sim, i, id);
            sim_open(members[i], "vault");
            sim_declare(members[i], "vault", id);
        }
        for (unsigned n = 0; n < 100; n++) {
            if (sim_random(sim, 4) == 0) {
                unsigned link = (unsigned)sim_random(sim, sim_n_links(sim));

                sim_cut(sim, link, 20);
                sim_run(sim, 25);
                sim_join(sim, link);
            }
            sim_set_password(members[sim_random(sim, HUBS)], "vault", passwords[sim_random(sim, 3)]);
            sim_run(sim, sim_random(sim, 60));
        }
        for (unsigned i = 0; i < HUBS; i++)
            sim_set_password(members[i], "vault", "the last");
        sim_run(sim, WITHDRAWN_MS);
        before = sim_dump(sim, 0);
        for (unsigned link = 0; link < sim_n_links(sim); link++)
            sim_cut(sim, link, 1);
        sim_run(sim, WITHDRAWN_MS);
        for (unsigned link = 0; link < sim_n_links(sim); link++)
            sim_join(sim, link);
        sim_run(sim, SETTLED_MS);
        after = sim_dump(sim, 0);
        assert_string_equal(before, after);
        assert_non_null(strstr(before, "member vault:m3"));
        free(before);
        free(after);
        sim_free(sim);
    }
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

/* --- random cuts ---------------------------------------------------------------------------------------- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_broadcast_comes_exactly_once_in_every_shape_and_uses_a_tree),
        cmocka_unit_test(test_a_broadcast_goes_only_where_somebody_listens),
        cmocka_unit_test(test_equal_broadcasts_all_arrive),
        cmocka_unit_test(test_broadcasts_of_a_sender_arrive_in_order),
        cmocka_unit_test(test_a_call_is_answered_from_every_hub_of_every_shape),
        cmocka_unit_test(test_a_stream_crosses_hubs_in_order),
        cmocka_unit_test(test_the_path_of_a_message_shows_every_hub_that_it_passed),
        cmocka_unit_test(test_a_call_over_the_longest_way_is_still_answered),
        cmocka_unit_test(test_a_send_reaches_the_provider_once),
        cmocka_unit_test(test_a_group_spreads_over_hubs),
        cmocka_unit_test(test_a_provider_that_leaves_is_withdrawn_everywhere_with_one_update_a_link),
        cmocka_unit_test(test_a_service_moves_from_hub_to_hub),
        cmocka_unit_test(test_a_ring_goes_on_when_one_link_is_cut),
        cmocka_unit_test(test_a_call_to_a_hub_that_is_cut_off_is_answered),
        cmocka_unit_test(
            test_a_call_under_way_on_a_link_that_breaks_goes_another_way_and_is_carried_out_once),
        cmocka_unit_test(test_a_call_under_way_on_a_far_link_that_breaks_is_sent_back_and_around),
        cmocka_unit_test(test_who_has_heard_of_a_subscriber_reaches_him_at_once),
        cmocka_unit_test(test_a_topic_is_published_over_hubs_with_first_and_last_notices),
        cmocka_unit_test(test_a_topic_that_another_hub_owns_is_taken_until_its_owner_goes),
        cmocka_unit_test(test_members_are_seen_and_forgotten_everywhere),
        cmocka_unit_test(test_what_a_filter_holds_back_finds_another_way_or_none),
        cmocka_unit_test(test_system_channels_never_cross),
        cmocka_unit_test(test_a_channel_with_a_password_stays_at_its_hub_and_comes_back_without_it),
        cmocka_unit_test(test_a_channel_crosses_where_both_hubs_hold_its_password),
        cmocka_unit_test(test_a_password_that_is_there_before_the_link_is_proven_when_it_comes_up),
        cmocka_unit_test(test_another_password_is_no_proof_and_nothing_leaks),
        cmocka_unit_test(test_a_hub_without_the_password_neither_sees_nor_carries_the_channel),
        cmocka_unit_test(test_a_protected_channel_goes_round_a_hub_that_does_not_hold_it),
        cmocka_unit_test(test_a_change_of_password_voids_the_proof_until_the_other_side_follows),
        cmocka_unit_test(test_after_random_changes_of_passwords_the_tables_are_those_of_a_fresh_start),
        cmocka_unit_test(test_a_hub_that_starts_anew_is_taken_in_again),
        cmocka_unit_test(test_after_random_cuts_the_tables_equal_a_fresh_start_and_nothing_came_twice),
        cmocka_unit_test(test_tables_are_right_within_a_few_round_trips),
    };

    return cmocka_run_group_tests_name("mesh in virtual time", tests, NULL, NULL);
}
