/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Bridges as they are wished, stored, shown and taken away
 */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "mgmt/store/store_bridge.h"
#include "tests/unit/mgmt/rest/rest_stand.h"

static void test_a_bridge_is_made_replaced_and_removed(void **state)
{
    struct stand_answer answer = ask("PUT", "/api/v1/bridges/to%20west",
                                     "{\"address\": \"tcp://west:7070\", \"secret\": \"s3cr3t\", "
                                     "\"channels\": {\"allow\": [\"jobs\", \"n.*\"]}, \"cost\": 3}");

    (void)state;
    assert_int_equal(answer.status, 201);
    assert_string_equal(text(answer.json, "name"), "to west");
    assert_string_equal(text(answer.json, "state"), "up");
    assert_true(json_is_true(json_object_get(answer.json, "secret_set")));
    assert_null(strstr(answer.body, "s3cr3t"));
    assert_int_equal(number(answer.json, "cost"), 3);
    assert_int_equal(json_array_size(json_object_get(json_object_get(answer.json, "channels"), "allow")), 2);
    assert_string_equal(text(json_object_get(answer.json, "peer"), "server_id"), "west");
    stand_answer_clear(&answer);
    assert_string_equal(fake_controls_bridge("to west")->secret, "s3cr3t");
    assert_int_equal(fake_controls_bridge("to west")->n_allow, 2);

    answer = ask("PUT", "/api/v1/bridges/to%20west", "{\"address\": \"tcp://west:7071\", \"paused\": true}");
    assert_int_equal(answer.status, 200);
    assert_true(json_is_true(json_object_get(answer.json, "secret_set")));
    stand_answer_clear(&answer);
    assert_string_equal(fake_controls_bridge("to west")->address, "tcp://west:7071");
    assert_string_equal(fake_controls_bridge("to west")->secret, "s3cr3t"); /* left out: kept */
    assert_true(fake_controls_bridge("to west")->is_paused);

    answer = ask("PUT", "/api/v1/bridges/to%20west", "{\"address\": \"tcp://west:7071\", \"secret\": \"\"}");
    assert_true(json_is_false(json_object_get(answer.json, "secret_set")));
    stand_answer_clear(&answer);
    assert_string_equal(fake_controls_bridge("to west")->secret, "");

    expect("GET", "/api/v1/bridges/to%20west", NULL, 200);
    expect("DELETE", "/api/v1/bridges/to%20west", NULL, 204);
    assert_null(fake_controls_bridge("to west"));
    expect_problem("DELETE", "/api/v1/bridges/to%20west", NULL, 404);
    expect_problem("GET", "/api/v1/bridges/to%20west", NULL, 404);
}

static void test_bridges_outlive_a_restart(void **state)
{
    struct stand_answer answer;

    (void)state;
    expect("PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://west:7070\"}", 201);
    expect("PUT", "/api/v1/bridges/east",
           "{\"address\": \"tls://east:1\", \"tls\": {\"server_name\": \"e\"}}", 201);
    stand_restart(&stand);
    answer = ask("GET", "/api/v1/bridges", NULL);
    assert_int_equal(json_array_size(json_object_get(answer.json, "items")), 2);
    assert_string_equal(text(json_array_get(json_object_get(answer.json, "items"), 0), "name"), "west");
    assert_string_equal(
        text(json_object_get(json_array_get(json_object_get(answer.json, "items"), 1), "tls"), "server_name"),
        "e");
    stand_answer_clear(&answer);
}

static bool has_fault(json_t *problem, const char *pointer)
{
    json_t *fault;
    size_t i;

    json_array_foreach(json_object_get(problem, "errors"), i, fault)
    {
        if (strcmp(text(fault, "pointer"), pointer) == 0)
            return true;
    }
    return false;
}

static void test_all_faults_of_a_body_are_told_at_once(void **state)
{
    static const char *const pointers[] = {"#/address",          "#/secret",        "#/cost",
                                           "#/channels/allow/1", "#/channels/deny", "#/channels/more~1~0",
                                           "#/paused",           "#/tls/ca_file",   "#/colour"};
    struct stand_answer answer =
        ask("PUT", "/api/v1/bridges/x",
            "{\"address\": \"http://x\", \"secret\": 5, \"cost\": 0, \"paused\": \"yes\", \"colour\": 1, "
            "\"tls\": {\"ca_file\": \"\"}, \"channels\": {\"allow\": [\"a\", \"\"], \"deny\": 1, \"more/~\": "
            "1}}");

    (void)state;
    assert_problem(&answer, 422);
    for (size_t i = 0; i < N_ELEMENTS(pointers); i++)
        assert_row(pointers[i], has_fault(answer.json, pointers[i]));
    assert_int_equal(json_array_size(json_object_get(answer.json, "errors")), N_ELEMENTS(pointers));
    assert_int_equal(fake_controls.n_bridges, 0);
    stand_answer_clear(&answer);
}

static void test_a_bridge_is_shown_as_it_was_wished(void **state)
{
    static const char wish[] =
        "\"kind\": \"auto\", \"address\": \"tls://west:1\", \"cost\": 3, \"paused\": true, "
        "\"channels\": {\"allow\": [\"a*\"], \"deny\": [\"b\"], "
        "\"in\": {\"allow\": [\"c\", \"d\"], \"deny\": []}, \"out\": {\"allow\": [], \"deny\": [\"e\"]}}, "
        "\"remap\": {\"in\": [{\"from\": \"far.\", \"to\": \"\"}], \"out\": [{\"from\": \"\", \"to\": "
        "\"far.\"}]}, "
        "\"classes\": [\"calls\", \"members\"], "
        "\"limits\": {\"entries\": 10, \"messages_per_s\": 20, \"queue_bytes\": 65536, \"resend_bytes\": "
        "65537}, "
        "\"resume_window_s\": 5, "
        "\"durable\": {\"topics\": [\"news\"], \"max_bytes\": 1000000, \"max_age_s\": 60, "
        "\"at_bound\": \"refuse\"}, "
        "\"tls\": {\"ca_file\": null, \"server_name\": \"w\", \"cert_file\": \"/c\", \"key_file\": \"/k\", "
        "\"pinned_name\": \"p\"}, \"management\": \"read\"";
    json_t *wished, *value;
    char body[sizeof wish + 64];
    struct stand_answer answer;
    const char *name;

    (void)state;
    snprintf(body, sizeof body, "{%s}", wish);
    wished = json_loads(body, 0, NULL);
    assert_non_null(wished);
    snprintf(body, sizeof body, "{\"connection_secret\": \"canary\", %s}", wish);
    expect("PUT", "/api/v1/bridges/west", body, 201);
    answer = ask("GET", "/api/v1/bridges/west", NULL);
    json_object_foreach(wished, name, value)
    {
        assert_row(name, json_equal(json_object_get(answer.json, name), value));
    }
    assert_true(json_is_true(json_object_get(answer.json, "connection_secret_set")));
    assert_null(strstr(answer.body, "canary"));
    json_decref(wished);
    stand_answer_clear(&answer);
}

static void test_what_a_wish_leaves_out_takes_its_default(void **state)
{
    struct stand_answer answer = ask("PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://west:1\"}");
    json_t *limits = json_object_get(answer.json, "limits");
    json_t *durable = json_object_get(answer.json, "durable");

    (void)state;
    assert_string_equal(text(answer.json, "kind"), "native");
    assert_string_equal(text(answer.json, "management"), "none");
    assert_int_equal(json_array_size(json_object_get(answer.json, "classes")), 5);
    assert_int_equal(number(limits, "entries"), 100000);
    assert_int_equal(number(limits, "messages_per_s"), 0);
    assert_int_equal(number(limits, "queue_bytes"), 64 << 20);
    assert_int_equal(number(limits, "resend_bytes"), 8 << 20);
    assert_int_equal(number(answer.json, "resume_window_s"), 30);
    assert_int_equal(number(durable, "max_age_s"), 86400);
    assert_string_equal(text(durable, "at_bound"), "drop_oldest");
    stand_answer_clear(&answer);
}

static void test_bodies_that_are_no_strict_json_are_refused(void **state)
{
    static const char *const bodies[] = {"",
                                         "{",
                                         "[]",
                                         "5",
                                         "{\"address\": \"tcp://a:1\", \"address\": \"tcp://b:1\"}",
                                         "{} ,",
                                         "\xff\xfe",
                                         "{\"address\": \"tcp://a:1\\u0000\"}"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(bodies); i++)
        expect_problem("PUT", "/api/v1/bridges/x", bodies[i], 400);
    expect_problem("PUT", "/api/v1/bridges/x", "{}", 422);
    expect_problem("PUT", "/api/v1/bridges/invalid", "{\"address\": \"tcp://a:1\"}", 422);
    expect_problem("PUT", "/api/v1/bridges/a%07b", "{\"address\": \"tcp://a:1\"}", 422);
    assert_int_equal(fake_controls.n_bridges, 0);
}

static void test_a_bridge_the_hub_does_not_take_is_taken_back(void **state)
{
    struct stand_answer answer;

    (void)state;
    expect("PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://west:1\", \"secret\": \"s\"}", 201);
    fake_controls.refuses_bridges = true;
    expect_problem("PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://other:1\"}", 422);
    expect_problem("PUT", "/api/v1/bridges/east", "{\"address\": \"tcp://other:1\"}", 422);
    answer = ask("GET", "/api/v1/bridges/west", NULL);
    assert_string_equal(text(answer.json, "address"), "tcp://west:1");
    assert_true(json_is_true(json_object_get(answer.json, "secret_set")));
    stand_answer_clear(&answer);
    expect_problem("GET", "/api/v1/bridges/east", NULL, 404);
}

static void test_a_bridge_the_hub_would_not_take_is_refused_before_it_is_stored(void **state)
{
    static const char *const targets[] = {"/api/v1/bridges/east", "/api/v1/bridges/east?dry_run=true"};

    (void)state;
    fake_controls.knows_no_secret = true;
    for (size_t i = 0; i < N_ELEMENTS(targets); i++) {
        struct stand_answer answer = ask("PUT", targets[i], "{\"address\": \"tcp://east:1\"}");

        assert_problem(&answer, 422);
        assert_row(targets[i], has_fault(answer.json, "#/secret"));
        stand_answer_clear(&answer);
    }
    expect_problem("GET", "/api/v1/bridges/east", NULL, 404);
    expect("PUT", "/api/v1/bridges/east", "{\"address\": \"tcp://east:1\", \"secret\": \"s\"}", 201);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_a_full_disk_leaves_the_hub_untouched(void **state)
{
    struct stand_answer password, bridge;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    limit_file_size(4096);
    bridge = ask("PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://west:1\"}");
    password = ask("PUT", "/api/v1/channels/jobs/password", "{\"password\": \"x\"}");
    limit_file_size(RLIM_INFINITY);
    assert_problem(&bridge, 507);
    assert_problem(&password, 507);
    assert_non_null(strstr(text(bridge.json, "detail"), "no room left"));
    stand_answer_clear(&bridge);
    stand_answer_clear(&password);
    assert_int_equal(fake_controls.n_bridges, 0);
    assert_int_equal(fake_controls.n_passwords, 0);
    expect("PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://west:1\"}", 201);
}

static void *write_bridges(void *argument)
{
    (void)argument;
    for (int i = 0; i < 15; i++) {
        char body[96];

        snprintf(body, sizeof body, "{\"address\": \"tcp://host:%lu\"}",
                 1000 + (unsigned long)random() % 1000);
        expect("PUT", "/api/v1/bridges/one", body, i ? 200 : 201);
    }
    return NULL;
}

static void *rewrite_bridges(void *argument)
{
    char *own = argument;

    for (int i = 0; i < 15; i++) {
        struct stand_answer answer = ask("PUT", "/api/v1/bridges/one", own);

        assert_int_equal(answer.status, 200);
        stand_answer_clear(&answer);
    }
    return NULL;
}

static void test_store_and_hub_agree_after_writes_side_by_side(void **state)
{
    char a[] = "{\"address\": \"tcp://a:1\"}", b[] = "{\"address\": \"tcp://b:1\"}";
    pthread_t threads[2];
    struct stand_answer answer;

    (void)state;
    write_bridges(NULL);
    assert_int_equal(pthread_create(&threads[0], NULL, rewrite_bridges, a), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, rewrite_bridges, b), 0);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    answer = ask("GET", "/api/v1/bridges/one", NULL);
    assert_string_equal(text(answer.json, "address"), fake_controls_bridge("one")->address);
    stand_answer_clear(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_a_bridge_is_made_replaced_and_removed),
        TEST(test_bridges_outlive_a_restart),
        TEST(test_all_faults_of_a_body_are_told_at_once),
        TEST(test_a_bridge_is_shown_as_it_was_wished),
        TEST(test_what_a_wish_leaves_out_takes_its_default),
        TEST(test_bodies_that_are_no_strict_json_are_refused),
        TEST(test_a_bridge_the_hub_does_not_take_is_taken_back),
        TEST(test_a_bridge_the_hub_would_not_take_is_refused_before_it_is_stored),
        TEST(test_a_full_disk_leaves_the_hub_untouched),
        TEST(test_store_and_hub_agree_after_writes_side_by_side),
#undef TEST
    };

    return cmocka_run_group_tests_name("rest, bridges", tests, NULL, NULL);
}
