/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What all routes have in common, and those that show the hub itself
 */
#include "mgmt/auth/throttle.h"
#include "mgmt/rest/summary.h"
#include "mgmt/store/store_bridge.h"
#include "tests/unit/mgmt/rest/rest_stand.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_the_hub_says_who_it_is),
        TEST(test_every_answer_bears_the_security_headers),
        TEST(test_wrong_tokens_are_refused_and_then_throttled),
        TEST(test_unknown_paths_and_methods_have_the_same_shape),
        TEST(test_probes_follow_the_hub),
        TEST(test_when_the_hub_ends_everything_that_needs_it_is_503),
        TEST(test_metrics_are_prometheus_text_without_names),
        TEST(test_the_document_is_served),
        TEST(test_the_page_is_served_with_etag_and_gzip),
#undef TEST
    };

    return cmocka_run_group_tests_name("rest", tests, NULL, NULL);
}
