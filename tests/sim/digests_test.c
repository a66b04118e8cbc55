/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The digests by which two hubs compare what one has told the other: they agree whatever happens, and where a
 * fault is made in one of the tables it is found and healed
 */
#include "federation/mesh_state.h"
#include "tests/sim/sim.h"
#include "tests/support/unit.h"

#define SETTLED_MS 500

static struct route *route_of(struct sim *sim, unsigned hub, const char *event, unsigned origin)
{
    struct route_key key = {.kind = ROUTE_SERVICE,
                            .channel = BYTES_LITERAL("room"),
                            .name = bytes_of_text(event),
                            .origin = sim_mesh(sim, origin)->id};
    struct route *route = route_table_find(&sim_mesh(sim, hub)->table, &key);

    assert_non_null(route);
    return route;
}

/* What a fault would do: the table has lost a way, and nobody knows. */
static void lose_way(struct sim *sim, unsigned hub, const char *event, unsigned origin)
{
    struct route *route = route_of(sim, hub, event, origin);

    route->best->link->n_candidates--;
    route_table_drop(&sim_mesh(sim, hub)->table, route->best);
    mesh_route_changed(sim_mesh(sim, hub), route);
}

/* The hub no longer knows that it has told of its service by the link, and will not withdraw it there. */
static void forget_told(struct sim *sim, unsigned link, const char *event)
{
    struct mesh_link *end = sim_link(sim, link)->ends[0];
    struct route *route = route_of(sim, sim_link(sim, link)->a, event, sim_link(sim, link)->a);

    assert_true(link_set_has(&route->told, end->slot));
    link_set_remove(&route->told, end->slot);
    end->digests.told -= route->told_digest;
}

static bool knows(struct sim *sim, unsigned hub, const char *event)
{
    char *dump = sim_dump(sim, hub);
    bool is_known = strstr(dump, event) != NULL;

    free(dump);
    return is_known;
}

/* A chain of three with two services at hub 0. */
static struct sim *begin(struct sim_client **out_provider)
{
    struct sim *sim = sim_new(3, 1);

    sim_join_chain(sim, 3);
    *out_provider = sim_connect(sim, 0, "provider");
    sim_provide(*out_provider, "room", "add", false, false);
    sim_provide(*out_provider, "room", "subtract", false, false);
    /* Until all hubs have told how slow their links are. */
    sim_run(sim, 2000 + SETTLED_MS);
    assert_true(knows(sim, 2, "room:add"));
    return sim;
}

static void test_a_way_that_a_fault_has_lost_is_found_and_comes_back(void **state)
{
    struct sim_client *provider;
    struct sim *sim = begin(&provider);
    char *before = sim_dump(sim, 2);
    char *after;
    uint64_t n_entries;

    (void)state;
    lose_way(sim, 1, "add", 0);
    sim_run(sim, SETTLED_MS);
    assert_false(knows(sim, 1, "room:add"));
    assert_false(knows(sim, 2, "room:add"));
    n_entries = sim_link(sim, 1)->n_entries[0];
    sim_run(sim, DIGEST_EVERY_MS + SETTLED_MS);
    assert_int_equal(sim_count_mismatches(sim), 1);
    assert_int_equal(mesh_link_counts(sim_link(sim, 0)->ends[1]).digest_mismatches, 1);
    assert_true(sim_has_warned(sim, 1, "digest_mismatch"));
    after = sim_dump(sim, 2);
    assert_string_equal(after, before);
    /* The next hub hears of what was lost and of nothing else. */
    assert_int_equal(sim_link(sim, 1)->n_entries[0] - n_entries, 1);
    sim_run(sim, 3 * DIGEST_EVERY_MS);
    assert_int_equal(sim_count_mismatches(sim), 1);
    assert_int_equal(sim_count_frames(sim, LINK_MESSAGE_TELL_ALL), 1);
    free(before);
    free(after);
    sim_free(sim);
}

static void test_a_way_that_nobody_has_withdrawn_is_found_and_dropped(void **state)
{
    struct sim_client *provider;
    struct sim *sim = begin(&provider);

    (void)state;
    forget_told(sim, 0, "add");
    sim_disconnect(provider);
    sim_run(sim, SETTLED_MS);
    assert_true(knows(sim, 1, "room:add"));
    assert_false(knows(sim, 1, "room:subtract"));
    sim_run(sim, DIGEST_EVERY_MS + SETTLED_MS);
    assert_int_equal(sim_count_mismatches(sim), 1);
    assert_false(knows(sim, 1, "room:add"));
    assert_false(knows(sim, 2, "room:add"));
    sim_run(sim, 2 * DIGEST_EVERY_MS);
    assert_int_equal(sim_count_mismatches(sim), 1);
    sim_free(sim);
}

static void test_what_the_far_side_refuses_is_no_fault(void **state)
{
    const char *const deny[] = {"private*"};
    struct bridge_spec spec = {.limits.entries = 5, .channels.deny = {1, deny}};
    struct bridge_policy policy;
    struct sim *sim = sim_new(2, 1);
    unsigned link = sim_add_link(sim, 0, 1);
    struct sim_client *far = sim_connect(sim, 1, "far");

    (void)state;
    assert_int_equal(bridge_policy_init(&policy, &spec), 0);
    sim_link(sim, link)->policy = &policy;
    sim_join(sim, link);
    for (unsigned round = 0; round < 70; round++) {
        char event[32];

        snprintf(event, sizeof event, "do%02u", round % 23);
        sim_provide(far, round % 2 ? "room" : "private", event, true, false);
        if (round % 9 == 8) {
            sim_disconnect(far);
            far = sim_connect(sim, 1, "far");
        }
        sim_run(sim, 1000);
    }
    assert_true(sim_count_refused(sim, MESH_REFUSED_FILTERED) > 0);
    assert_true(sim_count_refused(sim, MESH_REFUSED_OVER_LIMIT) > 0);
    assert_true(sim_link(sim, link)->n_frames[LINK_MESSAGE_DIGEST][0] >= 2);
    assert_true(sim_link(sim, link)->n_frames[LINK_MESSAGE_DIGEST][1] >= 2);
    assert_int_equal(sim_count_mismatches(sim), 0);
    sim_free(sim);
    bridge_policy_clear(&policy);
}

/* Something happens on the hub: a client provides, or all that it has provided goes. */
static void change(struct sim *sim, struct sim_client **clients, unsigned hub)
{
    char event[32];

    if (sim_random(sim, 16) == 0) {
        char id[32];

        snprintf(id, sizeof id, "client%u", hub);
        sim_disconnect(clients[hub]);
        clients[hub] = sim_connect(sim, hub, id);
        return;
    }
    snprintf(event, sizeof event, "do%u", (unsigned)sim_random(sim, 4));
    sim_provide(clients[hub], "room", event, true, false);
}

static void cut_or_return(struct sim *sim, unsigned link)
{
    if (!sim_link(sim, link)->is_joined)
        sim_return(sim, link);
    else
        sim_interrupt(sim, link, 50);
}

static void test_digests_agree_while_services_and_links_come_and_go(void **state)
{
    struct sim *sim = sim_new(6, 11);
    struct sim_client *clients[6];

    (void)state;
    sim_join_ring(sim, 6);
    sim_join(sim, sim_add_link(sim, 0, 3));
    for (unsigned hub = 0; hub < 6; hub++) {
        char id[32];

        snprintf(id, sizeof id, "client%u", hub);
        clients[hub] = sim_connect(sim, hub, id);
    }
    for (unsigned step = 0; step < 1200; step++) {
        change(sim, clients, (unsigned)sim_random(sim, 6));
        if (step % 10 == 0)
            cut_or_return(sim, (unsigned)sim_random(sim, sim_n_links(sim)));
        sim_run(sim, sim_random(sim, 200));
    }
    for (unsigned link = 0; link < sim_n_links(sim); link++) {
        if (!sim_link(sim, link)->is_joined)
            sim_return(sim, link);
    }
    sim_run(sim, DIGEST_EVERY_MS + 2 * SETTLED_MS);
    assert_true(sim_count_frames(sim, LINK_MESSAGE_DIGEST) > 2 * sim_n_links(sim));
    assert_int_equal(sim_count_mismatches(sim), 0);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_way_that_a_fault_has_lost_is_found_and_comes_back),
        cmocka_unit_test(test_a_way_that_nobody_has_withdrawn_is_found_and_dropped),
        cmocka_unit_test(test_what_the_far_side_refuses_is_no_fault),
        cmocka_unit_test(test_digests_agree_while_services_and_links_come_and_go),
    };

    return cmocka_run_group_tests_name("digests", tests, NULL, NULL);
}
