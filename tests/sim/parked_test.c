/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What has no way waits for one: alpha - beta - gamma, whose second link ends for good and is made anew
 */
#include "tests/sim/sim.h"

#include <stdlib.h>

#include "federation/parked.h"
#include "tests/support/unit.h"

#define SETTLED_MS 300
/* A link that is over is stale first; then it is gone. */
#define GONE_MS (MESH_LINGER_MS + 1000)

struct line {
    struct sim *sim;
    struct sim_client *sender;
    struct sim_client *reader;
    unsigned link; /* beta - gamma */
};

static struct line begin(void)
{
    struct line line = {.sim = sim_new(3, 1), .link = 1};

    sim_join_chain(line.sim, 3);
    line.sender = sim_connect(line.sim, 0, "sender");
    line.reader = sim_connect(line.sim, 2, "reader");
    sim_open(line.sender, "room");
    sim_open(line.reader, "room");
    sim_provide(line.reader, "room", "add", false, false);
    sim_run(line.sim, SETTLED_MS);
    return line;
}

/* Broadcasts @n messages, numbered from @first, 10 ms apart. */
static void say(const struct line *line, uint64_t first, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sim_broadcast(line->sender, "room", first + i);
        sim_run(line->sim, 10);
    }
}

static void lose_link(const struct line *line)
{
    sim_cut(line->sim, line->link, 50);
    sim_run(line->sim, GONE_MS);
}

static void join_again(const struct line *line)
{
    sim_join(line->sim, line->link);
    sim_run(line->sim, SETTLED_MS);
}

/* How many broadcasts the reader got; they must be in order, each once. */
static size_t n_in_order(const struct line *line)
{
    uint64_t last = 0;
    size_t n = 0;

    for (size_t i = 0; i < line->reader->n_received; i++) {
        const struct sim_received *received = &line->reader->received[i];

        if (received->type != MESSAGE_BROADCAST)
            continue;
        assert_true(received->data > last);
        last = received->data;
        n++;
    }
    return n;
}

static void test_messages_without_a_way_wait_for_one_and_go_on_in_order(void **state)
{
    struct line line = begin();

    (void)state;
    say(&line, 1, 10);
    lose_link(&line);
    say(&line, 11, 500);
    assert_int_equal(n_in_order(&line), 10);
    sim_join(line.sim, line.link);
    say(&line, 511, 10);
    sim_run(line.sim, SETTLED_MS);
    assert_int_equal(n_in_order(&line), 520);
    assert_int_equal(sim_count_refused(line.sim, MESH_REFUSED_NO_ROUTE), 0);
    sim_free(line.sim);
}

static void test_a_call_without_a_way_does_not_wait(void **state)
{
    struct line line = begin();

    (void)state;
    lose_link(&line);
    sim_call(line.sender, "room", "add", "r", 1);
    sim_run(line.sim, SETTLED_MS);
    assert_true(sim_answer(line.sender, "r")->error[0]);
    join_again(&line);
    assert_int_equal(sim_count(line.reader, MESSAGE_CALL, "add", 0), 0);
    sim_free(line.sim);
}

static void test_what_has_waited_for_half_a_minute_is_given_up_and_counted(void **state)
{
    struct line line = begin();

    (void)state;
    lose_link(&line);
    say(&line, 1, 5);
    sim_run(line.sim, ROUTE_TABLE_MISSED_MS + 1000);
    assert_int_equal(sim_count_refused(line.sim, MESH_REFUSED_NO_ROUTE), 5);
    /* From then on nothing is kept for that hub. */
    say(&line, 6, 5);
    join_again(&line);
    assert_int_equal(n_in_order(&line), 0);
    sim_free(line.sim);
}

static void test_a_hub_that_starts_anew_gets_nothing_that_waited_for_it(void **state)
{
    struct line line = begin();

    (void)state;
    lose_link(&line);
    say(&line, 1, 5);
    sim_restart(line.sim, 2);
    line.reader = sim_connect(line.sim, 2, "reader");
    sim_open(line.reader, "room");
    join_again(&line);
    assert_int_equal(n_in_order(&line), 0);
    assert_int_equal(sim_count_refused(line.sim, MESH_REFUSED_RESTARTED), 5);
    sim_free(line.sim);
}

static void test_a_reader_that_has_left_gets_nothing_that_waited_for_it(void **state)
{
    struct line line = begin();

    (void)state;
    lose_link(&line);
    say(&line, 1, 5);
    sim_disconnect(line.reader);
    join_again(&line);
    sim_run(line.sim, ROUTE_TABLE_MISSED_MS + 1000);
    assert_int_equal(n_in_order(&line), 0);
    assert_int_equal(sim_count_refused(line.sim, MESH_REFUSED_NO_ROUTE), 5);
    sim_free(line.sim);
}

static void test_no_more_waits_than_there_is_room_for(void **state)
{
    const size_t large = 1 << 20;
    const unsigned n_said = PARKED_MOST_BYTES / (1 << 20) + 3;
    struct line line = begin();

    (void)state;
    lose_link(&line);
    for (unsigned i = 1; i <= n_said; i++)
        sim_broadcast_large(line.sender, "room", i, large);
    /* A message has some bytes more than that. */
    assert_int_equal(sim_count_refused(line.sim, MESH_REFUSED_HELD_TOO_MUCH), 4);
    join_again(&line);
    assert_int_equal(n_in_order(&line), n_said - 4);
    /* What has gone has made room. */
    lose_link(&line);
    sim_broadcast_large(line.sender, "room", n_said + 1, large);
    join_again(&line);
    assert_int_equal(n_in_order(&line), n_said - 3);
    sim_free(line.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_without_a_way_wait_for_one_and_go_on_in_order),
        cmocka_unit_test(test_a_call_without_a_way_does_not_wait),
        cmocka_unit_test(test_what_has_waited_for_half_a_minute_is_given_up_and_counted),
        cmocka_unit_test(test_a_hub_that_starts_anew_gets_nothing_that_waited_for_it),
        cmocka_unit_test(test_a_reader_that_has_left_gets_nothing_that_waited_for_it),
        cmocka_unit_test(test_no_more_waits_than_there_is_room_for),
    };

    return cmocka_run_group_tests_name("messages without a way", tests, NULL, NULL);
}
