/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Producers that bring more than a link carries or a reader reads: who waits, for how long, what is kept
 * meanwhile, and that nothing is lost
 */
#include "federation/credit.h"
#include "federation/holds.h"
#include "tests/sim/sim.h"

#include <stdlib.h>

#include "tests/support/unit.h"

#define SETTLED_MS 500
/* The mesh looks at what waits now and then. */
#define LOOK_MS 300
#define LARGE_BYTES (16U << 10)

/* All that is kept on behalf of one stalled class: its credit, what was under way from the hubs before when
 * their producers were told to wait, and an outbox. */
#define MOST_KEPT_BYTES (6U << 20)

struct pump {
    struct sim_client *client;
    const char *event; /* of the room, to which it sends; NULL: it broadcasts */
    const char *hall;  /* in which it broadcasts; NULL: in the room */
    size_t n_bytes;    /* of each message */
    uint64_t per_ms;   /* that it says while it may */
    uint64_t said;
    uint64_t most; /* that it says in all */
    uint64_t waits_ms;
    uint64_t longest_ms; /* that it waited without a pause */
};

static void say(struct pump *pump)
{
    pump->said++;
    if (pump->event)
        sim_send_large(pump->client, "room", pump->event, pump->said, pump->n_bytes);
    else
        sim_broadcast_large(pump->client, pump->hall ? pump->hall : "room", pump->said, pump->n_bytes);
}

static void turn(struct pump *pump)
{
    for (uint64_t i = 0; i < pump->per_ms && pump->said < pump->most && !sim_waits(pump->client); i++)
        say(pump);
    pump->waits_ms = sim_waits(pump->client) ? pump->waits_ms + 1 : 0;
    if (pump->waits_ms > pump->longest_ms)
        pump->longest_ms = pump->waits_ms;
}

static size_t most_kept(const struct sim *sim)
{
    size_t most = 0;

    for (unsigned i = 0; i < sim_n_links(sim); i++) {
        const struct sim_link *link = sim_link((struct sim *)sim, i);

        for (unsigned end = 0; end < 2; end++) {
            size_t kept = link->is_up[end] ? mesh_link_counts(link->ends[end]).kept_bytes : 0;

            most = kept > most ? kept : most;
        }
    }
    return most;
}

/* Answers the most bytes that any link kept meanwhile. */
static size_t run(struct sim *sim, struct pump *pumps, size_t n_pumps, uint64_t for_ms)
{
    size_t most = 0;

    for (uint64_t ms = 0; ms < for_ms; ms++) {
        for (size_t i = 0; i < n_pumps; i++)
            turn(&pumps[i]);
        sim_run(sim, 1);
        if (most_kept(sim) > most)
            most = most_kept(sim);
    }
    return most;
}

/* Every message of the pump, in order, each once. */
static void assert_got_all(const struct sim_client *reader, const struct pump *pump)
{
    enum message_type type = pump->event ? MESSAGE_CALL : MESSAGE_BROADCAST;
    uint64_t next = 1;

    for (size_t i = 0; i < reader->n_received; i++) {
        const struct sim_received *received = &reader->received[i];

        if (strcmp(received->sender, pump->client->id) != 0 ||
            (received->type != type && received->type != MESSAGE_SEND))
            continue;
        assert_int_equal(received->data, next);
        next++;
    }
    assert_int_equal(next - 1, pump->said);
}

static struct sim_client *reader_at(struct sim *sim, unsigned hub, const char *id)
{
    struct sim_client *reader = sim_connect(sim, hub, id);

    sim_open(reader, "room");
    sim_provide(reader, "room", id, false, false);
    return reader;
}

static struct sim_client *producer_at(struct sim *sim, unsigned hub, const char *id)
{
    struct sim_client *producer = sim_connect(sim, hub, id);

    sim_open(producer, "room");
    return producer;
}

/* --- slow readers --------------------------------------------------------------------------------------- */

/* 8 MB at 160 MB/s for one that reads 25 MB/s. */
static void assert_a_slow_reader_gets_all(unsigned n_hubs)
{
    struct sim *sim = sim_new(n_hubs, 1);
    struct sim_client *reader;
    struct pump pump = {.event = "slow", .n_bytes = LARGE_BYTES, .per_ms = 10, .most = 500};

    sim_join_chain(sim, n_hubs);
    pump.client = producer_at(sim, 0, "producer");
    reader = reader_at(sim, n_hubs - 1, "slow");
    sim_read_slowly(reader, 25000);
    sim_run(sim, SETTLED_MS);
    assert_true(run(sim, &pump, 1, 500) <= MOST_KEPT_BYTES);
    assert_int_equal(pump.said, pump.most);
    assert_got_all(reader, &pump);
    assert_true(reader->most_unread_bytes <= MOST_KEPT_BYTES);
    sim_free(sim);
}

static void test_a_slow_reader_of_another_hub_holds_its_producer_and_gets_all(void **state)
{
    (void)state;
    assert_a_slow_reader_gets_all(2);
    assert_a_slow_reader_gets_all(3);
}

static void test_a_slow_reader_holds_nobody_but_its_own_producer(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct pump pumps[] = {
        {.event = "slow", .n_bytes = LARGE_BYTES, .per_ms = 10, .most = UINT64_MAX},
        {.event = "fast", .n_bytes = 100, .per_ms = 1, .most = UINT64_MAX},
        {.hall = "hall", .n_bytes = 100, .per_ms = 1, .most = UINT64_MAX},
    };
    struct sim_client *fast;
    size_t late = 0;

    (void)state;
    sim_join_chain(sim, 3);
    sim_link(sim, 0)->bytes_per_ms = sim_link(sim, 1)->bytes_per_ms = 200000;
    pumps[0].client = producer_at(sim, 0, "producer");
    pumps[1].client = producer_at(sim, 0, "sender");
    pumps[2].client = producer_at(sim, 0, "crier");
    sim_read_slowly(reader_at(sim, 2, "slow"), 10000);
    fast = reader_at(sim, 2, "fast");
    sim_open(fast, "hall");
    sim_open(pumps[2].client, "hall");
    sim_run(sim, SETTLED_MS);
    for (unsigned i = 0; i < 400; i++) {
        run(sim, pumps, 3, 1);
        /* Two hops of a millisecond, and behind what was under way for the slow one. */
        if (i > 9 &&
            (sim_count(fast, MESSAGE_CALL, "fast", 0) + sim_count(fast, MESSAGE_SEND, "fast", 0) + 9 <
                 pumps[1].said ||
             sim_count(fast, MESSAGE_BROADCAST, NULL, 0) + 9 < pumps[2].said))
            late++;
    }
    assert_int_equal(late, 0);
    assert_true(pumps[0].longest_ms > 0);
    assert_int_equal(pumps[1].longest_ms, 0);
    assert_int_equal(pumps[2].longest_ms, 0);
    sim_free(sim);
}

static void test_who_is_held_for_a_hub_that_vanishes_goes_by_itself(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct pump pump = {.event = "slow", .n_bytes = LARGE_BYTES, .per_ms = 10, .most = UINT64_MAX};

    (void)state;
    sim_join_chain(sim, 2);
    pump.client = producer_at(sim, 0, "producer");
    sim_read_slowly(reader_at(sim, 1, "slow"), 1);
    sim_run(sim, SETTLED_MS);
    run(sim, &pump, 1, 4500);
    /* Told again every second. */
    assert_true(pump.waits_ms > 4400);
    sim_cut(sim, 0, 1);
    sim_run(sim, 3000 + 2 * LOOK_MS);
    assert_false(sim_waits(pump.client));
    sim_free(sim);
}

/* --- full links ----------------------------------------------------------------------------------------- */

/* 256 KiB of credit. */
static struct bridge_policy narrow(void)
{
    struct bridge_spec spec = {.limits.queue_bytes = 1 << 20};
    struct bridge_policy policy;

    assert_int_equal(bridge_policy_init(&policy, &spec), 0);
    return policy;
}

/* It carries nothing any more, and without pulses nobody notices. */
static void go_dead(struct sim *sim, unsigned link)
{
    sim_link(sim, link)->is_joined = false;
}

static void test_a_link_that_carries_less_than_it_is_brought_loses_nothing(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct pump pumps[] = {
        {.event = "reader", .n_bytes = 10000, .per_ms = 10, .most = 400},
        {.event = NULL, .n_bytes = 10000, .per_ms = 10, .most = 400},
    };
    struct sim_client *reader;

    (void)state;
    sim_join_chain(sim, 2);
    sim_link(sim, 0)->bytes_per_ms = 10000;
    pumps[0].client = producer_at(sim, 0, "sender");
    pumps[1].client = producer_at(sim, 0, "crier");
    reader = reader_at(sim, 1, "reader");
    sim_run(sim, SETTLED_MS);
    assert_true(run(sim, pumps, 2, 1100) <= MOST_KEPT_BYTES);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pumps[i].said, pumps[i].most);
        assert_true(pumps[i].longest_ms > 0);
        assert_got_all(reader, &pumps[i]);
    }
    assert_int_equal(sim_count_refused(sim, MESH_REFUSED_LINK_FULL), 0);
    sim_free(sim);
}

static void test_messages_for_many_leave_out_a_slow_hub_after_a_second_and_the_others_get_all(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct bridge_policy policy = narrow();
    struct pump pump = {.n_bytes = 10000, .per_ms = 1, .most = UINT64_MAX};
    struct sim_client *quick;
    struct sim_client *slow;
    unsigned link;
    size_t n_before;

    (void)state;
    sim_join(sim, sim_add_link(sim, 0, 1));
    link = sim_add_link(sim, 0, 2);
    sim_link(sim, link)->policy = &policy;
    sim_link(sim, link)->bytes_per_ms = 100;
    sim_join(sim, link);
    pump.client = producer_at(sim, 0, "crier");
    quick = reader_at(sim, 1, "quick");
    slow = reader_at(sim, 2, "slow");
    sim_run(sim, SETTLED_MS);
    assert_true(run(sim, &pump, 1, 5000) <= policy.limits.queue_bytes);
    assert_in_range(pump.longest_ms, 100, CREDIT_MANY_PATIENCE_MS + LOOK_MS);
    assert_true(sim_has_warned(sim, 0, "link_full"));
    assert_true(sim_count_refused(sim, MESH_REFUSED_LINK_FULL) > 100);
    /* A small queue, so that others are not behind much. */
    assert_true(most_kept(sim) <= policy.limits.queue_bytes / 4 + 2 * pump.n_bytes);
    sim_run(sim, 4000);
    assert_got_all(quick, &pump);
    /* When there is room again, it takes part again. */
    n_before = sim_count(slow, MESSAGE_BROADCAST, NULL, 0);
    say(&pump);
    sim_run(sim, 500);
    assert_int_equal(sim_count(slow, MESSAGE_BROADCAST, NULL, 0), n_before + 1);
    sim_free(sim);
    bridge_policy_clear(&policy);
}

static void test_messages_for_one_wait_for_a_dead_link_for_a_while_and_are_refused_then(void **state)
{
    struct sim *sim = sim_new(3, 1);
    struct bridge_policy policy = narrow();
    struct pump pumps[] = {
        {.event = "lost", .n_bytes = 10000, .per_ms = 1, .most = UINT64_MAX},
        {.event = "near", .n_bytes = 100, .per_ms = 1, .most = UINT64_MAX},
    };
    struct sim_client *near;
    char id[16] = "";
    unsigned link;

    (void)state;
    sim_join(sim, sim_add_link(sim, 0, 1));
    link = sim_add_link(sim, 0, 2);
    sim_link(sim, link)->policy = &policy;
    sim_join(sim, link);
    pumps[0].client = producer_at(sim, 0, "producer");
    pumps[1].client = producer_at(sim, 0, "other");
    near = reader_at(sim, 1, "near");
    reader_at(sim, 2, "lost");
    sim_run(sim, SETTLED_MS);
    go_dead(sim, link);
    run(sim, pumps, 2, CREDIT_ONE_PATIENCE_MS + 2000);
    assert_in_range(pumps[0].longest_ms, CREDIT_ONE_PATIENCE_MS - 100, CREDIT_ONE_PATIENCE_MS + LOOK_MS);
    assert_int_equal(pumps[1].longest_ms, 0);
    assert_true(sim_count_refused(sim, MESH_REFUSED_LINK_FULL) > 100);
    assert_true(most_kept(sim) <= policy.limits.queue_bytes);
    /* So many that no place is left between the large ones. */
    for (unsigned i = 0; i < 200; i++) {
        snprintf(id, sizeof id, "call-%u", i);
        sim_call(pumps[0].client, "room", "lost", id, 1);
    }
    sim_run(sim, SETTLED_MS);
    assert_non_null(sim_answer(pumps[0].client, id));
    assert_true(sim_answer(pumps[0].client, id)->error[0]);
    assert_got_all(near, &pumps[1]);
    sim_free(sim);
    bridge_policy_clear(&policy);
}

static void test_hubs_that_send_to_each_other_in_a_full_ring_do_not_lock_each_other_up(void **state)
{
    static const char *const ids[] = {"r0", "r1", "r2", "r3", "r4"};
    struct sim *sim = sim_new(5, 1);
    struct pump pumps[5];
    struct sim_client *readers[5];

    (void)state;
    sim_join_ring(sim, 5);
    for (unsigned i = 0; i < 5; i++) {
        sim_link(sim, i)->bytes_per_ms = 5000;
        readers[i] = reader_at(sim, i, ids[i]);
        sim_read_slowly(readers[i], 4000);
    }
    for (unsigned i = 0; i < 5; i++) {
        char id[16];

        snprintf(id, sizeof id, "p%u", i);
        /* Over a hub between them. */
        pumps[i] = (struct pump){.client = producer_at(sim, i, id),
                                 .event = ids[(i + 2) % 5],
                                 .n_bytes = 5000,
                                 .per_ms = 20,
                                 .most = 600};
    }
    sim_run(sim, SETTLED_MS);
    assert_true(run(sim, pumps, 5, 4000) <= MOST_KEPT_BYTES);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(pumps[i].said, pumps[i].most);
        assert_got_all(readers[(i + 2) % 5], &pumps[i]);
        assert_true(readers[i]->most_unread_bytes <= MOST_KEPT_BYTES);
    }
    sim_free(sim);
}

static void test_credit_follows_what_a_fast_link_carries(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct pump pump = {.event = "reader", .n_bytes = 64 << 10, .per_ms = 8, .most = UINT64_MAX};
    const struct mesh_link *end;

    (void)state;
    sim_join_chain(sim, 2);
    sim_link(sim, 0)->bytes_per_ms = 300000;
    pump.client = producer_at(sim, 0, "producer");
    reader_at(sim, 1, "reader");
    sim_run(sim, SETTLED_MS);
    end = sim_link(sim, 0)->ends[0];
    assert_in_range(mesh_link_flow(end, LINK_CLASS_ONE).credit_bytes, 1, 800000);
    run(sim, &pump, 1, 60);
    assert_in_range(mesh_link_flow(end, LINK_CLASS_ONE).credit_bytes, 900000,
                    CREDIT_AHEAD_MS * 300000 + LARGE_BYTES);
    /* It comes down again where there is little to carry. */
    pump.n_bytes = 10;
    pump.per_ms = 1;
    run(sim, &pump, 1, 1000);
    assert_in_range(mesh_link_flow(end, LINK_CLASS_ONE).credit_bytes, 1, 800000);
    sim_free(sim);
}

/* --- cuts ----------------------------------------------------------------------------------------------- */

static void assert_accounts_agree(struct sim *sim, unsigned index)
{
    struct sim_link *link = sim_link(sim, index);

    for (unsigned end = 0; end < 2; end++) {
        const struct link_session *here = mesh_link_frames(link->ends[end]);
        const struct link_session *there = mesh_link_frames(link->ends[!end]);

        assert_int_equal(here->sent, there->received);
        assert_int_equal(here->acknowledged, here->sent);
        assert_int_equal(here->kept_bytes, 0);
        for (unsigned i = 0; i < LINK_CLASS_COUNT; i++)
            assert_int_equal(here->kept_bytes_of[i], 0);
    }
}

static void test_a_link_that_is_cut_when_its_credit_is_used_up_goes_on_with_all_of_it(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct pump pumps[] = {
        {.event = "reader", .n_bytes = 10000, .per_ms = 10, .most = 600},
        {.event = NULL, .n_bytes = 10000, .per_ms = 10, .most = 600},
    };
    struct sim_client *reader;

    (void)state;
    sim_join_chain(sim, 2);
    sim_link(sim, 0)->bytes_per_ms = 4000;
    pumps[0].client = producer_at(sim, 0, "sender");
    pumps[1].client = producer_at(sim, 0, "crier");
    reader = reader_at(sim, 1, "reader");
    sim_run(sim, SETTLED_MS);
    for (unsigned cut = 0; cut < 5; cut++) {
        run(sim, pumps, 2, 200);
        sim_interrupt(sim, 0, 20);
        run(sim, pumps, 2, 500);
        assert_true(sim_waits(pumps[0].client) && sim_waits(pumps[1].client));
        sim_return(sim, 0);
    }
    assert_true(run(sim, pumps, 2, 4000) <= MOST_KEPT_BYTES);
    sim_run(sim, SETTLED_MS);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pumps[i].said, pumps[i].most);
        assert_false(sim_waits(pumps[i].client));
        assert_got_all(reader, &pumps[i]);
    }
    assert_accounts_agree(sim, 0);
    assert_int_equal(sim_count_refused(sim, MESH_REFUSED_HELD_TOO_MUCH), 0);
    sim_free(sim);
}

/* --- peers that lie ------------------------------------------------------------------------------------- */

static void grant(struct sim *sim, uint64_t bytes)
{
    struct mesh_link *link = sim_link(sim, 0)->ends[0];
    struct link_ack ack = {mesh_link_frames(link)->acknowledged, bytes, bytes};
    struct hub_time time = {.now_ms = sim_now_ms(sim)};

    assert_true(mesh_link_acknowledged(link, &ack, time));
}

static void test_a_far_side_that_grants_too_much_is_believed_up_to_our_own_bound(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct bridge_policy policy = narrow();
    struct pump pump = {.event = "reader", .n_bytes = 10000, .per_ms = 200, .most = UINT64_MAX};
    unsigned link = sim_add_link(sim, 0, 1);

    (void)state;
    sim_link(sim, link)->policy = &policy;
    sim_join(sim, link);
    pump.client = producer_at(sim, 0, "producer");
    reader_at(sim, 1, "reader");
    sim_run(sim, SETTLED_MS);
    go_dead(sim, link);
    grant(sim, UINT64_MAX);
    turn(&pump);
    assert_true(sim_waits(pump.client));
    assert_true(most_kept(sim) <= policy.limits.queue_bytes / 4 + 2 * pump.n_bytes);
    sim_free(sim);
    bridge_policy_clear(&policy);
}

static void test_a_far_side_that_grants_nothing_is_sent_one_message_after_the_other(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct pump pump = {.event = "reader", .n_bytes = 100, .per_ms = 10, .most = 20};
    struct sim_client *reader;

    (void)state;
    sim_join_chain(sim, 2);
    pump.client = producer_at(sim, 0, "producer");
    reader = reader_at(sim, 1, "reader");
    sim_run(sim, SETTLED_MS);
    for (unsigned ms = 0; ms < 1000; ms++) {
        grant(sim, 0);
        run(sim, &pump, 1, 1);
        assert_true(most_kept(sim) < 1000);
    }
    assert_true(pump.longest_ms > 10);
    assert_int_equal(pump.said, pump.most);
    assert_got_all(reader, &pump);
    sim_free(sim);
}

/* Says to the first hub that a client of it is to wait. */
static int hold(struct sim *sim, struct bytes trail, struct bytes client)
{
    struct sim_link *link = sim_link(sim, 0);
    struct link_message message = {
        .type = LINK_MESSAGE_HOLD,
        .hold = {.to = sim_mesh(sim, 0)->id,
                 .from = sim_mesh(sim, 1)->id,
                 .trail = trail,
                 .client = client,
                 .is_held = true},
    };
    struct hub_time time = {.now_ms = sim_now_ms(sim)};

    return mesh_link_receive(link->ends[0], &message, time);
}

static void
test_a_word_that_holds_is_refused_malformed_and_nothing_for_clients_that_are_not_there(void **state)
{
    struct sim *sim = sim_new(2, 1);
    struct hub_id far;
    struct sim_client *client;
    char id[32];

    (void)state;
    sim_join_chain(sim, 2);
    client = producer_at(sim, 0, "client");
    sim_run(sim, SETTLED_MS);
    far = sim_mesh(sim, 1)->id;
    assert_int_equal(hold(sim, BYTES_NONE, bytes_of_text("client")), MESH_E_BAD_MESSAGE);
    assert_int_equal(hold(sim, hub_id_bytes(&far), BYTES_NONE), MESH_E_BAD_MESSAGE);
    for (unsigned i = 0; i < 2 * HOLDS_MAX; i++) {
        snprintf(id, sizeof id, "nobody-%u", i);
        assert_int_equal(hold(sim, hub_id_bytes(&far), bytes_of_text(id)), 0);
    }
    assert_false(sim_waits(client));
    /* They have taken no place. */
    assert_int_equal(hold(sim, hub_id_bytes(&far), bytes_of_text("client")), 0);
    assert_true(sim_waits(client));
    sim_run(sim, HOLDS_LAST_MS + 2 * LOOK_MS);
    assert_false(sim_waits(client));
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slow_reader_of_another_hub_holds_its_producer_and_gets_all),
        cmocka_unit_test(test_a_slow_reader_holds_nobody_but_its_own_producer),
        cmocka_unit_test(test_who_is_held_for_a_hub_that_vanishes_goes_by_itself),
        cmocka_unit_test(test_a_link_that_carries_less_than_it_is_brought_loses_nothing),
        cmocka_unit_test(test_messages_for_many_leave_out_a_slow_hub_after_a_second_and_the_others_get_all),
        cmocka_unit_test(test_messages_for_one_wait_for_a_dead_link_for_a_while_and_are_refused_then),
        cmocka_unit_test(test_hubs_that_send_to_each_other_in_a_full_ring_do_not_lock_each_other_up),
        cmocka_unit_test(test_credit_follows_what_a_fast_link_carries),
        cmocka_unit_test(test_a_link_that_is_cut_when_its_credit_is_used_up_goes_on_with_all_of_it),
        cmocka_unit_test(test_a_far_side_that_grants_too_much_is_believed_up_to_our_own_bound),
        cmocka_unit_test(test_a_far_side_that_grants_nothing_is_sent_one_message_after_the_other),
        cmocka_unit_test(
            test_a_word_that_holds_is_refused_malformed_and_nothing_for_clients_that_are_not_there),
    };

    return cmocka_run_group_tests_name("flow control over links", tests, NULL, NULL);
}
