/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Another hub's resources, asked of this one. The far hub is this very management plane: what is asked of the
 * hub bbb... comes back in by its own worker.
 */
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

#define FAR "/api/v1/mesh/hubs/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

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

static int ask(const char *method, const char *target, const char *body, char detail[256])
{
    struct stand_answer answer = stand_ask(&stand, method, target, STAND_TOKEN, body);
    const char *text = json_string_value(json_object_get(answer.json, "detail"));
    int status = answer.status;

    if (detail)
        snprintf(detail, 256, "%s", text ? text : "");
    stand_answer_clear(&answer);
    return status;
}

static void test_a_bridge_of_another_hub_is_made_read_and_removed(void **state)
{
    struct stand_answer answer;

    (void)state;
    assert_int_equal(ask("PUT", FAR "/bridges/to%20far", "{\"address\": \"tcp://127.0.0.1:1\"}", NULL), 201);
    assert_non_null(fake_controls_bridge("to far"));
    answer = stand_ask(&stand, "GET", FAR "/bridges?limit=5", STAND_TOKEN, NULL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(json_array_size(json_object_get(answer.json, "items")), 1);
    stand_answer_clear(&answer);
    assert_int_equal(ask("GET", FAR "/bridges/to%20far", NULL, NULL), 200);
    assert_int_equal(ask("DELETE", FAR "/bridges/to%20far", NULL, NULL), 204);
    assert_int_equal(ask("GET", FAR "/bridges/to%20far", NULL, NULL), 404);
}

static void test_a_write_at_another_hub_is_tried_and_changed_in_part_as_here(void **state)
{
    struct stand_answer answer;

    (void)state;
    answer = stand_ask(&stand, "PUT", FAR "/bridges/x?dry_run=true", STAND_TOKEN,
                       "{\"address\": \"tcp://127.0.0.1:1\"}");
    assert_int_equal(answer.status, 200);
    assert_int_equal(json_integer_value(json_object_get(answer.json, "status")), 201);
    assert_non_null(strstr(answer.head, "application/vnd.commhub.plan+json"));
    stand_answer_clear(&answer);
    assert_null(fake_controls_bridge("x"));
    assert_int_equal(ask("PUT", FAR "/bridges/x", "{\"address\": \"tcp://127.0.0.1:1\"}", NULL), 201);
    assert_int_equal(ask("PATCH", FAR "/bridges/x", "{\"cost\": 7}", NULL), 200);
    assert_int_equal(ask("POST", FAR "/bridges/x/pause", NULL, NULL), 200);
    assert_int_equal(ask("POST", FAR "/bridges/x/resume", NULL, NULL), 200);
    assert_int_equal(ask("POST", FAR "/bridges/x/retry", NULL, NULL), 200);
    answer = stand_ask(&stand, "GET", FAR "/bridges/x", STAND_TOKEN, NULL);
    assert_int_equal(json_integer_value(json_object_get(answer.json, "cost")), 7);
    stand_answer_clear(&answer);
}

static void test_a_hub_tells_of_itself_through_the_mesh(void **state)
{
    struct stand_answer answer = stand_ask(&stand, "GET", FAR "/hub", STAND_TOKEN, NULL);

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_non_null(json_object_get(answer.json, "started_at"));
    stand_answer_clear(&answer);
}

static void report_trial(void *argument)
{
    bool *is_reported = argument;

    *is_reported = fake_controls_report_trial();
}

static void see_trial(void *argument)
{
    bool *is_tried = argument;

    *is_tried = fake_controls.trial.on_report != NULL;
}

/* Some bridge is being tried. */
static void expect_trial(void)
{
    bool is_tried = false;

    for (int i = 0; !is_tried && i < 500; i++) {
        usleep(10000);
        assert_int_equal(mailbox_run(stand.mailbox, see_trial, &is_tried), 0);
    }
    assert_true(is_tried);
}

static void test_a_bridge_of_another_hub_is_tried_and_awaited(void **state)
{
    struct stand_answer answer;
    bool is_reported = false;
    int fd = stand_connect(&stand);

    (void)state;
    assert_int_equal(ask("PUT", FAR "/bridges/quick", "{\"address\": \"tcp://127.0.0.1:1\"}", NULL), 201);
    assert_int_equal(ask("PUT", FAR "/bridges/slow", "{\"address\": \"tcp://slow:1\"}", NULL), 201);
    answer = stand_ask(&stand, "POST", FAR "/bridges/quick/test", STAND_TOKEN, NULL);
    assert_int_equal(answer.status, 200);
    assert_true(json_is_array(json_object_get(answer.json, "steps")));
    stand_answer_clear(&answer);
    stand_send(fd, "POST " FAR "/bridges/slow/test HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " STAND_TOKEN
                   "\r\nContent-Length: 0\r\n\r\n");
    expect_trial();
    assert_int_equal(mailbox_run(stand.mailbox, report_trial, &is_reported), 0);
    assert_true(is_reported);
    stand_read_answer(fd, true, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(json_string_value(json_object_get(answer.json, "reason")), "wrong_secret");
    stand_answer_clear(&answer);
    close(fd);
}

static void test_what_the_far_hub_complains_about_is_told_as_it_says_it(void **state)
{
    struct stand_answer answer;

    (void)state;
    answer = stand_ask(&stand, "PUT", FAR "/bridges/x", STAND_TOKEN, "{\"address\": 7, \"wrong\": 1}");
    assert_int_equal(answer.status, 422);
    assert_int_equal(json_array_size(json_object_get(answer.json, "errors")), 2);
    stand_answer_clear(&answer);
}

static void test_both_hubs_keep_the_write_in_their_audit_logs(void **state)
{
    struct stand_answer answer;
    json_t *rows;

    (void)state;
    assert_int_equal(ask("PUT", FAR "/channels/vault/password", "{\"password\": \"canary-7\"}", NULL), 204);
    answer = stand_ask(&stand, "GET", "/api/v1/audit?method=PUT", STAND_TOKEN, NULL);
    rows = json_object_get(answer.json, "items");
    assert_int_equal(json_array_size(rows), 2);
    assert_non_null(strstr(answer.body, "\"mesh:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:"));
    assert_non_null(strstr(answer.body, "\"/api/v1/channels/vault/password\""));
    assert_non_null(strstr(answer.body, "\"" FAR "/channels/vault/password\""));
    assert_null(strstr(answer.body, "canary-7"));
    stand_answer_clear(&answer);
}

static void test_a_refusal_and_a_silence_on_the_way_are_told(void **state)
{
    char detail[256];

    (void)state;
    fake_controls.errand_outcome = FEDERATION_REFUSED;
    assert_int_equal(ask("GET", FAR "/links", NULL, detail), 403);
    assert_string_equal(detail, "Hub far: no");
    fake_controls.errand_outcome = FEDERATION_UNANSWERED;
    assert_int_equal(ask("GET", FAR "/links", NULL, detail), 504);
    assert_non_null(strstr(detail, "has not answered in time"));
}

static void test_what_no_json_can_hold_is_refused_before_it_is_sent(void **state)
{
    struct stand_answer answer;
    char detail[256];

    (void)state;
    assert_int_equal(ask("PUT", FAR "/bridges/x", "{\"a\": \"\xff\"}", detail), 400);
    assert_non_null(strstr(detail, "not UTF-8"));
    answer = stand_ask_with(&stand, "GET", FAR "/bridges/x",
                            "Authorization: Bearer " STAND_TOKEN "\r\nIf-None-Match: \xff\r\n", NULL);
    assert_int_equal(answer.status, 400);
    stand_answer_clear(&answer);
}

static void test_a_hub_that_nobody_knows_is_not_found(void **state)
{
    char detail[256];

    (void)state;
    assert_int_equal(ask("GET", "/api/v1/mesh/hubs/cccccccccccccccccccccccccccccccc/links", NULL, detail),
                     404);
    assert_non_null(strstr(detail, "GET /api/v1/mesh"));
    assert_int_equal(ask("GET", "/api/v1/mesh/hubs/short/links", NULL, detail), 404);
}

static char served[512];

static void keep(void *context, enum federation_outcome outcome, struct bytes body)
{
    (void)context;
    (void)outcome;
    snprintf(served, sizeof served, "%.*s", (int)body.len, (const char *)body.ptr);
}

struct forgery {
    const char *body;
    bool may_write;
};

static void bring(void *argument)
{
    const struct forgery *forgery = argument;
    struct federation_errand errand = {.may_write = forgery->may_write, .serial = 1};

    memset(errand.from, 'a', 32);
    errand.body = bytes_of_text(forgery->body);
    fake_controls.handle_answer = keep;
    fake_controls.serve_errand(fake_controls.errand_context, &errand);
}

static void look(void *argument)
{
    bool *is_served = argument;

    *is_served = served[0] != '\0';
}

static void expect_served(const char *body, bool may_write, const char *beginning)
{
    struct forgery forgery = {body, may_write};
    bool is_served = false;

    served[0] = '\0';
    assert_int_equal(mailbox_run(stand.mailbox, bring, &forgery), 0);
    for (int i = 0; !is_served && i < 500; i++) {
        usleep(10000);
        assert_int_equal(mailbox_run(stand.mailbox, look, &is_served), 0);
    }
    assert_true(is_served);
    if (strncmp(served, beginning, strlen(beginning)) != 0)
        fail_msg("%s was answered %s", body, served);
}

#define REQUEST(method, target, role)                                                                        \
    "{\"id\": \"x\", \"method\": \"" method "\", \"target\": \"" target                                      \
    "\", \"by\": \"eve\", \"role\": \"" role "\", \"headers\": {}, \"body\": \"\"}"

static void test_what_a_hub_makes_up_gets_no_further_than_its_grant(void **state)
{
    (void)state;
    expect_served("no json", true, "{\"status\":400");
    expect_served(REQUEST("GET", "/api/v1/hub", "admin"), false, "{\"status\":200");
    expect_served(REQUEST("DELETE", "/api/v1/bridges/x", "admin"), false, "{\"status\":403");
    expect_served(REQUEST("DELETE", "/api/v1/bridges/x", "viewer"), true, "{\"status\":403");
    expect_served(REQUEST("DELETE", "/api/v1/bridges/x", "admin"), true, "{\"status\":404");
    expect_served(REQUEST("GET", "/api/v1/users", "admin"), true, "{\"status\":403");
    expect_served(REQUEST("GET", "/api/v1/audit", "admin"), true, "{\"status\":403");
    expect_served(REQUEST("POST", "/api/v1/channels/a/events/b/call", "admin"), true, "{\"status\":403");
    expect_served(REQUEST("GET", "/ws", "admin"), true, "{\"status\":404");
    expect_served(REQUEST("GET", FAR "/links", "admin"), true, "{\"status\":403");
    expect_served(REQUEST("BREW", "/api/v1/hub", "admin"), true, "{\"status\":400");
}

/* The stand is stopped while it sleeps: nothing leaks, and nothing hangs. */
static void test_a_hub_may_end_while_a_bridge_is_tried_for_another(void **state)
{
    struct forgery forgery = {REQUEST("POST", "/api/v1/bridges/slow/test", "operator"), true};

    (void)state;
    assert_int_equal(ask("PUT", FAR "/bridges/slow", "{\"address\": \"tcp://slow:1\"}", NULL), 201);
    assert_int_equal(mailbox_run(stand.mailbox, bring, &forgery), 0);
    expect_trial();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_a_bridge_of_another_hub_is_made_read_and_removed),
        TEST(test_a_write_at_another_hub_is_tried_and_changed_in_part_as_here),
        TEST(test_a_hub_tells_of_itself_through_the_mesh),
        TEST(test_a_bridge_of_another_hub_is_tried_and_awaited),
        TEST(test_what_the_far_hub_complains_about_is_told_as_it_says_it),
        TEST(test_both_hubs_keep_the_write_in_their_audit_logs),
        TEST(test_a_refusal_and_a_silence_on_the_way_are_told),
        TEST(test_what_no_json_can_hold_is_refused_before_it_is_sent),
        TEST(test_a_hub_that_nobody_knows_is_not_found),
        TEST(test_what_a_hub_makes_up_gets_no_further_than_its_grant),
        TEST(test_a_hub_may_end_while_a_bridge_is_tried_for_another),
#undef TEST
    };

    return cmocka_run_group_tests_name("rest_remote", tests, NULL, NULL);
}
