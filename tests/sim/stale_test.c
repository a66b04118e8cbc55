/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A hub behind a link that is cut: alpha - beta - gamma, whose second link is interrupted. For 10 s all waits
 * for its return; then gamma is gone for clients, while what is said to many is still kept.
 */
#include "tests/sim/sim.h"

#include "tests/support/unit.h"

#define SETTLED_MS 300
#define NEWS_MS 20 /* from beta to alpha */
#define ALPHA 0
#define GAMMA 2
#define CUT 1 /* the link */

struct line {
    struct sim *sim;
    struct sim_client *caller; /* at alpha; owns the topic "temp" */
    struct sim_client *far; /* at gamma; provides "add", subscribes "temp", hears what is said in the room */
};

static struct line begin_with(uint64_t seed)
{
    struct line line = {.sim = sim_new(3, seed)};

    sim_join_chain(line.sim, 3);
    line.caller = sim_connect(line.sim, ALPHA, "caller");
    line.far = sim_connect(line.sim, GAMMA, "far");
    sim_declare(line.caller, "room", "temp");
    sim_open(line.far, "room");
    sim_provide(line.far, "room", "add", false, false);
    sim_run(line.sim, SETTLED_MS);
    sim_subscribe(line.far, "room", "temp", true);
    sim_run(line.sim, SETTLED_MS);
    return line;
}

static struct line begin(void)
{
    return begin_with(1);
}

/* Until @after_ms after the cut. */
static void interrupt_for(const struct line *line, uint64_t after_ms)
{
    sim_interrupt(line->sim, CUT, 1);
    sim_run(line->sim, after_ms);
}

static size_t n_lasts(const struct line *line)
{
    return sim_count(line->caller, MESSAGE_RECEIVE, "subscription.temp.last", 0);
}

static void test_for_ten_seconds_calls_wait_and_nothing_is_withdrawn(void **state)
{
    struct line line = begin();

    (void)state;
    line.far->answers = 1;
    interrupt_for(&line, MESH_STALE_HOLD_MS - 1000);
    sim_call(line.caller, "room", "add", "r", 1);
    sim_return(line.sim, CUT);
    sim_run(line.sim, SETTLED_MS);
    assert_int_equal(sim_answer(line.caller, "r")->data, 2);
    assert_int_equal(n_lasts(&line), 0);
    sim_free(line.sim);
}

static void test_after_ten_seconds_the_hub_is_gone_for_clients_everywhere(void **state)
{
    struct line line = begin();

    (void)state;
    sim_call(line.caller, "room", "add", "asked before", 1);
    interrupt_for(&line, MESH_STALE_HOLD_MS + 1000);
    assert_string_equal(sim_answer(line.caller, "asked before")->error,
                        "Hub hub-2 became unreachable before it answered");
    sim_call(line.caller, "room", "add", "asked then", 1);
    assert_string_equal(sim_answer(line.caller, "asked then")->error, "No provider for room:add");
    assert_int_equal(n_lasts(&line), 1);
    sim_free(line.sim);
}

static void test_a_link_that_returns_later_brings_the_hub_back_and_what_was_said_to_many(void **state)
{
    struct line line = begin();

    (void)state;
    line.far->answers = 1;
    interrupt_for(&line, MESH_STALE_HOLD_MS + 5000);
    sim_broadcast(line.caller, "room", 7);
    sim_publish(line.caller, "room", "temp", 8);
    sim_return(line.sim, CUT);
    sim_run(line.sim, NEWS_MS);
    sim_call(line.caller, "room", "add", "r", 1);
    sim_run(line.sim, SETTLED_MS);
    assert_int_equal(sim_count(line.far, MESSAGE_BROADCAST, "news", 7), 1);
    assert_int_equal(sim_count(line.far, MESSAGE_RECEIVE, NULL, 8), 1);
    assert_int_equal(sim_count(line.caller, MESSAGE_RECEIVE, "subscription.temp.first", 0), 2);
    assert_int_equal(sim_answer(line.caller, "r")->data, 2);
    sim_free(line.sim);
}

#define BETA_END 0
#define GAMMA_END 1
#define STEP_MS 50

/* Cuts the link, which gamma notices; whether beta takes a second more. */
static bool gamma_notices_first(const struct line *line)
{
    sim_interrupt(line->sim, CUT, 3000);
    while (!sim_link(line->sim, CUT)->is_cut[GAMMA_END])
        sim_run(line->sim, STEP_MS);
    for (unsigned ms = 0; ms < 1000; ms += STEP_MS) {
        if (sim_link(line->sim, CUT)->is_cut[BETA_END])
            return false;
        sim_run(line->sim, STEP_MS);
    }
    return true;
}

/* Its answer was meant for a caller that gamma had given up, and who did not know. */
static void test_a_call_that_was_given_up_where_it_was_carried_out_ends_with_an_error(void **state)
{
    struct line line = begin();

    (void)state;
    for (uint64_t seed = 2;; seed++) {
        sim_call(line.caller, "room", "add", "r", 1);
        sim_run(line.sim, SETTLED_MS);
        if (gamma_notices_first(&line))
            break;
        sim_free(line.sim);
        line = begin_with(seed);
    }
    sim_run(line.sim, MESH_STALE_HOLD_MS - 1000 + 500);
    assert_null(sim_answer(line.caller, "r"));
    sim_return(line.sim, CUT);
    sim_run(line.sim, SETTLED_MS);
    assert_non_null(sim_answer(line.caller, "r"));
    assert_string_not_equal(sim_answer(line.caller, "r")->error, "");
    sim_free(line.sim);
}

static void test_a_hub_that_starts_anew_takes_the_place_of_its_former_life_at_once(void **state)
{
    struct line line = begin();

    (void)state;
    interrupt_for(&line, 1000);
    sim_restart(line.sim, GAMMA);
    sim_give_up(line.sim, CUT);
    sim_join(line.sim, CUT);
    sim_run(line.sim, SETTLED_MS);
    sim_call(line.caller, "room", "add", "r", 1);
    assert_string_equal(sim_answer(line.caller, "r")->error, "No provider for room:add");
    assert_int_equal(n_lasts(&line), 1);
    sim_free(line.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_for_ten_seconds_calls_wait_and_nothing_is_withdrawn),
        cmocka_unit_test(test_after_ten_seconds_the_hub_is_gone_for_clients_everywhere),
        cmocka_unit_test(test_a_link_that_returns_later_brings_the_hub_back_and_what_was_said_to_many),
        cmocka_unit_test(test_a_call_that_was_given_up_where_it_was_carried_out_ends_with_an_error),
        cmocka_unit_test(test_a_hub_that_starts_anew_takes_the_place_of_its_former_life_at_once),
    };

    return cmocka_run_group_tests_name("hubs behind a link that is cut", tests, NULL, NULL);
}
