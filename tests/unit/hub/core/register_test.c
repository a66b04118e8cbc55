/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/stage.h"
#include "tests/support/unit.h"

static void test_channel_sync_comes_before_the_answer(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "a");
    stage_enter(stage, "b");
    stage_say(stage, "a",
              "{'type':'register','channel':'room','event':'add','is_provider':true,'is_stream':true,"
              "'param_schema':{'type':'object'},'return_schema':null,'request_id':'1'}");
    stage_hear(stage, "a",
               "{'type':'response','request_id':'1','success':true,"
               "'data':{'channel':'room','event':'add','authenticated':false}}");
    stage_say(stage, "b", "{'type':'register','channel':'room','is_provider':false,'request_id':'2'}");
    stage_hear(stage, "b",
               "{'type':'channel_sync','channel':'room','subscriptions':{},'events':{'add':{'owner':'a',"
               "'is_stream':true,'is_group':false,'param_schema':{'type':'object'},'return_schema':null,"
               "'stype':'event'}}}");
    stage_hear(stage, "b",
               "{'type':'response','request_id':'2','channel':'room','event':null,"
               "'data':{'channel':'room','event':null,'authenticated':false}}");
    stage_free(stage);
}

static void test_others_are_told_of_events_and_members(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "watcher");
    stage_enter(stage, "a");
    stage_say(stage, "watcher", "{'type':'register','channel':'room','request_id':'1'}");
    stage_forget(stage, "watcher");
    stage_say(stage, "a",
              "{'type':'register','channel':'room','event':'add','is_provider':true,'is_group':true,"
              "'return_schema':{'type':'integer'},'request_id':'1'}");
    stage_hear(stage, "watcher",
               "{'type':'metadata_update','channel':'room','name':'add','stype':'event','owner':'a',"
               "'is_stream':false,'is_group':true,'param_schema':null,'return_schema':{'type':'integer'}}");
    stage_hear(stage, "watcher",
               "{'type':'metadata_update','channel':'room','name':'a','owner':'a','stype':'membership',"
               "'mode':'client','action':'join'}");
    stage_leave(stage, "a");
    stage_hear(stage, "watcher",
               "{'type':'metadata_update','name':'a','owner':'a','stype':'membership','action':'leave'}");
    stage_hear_nothing(stage, "watcher");
    stage_free(stage);
}

static void test_fields_inside_reg_count(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "a");
    stage_say(stage, "a", "{'type':'register','reg':{'channel':'room','request_id':'1'}}");
    stage_hear(stage, "a", "{'type':'channel_sync','channel':'room'}");
    stage_hear(stage, "a", "{'type':'response','request_id':'1'}");
    stage_free(stage);
}

static void test_a_second_provider_needs_a_group_on_both_sides(void **state)
{
    static const struct {
        const char *what;
        const char *first;
        const char *second;
        bool is_taken;
    } rows[] = {
        {"both alone", "false", "false", true},
        {"first in group", "true", "false", true},
        {"second in group", "false", "true", true},
        {"both in group", "true", "true", false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct stage *stage = stage_new(NULL);
        char message[256];

        print_message("row: %s\n", rows[i].what);
        stage_enter(stage, "one");
        stage_enter(stage, "two");
        snprintf(
            message, sizeof message,
            "{'type':'register','channel':'c','event':'e','is_provider':true,'is_group':%s,'request_id':'1'}",
            rows[i].first);
        stage_say(stage, "one", message);
        snprintf(
            message, sizeof message,
            "{'type':'register','channel':'c','event':'e','is_provider':true,'is_group':%s,'request_id':'1'}",
            rows[i].second);
        stage_say(stage, "two", message);
        if (rows[i].is_taken)
            stage_hear(
                stage, "two",
                "{'error':'Provider already exists for c:e and group mode is incompatible','channel':'c',"
                "'event':'e'}");
        else
            stage_hear(stage, "two", "{'success':true}");
        stage_free(stage);
    }
}

static void test_an_event_is_free_when_its_provider_has_gone(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "one");
    stage_enter(stage, "two");
    stage_say(stage, "one",
              "{'type':'register','channel':'c','event':'e','is_provider':true,'request_id':'1'}");
    stage_leave(stage, "one");
    stage_say(stage, "two",
              "{'type':'register','channel':'c','event':'e','is_provider':true,'request_id':'1'}");
    stage_hear(stage, "two", "{'success':true}");
    stage_free(stage);
}

static void test_reserved_names_are_refused(void **state)
{
    static const struct {
        const char *message;
        const char *answer;
    } rows[] = {
        {"{'type':'register','channel':'subscription','request_id':'1'}",
         "{'error':'Channel name subscription is reserved'}"},
        {"{'type':'register','channel':'c','event':'subscription.x','is_provider':true,'request_id':'1'}",
         "{'error':'Event name subscription.x is reserved'}"},
        {"{'type':'register','channel':'__comm_ipc_logs','event':'x','is_provider':true,'request_id':'1'}",
         "{'error':'Channel __comm_ipc_logs is a system channel and read-only: open it to receive, nothing "
         "else'}"},
        {"{'type':'register','channel':'c','is_provider':true,'request_id':'1'}",
         "{'error':'Event name required for provider registration'}"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct stage *stage = stage_new(NULL);

        stage_enter(stage, "a");
        stage_say(stage, "a", rows[i].message);
        stage_hear(stage, "a", rows[i].answer);
        stage_free(stage);
    }
}

static void test_the_registration_is_posted_on_the_system_channel(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "watcher");
    stage_enter(stage, "a");
    stage_say(stage, "watcher", "{'type':'register','channel':'__comm_ipc_system'}");
    stage_forget(stage, "watcher");
    stage_say(stage, "a",
              "{'type':'register','channel':'c','event':'e','is_provider':true,'is_stream':true}");
    stage_hear(
        stage, "watcher",
        "{'type':'receive','channel':'__comm_ipc_system','event':'new_registration','sender_id':'system',"
        "'server_id':'hub','timestamp':1700000000,'data':{'channel':'c','event':'e','is_provider':true,"
        "'is_stream':true,'client_id':'a'}}");
    assert_int_equal(stage_notes(stage, LOG_SYSTEM), 2);
    stage_free(stage);
}

static void test_with_terminate_the_owners_end_empties_the_channel(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "owner");
    stage_enter(stage, "other");
    stage_say(stage, "owner", "{'type':'register','channel':'c'}");
    stage_say(stage, "other", "{'type':'register','channel':'c','event':'e','is_provider':true}");
    stage_say(stage, "other", "{'type':'register','channel':'c'}");
    stage_forget(stage, "other");
    stage_leave(stage, "owner");
    stage_hear(stage, "other", "{'type':'metadata_update','action':'leave','name':'owner'}");
    stage_hear(stage, "other",
               "{'type':'error','message':'Channel c owner disconnected, channel terminated'}");
    stage_say(stage, "other", "{'type':'list_members','channel':'c','request_id':'1'}");
    stage_hear(stage, "other", "{'data':{'members':[]}}");
    stage_say(stage, "other", "{'type':'call','channel':'c','event':'e','request_id':'2'}");
    stage_hear(stage, "other", "{'error':'No provider for c:e'}");
    stage_free(stage);
}

static void test_those_who_are_thrown_out_are_not_told_of_each_other(void **state)
{
    struct stage *stage = stage_new(NULL);
    static const char *const names[] = {"one", "two", "three"};

    (void)state;
    stage_enter(stage, "owner");
    stage_say(stage, "owner", "{'type':'register','channel':'c'}");
    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        stage_enter(stage, names[i]);
        stage_say(stage, names[i], "{'type':'register','channel':'c'}");
    }
    for (size_t i = 0; i < N_ELEMENTS(names); i++)
        stage_forget(stage, names[i]);
    stage_leave(stage, "owner");
    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        stage_hear(stage, names[i], "{'type':'metadata_update','action':'leave','name':'owner'}");
        stage_hear(stage, names[i], "{'type':'error'}");
        stage_hear_nothing(stage, names[i]);
    }
    stage_free(stage);
}

static void test_schemas_go_with_the_last_who_answers_for_them(void **state)
{
    struct hub_options options = {.channel_policy = CHANNEL_PROMOTE};
    struct stage *stage = stage_new(&options);

    (void)state;
    stage_enter(stage, "one");
    stage_enter(stage, "two");
    stage_enter(stage, "reader");
    stage_say(stage, "one",
              "{'type':'register','channel':'c','event':'e','is_provider':true,'is_group':true}");
    stage_say(stage, "two",
              "{'type':'register','channel':'c','event':'e','is_provider':true,'is_group':true,"
              "'param_schema':{'x':1}}");
    stage_leave(stage, "two");
    stage_say(stage, "reader", "{'type':'register','channel':'c'}");
    stage_hear(stage, "reader",
               "{'type':'channel_sync','events':{'e':{'owner':'one','is_stream':false,'is_group':true,"
               "'param_schema':{'x':1},'return_schema':null,'stype':'event'}}}");
    stage_free(stage); /* which checks that nobody is charged for anything any more */
}

static void test_with_promote_the_earliest_member_becomes_the_owner(void **state)
{
    struct hub_options options = {.channel_policy = CHANNEL_PROMOTE};
    struct stage *stage = stage_new(&options);

    (void)state;
    stage_enter(stage, "owner");
    stage_enter_bridge(stage, "bridge");
    stage_enter(stage, "second");
    stage_enter(stage, "third");
    stage_say(stage, "owner", "{'type':'register','channel':'c'}");
    stage_say(stage, "bridge", "{'type':'register','channel':'c'}");
    stage_say(stage, "second", "{'type':'register','channel':'c'}");
    stage_say(stage, "third", "{'type':'register','channel':'c'}");
    stage_leave(stage, "owner");
    stage_forget(stage, "second");
    stage_forget(stage, "third");
    stage_say(stage, "third", "{'type':'set_password','channel':'c','password':'p','request_id':'1'}");
    stage_hear(stage, "third", "{'error':'Only the channel owner can set or change the password'}");
    stage_say(stage, "second", "{'type':'set_password','channel':'c','password':'p','request_id':'1'}");
    stage_hear(stage, "second", "{'type':'metadata_update','action':'leave','name':'bridge'}");
    stage_hear(stage, "second", "{'type':'metadata_update','action':'leave','name':'third'}");
    stage_hear(stage, "second", "{'data':{'success':true}}");
    stage_free(stage);
}

static void test_round_robin_begins_with_the_first_and_skips_who_has_gone(void **state)
{
    struct hub_options options = {.balance_policy = BALANCE_ROUND_ROBIN, .channel_policy = CHANNEL_PROMOTE};
    struct stage *stage = stage_new(&options);
    static const char *const names[] = {"one", "two", "three"};

    (void)state;
    stage_enter(stage, "caller");
    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        stage_enter(stage, names[i]);
        stage_say(stage, names[i],
                  "{'type':'register','channel':'c','event':'e','is_provider':true,'is_group':true}");
        stage_forget(stage, names[i]);
    }
    stage_say(stage, "caller", "{'type':'call','channel':'c','event':'e','request_id':'1'}");
    stage_hear(stage, "one", "{'request_id':'1'}");
    stage_leave(stage, "two");
    stage_say(stage, "caller", "{'type':'call','channel':'c','event':'e','request_id':'2'}");
    stage_hear(stage, "three", "{'request_id':'2'}");
    stage_say(stage, "caller", "{'type':'call','channel':'c','event':'e','request_id':'3'}");
    stage_hear(stage, "one", "{'request_id':'3'}");
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channel_sync_comes_before_the_answer),
        cmocka_unit_test(test_others_are_told_of_events_and_members),
        cmocka_unit_test(test_fields_inside_reg_count),
        cmocka_unit_test(test_a_second_provider_needs_a_group_on_both_sides),
        cmocka_unit_test(test_an_event_is_free_when_its_provider_has_gone),
        cmocka_unit_test(test_reserved_names_are_refused),
        cmocka_unit_test(test_the_registration_is_posted_on_the_system_channel),
        cmocka_unit_test(test_with_terminate_the_owners_end_empties_the_channel),
        cmocka_unit_test(test_those_who_are_thrown_out_are_not_told_of_each_other),
        cmocka_unit_test(test_schemas_go_with_the_last_who_answers_for_them),
        cmocka_unit_test(test_with_promote_the_earliest_member_becomes_the_owner),
        cmocka_unit_test(test_round_robin_begins_with_the_first_and_skips_who_has_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
