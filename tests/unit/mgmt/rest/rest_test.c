/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Every route over real HTTP, against a hub that is played
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "hub/wire/signature.h"
#include "mgmt/auth/throttle.h"
#include "mgmt/rest/summary.h"
#include "mgmt/store/store_bridge.h"
#include "mgmt/store/store_password.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

static struct stand stand;

static int set_up(void **state)
{
    (void)state;
    stand_start(&stand, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stand_stop(&stand);
    return 0;
}

static struct stand_answer ask(const char *method, const char *target, const char *body)
{
    return stand_ask(&stand, method, target, STAND_TOKEN, body);
}

static const char *text(json_t *object, const char *name)
{
    const char *found = json_string_value(json_object_get(object, name));

    return found ? found : "(none)";
}

static long long number(json_t *object, const char *name)
{
    json_t *found = json_object_get(object, name);

    return json_is_integer(found) ? json_integer_value(found) : -1;
}

static void assert_header(const struct stand_answer *answer, const char *name, const char *value)
{
    char *found = stand_header(answer, name);

    if (!found)
        fail_msg("no header %s in %s", name, answer->head);
    assert_string_equal(found, value);
    free(found);
}

/* A problem of the documented shape. */
static void assert_problem(const struct stand_answer *answer, int status)
{
    assert_int_equal(answer->status, status);
    assert_header(answer, "Content-Type", "application/problem+json");
    assert_non_null(answer->json);
    assert_int_equal(number(answer->json, "status"), status);
    assert_true(json_is_string(json_object_get(answer->json, "type")));
    assert_true(*text(answer->json, "title"));
    assert_true(*text(answer->json, "detail"));
    assert_true(json_is_array(json_object_get(answer->json, "errors")));
    assert_header(answer, "X-Request-Id", text(answer->json, "request_id"));
}

static void expect_problem(const char *method, const char *target, const char *body, int status)
{
    struct stand_answer answer = ask(method, target, body);

    if (answer.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, target, answer.status, status, answer.body);
    assert_problem(&answer, status);
    stand_answer_clear(&answer);
}

static void expect(const char *method, const char *target, const char *body, int status)
{
    struct stand_answer answer = ask(method, target, body);

    if (answer.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, target, answer.status, status, answer.body);
    stand_answer_clear(&answer);
}

static void test_the_hub_says_who_it_is(void **state)
{
    struct stand_answer answer = ask("GET", "/api/v1/hub", NULL);
    json_t *hub = answer.json;

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_string_equal(text(hub, "server_id"), "hub-test");
    assert_string_equal(text(hub, "hub_id"), "00112233445566778899aabbccddeeff");
    assert_int_equal(number(hub, "incarnation"), 5);
    assert_string_equal(text(hub, "version"), "9.8.7");
    assert_int_equal(strlen(text(hub, "started_at")), 24);
    assert_true(number(hub, "uptime_s") >= 0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(hub, "listeners"), 0)),
                        "tcp://127.0.0.1:7070");
    assert_string_equal(text(json_object_get(hub, "settings"), "listen"), "tcp://127.0.0.1:7070");
    assert_int_equal(number(json_object_get(hub, "counts"), "clients"), 3);
    assert_int_equal(number(json_object_get(hub, "counts"), "links"), 1);
    assert_int_equal(number(json_object_get(hub, "counts"), "bridges"), 0);
    assert_true(number(json_object_get(hub, "counters"), "messages_in") >= 0);
    stand_answer_clear(&answer);
}

static void test_every_answer_bears_the_security_headers(void **state)
{
    static const char *const targets[] = {"/api/v1/hub", "/livez", "/", "/nothing", "/api/v1/nothing"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(targets); i++) {
        struct stand_answer answer = ask("GET", targets[i], NULL);
        char *policy = stand_header(&answer, "Content-Security-Policy");

        assert_header(&answer, "X-Content-Type-Options", "nosniff");
        assert_header(&answer, "Referrer-Policy", "no-referrer");
        assert_row(targets[i], policy && strstr(policy, "default-src 'none'"));
        if (strcmp(targets[i], "/") != 0)
            assert_header(&answer, "Cache-Control", "no-store");
        free(policy);
        stand_answer_clear(&answer);
    }
}

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

static void test_a_password_is_set_stored_and_taken_away(void **state)
{
    char why[STORE_WHY_SIZE];
    struct buffer stored = {0};

    (void)state;
    expect("PUT", "/api/v1/channels/a%2Fb%20c/password", "{\"password\": \"open sesame\"}", 204);
    assert_string_equal(fake_controls_password("a/b c")->password, "open sesame");
    assert_false(fake_controls_password("a/b c")->has_key);
    assert_int_equal(store_password_find(stand.store, BYTES_LITERAL("a/b c"), &stored, why), 0);
    assert_true(bytes_equal_text(buffer_bytes(&stored), "open sesame"));
    expect("DELETE", "/api/v1/channels/a%2Fb%20c/password", NULL, 204);
    assert_string_equal(fake_controls_password("a/b c")->password, "");
    expect_problem("DELETE", "/api/v1/channels/a%2Fb%20c/password", NULL, 404);
    expect_problem("PUT", "/api/v1/channels/jobs/password", "{\"password\": \"\"}", 422);
    expect_problem("PUT", "/api/v1/channels/jobs/password", "{\"password\": 5}", 422);
    expect_problem("PUT", "/api/v1/channels/jobs/password", "{}", 422);
    expect_problem("PUT", "/api/v1/channels/jobs/password", "{\"password\": \"x\", \"y\": 1}", 422);
    buffer_clear(&stored);
}

static void test_a_system_channel_gets_its_signing_key(void **state)
{
    uint8_t key[SIGNATURE_KEY_BYTES];

    (void)state;
    expect("PUT", "/api/v1/channels/__comm_ipc_logs/password", "{\"password\": \"pw\"}", 204);
    assert_true(fake_controls_password("__comm_ipc_logs")->has_key);
    assert_int_equal(signature_derive_key(BYTES_LITERAL("pw"), BYTES_LITERAL("__comm_ipc_logs"), key), 0);
    assert_memory_equal(fake_controls_password("__comm_ipc_logs")->key, key, sizeof key);
}

static void test_a_password_of_the_configuration_is_pinned(void **state)
{
    (void)state;
    fake_controls.pinned_channel = "__comm_ipc_logs";
    expect_problem("PUT", "/api/v1/channels/__comm_ipc_logs/password", "{\"password\": \"pw\"}", 409);
    expect_problem("DELETE", "/api/v1/channels/__comm_ipc_logs/password", NULL, 409);
    assert_int_equal(fake_controls.n_passwords, 0);
}

static void test_a_password_the_hub_does_not_take_is_taken_back(void **state)
{
    char why[STORE_WHY_SIZE];
    struct buffer stored = {0};

    (void)state;
    expect("PUT", "/api/v1/channels/jobs/password", "{\"password\": \"old\"}", 204);
    fake_controls.refuses_passwords = true;
    expect_problem("PUT", "/api/v1/channels/jobs/password", "{\"password\": \"new\"}", 500);
    expect_problem("PUT", "/api/v1/channels/other/password", "{\"password\": \"new\"}", 500);
    expect_problem("DELETE", "/api/v1/channels/jobs/password", NULL, 500);
    assert_int_equal(store_password_find(stand.store, BYTES_LITERAL("jobs"), &stored, why), 0);
    assert_true(bytes_equal_text(buffer_bytes(&stored), "old"));
    assert_int_equal(store_password_find(stand.store, BYTES_LITERAL("other"), &stored, why), STORE_E_UNKNOWN);
    buffer_clear(&stored);
}

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

static void test_wrong_tokens_are_refused_and_then_throttled(void **state)
{
    struct stand_answer answer;
    char *wait;

    (void)state;
    for (int i = 0; i < THROTTLE_BURST; i++) {
        answer = stand_ask(&stand, "GET", "/api/v1/hub", "wrong-token-wrong-token", NULL);
        assert_problem(&answer, 401);
        stand_answer_clear(&answer);
    }
    answer = stand_ask(&stand, "GET", "/api/v1/hub", "wrong-token-wrong-token", NULL);
    assert_problem(&answer, 429);
    wait = stand_header(&answer, "Retry-After");
    assert_string_equal(wait, "1");
    free(wait);
    stand_answer_clear(&answer);
    usleep(1100 * 1000);
    expect("GET", "/api/v1/hub", NULL, 200);
}

static void test_unknown_paths_and_methods_have_the_same_shape(void **state)
{
    struct stand_answer answer = ask("POST", "/api/v1/bridges/x", NULL);

    (void)state;
    assert_problem(&answer, 405);
    assert_header(&answer, "Allow", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
    stand_answer_clear(&answer);
    expect_problem("GET", "/api/v1/nothing", NULL, 404);
    expect_problem("GET", "/api/v2/hub", NULL, 404);
    expect_problem("GET", "/nothing.html", NULL, 404);
    expect_problem("POST", "/", "{}", 405);
    expect_problem("GET", "/api/v1/channels/%zz", NULL, 400);
    expect_problem("GET", "/api/v1/channels/%00", NULL, 400);
    expect_problem("GET", "/api/v1/channels/%ff", NULL, 400);
    expect_problem("GET", "/1/2/3/4/5/6/7/8/9/10", NULL, 404);
}

static void test_probes_follow_the_hub(void **state)
{
    (void)state;
    expect("GET", "/livez", NULL, 200);
    expect("GET", "/startupz", NULL, 200);
    expect("GET", "/readyz", NULL, 200);
    fake_controls.is_accepting = false;
    usleep(2 * SUMMARY_MS * 1000);
    expect("GET", "/readyz", NULL, 503);
    expect("GET", "/startupz", NULL, 200);
    expect("GET", "/livez", NULL, 200);
}

static void close_mailbox(void *argument)
{
    mailbox_close(argument);
}

static void test_when_the_hub_ends_everything_that_needs_it_is_503(void **state)
{
    (void)state;
    expect("PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://west:1\"}", 201);
    assert_int_equal(mailbox_run(stand.mailbox, close_mailbox, stand.mailbox), 0);
    usleep(2 * SUMMARY_MS * 1000);
    expect_problem("GET", "/api/v1/hub", NULL, 503);
    expect_problem("GET", "/api/v1/clients", NULL, 503);
    expect_problem("GET", "/api/v1/channels", NULL, 503);
    expect_problem("GET", "/api/v1/links", NULL, 503);
    expect_problem("GET", "/api/v1/bridges", NULL, 503);
    expect_problem("PUT", "/api/v1/bridges/east", "{\"address\": \"tcp://east:1\"}", 503);
    expect_problem("DELETE", "/api/v1/bridges/west", NULL, 503);
    expect_problem("PUT", "/api/v1/channels/jobs/password", "{\"password\": \"x\"}", 503);
    expect("GET", "/readyz", NULL, 503);
    expect("GET", "/startupz", NULL, 503);
    expect("GET", "/livez", NULL, 200);
    expect("GET", "/metrics", NULL, 200);
    {
        struct store_bridge *bridge = NULL;
        char why[STORE_WHY_SIZE];

        assert_int_equal(store_bridge_find(stand.store, "west", &bridge, why), 0);
        store_bridge_free(bridge);
        assert_int_equal(store_bridge_find(stand.store, "east", &bridge, why), STORE_E_UNKNOWN);
    }
}

static void test_metrics_are_prometheus_text_without_names(void **state)
{
    struct stand_answer answer;

    (void)state;
    expect("PUT", "/api/v1/bridges/west", "{\"address\": \"tcp://west:1\"}", 201);
    answer = stand_ask(&stand, "GET", "/metrics", NULL, NULL);
    assert_int_equal(answer.status, 200);
    assert_header(&answer, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(
        strstr(answer.body, "\n# TYPE commhub_messages_in_total counter\ncommhub_messages_in_total "));
    assert_non_null(strstr(answer.body, "\ncommhub_clients 3\n"));
    assert_non_null(strstr(answer.body, "commhub_build_info{version=\"9.8.7\"} 1\n"));
    assert_non_null(strstr(answer.body, "\ncommhub_links{state=\"up\",direction=\"out\"} 1\n"));
    assert_non_null(strstr(answer.body, "\ncommhub_links{state=\"up\",direction=\"in\"} 1\n"));
    assert_non_null(strstr(answer.body, "\ncommhub_links{state=\"refused\",direction=\"in\"} 0\n"));
    assert_non_null(strstr(answer.body, "\ncommhub_mesh_refused_total{reason=\"loop\"} 7\n"));
    assert_non_null(strstr(answer.body, "\ncommhub_mesh_routes 4\n"));
    assert_null(strstr(answer.body, "west"));
    stand_answer_clear(&answer);
}

static void test_the_document_is_served(void **state)
{
    struct stand_answer answer = stand_ask(&stand, "GET", "/api/v1/openapi.json", NULL, NULL);

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_string_equal(text(answer.json, "openapi"), "3.1.0");
    stand_answer_clear(&answer);
}

static struct stand_answer ask_raw(const char *request)
{
    struct stand_answer answer;
    int fd = stand_connect(&stand);

    stand_send(fd, request);
    stand_read_answer(fd, true, &answer);
    close(fd);
    return answer;
}

static void test_the_page_is_served_with_etag_and_gzip(void **state)
{
    struct stand_answer plain = ask_raw("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    struct stand_answer packed =
        ask_raw("GET /?x=1 HTTP/1.1\r\nHost: h\r\nAccept-Encoding: br, gzip;q=0.5\r\n\r\n");
    struct stand_answer refused = ask_raw("GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip;q=0\r\n\r\n");
    struct stand_answer again;
    char *etag = stand_header(&plain, "ETag");
    char *packed_etag = stand_header(&packed, "ETag");
    char request[256];

    (void)state;
    assert_int_equal(plain.status, 200);
    assert_header(&plain, "Content-Type", "text/html; charset=utf-8");
    assert_header(&plain, "Vary", "Accept-Encoding");
    assert_header(&plain, "Cache-Control", "no-cache");
    assert_null(stand_header(&plain, "Content-Encoding"));
    assert_null(stand_header(&refused, "Content-Encoding"));
    assert_header(&packed, "Content-Encoding", "gzip");
    assert_memory_equal(packed.body, "\x1f\x8b", 2);
    assert_string_not_equal(etag, packed_etag);
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: %s\r\n\r\n", etag);
    again = ask_raw(request);
    assert_int_equal(again.status, 304);
    assert_int_equal(again.body_len, 0);
    free(etag);
    free(packed_etag);
    stand_answer_clear(&plain);
    stand_answer_clear(&packed);
    stand_answer_clear(&refused);
    stand_answer_clear(&again);
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
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_hub_says_who_it_is),
        TEST(test_every_answer_bears_the_security_headers),
        TEST(test_lists_come_in_pages_to_an_honest_end),
        TEST(test_a_client_has_its_members),
        TEST(test_one_client_tells_of_its_connection_and_what_it_holds),
        TEST(test_what_is_in_a_channel_has_lists_of_its_own),
        TEST(test_a_channel_is_found_by_its_escaped_name),
        TEST(test_a_bridge_is_made_replaced_and_removed),
        TEST(test_bridges_outlive_a_restart),
        TEST(test_all_faults_of_a_body_are_told_at_once),
        TEST(test_a_bridge_is_shown_as_it_was_wished),
        TEST(test_what_a_wish_leaves_out_takes_its_default),
        TEST(test_bodies_that_are_no_strict_json_are_refused),
        TEST(test_a_bridge_the_hub_does_not_take_is_taken_back),
        TEST(test_a_bridge_the_hub_would_not_take_is_refused_before_it_is_stored),
        TEST(test_a_full_disk_leaves_the_hub_untouched),
        TEST(test_a_password_is_set_stored_and_taken_away),
        TEST(test_a_system_channel_gets_its_signing_key),
        TEST(test_a_password_of_the_configuration_is_pinned),
        TEST(test_a_password_the_hub_does_not_take_is_taken_back),
        TEST(test_the_mesh_is_listed_with_what_each_hub_tells),
        TEST(test_routes_are_listed_and_explained),
        TEST(test_a_trace_answers_with_the_steps_of_the_probe),
        TEST(test_a_trial_tells_the_steps_and_the_one_that_failed),
        TEST(test_a_trial_takes_the_secrets_of_the_stored_bridge_unless_it_says_others),
        TEST(test_what_can_not_be_tried_is_refused_with_a_reason),
        TEST(test_links_are_listed_with_their_state),
        TEST(test_wrong_tokens_are_refused_and_then_throttled),
        TEST(test_unknown_paths_and_methods_have_the_same_shape),
        TEST(test_probes_follow_the_hub),
        TEST(test_when_the_hub_ends_everything_that_needs_it_is_503),
        TEST(test_metrics_are_prometheus_text_without_names),
        TEST(test_the_document_is_served),
        TEST(test_the_page_is_served_with_etag_and_gzip),
        TEST(test_store_and_hub_agree_after_writes_side_by_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
