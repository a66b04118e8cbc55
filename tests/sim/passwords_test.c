/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Channels with a password cross where both hubs of a link hold it, and nowhere else
 */
#include "tests/sim/sim_room.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_channel_with_a_password_stays_at_its_hub_and_comes_back_without_it),
        cmocka_unit_test(test_a_channel_crosses_where_both_hubs_hold_its_password),
        cmocka_unit_test(test_a_password_that_is_there_before_the_link_is_proven_when_it_comes_up),
        cmocka_unit_test(test_another_password_is_no_proof_and_nothing_leaks),
        cmocka_unit_test(test_a_hub_without_the_password_neither_sees_nor_carries_the_channel),
        cmocka_unit_test(test_a_protected_channel_goes_round_a_hub_that_does_not_hold_it),
        cmocka_unit_test(test_a_change_of_password_voids_the_proof_until_the_other_side_follows),
        cmocka_unit_test(test_after_random_changes_of_passwords_the_tables_are_those_of_a_fresh_start),
    };

    return cmocka_run_group_tests_name("passwords in virtual time", tests, NULL, NULL);
}
