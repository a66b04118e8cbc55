/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Meshes of many shapes: how soon the tables are right, what a change costs, and whether kills leave anything
 * behind
 *
 * Two judges, neither of them the code under test: the shortest ways, which are searched for here in the
 * links that stand, and the tables of another world of the same links that has just begun.
 *
 * The links carry a frame in 1 to 5 ms. Some shapes are also tried with links that take no time, and with
 * slow ones; SIM_FULL=1 in the environment tries all. SIM_SECONDS=600 makes the kills go on for so long, in
 * virtual time. SIM_SEED=5 adds to every seed.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>

#include "tests/support/unit.h"

#define GRACE_MS 50
#define AT_REST_MS 5000
/* The neighbours of a hub that dies notice it within so long of each other. */
#define NOTICED_MS 10
/* So long a silent hub's links may go on; less than in life. */
#define SESSION_MS 10000
#define LINK_COST 10

struct form {
    const char *what;
    void (*join)(struct sim *sim, unsigned n);
    unsigned n;
};

/* Of a form, with links that carry a frame in so long. */
struct shape {
    char what[64];
    void (*join)(struct sim *sim, unsigned n);
    unsigned n;
    uint32_t least_delay_ms;
    uint32_t most_delay_ms;
};

static void join_grid_of_25(struct sim *sim, unsigned n)
{
    (void)n;
    sim_join_grid(sim, 5, 5);
}

static bool has_link(struct sim *sim, unsigned a, unsigned b)
{
    for (unsigned i = 0; i < sim_n_links(sim); i++) {
        const struct sim_link *link = sim_link(sim, i);

        if ((link->a == a && link->b == b) || (link->a == b && link->b == a))
            return true;
    }
    return false;
}

/* A ring, and as many chords as hubs. */
static void join_random(struct sim *sim, unsigned n)
{
    sim_join_ring(sim, n);
    for (unsigned left = n; left > 0;) {
        unsigned a = (unsigned)sim_random(sim, n);
        unsigned b = (unsigned)sim_random(sim, n);

        if (a == b || has_link(sim, a, b))
            continue;
        sim_join(sim, sim_add_link(sim, a, b));
        left--;
    }
}

static const struct form forms[] = {
    {"ring of 3", sim_join_ring, 3},      {"ring of 4", sim_join_ring, 4},
    {"ring of 5", sim_join_ring, 5},      {"ring of 6", sim_join_ring, 6},
    {"ring of 7", sim_join_ring, 7},      {"ring of 8", sim_join_ring, 8},
    {"ring of 9", sim_join_ring, 9},      {"ring of 10", sim_join_ring, 10},
    {"ring of 11", sim_join_ring, 11},    {"ring of 12", sim_join_ring, 12},
    {"ring of 13", sim_join_ring, 13},    {"ring of 14", sim_join_ring, 14},
    {"ring of 15", sim_join_ring, 15},    {"ring of 16", sim_join_ring, 16},
    {"ring of 17", sim_join_ring, 17},    {"ring of 18", sim_join_ring, 18},
    {"ring of 19", sim_join_ring, 19},    {"ring of 20", sim_join_ring, 20},
    {"full mesh of 5", sim_join_full, 5}, {"full mesh of 8", sim_join_full, 8},
    {"grid 5 x 5", join_grid_of_25, 25},  {"random mesh of 30", join_random, 30},
};

/* The first of them are also tried with other links. */
static const struct form typical[] = {
    {"ring of 20", sim_join_ring, 20},   {"full mesh of 8", sim_join_full, 8},
    {"grid 5 x 5", join_grid_of_25, 25}, {"random mesh of 30", join_random, 30},
    {"ring of 3", sim_join_ring, 3},     {"full mesh of 5", sim_join_full, 5},
};
#define N_TYPICAL 3

static uint64_t number_wanted(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

typedef void shape_test(const struct shape *shape);

static void try(shape_test *test, const struct form *tried, size_t n, uint32_t least_delay_ms,
                uint32_t most_delay_ms)
{
    for (size_t i = 0; i < n; i++) {
        struct shape shape = {.join = tried[i].join,
                              .n = tried[i].n,
                              .least_delay_ms = least_delay_ms,
                              .most_delay_ms = most_delay_ms};

        snprintf(shape.what, sizeof shape.what, "%s, links of %u to %u ms", tried[i].what, least_delay_ms,
                 most_delay_ms);
        test(&shape);
    }
}

static void try_all(shape_test *test)
{
    static const uint32_t others[][2] = {{0, 0}, {10, 50}, {0, 1}};
    bool is_full = number_wanted("SIM_FULL", 0) != 0;

    try(test, forms, N_ELEMENTS(forms), 1, 5);
    for (size_t i = 0; i < (is_full ? N_ELEMENTS(others) : N_ELEMENTS(others) - 1); i++)
        try(test, is_full ? forms : typical, is_full ? N_ELEMENTS(forms) : N_TYPICAL, others[i][0],
            others[i][1]);
}

/* --- the judges ----------------------------------------------------------------------------------------- */

#define UNREACHED SIM_MAX_HUBS

/* How many links lead from @from to each hub by the shortest way; UNREACHED: none. */
static void measure(struct sim *sim, unsigned from, unsigned n_hubs, unsigned *distances)
{
    for (unsigned hub = 0; hub < n_hubs; hub++)
        distances[hub] = hub == from ? 0 : UNREACHED;
    for (unsigned round = 0; round < n_hubs; round++) {
        for (unsigned i = 0; i < sim_n_links(sim); i++) {
            const struct sim_link *link = sim_link(sim, i);

            if (link->is_joined && distances[link->a] == round && distances[link->b] == UNREACHED)
                distances[link->b] = round + 1;
            if (link->is_joined && distances[link->b] == round && distances[link->a] == UNREACHED)
                distances[link->a] = round + 1;
        }
    }
}

static unsigned diameter_of(struct sim *sim, unsigned n_hubs)
{
    unsigned diameter = 0;

    for (unsigned from = 0; from < n_hubs; from++) {
        unsigned distances[SIM_MAX_HUBS];

        measure(sim, from, n_hubs, distances);
        for (unsigned hub = 0; hub < n_hubs; hub++) {
            if (distances[hub] != UNREACHED && distances[hub] > diameter)
                diameter = distances[hub];
        }
    }
    return diameter;
}

static uint64_t slowest_round_trip_ms(struct sim *sim)
{
    uint64_t slowest_ms = 0;

    for (unsigned i = 0; i < sim_n_links(sim); i++) {
        if (2 * sim_link(sim, i)->delay_ms > slowest_ms)
            slowest_ms = 2 * sim_link(sim, i)->delay_ms;
    }
    return slowest_ms;
}

static uint64_t time_to_converge(struct sim *sim, unsigned n_hubs)
{
    return diameter_of(sim, n_hubs) * slowest_round_trip_ms(sim) + GRACE_MS;
}

static bool is_joined(struct sim *sim, unsigned a, unsigned b)
{
    for (unsigned i = 0; i < sim_n_links(sim); i++) {
        const struct sim_link *link = sim_link(sim, i);

        if (link->is_joined && ((link->a == a && link->b == b) || (link->a == b && link->b == a)))
            return true;
    }
    return false;
}

/* The hub of an id in hex: its last octet. */
static unsigned hub_of(const char *hex)
{
    return (unsigned)strtoul(hex + HUB_ID_TEXT - 3, NULL, 16);
}

/* A line's hubs, the origin first, must be joined one to the next and the last one to us. Answers how many.
 */
static unsigned follow(const struct shape *shape, struct sim *sim, unsigned hub, char *path)
{
    unsigned n = 0;
    unsigned before = 0;
    char *rest = NULL;

    for (char *hex = strtok_r(path, " ", &rest); hex; hex = strtok_r(NULL, " ", &rest)) {
        if (n > 0)
            assert_row(shape->what, is_joined(sim, before, hub_of(hex)));
        before = hub_of(hex);
        n++;
    }
    assert_row(shape->what, n > 0 && is_joined(sim, before, hub));
    return n;
}

/* A way of another hub's, held against the shortest. Answers the origin. */
static unsigned judge_line(const struct shape *shape, struct sim *sim, unsigned hub, char *line,
                           const unsigned *distances)
{
    char kind[16];
    char name[80];
    char origin[HUB_ID_TEXT];
    unsigned long long cost;
    char *path = strstr(line, " by");
    unsigned n_hops;

    assert_row(shape->what, path && sscanf(line, "%15s %79s %32s cost %llu", kind, name, origin, &cost) == 4);
    if (hub_of(origin) == hub)
        return hub;
    n_hops = follow(shape, sim, hub, path + strlen(" by"));
    if (n_hops != distances[hub_of(origin)] || cost != (unsigned long long)n_hops * LINK_COST)
        fail_msg("%s: hub %u goes by %u links (cost %llu) to %s of hub %u, which is %u away", shape->what,
                 hub, n_hops, cost, kind, hub_of(origin), distances[hub_of(origin)]);
    return hub_of(origin);
}

/* Every way is a shortest one over links that stand, and every hub's service is known where one leads to it.
 */
static void judge_table(const struct shape *shape, struct sim *sim, unsigned hub)
{
    char *dump = sim_dump(sim, hub);
    unsigned distances[SIM_MAX_HUBS];
    bool has_service[SIM_MAX_HUBS] = {false};
    char *rest = NULL;

    measure(sim, hub, shape->n, distances);
    for (char *line = strtok_r(dump, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        bool is_service = strncmp(line, "service room:c", strlen("service room:c")) == 0;
        unsigned origin = judge_line(shape, sim, hub, line, distances);

        has_service[origin] |= is_service;
    }
    for (unsigned other = 0; other < shape->n; other++) {
        if (has_service[other] != (distances[other] != UNREACHED))
            fail_msg("%s: hub %u %s of hub %u", shape->what, hub,
                     has_service[other] ? "still knows" : "does not know", other);
    }
    free(dump);
}

static void judge_tables(const struct shape *shape, struct sim *sim)
{
    for (unsigned hub = 0; hub < shape->n; hub++)
        judge_table(shape, sim, hub);
}

static struct sim_client *furnish_hub(struct sim *sim, unsigned hub)
{
    struct sim_client *client;
    char id[16];

    snprintf(id, sizeof id, "c%u", hub);
    client = sim_connect(sim, hub, id);
    sim_provide(client, "room", id, false, false);
    return client;
}

static void furnish(struct sim *sim, unsigned n_hubs)
{
    for (unsigned hub = 0; hub < n_hubs; hub++)
        furnish_hub(sim, hub);
}

/* Fails with the first line that differs. */
static void compare_tables(const struct shape *shape, unsigned hub, char *got, char *expected)
{
    char *rest_got = NULL;
    char *rest_expected = NULL;
    const char *line = strtok_r(got, "\n", &rest_got);
    const char *other = strtok_r(expected, "\n", &rest_expected);

    while (line && other && strcmp(line, other) == 0) {
        line = strtok_r(NULL, "\n", &rest_got);
        other = strtok_r(NULL, "\n", &rest_expected);
    }
    if (line || other)
        fail_msg("%s: hub %u has\n%s\nand from a fresh start\n%s", shape->what, hub, line ? line : "nothing",
                 other ? other : "nothing");
}

/* The same hubs, and those links that stand, from the beginning. */
static void compare_with_fresh(const struct shape *shape, struct sim *sim)
{
    struct sim *fresh = sim_new(shape->n, 99);

    furnish(fresh, shape->n);
    for (unsigned i = 0; i < sim_n_links(sim); i++) {
        if (sim_link(sim, i)->is_joined)
            sim_join(fresh, sim_add_link(fresh, sim_link(sim, i)->a, sim_link(sim, i)->b));
    }
    sim_run(fresh, AT_REST_MS);
    for (unsigned hub = 0; hub < shape->n; hub++) {
        char *got = sim_dump(sim, hub);
        char *expected = sim_dump(fresh, hub);

        compare_tables(shape, hub, got, expected);
        free(got);
        free(expected);
    }
    sim_free(fresh);
}

static struct sim *begin_with(const struct shape *shape, uint64_t seed, bool has_pulses)
{
    struct sim *sim = sim_new(shape->n, seed + number_wanted("SIM_SEED", 0));

    sim_delay_links(sim, shape->least_delay_ms, shape->most_delay_ms);
    if (has_pulses)
        sim_beat(sim);
    sim_trace(sim);
    furnish(sim, shape->n);
    shape->join(sim, shape->n);
    sim_run(sim, time_to_converge(sim, shape->n));
    return sim;
}

static struct sim *begin(const struct shape *shape, uint64_t seed)
{
    return begin_with(shape, seed, false);
}

/* --- the tests ------------------------------------------------------------------------------------------ */

static void join_at_once(const struct shape *shape)
{
    struct sim *sim = begin(shape, 7);

    judge_tables(shape, sim);
    compare_with_fresh(shape, sim);
    sim_free(sim);
}

static void test_all_joined_at_once_the_tables_are_right_in_time(void **state)
{
    (void)state;
    try_all(join_at_once);
}

static bool knows(struct sim *sim, unsigned hub, const char *name)
{
    char *dump = sim_dump(sim, hub);
    bool is_known = strstr(dump, name) != NULL;

    free(dump);
    return is_known;
}

/* Something was told of the event, and nothing twice. */
static void judge_updates(const struct shape *shape, struct sim *sim)
{
    if (sim_n_updates(sim) == 0 || sim_most_updates(sim) != 1)
        fail_msg("%s: %u updates of one key over one link, of %llu in all", shape->what,
                 sim_most_updates(sim), (unsigned long long)sim_n_updates(sim));
}

static void come_and_go(const struct shape *shape)
{
    struct sim *sim = begin(shape, 8);
    struct sim_client *client = sim_connect(sim, shape->n / 2, "guest");
    uint64_t in_time_ms = time_to_converge(sim, shape->n);

    sim_run(sim, AT_REST_MS);
    sim_provide(client, "hall", "serve", false, false);
    sim_run(sim, in_time_ms);
    for (unsigned hub = 0; hub < shape->n; hub++)
        assert_row(shape->what, knows(sim, hub, "service hall:serve"));
    sim_run(sim, AT_REST_MS);
    sim_trace(sim);
    sim_disconnect(client);
    sim_run(sim, in_time_ms);
    for (unsigned hub = 0; hub < shape->n; hub++)
        assert_row(shape->what, !knows(sim, hub, "hall:"));
    judge_updates(shape, sim);
    judge_tables(shape, sim);
    sim_free(sim);
}

static void test_a_service_is_known_and_withdrawn_in_time_with_one_update_a_link(void **state)
{
    (void)state;
    try_all(come_and_go);
}

static unsigned farthest_from(struct sim *sim, unsigned from, unsigned n_hubs)
{
    unsigned distances[SIM_MAX_HUBS];
    unsigned farthest = from;

    measure(sim, from, n_hubs, distances);
    for (unsigned hub = 0; hub < n_hubs; hub++) {
        if (distances[hub] > distances[farthest])
            farthest = hub;
    }
    return farthest;
}

static void join_and_call(const struct shape *shape)
{
    struct sim *sim = sim_new(shape->n + 1, 12 + number_wanted("SIM_SEED", 0));
    struct sim_client *caller = sim_connect(sim, shape->n, "caller");
    struct sim_client *provider;
    const struct sim_received *answer;

    sim_delay_links(sim, shape->least_delay_ms, shape->most_delay_ms);
    shape->join(sim, shape->n);
    provider = sim_connect(sim, farthest_from(sim, 0, shape->n), "provider");
    provider->answers = 1;
    sim_provide(provider, "room", "add", false, false);
    sim_open(caller, "room");
    sim_run(sim, AT_REST_MS);
    sim_join(sim, sim_add_link(sim, shape->n, 0));
    while (sim_count_ways(sim, shape->n, ROUTE_SERVICE) == 0)
        sim_run(sim, 1);
    sim_call(caller, "room", "add", "request", 41);
    sim_run(sim, time_to_converge(sim, shape->n + 1));
    answer = sim_answer(caller, "request");
    assert_row(shape->what, answer && answer->data == 42);
    sim_free(sim);
}

static void test_a_hub_that_joins_may_call_as_soon_as_it_knows_whom(void **state)
{
    (void)state;
    try_all(join_and_call);
}

static void lose_a_link(const struct shape *shape)
{
    struct sim *sim = begin(shape, 11);

    sim_run(sim, AT_REST_MS);
    sim_trace(sim);
    sim_cut(sim, 0, 1);
    sim_run(sim, 1 + time_to_converge(sim, shape->n));
    judge_tables(shape, sim);
    sim_run(sim, MESH_LINGER_MS);
    compare_with_fresh(shape, sim);
    judge_updates(shape, sim);
    sim_free(sim);
}

static void test_a_link_that_is_lost_costs_one_update_a_link_and_the_tables_are_right_in_time(void **state)
{
    (void)state;
    try_all(lose_a_link);
}

static void lose_a_hub(const struct shape *shape)
{
    struct sim *sim = begin(shape, 12);
    unsigned lost = shape->n - 1;

    sim_run(sim, AT_REST_MS);
    sim_trace(sim);
    for (unsigned i = 0; i < sim_n_links(sim); i++) {
        if (sim_link(sim, i)->a == lost || sim_link(sim, i)->b == lost)
            sim_cut(sim, i, NOTICED_MS);
    }
    /* Its links are stale for MESH_LINGER_MS. Some hubs look for that before it is over, and again after the
     * LOOK_MS of mesh.c. */
    sim_run(sim, NOTICED_MS / 2);
    sim_run(sim, MESH_LINGER_MS + 250 + time_to_converge(sim, shape->n));
    judge_tables(shape, sim);
    compare_with_fresh(shape, sim);
    judge_updates(shape, sim);
    sim_free(sim);
}

static void test_a_hub_that_ends_is_withdrawn_in_time_with_one_update_a_link(void **state)
{
    (void)state;
    try_all(lose_a_hub);
}

/* A hub whose links carry nothing any more, and when its neighbours have noticed it. */
struct silence {
    unsigned hub;
    unsigned n_links;
    unsigned links[SIM_MAX_LINKS];
    uint64_t noticed_ms[SIM_MAX_LINKS]; /* 0: not yet */
};

static void fall_silent(struct silence *silence, struct sim *sim)
{
    for (unsigned i = 0; i < sim_n_links(sim); i++) {
        if (sim_link(sim, i)->a != silence->hub && sim_link(sim, i)->b != silence->hub)
            continue;
        sim_silence(sim, i);
        silence->links[silence->n_links++] = i;
    }
}

static void wait_till_noticed(struct silence *silence, struct sim *sim)
{
    for (unsigned n_noticed = 0; n_noticed < silence->n_links;) {
        sim_run(sim, 1);
        for (unsigned i = 0; i < silence->n_links; i++) {
            const struct sim_link *link = sim_link(sim, silence->links[i]);

            if (silence->noticed_ms[i] > 0 || !link->is_cut[link->a == silence->hub])
                continue;
            silence->noticed_ms[i] = sim_now_ms(sim);
            n_noticed++;
        }
    }
}

static void wait_till_given_up(const struct silence *silence, struct sim *sim)
{
    for (unsigned n_given_up = 0; n_given_up < silence->n_links;) {
        sim_run(sim, 1);
        for (unsigned i = 0; i < silence->n_links; i++) {
            if (silence->noticed_ms[i] + SESSION_MS != sim_now_ms(sim))
                continue;
            sim_give_up(sim, silence->links[i]);
            n_given_up++;
        }
    }
}

static void lose_a_silent_hub(const struct shape *shape)
{
    struct silence silence = {.hub = shape->n - 1};
    struct sim *sim = begin_with(shape, 21, true);

    sim_run(sim, AT_REST_MS);
    sim_trace(sim);
    fall_silent(&silence, sim);
    wait_till_noticed(&silence, sim);
    sim_run(sim, AT_REST_MS);
    if (sim_most_updates(sim) > silence.n_links)
        fail_msg("%s: %u updates of one key over one link, of %u that have noticed", shape->what,
                 sim_most_updates(sim), silence.n_links);
    wait_till_given_up(&silence, sim);
    sim_run(sim, MESH_LINGER_MS + 250 + time_to_converge(sim, shape->n));
    judge_tables(shape, sim);
    compare_with_fresh(shape, sim);
    sim_free(sim);
}

static void test_a_hub_that_falls_silent_costs_at_most_one_update_a_link_for_each_who_notices(void **state)
{
    (void)state;
    try_all(lose_a_silent_hub);
}

/* --- kills ---------------------------------------------------------------------------------------------- */

static uint64_t seconds_wanted(void)
{
    return number_wanted("SIM_SECONDS", 60);
}

struct ruin {
    const struct shape *shape;
    struct sim *sim;
    bool may_return[SIM_MAX_LINKS]; /* the link is interrupted, and not over for good */
    unsigned n_kills;
};

static void kill_link(struct ruin *ruin, unsigned link)
{
    ruin->n_kills++;
    switch (sim_random(ruin->sim, 3)) {
    case 0:
        sim_cut(ruin->sim, link, 50);
        break;
    case 1:
        sim_interrupt(ruin->sim, link, 50);
        ruin->may_return[link] = true;
        break;
    default:
        sim_silence(ruin->sim, link);
        ruin->may_return[link] = true;
        break;
    }
}

static void mend_link(struct ruin *ruin, unsigned index)
{
    const struct sim_link *link = sim_link(ruin->sim, index);
    bool was_interrupted = ruin->may_return[index];

    if (!link->is_up[0] && !link->is_up[1]) {
        ruin->may_return[index] = false;
        sim_join(ruin->sim, index);
    } else if (was_interrupted && link->is_up[0] && link->is_up[1] && sim_random(ruin->sim, 2)) {
        ruin->may_return[index] = false;
        sim_return(ruin->sim, index);
    } else if (was_interrupted) {
        ruin->may_return[index] = false;
        sim_give_up(ruin->sim, index);
    }
}

static void kill_hub(struct ruin *ruin, unsigned hub)
{
    ruin->n_kills++;
    sim_restart(ruin->sim, hub);
    furnish_hub(ruin->sim, hub);
}

static void do_something(struct ruin *ruin)
{
    unsigned link = (unsigned)sim_random(ruin->sim, sim_n_links(ruin->sim));

    if (sim_random(ruin->sim, 12) == 0)
        kill_hub(ruin, (unsigned)sim_random(ruin->sim, ruin->shape->n));
    else if (sim_link(ruin->sim, link)->is_joined)
        kill_link(ruin, link);
    else
        mend_link(ruin, link);
}

static void mend_all(struct ruin *ruin)
{
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned link = 0; link < sim_n_links(ruin->sim); link++) {
            if (!sim_link(ruin->sim, link)->is_joined)
                mend_link(ruin, link);
        }
        sim_run(ruin->sim, 200);
    }
    for (unsigned link = 0; link < sim_n_links(ruin->sim); link++)
        assert_row(ruin->shape->what, sim_link(ruin->sim, link)->is_joined);
}

static void survive(const struct shape *shape)
{
    struct ruin ruin = {.shape = shape, .sim = begin(shape, 11)};
    uint64_t end_ms = sim_now_ms(ruin.sim) + seconds_wanted() * 1000;

    sim_beat(ruin.sim);
    while (sim_now_ms(ruin.sim) < end_ms) {
        do_something(&ruin);
        sim_run(ruin.sim, 1 + sim_random(ruin.sim, 1000));
    }
    mend_all(&ruin);
    sim_run(ruin.sim, MESH_LINGER_MS + 500 + time_to_converge(ruin.sim, shape->n));
    judge_tables(shape, ruin.sim);
    compare_with_fresh(shape, ruin.sim);
    assert_row(shape->what, ruin.n_kills > seconds_wanted() / 3);
    sim_free(ruin.sim);
}

static void test_after_random_kills_the_tables_are_those_of_a_fresh_start(void **state)
{
    (void)state;
    try(survive, typical, N_ELEMENTS(typical), 1, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_joined_at_once_the_tables_are_right_in_time),
        cmocka_unit_test(test_a_service_is_known_and_withdrawn_in_time_with_one_update_a_link),
        cmocka_unit_test(test_a_hub_that_joins_may_call_as_soon_as_it_knows_whom),
        cmocka_unit_test(test_a_link_that_is_lost_costs_one_update_a_link_and_the_tables_are_right_in_time),
        cmocka_unit_test(test_a_hub_that_ends_is_withdrawn_in_time_with_one_update_a_link),
        cmocka_unit_test(test_a_hub_that_falls_silent_costs_at_most_one_update_a_link_for_each_who_notices),
        cmocka_unit_test(test_after_random_kills_the_tables_are_those_of_a_fresh_start),
    };

    return cmocka_run_group_tests_name("shapes in virtual time", tests, NULL, NULL);
}
