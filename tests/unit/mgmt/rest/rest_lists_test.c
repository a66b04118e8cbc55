/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Clients and channels, one by one and in pages
 */
#include "tests/unit/mgmt/rest/rest_stand.h"

static void test_lists_come_in_pages_to_an_honest_end(void **state)
{
    struct stand_answer answer;
    char target[64];
    size_t n = 0;

    (void)state;
    fake_controls.n_clients = 250;
    answer = ask("GET", "/api/v1/clients", NULL);
    for (;;) {
        json_t *items = json_object_get(answer.json, "items");

        assert_int_equal(answer.status, 200);
        for (size_t i = 0; i < json_array_size(items); i++) {
            char id[32];

            snprintf(id, sizeof id, "client-%zu", ++n);
            assert_string_equal(text(json_array_get(items, i), "id"), id);
        }
        assert_true(json_array_size(items) == (n < 250 ? 100 : 50));
        if (json_is_null(json_object_get(answer.json, "next")))
            break;
        snprintf(target, sizeof target, "/api/v1/clients?limit=100&cursor=%s", text(answer.json, "next"));
        stand_answer_clear(&answer);
        answer = ask("GET", target, NULL);
    }
    assert_int_equal(n, 250);
    stand_answer_clear(&answer);
    expect_problem("GET", "/api/v1/clients?limit=0", NULL, 400);
    expect_problem("GET", "/api/v1/clients?limit=1001", NULL, 400);
    expect_problem("GET", "/api/v1/channels?cursor=abc", NULL, 400);
    expect_problem("GET", "/api/v1/links?cursor=-1", NULL, 400);
    expect_problem("GET", "/api/v1/bridges?limit=x", NULL, 400);
}

static void test_a_client_has_its_members(void **state)
{
    struct stand_answer answer = ask("GET", "/api/v1/clients?limit=1", NULL);
    json_t *client = json_array_get(json_object_get(answer.json, "items"), 0);

    (void)state;
    assert_string_equal(text(client, "mode"), "client");
    assert_string_equal(text(client, "address"), "tcp://192.0.2.1:4711");
    assert_string_equal(text(client, "since"), "2023-11-14T22:13:20.000Z");
    assert_string_equal(json_string_value(json_array_get(json_object_get(client, "channels"), 0)), "jobs");
    assert_int_equal(number(client, "n_channels"), 20);
    assert_int_equal(number(client, "queued_bytes"), 919);
    assert_int_equal(number(client, "messages_in"), 11);
    assert_int_equal(number(client, "messages_out"), 13);
    stand_answer_clear(&answer);
}

static void test_one_client_tells_of_its_connection_and_what_it_holds(void **state)
{
    struct stand_answer answer = ask("GET", "/api/v1/clients/client-1", NULL);

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_string_equal(text(answer.json, "id"), "client-1");
    assert_true(json_is_true(json_object_get(answer.json, "tls")));
    assert_true(json_is_false(json_object_get(answer.json, "held_up")));
    assert_int_equal(number(answer.json, "bytes_out"), 2000);
    assert_int_equal(number(json_object_get(answer.json, "holds"), "calls_taken"), 1);
    assert_true(json_is_real(json_object_get(json_object_get(answer.json, "mean_rates"), "bytes_in")));
    stand_answer_clear(&answer);
    expect_problem("GET", "/api/v1/clients/%3Cb%3E%22%0a", NULL, 404);
}

static void expect_part(const char *target, const char *member, const char *value)
{
    struct stand_answer answer = ask("GET", target, NULL);
    json_t *items = json_object_get(answer.json, "items");

    assert_int_equal(answer.status, 200);
    assert_true(json_is_null(json_object_get(answer.json, "next")));
    assert_int_equal(json_array_size(items), 1);
    assert_string_equal(text(json_array_get(items, 0), member), value);
    stand_answer_clear(&answer);
}

static void test_what_is_in_a_channel_has_lists_of_its_own(void **state)
{
    (void)state;
    expect_part("/api/v1/channels/jobs/members?is_local=false", "id", "\\xffbob");
    expect_part("/api/v1/channels/jobs/members?id=LIC", "id", "alice");
    expect_part("/api/v1/channels/jobs/events?name=a", "name", "add");
    expect_part("/api/v1/channels/jobs/topics?sort=-subscribers", "name", "news");
    expect_problem("GET", "/api/v1/channels/none/members", NULL, 404);
    expect_problem("GET", "/api/v1/channels/none/events", NULL, 404);
    expect_problem("GET", "/api/v1/channels/none/topics", NULL, 404);
    expect_problem("GET", "/api/v1/channels/jobs/members?is_local=yes", NULL, 400);
}

static void test_a_channel_is_found_by_its_escaped_name(void **state)
{
    struct stand_answer answer = ask("GET", "/api/v1/channels/a%2Fb%20c", NULL);
    json_t *member, *event;

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_string_equal(text(answer.json, "name"), "a/b c");
    assert_true(json_is_false(json_object_get(answer.json, "protected")));
    assert_true(json_is_null(json_object_get(answer.json, "password_origin")));
    assert_string_equal(text(answer.json, "owner"), "alice");
    assert_int_equal(number(answer.json, "n_members"), 2);
    member = json_array_get(json_object_get(answer.json, "members"), 0);
    assert_true(json_is_true(json_object_get(member, "is_local")));
    assert_int_equal(json_array_size(json_object_get(member, "path")), 0);
    member = json_array_get(json_object_get(answer.json, "members"), 1);
    assert_string_equal(text(member, "id"), "\\xffbob"); /* a stranger's bytes break nothing */
    assert_int_equal(json_array_size(json_object_get(member, "path")), 2);
    event = json_array_get(json_object_get(answer.json, "events"), 0);
    assert_true(json_is_true(json_object_get(event, "is_group")));
    assert_string_equal(text(json_object_get(event, "param_schema"), "type"), "object");
    assert_true(json_is_null(json_object_get(event, "return_schema")));
    assert_int_equal(number(json_array_get(json_object_get(answer.json, "topics"), 0), "subscribers"), 5);
    stand_answer_clear(&answer);
    expect_problem("GET", "/api/v1/channels/none", NULL, 404);
    expect("GET", "/api/v1/channels", NULL, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_lists_come_in_pages_to_an_honest_end),
        TEST(test_a_client_has_its_members),
        TEST(test_one_client_tells_of_its_connection_and_what_it_holds),
        TEST(test_what_is_in_a_channel_has_lists_of_its_own),
        TEST(test_a_channel_is_found_by_its_escaped_name),
#undef TEST
    };

    return cmocka_run_group_tests_name("rest, lists", tests, NULL, NULL);
}
