/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Definitions: what is given is what is taken in, all of it or nothing
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "mgmt/rest/definitions.h"
#include "mgmt/rest/definitions_file.h"
#include "mgmt/store/data_dir.h"
#include "mgmt/store/store_audit.h"
#include "mgmt/store/store_password.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

#define DEFINITIONS "/api/v1/definitions"
#define BRIDGE "\"address\":\"tcp://192.0.2.1:7070\""

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

static struct stand_answer post(const char *query, const char *body)
{
    char target[128];

    snprintf(target, sizeof target, DEFINITIONS "%s", query);
    return stand_ask(&stand, "POST", target, STAND_TOKEN, body);
}

static char *exported(void)
{
    struct stand_answer answer = stand_ask(&stand, "GET", DEFINITIONS, STAND_TOKEN, NULL);
    char *text;

    assert_int_equal(answer.status, 200);
    text = strdup(answer.body);
    stand_answer_clear(&answer);
    return text;
}

static void assert_changes(const char *query, const char *body, const char *wanted)
{
    struct stand_answer answer = post(query, body);
    json_t *expected = json_loads(wanted, 0, NULL);

    assert_non_null(expected);
    if (answer.status != 200 || !json_equal(answer.json, expected))
        fail_msg("%s %s: %d %s", query, body, answer.status, answer.body);
    json_decref(expected);
    stand_answer_clear(&answer);
}

#define SOME                                                                                                 \
    "{\"version\":1,\"bridges\":{\"west\":{" BRIDGE ",\"secret\":{\"value\":\"canary-bridge\"}},"            \
    "\"a/b~c\":{" BRIDGE                                                                                     \
    ",\"cost\":7}},\"channels\":{\"vault\":{\"password\":{\"value\":\"canary-vault\"}}}}"

static void take_in_some(void)
{
    assert_changes("", SOME,
                   "{\"added\":[\"bridges/a/b~c\",\"bridges/west\",\"channels/vault\"],\"changed\":[],"
                   "\"removed\":[],\"unchanged\":0}");
}

static void test_what_is_given_can_be_taken_in_and_is_the_same_to_the_byte(void **state)
{
    char *first, *second;

    (void)state;
    take_in_some();
    first = exported();
    assert_non_null(strstr(first, "\"stored\": true"));
    assert_null(strstr(first, "canary"));
    assert_changes("?mode=replace", first, "{\"added\":[],\"changed\":[],\"removed\":[],\"unchanged\":3}");
    second = exported();
    assert_string_equal(first, second);
    stand_restart(&stand);
    free(second);
    second = exported();
    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void test_the_hub_is_told_of_what_changes_and_keeps_its_secrets(void **state)
{
    (void)state;
    take_in_some();
    assert_string_equal(fake_controls_bridge("west")->secret, "canary-bridge");
    assert_string_equal(fake_controls_password("vault")->password, "canary-vault");
    assert_changes("",
                   "{\"version\":1,\"bridges\":{\"west\":{" BRIDGE
                   ",\"secret\":{\"stored\":true},\"paused\":true}}}",
                   "{\"added\":[],\"changed\":[\"bridges/west\"],\"removed\":[],\"unchanged\":2}");
    assert_string_equal(fake_controls_bridge("west")->secret, "canary-bridge");
    assert_true(fake_controls_bridge("west")->is_paused);
    assert_changes("?mode=replace", "{\"version\":1,\"bridges\":{\"west\":{" BRIDGE "}}}",
                   "{\"added\":[],\"changed\":[\"bridges/west\"],\"removed\":[\"bridges/a/b~c\","
                   "\"channels/vault\"],\"unchanged\":0}");
    assert_string_equal(fake_controls_bridge("west")->secret, "");
    assert_null(fake_controls_bridge("a/b~c"));
    assert_string_equal(fake_controls_password("vault")->password, "");
}

static void test_a_plan_changes_nothing(void **state)
{
    struct stand_answer answer;
    char *before, *after;

    (void)state;
    take_in_some();
    before = exported();
    answer = post("?mode=replace&dry_run=true", "{\"version\":1,\"bridges\":{\"new\":{" BRIDGE "}}}");
    assert_int_equal(answer.status, 200);
    assert_int_equal(json_array_size(json_object_get(answer.json, "removed")), 3);
    assert_true(json_is_true(json_object_get(answer.json, "dry_run")));
    assert_non_null(
        json_object_get(json_object_get(json_object_get(answer.json, "after"), "bridges"), "new"));
    stand_answer_clear(&answer);
    after = exported();
    assert_string_equal(before, after);
    assert_null(fake_controls_bridge("new"));
    free(before);
    free(after);
}

static void test_each_fault_is_named_and_then_nothing_is_done(void **state)
{
    static const struct {
        const char *body;
        const char *pointer;
        const char *text;
    } rows[] = {
        {"{}", "#/version", "must be 1"},
        {"{\"version\":2}", "#/version", "must be 1"},
        {"{\"version\":1,\"users\":{}}", "#/users", "not known"},
        {"{\"version\":1,\"bridges\":[]}", "#/bridges", "object"},
        {"{\"version\":1,\"bridges\":{\"x\":1}}", "#/bridges/x", "object"},
        {"{\"version\":1,\"bridges\":{\"x\":{}}}", "#/bridges/x/address", ""},
        {"{\"version\":1,\"bridges\":{\"a/~\":{" BRIDGE ",\"cost\":0}}}", "#/bridges/a~1~0/cost", ""},
        {"{\"version\":1,\"bridges\":{\"x\":{" BRIDGE ",\"secret\":\"plain\"}}}", "#/bridges/x/secret",
         "stored"},
        {"{\"version\":1,\"bridges\":{\"x\":{" BRIDGE ",\"secret\":{\"stored\":true}}}}",
         "#/bridges/x/secret", "none stored"},
        {"{\"version\":1,\"bridges\":{\"x\":{" BRIDGE ",\"secret\":{\"file\":\"/etc/passwd\"}}}}",
         "#/bridges/x/secret", "stored"},
        {"{\"version\":1,\"channels\":{\"c\":{}}}", "#/channels/c/password", ""},
        {"{\"version\":1,\"channels\":{\"c\":{\"password\":{\"stored\":true}}}}", "#/channels/c/password",
         "none stored"},
        {"{\"version\":1,\"channels\":{\"c\":{\"password\":{\"value\":\"\"}}}}", "#/channels/c/password",
         "1 to"},
        {"{\"version\":1,\"channels\":{\"c\":{\"password\":{\"value\":\"p\"},\"x\":1}}}", "#/channels/c/x",
         ""},
        {"{\"version\":1,\"channels\":{\"a\\nb\":{\"password\":{\"value\":\"p\"}}}}", "#/channels/a\nb",
         "control"},
        {"{\"version\":1,\"bridges\":{\"good\":{" BRIDGE "},\"bad\":{\"address\":\"nowhere\"}}}",
         "#/bridges/bad/address", ""},
    };
    char *before = exported();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stand_answer answer = post("", rows[i].body);
        json_t *first = json_array_get(json_object_get(answer.json, "errors"), 0);
        const char *pointer = json_string_value(json_object_get(first, "pointer"));
        const char *detail = json_string_value(json_object_get(first, "detail"));
        char *after = exported();

        if (answer.status != 422 || !pointer ||
            (strcmp(pointer, rows[i].pointer) != 0 && !strchr(pointer, '\\')) ||
            !strstr(detail, rows[i].text))
            fail_msg("%s: %d %s", rows[i].body, answer.status, answer.body);
        assert_string_equal(before, after);
        stand_answer_clear(&answer);
        free(after);
    }
    free(before);
    assert_null(fake_controls_bridge("good"));
}

static void test_what_the_configuration_has_settled_is_not_changed(void **state)
{
    struct stand_answer answer;

    (void)state;
    fake_controls.pinned_channel = "jobs";
    answer = post("", "{\"version\":1,\"bridges\":{\"west\":{" BRIDGE
                      "}},\"channels\":{\"jobs\":{\"password\":{\"value\":\"p\"}}}}");
    assert_int_equal(answer.status, 409);
    stand_answer_clear(&answer);
    assert_null(fake_controls_bridge("west"));
}

static void test_bridges_that_the_hub_would_not_take_are_all_named_and_nothing_is_stored(void **state)
{
    static const char body[] = "{\"version\":1,\"bridges\":{\"a/b\":{" BRIDGE "},\"good\":{" BRIDGE
                               ",\"secret\":{\"value\":\"s\"}},\"west\":{" BRIDGE "}}}";
    static const char *const queries[] = {"", "?dry_run=true"};
    char *before = exported();
    char *after;

    (void)state;
    fake_controls.knows_no_secret = true;
    for (size_t i = 0; i < N_ELEMENTS(queries); i++) {
        struct stand_answer answer = post(queries[i], body);

        assert_int_equal(answer.status, 422);
        assert_non_null(strstr(answer.body, "\"#/bridges/a~1b/secret\""));
        assert_non_null(strstr(answer.body, "\"#/bridges/west/secret\""));
        assert_null(strstr(answer.body, "#/bridges/good"));
        stand_answer_clear(&answer);
    }
    assert_null(fake_controls_bridge("good"));
    after = exported();
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static int store_two(struct store *store, void *context, char *out_why)
{
    int r = store_password_set(store, BYTES_LITERAL("one"), BYTES_LITERAL("p"), out_why);

    if (r == 0)
        r = store_password_set(store, BYTES_LITERAL("two"), BYTES_LITERAL("p"), out_why);
    return r < 0 ? r : *(int *)context;
}

static void test_a_batch_is_stored_whole_or_not_at_all(void **state)
{
    cleanup_(buffer_clear) struct buffer password = {0};
    char why[STORE_WHY_SIZE];
    int answer = -EIO;

    (void)state;
    assert_int_equal(store_batch(stand.store, store_two, &answer, why), -EIO);
    assert_int_equal(store_password_find(stand.store, BYTES_LITERAL("one"), &password, why), STORE_E_UNKNOWN);
    answer = 0;
    assert_int_equal(store_batch(stand.store, store_two, &answer, why), 0);
    assert_int_equal(store_password_find(stand.store, BYTES_LITERAL("one"), &password, why), 0);
}

static int load(const char *text, char why[STORE_WHY_SIZE])
{
    char path[128];

    snprintf(path, sizeof path, "%s/definitions.json", stand.data_dir);
    assert_int_equal(data_dir_write(path, bytes_of_text(text)), 0);
    return definitions_file_load(stand.store, path, why);
}

/* The rows that the configuration has in the audit log: of the file, and of each object. */
static void assert_row_of_each(struct store *store)
{
    static const char *const targets[] = {"/api/v1/bridges/west", "/api/v1/channels/vault/password",
                                          "commhub serve --definitions "};
    const struct store_audit_filter filter = {.who = STORE_AUDIT_CONFIGURATION, .is_oldest_first = true};
    struct store_audits audits;
    char why[STORE_WHY_SIZE];

    assert_int_equal(store_audit_list(store, &filter, 0, 10, &audits, why), 0);
    assert_int_equal(audits.n, N_ELEMENTS(targets));
    for (size_t i = 0; i < audits.n; i++) {
        assert_int_equal(strncmp(audits.rows[i].target, targets[i], strlen(targets[i])), 0);
        assert_null(strstr(audits.rows[i].after, "from outside"));
    }
    free(audits.rows);
}

static void test_a_file_is_taken_in_at_start_with_secrets_from_elsewhere(void **state)
{
    cleanup_(buffer_clear) struct buffer password = {0};
    char why[STORE_WHY_SIZE], text[512];

    (void)state;
    snprintf(text, sizeof text,
             "{\"version\":1,\"bridges\":{\"west\":{" BRIDGE ",\"secret\":{\"file\":\"%s\"}}},"
             "\"channels\":{\"vault\":{\"password\":{\"env\":\"DEFINITIONS_TEST_PASSWORD\"}}}}",
             stand.token_file);
    unsetenv("DEFINITIONS_TEST_PASSWORD");
    assert_true(load(text, why) < 0);
    assert_non_null(strstr(why, "DEFINITIONS_TEST_PASSWORD"));
    setenv("DEFINITIONS_TEST_PASSWORD", "from outside", 1);
    assert_int_equal(load(text, why), 0);
    assert_int_equal(store_password_find(stand.store, BYTES_LITERAL("vault"), &password, why), 0);
    assert_true(bytes_equal_text(buffer_bytes(&password), "from outside"));
    assert_row_of_each(stand.store);
    assert_int_equal(load(text, why), 0);
    assert_row_of_each(stand.store); /* what changes nothing leaves no row */
    assert_int_equal(load("{", why), -EINVAL);
    assert_non_null(strstr(why, "not JSON"));
    assert_int_equal(load("{\"version\":1,\"bridges\":{\"x\":{}}}", why), -EINVAL);
    assert_non_null(strstr(why, "#/bridges/x/address"));
    assert_true(definitions_file_load(stand.store, "/nowhere/at/all", why) < 0);
    assert_non_null(strstr(why, "/nowhere/at/all"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_given_can_be_taken_in_and_is_the_same_to_the_byte),
        TEST(test_the_hub_is_told_of_what_changes_and_keeps_its_secrets),
        TEST(test_a_plan_changes_nothing),
        TEST(test_each_fault_is_named_and_then_nothing_is_done),
        TEST(test_what_the_configuration_has_settled_is_not_changed),
        TEST(test_bridges_that_the_hub_would_not_take_are_all_named_and_nothing_is_stored),
        TEST(test_a_batch_is_stored_whole_or_not_at_all),
        TEST(test_a_file_is_taken_in_at_start_with_secrets_from_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
