/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The mesh, its links and routes, traces and trials
 */
#include "tests/unit/mgmt/rest/rest_stand.h"

static void test_the_mesh_is_listed_with_what_each_hub_tells(void **state)
{
    struct stand_answer answer;
    char target[128];
    json_t *hub;

    (void)state;
    answer = ask("GET", "/api/v1/mesh?limit=1", NULL);
    assert_int_equal(answer.status, 200);
    hub = json_array_get(json_object_get(answer.json, "items"), 0);
    assert_string_equal(text(hub, "server_id"), "alpha");
    assert_string_equal(text(hub, "version"), "1.2.3");
    assert_string_equal(text(hub, "health"), "degraded");
    assert_true(json_is_true(json_object_get(hub, "is_self")));
    assert_string_equal(text(json_array_get(json_object_get(hub, "links"), 0), "state"), "backoff");
    snprintf(target, sizeof target, "/api/v1/mesh?cursor=%s", text(answer.json, "next"));
    stand_answer_clear(&answer);
    answer = ask("GET", target, NULL);
    assert_int_equal(json_array_size(json_object_get(answer.json, "items")), 1);
    hub = json_array_get(json_object_get(answer.json, "items"), 0);
    assert_string_equal(text(hub, "server_id"), "<b>\\xff");
    assert_string_equal(text(hub, "health"), "unknown");
    assert_true(json_is_null(json_object_get(hub, "version")));
    assert_int_equal(number(hub, "hops"), 1);
    stand_answer_clear(&answer);
}

static void test_routes_are_listed_and_explained(void **state)
{
    struct stand_answer answer = ask("GET", "/api/v1/routes?kind=service&channel=hall", NULL);
    json_t *item = json_array_get(json_object_get(answer.json, "items"), 0);

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_string_equal(text(item, "channel"), "hall");
    assert_int_equal(number(item, "ways"), 2);
    assert_true(json_is_null(json_object_get(item, "via")));
    assert_true(json_is_null(json_object_get(answer.json, "next")));
    stand_answer_clear(&answer);
    answer = ask("GET", "/api/v1/routes/why?channel=room&event=add", NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(text(answer.json, "event"), "add");
    item = json_array_get(json_object_get(answer.json, "ways"), 1);
    assert_string_equal(text(item, "reason"), "it costs more");
    assert_true(json_is_false(json_object_get(item, "chosen")));
    item = json_array_get(json_object_get(answer.json, "links"), 0);
    assert_true(json_is_null(json_object_get(item, "held_back_out")));
    item = json_array_get(json_object_get(answer.json, "refused_lately"), 0);
    assert_string_equal(text(item, "reason"), "loop");
    stand_answer_clear(&answer);
    expect_problem("GET", "/api/v1/routes?kind=way", NULL, 400);
    expect_problem("GET", "/api/v1/routes/why?event=add", NULL, 400);
    expect_problem("GET", "/api/v1/routes/why?channel=a&event=b&topic=c", NULL, 400);
    expect_problem("GET", "/api/v1/routes/why?channel=%07", NULL, 400);
}

static void test_a_trace_answers_with_the_steps_of_the_probe(void **state)
{
    struct stand_answer answer = ask("POST", "/api/v1/trace", "{\"channel\": \"room\", \"event\": \"add\"}");
    json_t *step = json_array_get(json_object_get(answer.json, "steps"), 0);

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_true(json_is_true(json_object_get(answer.json, "arrived")));
    assert_string_equal(text(answer.json, "verdict"), "a call is carried out at room");
    assert_string_equal(text(step, "decision"), "arrived");
    stand_answer_clear(&answer);
    expect_problem("POST", "/api/v1/trace", "{\"channel\": \"room\", \"event\": \"busy\"}", 503);
    expect_problem("POST", "/api/v1/trace", "{\"channel\": \"room\"}", 422);
    expect_problem("POST", "/api/v1/trace", "{\"channel\": \"a\\u0007\", \"event\": \"b\"}", 422);
}

/* Whether the trial of a wish passes. */
static bool passes(const char *target, const char *body)
{
    struct stand_answer answer = ask("POST", target, body);
    bool has_passed = json_is_true(json_object_get(answer.json, "passed"));

    if (answer.status != 200)
        fail_msg("%s %s: %d %s", target, body ? body : "", answer.status, answer.body);
    stand_answer_clear(&answer);
    return has_passed;
}

static void test_a_trial_tells_the_steps_and_the_one_that_failed(void **state)
{
    struct stand_answer answer;
    json_t *step;

    (void)state;
    answer = ask("POST", "/api/v1/bridges/test", "{\"address\": \"tcp://west:1\", \"secret\": \"wrong\"}");
    assert_int_equal(answer.status, 200);
    assert_true(json_is_false(json_object_get(answer.json, "passed")));
    assert_string_equal(text(answer.json, "failed_step"), "proof");
    assert_string_equal(text(answer.json, "reason"), "wrong_secret");
    assert_string_equal(text(answer.json, "last_error"), "the secrets differ");
    assert_string_equal(text(json_object_get(answer.json, "peer"), "server_id"), "beta");
    step = json_array_get(json_object_get(answer.json, "steps"), 0);
    assert_string_equal(text(step, "step"), "handshake");
    assert_true(json_is_true(json_object_get(step, "passed")));
    step = json_array_get(json_object_get(answer.json, "steps"), 1);
    assert_true(json_is_false(json_object_get(step, "passed")));
    assert_int_equal(json_integer_value(json_object_get(step, "elapsed_us")), 2);
    assert_null(strstr(answer.body, "\"wrong\""));
    stand_answer_clear(&answer);
}

static void test_a_trial_takes_the_secrets_of_the_stored_bridge_unless_it_says_others(void **state)
{
    (void)state;
    expect("PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://west:1\", \"secret\": \"right\"}", 201);
    assert_true(passes("/api/v1/bridges/west/test", NULL));
    assert_true(passes("/api/v1/bridges/test?name=west", "{\"address\": \"tcp://west:2\"}"));
    assert_false(passes("/api/v1/bridges/test", "{\"address\": \"tcp://west:2\"}"));
    assert_false(
        passes("/api/v1/bridges/test?name=west", "{\"address\": \"tcp://west:2\", \"secret\": \"wrong\"}"));
    assert_int_equal(fake_controls.n_bridges, 1);
    assert_string_equal(fake_controls.bridges[0].address, "tcp://west:1");
}

static void test_what_can_not_be_tried_is_refused_with_a_reason(void **state)
{
    (void)state;
    expect_problem("POST", "/api/v1/bridges/nobody/test", NULL, 404);
    expect_problem("POST", "/api/v1/bridges/test", "{}", 422);
    expect_problem("POST", "/api/v1/bridges/test", "{\"address\": \"tcp://west:1\", \"name\": \"a\"}", 422);
    expect_problem("POST", "/api/v1/bridges/test?name=%07", "{\"address\": \"tcp://west:1\"}", 400);
    expect_problem("POST", "/api/v1/bridges/test", "{\"address\": \"tcp://busy:1\"}", 503);
    expect_problem("POST", "/api/v1/bridges/test", "{\"address\": \"tcp://none:1\"}", 503);
    fake_controls.refuses_bridges = true;
    expect_problem("POST", "/api/v1/bridges/test", "{\"address\": \"tcp://west:1\"}", 422);
    fake_controls.refuses_bridges = false;
}

static void test_links_are_listed_with_their_state(void **state)
{
    struct stand_answer answer;
    char target[128];
    json_t *out, *in;

    (void)state;
    expect("PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://west:1\"}", 201);
    answer = ask("GET", "/api/v1/links", NULL);
    out = json_array_get(json_object_get(answer.json, "items"), 0);
    in = json_array_get(json_object_get(answer.json, "items"), 1);
    assert_string_equal(text(out, "bridge"), "west");
    assert_string_equal(text(out, "direction"), "out");
    assert_string_equal(text(out, "state"), "up");
    assert_true(json_is_null(json_object_get(out, "rtt_ms")));
    assert_true(json_is_null(json_object_get(in, "bridge")));
    assert_string_equal(text(in, "direction"), "in");
    assert_float_equal(json_real_value(json_object_get(in, "rtt_ms")), 1.5, 0.001);
    stand_answer_clear(&answer);
    answer = ask("GET", "/api/v1/links?limit=1", NULL);
    snprintf(target, sizeof target, "/api/v1/links?limit=1&cursor=%s", text(answer.json, "next"));
    stand_answer_clear(&answer);
    answer = ask("GET", target, NULL);
    assert_int_equal(json_array_size(json_object_get(answer.json, "items")), 1);
    assert_true(json_is_null(json_object_get(answer.json, "next")));
    stand_answer_clear(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_the_mesh_is_listed_with_what_each_hub_tells),
        TEST(test_routes_are_listed_and_explained),
        TEST(test_a_trace_answers_with_the_steps_of_the_probe),
        TEST(test_a_trial_tells_the_steps_and_the_one_that_failed),
        TEST(test_a_trial_takes_the_secrets_of_the_stored_bridge_unless_it_says_others),
        TEST(test_what_can_not_be_tried_is_refused_with_a_reason),
        TEST(test_links_are_listed_with_their_state),
#undef TEST
    };

    return cmocka_run_group_tests_name("rest, mesh", tests, NULL, NULL);
}
