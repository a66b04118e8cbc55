/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/proof.h"
#include "tests/support/stage.h"
#include "tests/support/unit.h"

static struct stage *protected_room(void)
{
    struct stage *stage = stage_new(NULL);

    stage_enter(stage, "owner");
    stage_enter(stage, "guest");
    stage_say(stage, "owner",
              "{'type':'set_password','channel':'room','password':'open sesame','request_id':'1'}");
    stage_hear(stage, "owner", "{'data':{'success':true}}");
    return stage;
}

static void ask(struct stage *stage, const char *request_id)
{
    char message[128];

    snprintf(message, sizeof message, "{'type':'register','channel':'room','request_id':'%s'}", request_id);
    stage_say(stage, "guest", message);
}

/* Answers the challenge that the guest hears next. */
static void prove(struct stage *stage, const char *password, const char *request_id)
{
    char proof[PROOF_TEXT];
    char message[512];

    assert_non_null(stage_peek(stage, "guest", "challenge"));
    assert_int_equal(proof_of_channel(bytes_of_text(password),
                                      bytes_of_text(stage_peek(stage, "guest", "challenge")), proof),
                     0);
    snprintf(message, sizeof message,
             "{'type':'register','channel':'room','proof':'%s','challenge_id':'%s','request_id':'%s'}", proof,
             stage_peek(stage, "guest", "challenge_id"), request_id);
    stage_hear(stage, "guest", "{'type':'auth_challenge','channel':'room'}");
    stage_say(stage, "guest", message);
}

static void test_the_right_password_opens_and_the_answer_bears_the_first_request_id(void **state)
{
    struct stage *stage = protected_room();

    (void)state;
    ask(stage, "first");
    assert_string_equal(stage_peek(stage, "guest", "request_id"), "first");
    assert_int_equal(strlen(stage_peek(stage, "guest", "challenge")), 32);
    prove(stage, "open sesame", "second");
    stage_hear(stage, "guest", "{'type':'channel_sync'}");
    stage_hear(stage, "guest",
               "{'type':'response','request_id':'first',"
               "'data':{'channel':'room','event':null,'authenticated':true}}");
    stage_free(stage);
}

static void test_the_proof_carries_out_the_register_that_was_put_aside(void **state)
{
    struct stage *stage = protected_room();

    (void)state;
    stage_say(stage, "guest",
              "{'type':'register','channel':'room','event':'e','is_provider':true,'request_id':'first'}");
    prove(stage, "open sesame", "first");
    stage_hear(stage, "guest", "{'request_id':'first','event':'e','success':true}");
    stage_free(stage);
}

static void test_a_wrong_password_is_refused_with_the_proofs_request_id(void **state)
{
    struct stage *stage = protected_room();

    (void)state;
    ask(stage, "first");
    prove(stage, "wrong", "second");
    stage_hear(stage, "guest",
               "{'type':'response','request_id':'second','error':'Invalid channel password'}");
    stage_free(stage);
}

static void test_a_challenge_works_once(void **state)
{
    struct stage *stage = protected_room();
    char message[512];
    char proof[PROOF_TEXT];

    (void)state;
    ask(stage, "1");
    proof_of_channel(BYTES_LITERAL("open sesame"), bytes_of_text(stage_peek(stage, "guest", "challenge")),
                     proof);
    snprintf(message, sizeof message,
             "{'type':'register','channel':'room','proof':'%s','challenge_id':'%s','request_id':'2'}", proof,
             stage_peek(stage, "guest", "challenge_id"));
    stage_say(stage, "guest", message);
    stage_forget(stage, "guest");
    stage_say(stage, "guest", message);
    stage_hear(stage, "guest", "{'error':'Invalid or expired challenge'}");
    stage_free(stage);
}

static void test_a_challenge_lives_for_a_minute(void **state)
{
    struct stage *stage = protected_room();

    (void)state;
    ask(stage, "1");
    stage_wait(stage, 59999);
    prove(stage, "open sesame", "2");
    stage_hear(stage, "guest", "{'type':'channel_sync'}");
    stage_forget(stage, "guest");
    ask(stage, "3");
    stage_wait(stage, 60000);
    prove(stage, "open sesame", "4");
    stage_hear(stage, "guest", "{'request_id':'4','error':'Challenge expired'}");
    stage_free(stage);
}

static void test_another_clients_challenge_is_worth_nothing(void **state)
{
    struct stage *stage = protected_room();
    char message[512];
    char proof[PROOF_TEXT];

    (void)state;
    stage_enter(stage, "thief");
    ask(stage, "1");
    proof_of_channel(BYTES_LITERAL("open sesame"), bytes_of_text(stage_peek(stage, "guest", "challenge")),
                     proof);
    snprintf(message, sizeof message,
             "{'type':'register','channel':'room','proof':'%s','challenge_id':'%s','request_id':'1'}", proof,
             stage_peek(stage, "guest", "challenge_id"));
    stage_say(stage, "thief", message);
    stage_hear(stage, "thief", "{'error':'Invalid or expired challenge'}");
    stage_free(stage);
}

static void test_only_authenticated_members_may_act_on_a_protected_channel(void **state)
{
    static const struct {
        const char *message;
        const char *answer;
    } rows[] = {
        {"{'type':'call','channel':'room','event':'e','request_id':'1'}",
         "{'type':'response','request_id':'1'}"},
        {"{'type':'broadcast','channel':'room','event':'e','data':1}", "{'type':'error'}"},
        {"{'type':'send','channel':'room','event':'e','data':1}", "{'type':'error'}"},
        {"{'type':'publish','channel':'room','sub_name':'t','data':1}", "{'type':'error'}"},
        {"{'type':'subscribe','channel':'room','sub_name':'t','request_id':'1'}", "{'type':'response'}"},
        {"{'type':'add_subscription','channel':'room','sub_name':'t','request_id':'1'}",
         "{'type':'response'}"},
        {"{'type':'list_members','channel':'room','request_id':'1'}", "{'type':'response'}"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct stage *stage = protected_room();
        const char *text;

        print_message("row: %s\n", rows[i].message);
        stage_say(stage, "owner", "{'type':'register','channel':'room'}");
        stage_forget(stage, "owner");
        stage_say(stage, "guest", rows[i].message);
        text = stage_peek(stage, "guest", stage_peek_has(stage, "guest", "error") ? "error" : "message");
        assert_string_equal(text, "Channel room is protected: open it with its password first");
        stage_hear(stage, "guest", rows[i].answer);
        stage_hear_nothing(stage, "owner");
        stage_free(stage);
    }
}

static void test_a_password_change_throws_the_others_out_entirely(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "owner");
    stage_enter(stage, "guest");
    stage_say(stage, "owner", "{'type':'register','channel':'room','event':'mine','is_provider':true}");
    stage_say(stage, "guest", "{'type':'register','channel':'room','event':'e','is_provider':true}");
    stage_say(stage, "guest", "{'type':'register','channel':'room'}");
    stage_say(stage, "guest", "{'type':'add_subscription','channel':'room','sub_name':'t'}");
    stage_say(stage, "owner", "{'type':'call','channel':'room','event':'e','request_id':'1'}");
    stage_forget(stage, "guest");
    stage_forget(stage, "owner");
    stage_say(stage, "owner", "{'type':'set_password','channel':'room','password':'p','request_id':'2'}");
    stage_hear(stage, "guest", "{'type':'error','message':'Channel password changed, please reconnect'}");
    stage_hear(stage, "owner",
               "{'request_id':'1','error':'Provider of room:e was removed before it answered'}");
    stage_hear(stage, "owner", "{'request_id':'2','data':{'success':true}}");
    stage_say(stage, "owner", "{'type':'call','channel':'room','event':'e','request_id':'3'}");
    stage_hear(stage, "owner", "{'error':'No provider for room:e'}");
    stage_say(stage, "guest", "{'type':'publish','channel':'room','sub_name':'t','data':1}");
    stage_hear(stage, "guest", "{'type':'error'}");
    stage_say(stage, "owner", "{'type':'broadcast','channel':'room','event':'x','data':1}");
    stage_hear_nothing(stage, "guest");
    stage_free(stage);
}

static void test_whoever_is_no_member_loses_topics_and_subscriptions_too(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "owner");
    stage_enter(stage, "eve");
    stage_enter_bridge(stage, "bridge");
    stage_say(stage, "owner", "{'type':'register','channel':'room'}");
    stage_say(stage, "owner", "{'type':'add_subscription','channel':'room','sub_name':'mine'}");
    stage_say(stage, "eve", "{'type':'subscribe','channel':'room','sub_name':'mine'}");
    stage_say(stage, "eve", "{'type':'add_subscription','channel':'room','sub_name':'hers'}");
    stage_say(stage, "bridge", "{'type':'announce_remote','channel':'room','clients':['faraway']}");
    stage_say(stage, "owner", "{'type':'set_password','channel':'room','password':'p','request_id':'1'}");
    stage_hear(stage, "eve", "{'type':'error','message':'Channel password changed, please reconnect'}");
    stage_forget(stage, "eve");
    stage_forget(stage, "owner");
    stage_say(stage, "owner", "{'type':'publish','channel':'room','sub_name':'mine','data':1}");
    stage_hear_nothing(stage, "eve");
    stage_say(stage, "owner",
              "{'type':'add_subscription','channel':'room','sub_name':'hers','request_id':'2'}");
    stage_hear(stage, "owner", "{'request_id':'2','data':{'success':true}}");
    stage_say(stage, "owner", "{'type':'list_members','channel':'room','request_id':'3'}");
    stage_hear(stage, "owner",
               "{'data':{'members':[{'id':'owner','mode':'client','is_local':true,'path':[]}]}}");
    stage_free(stage);
}

static void test_what_was_said_under_a_password_is_not_heard_after_it(void **state)
{
    struct stage *stage = protected_room();

    (void)state;
    stage_say(stage, "owner", "{'type':'register','channel':'room'}");
    ask(stage, "1");
    prove(stage, "open sesame", "1");
    stage_say(stage, "guest", "{'type':'add_subscription','channel':'room','sub_name':'t'}");
    stage_leave(stage, "owner");
    stage_enter(stage, "eve");
    stage_say(stage, "eve", "{'type':'subscribe','channel':'room','sub_name':'t'}");
    stage_forget(stage, "eve");
    stage_say(stage, "guest", "{'type':'publish','channel':'room','sub_name':'t','data':1}");
    stage_hear_nothing(stage, "eve");
    stage_free(stage);
}

static void test_a_configured_password_comes_back_whatever_members_did_to_it(void **state)
{
    static const char *const deeds[] = {
        "{'type':'set_password','channel':'room','password':null,'request_id':'1'}",
        "{'type':'set_password','channel':'room','password':'mine','request_id':'1'}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(deeds); i++) {
        struct stage *stage = stage_new(NULL);

        stage_enter(stage, "guest");
        assert_int_equal(hub_configure_password(stage_hub(stage), BYTES_LITERAL("room"),
                                                BYTES_LITERAL("operators"), PASSWORD_BY_CONFIGURATION, NULL,
                                                stage_time(stage)),
                         0);
        ask(stage, "0");
        prove(stage, "operators", "0");
        stage_forget(stage, "guest");
        stage_say(stage, "guest", deeds[i]);
        stage_hear(stage, "guest", "{'request_id':'1','data':{'success':true}}");
        stage_leave(stage, "guest");
        stage_enter(stage, "guest");
        ask(stage, "2");
        prove(stage, "operators", "2");
        stage_hear(stage, "guest", "{'type':'channel_sync'}");
        stage_free(stage);
    }
}

static void test_the_same_password_again_changes_nothing(void **state)
{
    struct stage *stage = protected_room();

    (void)state;
    ask(stage, "1");
    prove(stage, "open sesame", "1");
    stage_forget(stage, "guest");
    stage_say(stage, "owner",
              "{'type':'set_password','channel':'room','password':'open sesame','request_id':'2'}");
    stage_hear(stage, "owner", "{'data':{'success':true}}");
    stage_hear_nothing(stage, "guest");
    stage_free(stage);
}

static void test_a_clients_password_ends_with_the_channel_and_a_configured_one_stands(void **state)
{
    struct stage *stage = protected_room();
    struct hub *hub = stage_hub(stage);

    (void)state;
    stage_leave(stage, "owner");
    ask(stage, "1");
    stage_hear(stage, "guest", "{'type':'channel_sync'}");
    stage_forget(stage, "guest");
    assert_int_equal(hub_configure_password(hub, BYTES_LITERAL("room"), BYTES_LITERAL("operators"),
                                            PASSWORD_BY_OPERATOR, NULL, stage_time(stage)),
                     0);
    stage_hear(stage, "guest", "{'type':'error','message':'Channel password changed, please reconnect'}");
    ask(stage, "2");
    prove(stage, "operators", "2");
    stage_hear(stage, "guest", "{'type':'channel_sync'}");
    stage_leave(stage, "guest");
    stage_enter(stage, "guest");
    ask(stage, "3");
    stage_hear(stage, "guest", "{'type':'auth_challenge'}");
    stage_say(stage, "guest", "{'type':'set_password','channel':'room','password':'mine','request_id':'4'}");
    stage_hear(stage, "guest", "{'error':'Channel room is protected: open it with its password first'}");
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_right_password_opens_and_the_answer_bears_the_first_request_id),
        cmocka_unit_test(test_the_proof_carries_out_the_register_that_was_put_aside),
        cmocka_unit_test(test_a_wrong_password_is_refused_with_the_proofs_request_id),
        cmocka_unit_test(test_a_challenge_works_once),
        cmocka_unit_test(test_a_challenge_lives_for_a_minute),
        cmocka_unit_test(test_another_clients_challenge_is_worth_nothing),
        cmocka_unit_test(test_only_authenticated_members_may_act_on_a_protected_channel),
        cmocka_unit_test(test_a_password_change_throws_the_others_out_entirely),
        cmocka_unit_test(test_whoever_is_no_member_loses_topics_and_subscriptions_too),
        cmocka_unit_test(test_what_was_said_under_a_password_is_not_heard_after_it),
        cmocka_unit_test(test_a_configured_password_comes_back_whatever_members_did_to_it),
        cmocka_unit_test(test_the_same_password_again_changes_nothing),
        cmocka_unit_test(test_a_clients_password_ends_with_the_channel_and_a_configured_one_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
