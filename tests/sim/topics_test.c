/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Topics and members as hubs see them that are not theirs
 */
#include "tests/sim/sim_room.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_has_heard_of_a_subscriber_reaches_him_at_once),
        cmocka_unit_test(test_a_topic_is_published_over_hubs_with_first_and_last_notices),
        cmocka_unit_test(test_a_topic_that_another_hub_owns_is_taken_until_its_owner_goes),
        cmocka_unit_test(test_members_are_seen_and_forgotten_everywhere),
    };

    return cmocka_run_group_tests_name("topics in virtual time", tests, NULL, NULL);
}
