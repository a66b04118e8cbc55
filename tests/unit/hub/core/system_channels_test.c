/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/stage.h"
#include "tests/support/unit.h"

static void test_nobody_but_the_hub_speaks_on_a_system_channel(void **state)
{
    static const char *const messages[] = {
        "{'type':'broadcast','channel':'__comm_ipc_logs','event':'x','data':1}",
        "{'type':'send','channel':'__comm_ipc_logs','event':'x','data':1}",
        "{'type':'call','channel':'__comm_ipc_logs','event':'x','request_id':'1'}",
        "{'type':'publish','channel':'__comm_ipc_logs','sub_name':'x','data':1}",
        "{'type':'add_subscription','channel':'__comm_ipc_logs','sub_name':'x'}",
        "{'type':'subscribe','channel':'__comm_ipc_logs','sub_name':'x'}",
        "{'type':'set_password','channel':'__comm_ipc_logs','password':'x'}",
        "{'type':'register','channel':'__comm_ipc_logs','event':'x','is_provider':true}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(messages); i++) {
        struct stage *stage = stage_new(NULL);
        const char *text;

        print_message("row: %s\n", messages[i]);
        stage_enter(stage, "watcher");
        stage_enter(stage, "liar");
        stage_say(stage, "watcher", "{'type':'register','channel':'__comm_ipc_logs'}");
        stage_forget(stage, "watcher");
        stage_say(stage, "liar", messages[i]);
        text = stage_peek(stage, "liar", stage_peek_has(stage, "liar", "error") ? "error" : "message");
        assert_non_null(text);
        assert_non_null(strstr(text, "is a system channel and read-only"));
        stage_hear_nothing(stage, "watcher");
        stage_free(stage);
    }
}

static void test_log_lines_are_posted(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "watcher");
    stage_say(stage, "watcher", "{'type':'register','channel':'__comm_ipc_logs'}");
    stage_forget(stage, "watcher");
    stage_enter(stage, "a");
    stage_hear(stage, "watcher",
               "{'type':'receive','channel':'__comm_ipc_logs','event':'server_log','sender_id':'system',"
               "'server_id':'hub','data':{'message':'Client a identified','level':'info','client_id':'a',"
               "'server_id':'hub'}}");
    hub_log(stage_hub(stage), LOG_WARN, BYTES_LITERAL("low on paper"), BYTES_NONE, stage_time(stage));
    stage_hear(stage, "watcher",
               "{'data':{'message':'low on paper','level':'warning','client_id':null,'server_id':'hub'}}");
    stage_free(stage);
}

static void test_with_a_password_posts_are_signed(void **state)
{
    struct stage *stage = stage_new(NULL);
    uint8_t key[SIGNATURE_KEY_BYTES] = {1, 2, 3};
    struct hub *hub = stage_hub(stage);

    (void)state;
    stage_enter(stage, "watcher");
    stage_say(stage, "watcher", "{'type':'register','channel':'__comm_ipc_logs'}");
    assert_int_equal(hub_configure_password(hub, BYTES_LITERAL("__comm_ipc_logs"), BYTES_LITERAL("p"),
                                            PASSWORD_BY_CONFIGURATION, key, stage_time(stage)),
                     0);
    stage_forget(stage, "watcher");
    hub_log(hub, LOG_INFO, BYTES_LITERAL("secret"), BYTES_NONE, stage_time(stage));
    stage_hear_nothing(stage, "watcher");
    stage_free(stage);
}

static void fail_in(enum error_policy policy, struct stage **out_stage)
{
    struct hub_options options = {.error_policy = policy};
    struct stage *stage = stage_new(&options);

    stage_enter(stage, "watcher");
    stage_enter(stage, "a");
    stage_say(stage, "watcher", "{'type':'register','channel':'__comm_ipc_errors'}");
    stage_forget(stage, "watcher");
    stage_say(stage, "a", "{'type':'call','channel':'c','event':'e','request_id':'1'}");
    stage_hear(stage, "a", "{'error':'No provider for c:e'}");
    assert_int_equal(stage_notes(stage, LOG_ERRORS), 1);
    *out_stage = stage;
}

static void test_policy_ignore_notes_and_posts_nothing(void **state)
{
    struct stage *stage;

    (void)state;
    fail_in(ERROR_IGNORE, &stage);
    stage_hear_nothing(stage, "watcher");
    assert_int_equal(stage_end_reason(stage, "a"), -1);
    stage_free(stage);
}

static void test_policy_raise_ends_the_client(void **state)
{
    struct stage *stage;

    (void)state;
    fail_in(ERROR_RAISE, &stage);
    assert_int_equal(stage_end_reason(stage, "a"), END_ERROR_POLICY);
    stage_free(stage);
}

static void test_policy_broadcast_posts_the_error_without_names(void **state)
{
    struct stage *stage;

    (void)state;
    fail_in(ERROR_BROADCAST, &stage);
    stage_hear(stage, "watcher",
               "{'channel':'__comm_ipc_errors','event':'server_error',"
               "'data':{'error':'No provider for c','client_id':'a','server_id':'hub'}}");
    stage_hear(stage, "a", "{'type':'error','message':'No provider for c'}");
    stage_free(stage);
}

static void test_a_flood_of_errors_is_recorded_up_to_a_bound(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "a");
    for (int i = 0; i < 250; i++) {
        stage_say(stage, "a", "{'type':'nonsense'}");
        stage_hear(stage, "a", "{'type':'error','message':'Unknown message type nonsense'}");
    }
    assert_int_equal(stage_notes(stage, LOG_ERRORS), 100);
    stage_wait(stage, 1000);
    stage_say(stage, "a", "{'type':'nonsense'}");
    assert_int_equal(stage_notes(stage, LOG_ERRORS), 101);
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_but_the_hub_speaks_on_a_system_channel),
        cmocka_unit_test(test_log_lines_are_posted),
        cmocka_unit_test(test_with_a_password_posts_are_signed),
        cmocka_unit_test(test_policy_ignore_notes_and_posts_nothing),
        cmocka_unit_test(test_policy_raise_ends_the_client),
        cmocka_unit_test(test_policy_broadcast_posts_the_error_without_names),
        cmocka_unit_test(test_a_flood_of_errors_is_recorded_up_to_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
