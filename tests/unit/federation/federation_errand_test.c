/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Requests of one hub's management plane to another's, over links that let them
 */
#include "tests/unit/federation/federation_nodes.h"

struct answer {
    bool has_come;
    enum federation_outcome outcome;
    char body[512];
};

static void keep_answer(void *context, enum federation_outcome outcome, struct bytes body)
{
    struct answer *answer = context;

    assert_false(answer->has_come);
    answer->has_come = true;
    answer->outcome = outcome;
    snprintf(answer->body, sizeof answer->body, "%.*s", (int)body.len, (const char *)body.ptr);
}

/* Answers every request with its own text and the right that it came with. */
static void echo_errand(void *context, const struct federation_errand *errand)
{
    struct node *node = context;
    char body[128];

    snprintf(body, sizeof body, "%s %.*s", errand->may_write ? "write" : "read", (int)errand->body.len,
             (const char *)errand->body.ptr);
    assert_int_equal(
        federation_control_answer(node->federation, errand->from, errand->serial, bytes_of_text(body)), 0);
}

static void start_chain(void)
{
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    start(2, 'c', 1, "gamma", "secret");
    bridge(0, 1, NULL);
    bridge(1, 2, NULL);
    for (unsigned i = 0; i < 2; i++)
        run_until(IS_UP(i, true) && IS_UP(i + 1, false));
    run_until(count_hubs(0) == 3);
    federation_control_serve_errands(nodes[2].federation, echo_errand, &nodes[2]);
}

static struct answer ask_gamma(bool may_write)
{
    struct answer answer = {0};
    char gamma[33] = {0};

    memset(gamma, 'c', 32);
    assert_int_equal(federation_control_ask(nodes[0].federation, gamma, may_write, BYTES_LITERAL("hello"),
                                            keep_answer, &answer),
                     0);
    run_until(answer.has_come);
    return answer;
}

static void test_an_errand_is_answered_over_two_hops_where_every_link_grants_it(void **state)
{
    struct answer answer;

    (void)state;
    link_management = BRIDGE_MANAGEMENT_READ;
    start_chain();
    answer = ask_gamma(false);
    assert_int_equal(answer.outcome, FEDERATION_ANSWERED);
    assert_string_equal(answer.body, "read hello");
    answer = ask_gamma(true);
    assert_int_equal(answer.outcome, FEDERATION_REFUSED);
    assert_non_null(strstr(answer.body, "Hub beta: operators of other hubs may not change it"));
}

static void test_an_errand_is_refused_by_the_hub_that_does_not_grant_it(void **state)
{
    struct answer answer;

    (void)state;
    link_management = BRIDGE_MANAGEMENT_WRITE;
    start_chain();
    answer = ask_gamma(true);
    assert_int_equal(answer.outcome, FEDERATION_ANSWERED);
    assert_string_equal(answer.body, "write hello");
    stop(2);
    link_management = BRIDGE_MANAGEMENT_NONE;
    start(2, 'c', 2, "gamma", "secret");
    federation_control_serve_errands(nodes[2].federation, echo_errand, &nodes[2]);
    run_until(IS_UP(2, false) && count_hubs(0) == 3);
    answer = ask_gamma(false);
    assert_int_equal(answer.outcome, FEDERATION_REFUSED);
    assert_non_null(strstr(answer.body, "Hub gamma: operators of other hubs may not look at it"));
}

static void test_an_errand_that_nobody_can_answer_ends(void **state)
{
    struct answer answer = {0};
    char nobody[33] = {0};

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    memset(nobody, 'd', 32);
    assert_int_equal(
        federation_control_ask(nodes[0].federation, nobody, false, BYTES_NONE, keep_answer, &answer),
        FEDERATION_E_UNKNOWN);
    memset(nobody, 'a', 32);
    assert_int_equal(
        federation_control_ask(nodes[0].federation, nobody, false, BYTES_NONE, keep_answer, &answer),
        FEDERATION_E_UNKNOWN);
    link_management = BRIDGE_MANAGEMENT_READ;
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, NULL);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    /* Beta lets it in, and has nobody who serves it. */
    memset(nobody, 'b', 32);
    assert_int_equal(
        federation_control_ask(nodes[0].federation, nobody, false, BYTES_NONE, keep_answer, &answer), 0);
    stop(0);
    assert_true(answer.has_come);
    assert_int_equal(answer.outcome, FEDERATION_UNANSWERED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_an_errand_is_answered_over_two_hops_where_every_link_grants_it),
        TEST(test_an_errand_is_refused_by_the_hub_that_does_not_grant_it),
        TEST(test_an_errand_that_nobody_can_answer_ends),
#undef TEST
    };

    return cmocka_run_group_tests_name("errands", tests, make_folder, remove_folder);
}
