/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/stage.h"
#include "tests/support/unit.h"

#define PROVIDE_ADD "{'type':'register','channel':'math','event':'add','is_provider':true,'request_id':'p'}"
#define PROVIDE_ADD_IN_GROUP                                                                                 \
    "{'type':'register','channel':'math','event':'add','is_provider':true,'is_group':true,'request_id':'p'}"
#define CALL_ADD(id) "{'type':'call','channel':'math','event':'add','data':[1,2],'request_id':'" id "'}"
#define ANSWER(id, to) "{'type':'response','request_id':'" id "','target_id':'" to "','data':3}"

static struct stage *provider_and_caller(void)
{
    struct stage *stage = stage_new(NULL);

    stage_enter(stage, "provider");
    stage_enter(stage, "caller");
    stage_say(stage, "provider", PROVIDE_ADD);
    stage_forget(stage, "provider");
    return stage;
}

static void test_a_call_reaches_the_provider_and_its_answer_the_caller(void **state)
{
    struct stage *stage = provider_and_caller();

    (void)state;
    stage_say(stage, "caller", CALL_ADD("1"));
    stage_hear(
        stage, "provider",
        "{'type':'call','channel':'math','event':'add','data':[1,2],'request_id':'1','sender_id':'caller',"
        "'path':['hub'],'origin_server_id':'hub','timestamp':1700000000}");
    stage_say(stage, "provider", ANSWER("1", "caller"));
    stage_hear(stage, "caller",
               "{'type':'response','request_id':'1','data':3,'sender_id':'provider','path':['hub']}");
    assert_false(stage_peek_has(stage, "caller", "error"));
    stage_free(stage);
}

static void test_a_call_that_nobody_provides_is_answered_with_all_the_fields(void **state)
{
    struct stage *stage = provider_and_caller();

    (void)state;
    stage_say(stage, "caller", "{'type':'call','channel':'math','event':'mul','request_id':'1'}");
    stage_hear(stage, "caller",
               "{'type':'response','request_id':'1','error':'No provider for math:mul','channel':'math',"
               "'event':'mul','sender_id':'server','server_id':'hub','origin_server_id':'hub',"
               "'timestamp':1700000000,'target_id':null,'is_stream':false,'is_final':false}");
    stage_free(stage);
}

static void test_only_the_asked_provider_may_answer(void **state)
{
    struct stage *stage = provider_and_caller();

    (void)state;
    stage_enter(stage, "stranger");
    stage_say(stage, "caller", CALL_ADD("1"));
    stage_say(stage, "stranger", ANSWER("1", "caller"));
    stage_hear_nothing(stage, "caller");
    stage_say(stage, "provider", ANSWER("1", "stranger"));
    stage_hear_nothing(stage, "stranger");
    stage_say(stage, "provider", ANSWER("1", "caller"));
    stage_hear(stage, "caller", "{'type':'response','data':3}");
    stage_say(stage, "provider", ANSWER("1", "caller"));
    stage_hear_nothing(stage, "caller");
    stage_free(stage);
}

static void test_the_sender_is_the_connection_whatever_the_message_says(void **state)
{
    struct stage *stage = provider_and_caller();

    (void)state;
    stage_say(stage, "caller",
              "{'type':'call','channel':'math','event':'add','request_id':'1','sender_id':'provider'}");
    stage_hear(stage, "provider", "{'type':'call','sender_id':'caller'}");
    stage_free(stage);
}

static void test_the_caller_hears_when_its_provider_goes(void **state)
{
    struct stage *stage = provider_and_caller();

    (void)state;
    stage_say(stage, "caller", CALL_ADD("1"));
    stage_say(stage, "caller", CALL_ADD("2"));
    stage_leave(stage, "provider");
    stage_hear(stage, "caller",
               "{'type':'response','request_id':'1','error':'Provider of math:add disconnected before it "
               "answered'}");
    stage_hear(stage, "caller", "{'type':'response','request_id':'2'}");
    stage_hear_nothing(stage, "caller");
    stage_free(stage);
}

static void test_a_provider_may_answer_a_caller_that_has_gone(void **state)
{
    struct stage *stage = provider_and_caller();

    (void)state;
    stage_say(stage, "caller", CALL_ADD("1"));
    stage_leave(stage, "caller");
    stage_forget(stage, "provider");
    stage_say(stage, "provider", ANSWER("1", "caller"));
    stage_hear_nothing(stage, "provider");
    stage_free(stage);
}

static void test_a_call_ends_with_an_error_at_its_deadline_and_not_before(void **state)
{
    struct hub_options options = {.call_deadline_ms = 5000};
    struct stage *stage = stage_new(&options);

    (void)state;
    stage_enter(stage, "provider");
    stage_enter(stage, "caller");
    stage_say(stage, "provider", PROVIDE_ADD);
    stage_say(stage, "caller", CALL_ADD("1"));
    stage_wait(stage, 4999);
    stage_hear_nothing(stage, "caller");
    stage_wait(stage, 1);
    stage_hear(stage, "caller",
               "{'type':'response','request_id':'1',"
               "'error':'Call to math:add was not answered within its deadline'}");
    stage_free(stage);
}

static void test_a_chunk_begins_the_deadline_anew(void **state)
{
    struct hub_options options = {.call_deadline_ms = 5000};
    struct stage *stage = stage_new(&options);

    (void)state;
    stage_enter(stage, "provider");
    stage_enter(stage, "caller");
    stage_say(stage, "provider", PROVIDE_ADD);
    stage_say(stage, "caller", CALL_ADD("1"));
    stage_wait(stage, 4000);
    stage_say(stage, "provider",
              "{'type':'response','request_id':'1','target_id':'caller','data':1,'is_stream':true,'is_final':"
              "false}");
    stage_hear(stage, "caller", "{'data':1,'is_final':false}");
    stage_wait(stage, 4000);
    stage_hear_nothing(stage, "caller");
    stage_wait(stage, 1000);
    stage_hear(stage, "caller", "{'type':'response','request_id':'1'}");
    stage_free(stage);
}

static void test_a_stream_counts_as_active_until_its_last_chunk(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "one");
    stage_enter(stage, "two");
    stage_enter(stage, "caller");
    stage_say(stage, "one", PROVIDE_ADD_IN_GROUP);
    stage_say(stage, "two", PROVIDE_ADD_IN_GROUP);
    stage_forget(stage, "one");
    stage_forget(stage, "two");
    stage_say(stage, "caller", CALL_ADD("1"));
    stage_hear(stage, "one", "{'type':'call','request_id':'1'}");
    stage_say(stage, "one",
              "{'type':'response','request_id':'1','target_id':'caller','data':1,'is_stream':true,'is_final':"
              "false}");
    stage_say(stage, "caller", CALL_ADD("2"));
    stage_hear(stage, "two", "{'type':'call','request_id':'2'}");
    stage_say(stage, "one",
              "{'type':'response','request_id':'1','target_id':'caller','data':null,'is_stream':true,"
              "'is_final':true}");
    stage_say(stage, "caller", CALL_ADD("3"));
    stage_hear(stage, "one", "{'type':'call','request_id':'3'}");
    stage_free(stage);
}

static void test_an_answer_that_cannot_be_passed_on_ends_the_call(void **state)
{
    struct stage *stage = provider_and_caller();

    (void)state;
    stage_say(stage, "caller", CALL_ADD("1"));
    stage_say(stage, "provider",
              "{'type':'response','request_id':'1','target_id':'caller','data':1,'path':'x'}");
    stage_hear(stage, "caller",
               "{'request_id':'1','error':'Provider of math:add answered with a malformed message'}");
    stage_free(stage);
}

static void test_one_request_id_cannot_be_outstanding_twice_at_one_provider(void **state)
{
    struct stage *stage = provider_and_caller();

    (void)state;
    stage_say(stage, "caller", CALL_ADD("1"));
    stage_say(stage, "caller", CALL_ADD("1"));
    stage_hear(
        stage, "caller",
        "{'type':'response','error':'request_id 1 is in use by another outstanding call of this client'}");
    stage_hear(stage, "provider", "{'type':'call'}");
    stage_hear_nothing(stage, "provider");
    stage_free(stage);
}

static void test_a_call_without_request_id_is_passed_on_and_not_remembered(void **state)
{
    struct stage *stage = provider_and_caller();

    (void)state;
    stage_say(stage, "caller", "{'type':'call','channel':'math','event':'add','data':1,'request_id':null}");
    stage_hear(stage, "provider", "{'type':'call','data':1}");
    stage_leave(stage, "provider");
    stage_hear_nothing(stage, "caller");
    stage_free(stage);
}

static void test_a_client_that_calls_itself_may_go(void **state)
{
    struct stage *stage = provider_and_caller();

    (void)state;
    stage_say(stage, "provider", CALL_ADD("1"));
    stage_hear(stage, "provider", "{'type':'call'}");
    stage_leave(stage, "provider");
    stage_free(stage);
}

static void test_a_message_that_was_here_before_is_dropped(void **state)
{
    struct stage *stage = provider_and_caller();

    (void)state;
    stage_say(stage, "caller",
              "{'type':'call','channel':'math','event':'add','request_id':'1','path':['x','hub']}");
    stage_hear_nothing(stage, "provider");
    stage_hear_nothing(stage, "caller");
    stage_free(stage);
}

static void test_faulty_fields_of_a_call_are_named(void **state)
{
    static const struct {
        const char *what;
        const char *message;
        const char *answer;
    } rows[] = {
        {"no channel", "{'type':'call','event':'add','request_id':'1'}",
         "{'error':'Field channel is missing or has the wrong type'}"},
        {"number as channel", "{'type':'call','channel':5,'event':'add','request_id':'1'}",
         "{'error':'Field channel is missing or has the wrong type'}"},
        {"control character", "{'type':'call','channel':'a\\u0007','event':'add','request_id':'1'}",
         "{'error':'Field channel must be 1 to 255 bytes of UTF-8 without control characters'}"},
        {"empty event", "{'type':'call','channel':'math','event':'','request_id':'1'}",
         "{'error':'Field event must be 1 to 255 bytes of UTF-8 without control characters'}"},
        {"number as request_id", "{'type':'call','channel':'math','event':'add','request_id':1}",
         "{'type':'error','message':'Field request_id is missing or has the wrong type'}"},
        {"path is a text", "{'type':'call','channel':'math','event':'add','request_id':'1','path':'x'}",
         "{'error':'Field path is missing or has the wrong type'}"},
        {"system channel", "{'type':'call','channel':'__comm_ipc_logs','event':'add','request_id':'1'}",
         "{'error':'Channel __comm_ipc_logs is a system channel and read-only: open it to receive, nothing "
         "else'}"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct stage *stage = provider_and_caller();

        print_message("row: %s\n", rows[i].what);
        stage_say(stage, "caller", rows[i].message);
        stage_hear(stage, "caller", rows[i].answer);
        stage_hear_nothing(stage, "provider");
        stage_free(stage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_reaches_the_provider_and_its_answer_the_caller),
        cmocka_unit_test(test_a_call_that_nobody_provides_is_answered_with_all_the_fields),
        cmocka_unit_test(test_only_the_asked_provider_may_answer),
        cmocka_unit_test(test_the_sender_is_the_connection_whatever_the_message_says),
        cmocka_unit_test(test_the_caller_hears_when_its_provider_goes),
        cmocka_unit_test(test_a_provider_may_answer_a_caller_that_has_gone),
        cmocka_unit_test(test_a_call_ends_with_an_error_at_its_deadline_and_not_before),
        cmocka_unit_test(test_a_chunk_begins_the_deadline_anew),
        cmocka_unit_test(test_a_stream_counts_as_active_until_its_last_chunk),
        cmocka_unit_test(test_an_answer_that_cannot_be_passed_on_ends_the_call),
        cmocka_unit_test(test_one_request_id_cannot_be_outstanding_twice_at_one_provider),
        cmocka_unit_test(test_a_call_without_request_id_is_passed_on_and_not_remembered),
        cmocka_unit_test(test_a_client_that_calls_itself_may_go),
        cmocka_unit_test(test_a_message_that_was_here_before_is_dropped),
        cmocka_unit_test(test_faulty_fields_of_a_call_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
