/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/peering.h"
#include "hub/wire/proof.h"
#include "tests/support/stage.h"
#include "tests/support/unit.h"

static const struct peering_service plain = {.owner = {(const uint8_t *)"faraway", 7}, .n_providers = 1};

/* Notes of the observer as a story. */
struct story {
    char text[4096];
    size_t len;
};

static void tell(struct story *story, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct story *story, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    story->len +=
        (size_t)vsnprintf(story->text + story->len, sizeof story->text - story->len, format, arguments);
    va_end(arguments);
    assert_true(story->len < sizeof story->text);
}

#define T(bytes) (int)(bytes).len, (const char *)(bytes).ptr

static void on_service(void *context, struct bytes channel, struct bytes event,
                       const struct peering_service *service)
{
    if (service)
        tell(context, "service %.*s:%.*s x%u\n", T(channel), T(event), service->n_providers);
    else
        tell(context, "no service %.*s:%.*s\n", T(channel), T(event));
}

static void on_topic(void *context, struct bytes channel, struct bytes topic,
                     const struct peering_topic *declared)
{
    tell(context, "%stopic %.*s:%.*s\n", declared ? "" : "no ", T(channel), T(topic));
}

static void on_interest(void *context, struct bytes channel, struct bytes topic, bool is_wanted)
{
    tell(context, "%sinterest %.*s:%.*s\n", is_wanted ? "" : "no ", T(channel), T(topic));
}

static void on_member(void *context, struct bytes channel, struct bytes id, struct bytes mode,
                      bool has_joined)
{
    tell(context, "%.*s (%.*s) %s %.*s\n", T(id), T(mode), has_joined ? "joins" : "leaves", T(channel));
}

static void on_multicast(void *context, struct bytes channel, struct bytes topic, struct block *frame)
{
    assert_true(frame->len > 4);
    tell(context, "multicast %.*s:%.*s\n", T(channel), T(topic));
}

static void on_guard(void *context, struct bytes channel, bool is_protected, const uint8_t *secret)
{
    assert_int_equal(secret != NULL, is_protected);
    tell(context, "%.*s is %s\n", T(channel), is_protected ? "guarded" : "open");
}

static const struct peering_observer observer = {
    .on_service = on_service,
    .on_topic = on_topic,
    .on_interest = on_interest,
    .on_member = on_member,
    .on_multicast = on_multicast,
    .on_guard = on_guard,
};

static void test_the_observer_hears_what_local_clients_do(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct story story = {.len = 0};

    (void)state;
    peering_observe(stage_hub(stage), &observer, &story);
    stage_enter(stage, "a");
    stage_enter(stage, "b");
    stage_say(stage, "a", "{'type':'register','channel':'c','event':'e','is_provider':true,'is_group':true}");
    stage_say(stage, "b", "{'type':'register','channel':'c','event':'e','is_provider':true,'is_group':true}");
    stage_say(stage, "b", "{'type':'register','channel':'c'}");
    stage_say(stage, "a", "{'type':'add_subscription','channel':'c','sub_name':'t'}");
    stage_say(stage, "b", "{'type':'subscribe','channel':'c','sub_name':'t'}");
    stage_say(stage, "a", "{'type':'broadcast','channel':'c','event':'x','data':1}");
    stage_say(stage, "a", "{'type':'publish','channel':'c','sub_name':'t','data':1}");
    stage_leave(stage, "b");
    stage_leave(stage, "a");
    assert_string_equal(story.text, "service c:e x1\n"
                                    "a (client) joins c\n"
                                    "service c:e x2\n"
                                    "b (client) joins c\n"
                                    "interest c:\n"
                                    "topic c:t\n"
                                    "interest c:t\n"
                                    "multicast c:\n"
                                    "multicast c:t\n"
                                    "service c:e x1\n"
                                    "no interest c:t\n"
                                    "no interest c:\n"
                                    "b (client) leaves c\n"
                                    "no service c:e\n"
                                    "no topic c:t\n"
                                    "a (client) leaves c\n");
    stage_free(stage);
}

static void test_a_new_observer_is_told_what_is_there(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct story story = {.len = 0};

    (void)state;
    stage_enter(stage, "a");
    stage_say(stage, "a", "{'type':'register','channel':'c','event':'e','is_provider':true}");
    stage_say(stage, "a", "{'type':'register','channel':'c'}");
    stage_say(stage, "a", "{'type':'register','channel':'__comm_ipc_logs'}");
    peering_observe(stage_hub(stage), &observer, &story);
    assert_string_equal(story.text, "a (client) joins c\ninterest c:\nservice c:e x1\n");
    peering_observe(stage_hub(stage), NULL, NULL);
    stage_free(stage);
}

static void test_a_change_of_password_withdraws_all_and_tells_anew_what_is_left(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct story story = {.len = 0};

    (void)state;
    stage_enter(stage, "a");
    stage_enter(stage, "b");
    stage_enter_peer(stage, "far");
    stage_say(stage, "a", "{'type':'register','channel':'c','event':'e','is_provider':true}");
    stage_say(stage, "b", "{'type':'register','channel':'c'}");
    assert_int_equal(peering_provide(stage_hub(stage), stage_client(stage, "far"), BYTES_LITERAL("c"),
                                     BYTES_LITERAL("there"), &plain, stage_time(stage)),
                     0);
    peering_observe(stage_hub(stage), &observer, &story);
    story.len = 0;
    stage_say(stage, "a", "{'type':'set_password','channel':'c','password':'p'}");
    assert_string_equal(story.text,
                        "a (client) leaves c\nb (client) leaves c\nno interest c:\nno service c:e\n"
                        "c is guarded\n"
                        "no interest c:\nb (client) leaves c\n"
                        "a (client) joins c\nservice c:e x1\n");
    stage_forget(stage, "a");
    stage_say(stage, "a", "{'type':'call','channel':'c','event':'there','request_id':'1'}");
    stage_hear(stage, "a", "{'error':'No provider for c:there'}");
    story.len = 0;
    stage_say(stage, "a", "{'type':'set_password','channel':'c','password':null}");
    assert_string_equal(story.text, "a (client) leaves c\nno service c:e\n"
                                    "c is open\n"
                                    "a (client) joins c\nservice c:e x1\n");
    stage_free(stage);
}

static void test_what_peers_bring_under_the_password_is_taken(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct hub *hub = stage_hub(stage);

    (void)state;
    stage_enter(stage, "owner");
    stage_enter_peer(stage, "far");
    stage_say(stage, "owner", "{'type':'register','channel':'c','event':'e','is_provider':true}");
    stage_say(stage, "owner", "{'type':'set_password','channel':'c','password':'p'}");
    assert_int_equal(peering_provide(hub, stage_client(stage, "far"), BYTES_LITERAL("c"),
                                     BYTES_LITERAL("there"), &plain, stage_time(stage)),
                     0);
    stage_forget(stage, "owner");
    stage_say(stage, "owner", "{'type':'call','channel':'c','event':'there','request_id':'1'}");
    stage_hear(stage, "far", "{'type':'call','event':'there','sender_id':'owner'}");
    stage_say(
        stage, "far",
        "{'type':'call','channel':'c','event':'e','request_id':'2','sender_id':'alice','path':['far']}");
    stage_hear(stage, "owner", "{'type':'call','event':'e','sender_id':'alice'}");
    stage_free(stage);
}

/* Channel c by its password p. */
static void open_protected(struct stage *stage, const char *name)
{
    char answer[256];
    char proof[PROOF_TEXT];

    stage_forget(stage, name);
    stage_say(stage, name, "{'type':'register','channel':'c','request_id':'r'}");
    assert_int_equal(
        proof_of_channel(BYTES_LITERAL("p"), bytes_of_text(stage_peek(stage, name, "challenge")), proof), 0);
    snprintf(answer, sizeof answer, "{'type':'register','channel':'c','challenge_id':'%s','proof':'%s'}",
             stage_peek(stage, name, "challenge_id"), proof);
    stage_hear(stage, name, "{'type':'auth_challenge'}");
    stage_say(stage, name, answer);
}

static void test_an_owner_that_leaves_takes_nothing_from_peers(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct hub *hub = stage_hub(stage);
    struct peering_topic topic = {.owner = BYTES_LITERAL("faraway")};

    (void)state;
    assert_int_equal(hub_configure_password(hub, BYTES_LITERAL("c"), BYTES_LITERAL("p"),
                                            PASSWORD_BY_CONFIGURATION, NULL, stage_time(stage)),
                     0);
    stage_enter_peer(stage, "far");
    assert_int_equal(peering_declare(hub, stage_client(stage, "far"), BYTES_LITERAL("c"), BYTES_LITERAL("t"),
                                     &topic, stage_time(stage)),
                     0);
    assert_int_equal(peering_join(hub, stage_client(stage, "far"), BYTES_LITERAL("c"),
                                  BYTES_LITERAL("faraway"), BYTES_LITERAL("client"), BYTES_LITERAL("\x90"),
                                  stage_time(stage)),
                     0);
    stage_enter(stage, "owner");
    open_protected(stage, "owner");
    stage_leave(stage, "owner");
    assert_int_equal(peering_declare(hub, stage_client(stage, "far"), BYTES_LITERAL("c"), BYTES_LITERAL("t"),
                                     &topic, stage_time(stage)),
                     0);
    stage_enter(stage, "next");
    open_protected(stage, "next");
    stage_hear(stage, "next",
               "{'type':'channel_sync','subscriptions':{'t':{'owner':'faraway','param_schema':null,"
               "'stype':'subscription'}}}");
    stage_free(stage);
}

static void test_a_remote_provider_serves_until_there_is_a_local_one(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter_peer(stage, "far");
    stage_enter(stage, "caller");
    stage_enter(stage, "local");
    stage_say(stage, "caller", "{'type':'register','channel':'c'}");
    stage_forget(stage, "caller");
    assert_int_equal(peering_provide(stage_hub(stage), stage_client(stage, "far"), BYTES_LITERAL("c"),
                                     BYTES_LITERAL("e"), &plain, stage_time(stage)),
                     0);
    stage_hear(stage, "caller", "{'type':'metadata_update','name':'e','stype':'event','owner':'faraway'}");
    stage_say(stage, "caller", "{'type':'call','channel':'c','event':'e','request_id':'1'}");
    stage_hear(stage, "far", "{'type':'call','sender_id':'caller','path':['hub']}");
    stage_say(stage, "far",
              "{'type':'response','request_id':'1','target_id':'caller','data':5,'sender_id':'faraway','path'"
              ":['x']}");
    stage_hear(stage, "caller", "{'request_id':'1','data':5,'sender_id':'faraway','path':['x','hub']}");
    stage_say(stage, "local",
              "{'type':'register','channel':'c','event':'e','is_provider':true,'request_id':'1'}");
    stage_hear(stage, "local", "{'success':true}");
    stage_forget(stage, "caller");
    stage_say(stage, "caller", "{'type':'call','channel':'c','event':'e','request_id':'2'}");
    stage_hear(stage, "local", "{'type':'call','request_id':'2'}");
    stage_hear_nothing(stage, "far");
    stage_free(stage);
}

static void test_channel_sync_names_the_remote_provider_until_there_is_a_local_one(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter_peer(stage, "far");
    stage_enter(stage, "reader");
    stage_enter(stage, "local");
    peering_provide(stage_hub(stage), stage_client(stage, "far"), BYTES_LITERAL("c"), BYTES_LITERAL("e"),
                    &plain, stage_time(stage));
    stage_say(stage, "reader", "{'type':'register','channel':'c'}");
    stage_hear(stage, "reader",
               "{'events':{'e':{'owner':'faraway','is_stream':false,'is_group':false,'param_schema':null,"
               "'return_schema':null,'stype':'event'}}}");
    stage_forget(stage, "reader");
    stage_say(stage, "local", "{'type':'register','channel':'c','event':'e','is_provider':true}");
    stage_forget(stage, "reader");
    stage_say(stage, "reader", "{'type':'register','channel':'c'}");
    stage_hear(stage, "reader",
               "{'events':{'e':{'owner':'local','is_stream':false,'is_group':false,'param_schema':null,"
               "'return_schema':null,'stype':'event'}}}");
    stage_free(stage);
}

static void test_a_peer_shows_a_members_new_path(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct hub *hub = stage_hub(stage);

    (void)state;
    stage_enter_peer(stage, "far");
    stage_enter(stage, "local");
    stage_say(stage, "local", "{'type':'register','channel':'c'}");
    peering_join(hub, stage_client(stage, "far"), BYTES_LITERAL("c"), BYTES_LITERAL("alice"),
                 BYTES_LITERAL("client"),
                 BYTES_LITERAL("\x91\xa3"
                               "far"),
                 stage_time(stage));
    stage_forget(stage, "local");
    peering_join(hub, stage_client(stage, "far"), BYTES_LITERAL("c"), BYTES_LITERAL("alice"),
                 BYTES_LITERAL("client"),
                 BYTES_LITERAL("\x92\xa3"
                               "far\xa3mid"),
                 stage_time(stage));
    stage_hear(stage, "local", "{'action':'join','owner':'alice','path':['far','mid']}");
    stage_free(stage);
}

static void test_callers_hear_when_the_remote_hub_is_lost(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter_peer(stage, "far");
    stage_enter(stage, "caller");
    peering_provide(stage_hub(stage), stage_client(stage, "far"), BYTES_LITERAL("c"), BYTES_LITERAL("e"),
                    &plain, stage_time(stage));
    stage_say(stage, "caller", "{'type':'call','channel':'c','event':'e','request_id':'1'}");
    stage_leave(stage, "far");
    stage_hear(stage, "caller",
               "{'request_id':'1','error':'Provider of c:e disconnected before it answered'}");
    stage_free(stage);
}

static void test_a_peers_call_goes_to_a_local_provider_only_and_keeps_its_sender(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter_peer(stage, "far");
    stage_enter_peer(stage, "other");
    stage_enter(stage, "local");
    peering_provide(stage_hub(stage), stage_client(stage, "other"), BYTES_LITERAL("c"),
                    BYTES_LITERAL("remote"), &plain, stage_time(stage));
    stage_say(stage, "local", "{'type':'register','channel':'c','event':'e','is_provider':true}");
    stage_forget(stage, "local");
    stage_say(stage, "far",
              "{'type':'call','channel':'c','event':'e','request_id':'1','sender_id':'alice','signature':'s',"
              "'path':['far']}");
    stage_hear(stage, "local", "{'sender_id':'alice','signature':'s','path':['far','hub']}");
    stage_say(stage, "local", "{'type':'response','request_id':'1','target_id':'alice','data':1}");
    stage_hear(stage, "far", "{'type':'response','request_id':'1','target_id':'alice','sender_id':'local'}");
    stage_say(
        stage, "far",
        "{'type':'call','channel':'c','event':'remote','request_id':'2','sender_id':'alice','path':['far']}");
    stage_hear(stage, "far", "{'error':'No provider for c:remote','target_id':'alice'}");
    stage_hear_nothing(stage, "other");
    stage_free(stage);
}

static void test_a_peers_call_that_is_refused_is_answered_to_its_caller(void **state)
{
    struct hub_options options = {.error_policy = ERROR_RAISE};
    struct stage *stage = stage_new(&options);

    (void)state;
    stage_enter_peer(stage, "far");
    stage_enter(stage, "owner");
    stage_say(stage, "far",
              "{'type':'call','channel':'__comm_ipc_logs','event':'e','request_id':'1','sender_id':'alice',"
              "'path':['far']}");
    stage_hear(
        stage, "far",
        "{'type':'response','request_id':'1','target_id':'alice','channel':'__comm_ipc_logs','event':'e',"
        "'error':'Channel __comm_ipc_logs is a system channel and read-only: open it to receive, "
        "nothing else'}");
    stage_say(stage, "far", "{'type':'send','channel':'__comm_ipc_logs','event':'e','sender_id':'alice'}");
    stage_hear_nothing(stage, "far");
    assert_int_equal(stage_end_reason(stage, "far"), -1);
    stage_free(stage);
}

static void test_remote_interest_counts_for_first_and_last(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct hub *hub = stage_hub(stage);

    (void)state;
    stage_enter_peer(stage, "far");
    stage_enter(stage, "owner");
    stage_say(stage, "owner", "{'type':'add_subscription','channel':'c','sub_name':'t'}");
    assert_int_equal(peering_want(hub, stage_client(stage, "far"), BYTES_LITERAL("c"), BYTES_LITERAL("t"),
                                  stage_time(stage)),
                     0);
    stage_hear(stage, "owner", "{'event':'subscription.t.first'}");
    stage_say(stage, "owner", "{'type':'publish','channel':'c','sub_name':'t','data':1}");
    stage_hear_nothing(stage, "far");
    stage_leave(stage, "far");
    stage_hear(stage, "owner", "{'event':'subscription.t.last'}");
    stage_free(stage);
}

static void test_a_local_owner_takes_a_topic_over_from_a_remote_one(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct hub *hub = stage_hub(stage);
    struct peering_topic declared = {.owner = BYTES_LITERAL("faraway")};

    (void)state;
    stage_enter_peer(stage, "far");
    stage_enter(stage, "local");
    assert_int_equal(peering_declare(hub, stage_client(stage, "far"), BYTES_LITERAL("c"), BYTES_LITERAL("t"),
                                     &declared, stage_time(stage)),
                     0);
    stage_say(stage, "local", "{'type':'add_subscription','channel':'c','sub_name':'t','request_id':'1'}");
    stage_hear(stage, "local", "{'data':{'success':true}}");
    assert_int_equal(peering_declare(hub, stage_client(stage, "far"), BYTES_LITERAL("c"), BYTES_LITERAL("t"),
                                     &declared, stage_time(stage)),
                     PEERING_E_TAKEN);
    stage_free(stage);
}

static void deliver(struct stage *stage, const char *topic, const char *type)
{
    struct message message;
    struct buffer body;

    /* {"type": ..., "path": ["far"]} */
    buffer_init(&body);
    buffer_append(&body, "\x82\xa4type", 6);
    buffer_append_format(&body, "%c%s", 0xa0 | (int)strlen(type), type);
    buffer_append(&body,
                  "\xa4path\x91\xa3"
                  "far",
                  10);
    assert_int_equal(message_parse(buffer_bytes(&body), &message), 0);
    assert_int_equal(peering_deliver(stage_hub(stage), NULL, BYTES_LITERAL("c"), bytes_of_text(topic),
                                     &message, stage_time(stage)),
                     0);
    buffer_clear(&body);
}

static void test_messages_of_the_mesh_reach_members_and_subscribers(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "member");
    stage_enter(stage, "subscriber");
    stage_say(stage, "member", "{'type':'register','channel':'c'}");
    stage_say(stage, "subscriber", "{'type':'subscribe','channel':'c','sub_name':'t'}");
    stage_forget(stage, "member");
    deliver(stage, NULL, "broadcast");
    stage_hear(stage, "member", "{'type':'broadcast','path':['far','hub']}");
    stage_hear_nothing(stage, "subscriber");
    deliver(stage, "t", "receive");
    stage_hear(stage, "subscriber", "{'type':'receive','path':['far']}");
    stage_hear_nothing(stage, "member");
    stage_free(stage);
}

static void test_remote_members_are_listed_with_their_path(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct hub *hub = stage_hub(stage);

    (void)state;
    stage_enter_peer(stage, "far");
    stage_enter(stage, "local");
    stage_say(stage, "local", "{'type':'register','channel':'c'}");
    stage_forget(stage, "local");
    assert_int_equal(peering_join(hub, stage_client(stage, "far"), BYTES_LITERAL("c"), BYTES_LITERAL("alice"),
                                  BYTES_LITERAL("client"),
                                  BYTES_LITERAL("\x91\xa3"
                                                "far"),
                                  stage_time(stage)),
                     0);
    stage_hear(
        stage, "local",
        "{'type':'metadata_update','stype':'membership','action':'join','owner':'alice','mode':'client',"
        "'is_local':false,'path':['far']}");
    stage_say(stage, "local", "{'type':'list_members','channel':'c','request_id':'1'}");
    stage_hear(stage, "local",
               "{'data':{'members':[{'id':'local','mode':'client','is_local':true,'path':[]},"
               "{'id':'alice','mode':'client','is_local':false,'bridge_id':'far','path':['far']}]}}");
    stage_leave(stage, "far");
    stage_hear(stage, "local", "{'stype':'membership','action':'leave','owner':'alice','is_local':false}");
    stage_free(stage);
}

static void test_a_reference_bridge_announces_and_forgets(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter_bridge(stage, "near");
    stage_enter_bridge(stage, "detour");
    stage_enter(stage, "local");
    stage_enter(stage, "liar");
    stage_say(stage, "local", "{'type':'register','channel':'c'}");
    stage_forget(stage, "local");
    stage_say(stage, "detour",
              "{'type':'announce_remote','channel':'c','clients':[{'id':'alice','mode':'client','path':['x','"
              "y']}]}");
    stage_hear(stage, "local", "{'action':'join','owner':'alice','path':['x','y']}");
    stage_say(stage, "near",
              "{'type':'announce_remote','channel':'c','clients':[{'id':'alice','path':['y']},'bob']}");
    stage_hear(stage, "local", "{'action':'join','owner':'alice','path':['y']}");
    stage_hear(stage, "local", "{'action':'join','owner':'bob','path':[]}");
    stage_say(stage, "near",
              "{'type':'announce_remote','channel':'c','clients':[{'id':'eve','path':['hub']}]}");
    stage_say(stage, "liar",
              "{'type':'announce_remote','channel':'c','clients':[{'id':'eve','path':['z']}]}");
    stage_hear_nothing(stage, "local");
    stage_say(stage, "near", "{'type':'forget_remote','channel':'c','id':'alice'}");
    stage_hear(stage, "local", "{'action':'join','owner':'alice','path':['x','y']}");
    stage_leave(stage, "near");
    stage_hear(stage, "local", "{'action':'leave','owner':'bob'}");
    stage_leave(stage, "detour");
    stage_hear(stage, "local", "{'action':'leave','owner':'alice'}");
    stage_hear_nothing(stage, "local");
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_observer_hears_what_local_clients_do),
        cmocka_unit_test(test_a_new_observer_is_told_what_is_there),
        cmocka_unit_test(test_a_change_of_password_withdraws_all_and_tells_anew_what_is_left),
        cmocka_unit_test(test_what_peers_bring_under_the_password_is_taken),
        cmocka_unit_test(test_an_owner_that_leaves_takes_nothing_from_peers),
        cmocka_unit_test(test_a_remote_provider_serves_until_there_is_a_local_one),
        cmocka_unit_test(test_channel_sync_names_the_remote_provider_until_there_is_a_local_one),
        cmocka_unit_test(test_a_peer_shows_a_members_new_path),
        cmocka_unit_test(test_callers_hear_when_the_remote_hub_is_lost),
        cmocka_unit_test(test_a_peers_call_goes_to_a_local_provider_only_and_keeps_its_sender),
        cmocka_unit_test(test_a_peers_call_that_is_refused_is_answered_to_its_caller),
        cmocka_unit_test(test_remote_interest_counts_for_first_and_last),
        cmocka_unit_test(test_a_local_owner_takes_a_topic_over_from_a_remote_one),
        cmocka_unit_test(test_messages_of_the_mesh_reach_members_and_subscribers),
        cmocka_unit_test(test_remote_members_are_listed_with_their_path),
        cmocka_unit_test(test_a_reference_bridge_announces_and_forgets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
