/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/stage.h"
#include "tests/support/unit.h"

#define DECLARE                                                                                              \
    "{'type':'add_subscription','channel':'news','sub_name':'t','return_schema':{'type':'object'},'request_" \
    "id':'d'}"
#define SUBSCRIBE "{'type':'subscribe','channel':'news','sub_name':'t','request_id':'s'}"
#define UNSUBSCRIBE "{'type':'unsubscribe','channel':'news','sub_name':'t','request_id':'u'}"
#define PUBLISH "{'type':'publish','channel':'news','sub_name':'t','data':{'n':1}}"
#define SUCCESS "{'type':'response','data':{'success':true}}"

static struct stage *publisher_and_listener(void)
{
    struct stage *stage = stage_new(NULL);

    stage_enter(stage, "publisher");
    stage_enter(stage, "listener");
    stage_say(stage, "publisher", DECLARE);
    stage_hear(stage, "publisher", SUCCESS);
    return stage;
}

static void test_the_owner_hears_of_the_first_and_the_last_subscriber(void **state)
{
    struct stage *stage = publisher_and_listener();

    (void)state;
    stage_enter(stage, "other");
    stage_say(stage, "listener", SUBSCRIBE);
    stage_hear(stage, "publisher",
               "{'type':'receive','channel':'news','event':'subscription.t.first','data':{'sub_name':'t'}}");
    stage_hear(stage, "listener", SUCCESS);
    stage_say(stage, "other", SUBSCRIBE);
    stage_say(stage, "listener", SUBSCRIBE);
    stage_say(stage, "listener", UNSUBSCRIBE);
    stage_hear_nothing(stage, "publisher");
    stage_leave(stage, "other");
    stage_hear(stage, "publisher", "{'event':'subscription.t.last','data':{'sub_name':'t'}}");
    stage_free(stage);
}

static void test_each_subscriber_gets_what_the_owner_publishes(void **state)
{
    struct stage *stage = publisher_and_listener();

    (void)state;
    stage_say(stage, "listener", SUBSCRIBE);
    stage_forget(stage, "listener");
    stage_say(stage, "publisher", PUBLISH);
    stage_hear(stage, "listener",
               "{'type':'receive','channel':'news','event':'subscription.t.data','data':{'n':1},"
               "'sender_id':'publisher','server_id':'hub','timestamp':1700000000}");
    stage_say(stage, "listener", UNSUBSCRIBE);
    stage_forget(stage, "listener");
    stage_say(stage, "publisher", PUBLISH);
    stage_hear_nothing(stage, "listener");
    stage_free(stage);
}

static void test_publishing_what_one_does_not_own_is_an_error(void **state)
{
    struct stage *stage = publisher_and_listener();

    (void)state;
    stage_say(stage, "listener", SUBSCRIBE);
    stage_forget(stage, "listener");
    stage_say(stage, "listener", PUBLISH);
    stage_hear(
        stage, "listener",
        "{'type':'error','message':'Cannot publish news:t: this client has not declared the subscription'}");
    stage_hear_nothing(stage, "listener");
    stage_free(stage);
}

static void test_a_subscription_takes_effect_when_the_topic_is_declared(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "publisher");
    stage_enter(stage, "listener");
    stage_say(stage, "listener", SUBSCRIBE);
    stage_hear(stage, "listener", SUCCESS);
    stage_say(stage, "publisher", DECLARE);
    stage_hear(stage, "publisher", SUCCESS);
    stage_hear(stage, "publisher", "{'event':'subscription.t.first'}");
    stage_say(stage, "publisher", PUBLISH);
    stage_hear(stage, "listener", "{'event':'subscription.t.data'}");
    stage_free(stage);
}

static void test_declaring_again_is_no_news_to_the_owner(void **state)
{
    struct stage *stage = publisher_and_listener();

    (void)state;
    stage_say(stage, "listener", SUBSCRIBE);
    stage_forget(stage, "publisher");
    stage_say(stage, "publisher", DECLARE);
    stage_hear(stage, "publisher", SUCCESS);
    stage_hear_nothing(stage, "publisher");
    stage_free(stage);
}

static void test_listeners_outlast_a_publisher_that_comes_back(void **state)
{
    struct stage *stage = publisher_and_listener();

    (void)state;
    stage_say(stage, "listener", SUBSCRIBE);
    stage_forget(stage, "listener");
    stage_leave(stage, "publisher");
    stage_enter(stage, "publisher");
    stage_say(stage, "publisher", DECLARE);
    stage_say(stage, "publisher", PUBLISH);
    stage_hear(stage, "listener", "{'event':'subscription.t.data'}");
    stage_free(stage);
}

static void test_a_topic_has_one_owner_until_that_goes(void **state)
{
    struct stage *stage = publisher_and_listener();

    (void)state;
    stage_say(stage, "listener", DECLARE);
    stage_hear(stage, "listener", "{'error':'Subscription t already owned by another client'}");
    stage_leave(stage, "publisher");
    stage_say(stage, "listener", DECLARE);
    stage_hear(stage, "listener", SUCCESS);
    stage_free(stage);
}

static void test_only_the_owner_removes_a_topic_and_its_subscriptions_go_with_it(void **state)
{
    struct stage *stage = publisher_and_listener();

    (void)state;
    stage_say(stage, "listener", SUBSCRIBE);
    stage_forget(stage, "listener");
    stage_say(stage, "listener",
              "{'type':'remove_subscription','channel':'news','sub_name':'t','request_id':'1'}");
    stage_hear(stage, "listener", "{'error':'Not the owner or subscription does not exist'}");
    stage_say(stage, "publisher",
              "{'type':'remove_subscription','channel':'news','sub_name':'t','request_id':'1'}");
    stage_say(stage, "publisher", DECLARE);
    stage_say(stage, "publisher", PUBLISH);
    stage_hear_nothing(stage, "listener");
    stage_free(stage);
}

static void test_reserved_and_missing_names_are_refused(void **state)
{
    static const struct {
        const char *message;
        const char *answer;
    } rows[] = {
        {"{'type':'add_subscription','channel':'subscription','sub_name':'t','request_id':'1'}",
         "{'error':'Channel name subscription is reserved'}"},
        {"{'type':'add_subscription','channel':'c','sub_name':'subscription.x','request_id':'1'}",
         "{'error':'Subscription name subscription.x is reserved'}"},
        {"{'type':'add_subscription','channel':'c','request_id':'1'}",
         "{'error':'channel and sub_name required'}"},
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

static void test_members_learn_the_schema_now_or_when_they_open(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "publisher");
    stage_enter(stage, "early");
    stage_enter(stage, "late");
    stage_say(stage, "early", "{'type':'register','channel':'news'}");
    stage_forget(stage, "early");
    stage_say(stage, "publisher", DECLARE);
    stage_hear(stage, "early",
               "{'type':'metadata_update','name':'t','stype':'subscription','owner':'publisher',"
               "'return_schema':{'type':'object'}}");
    stage_say(stage, "late", "{'type':'register','channel':'news'}");
    stage_hear(stage, "late",
               "{'type':'channel_sync','subscriptions':{'t':{'owner':'publisher',"
               "'param_schema':{'type':'object'},'stype':'subscription'}}}");
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_owner_hears_of_the_first_and_the_last_subscriber),
        cmocka_unit_test(test_each_subscriber_gets_what_the_owner_publishes),
        cmocka_unit_test(test_publishing_what_one_does_not_own_is_an_error),
        cmocka_unit_test(test_a_subscription_takes_effect_when_the_topic_is_declared),
        cmocka_unit_test(test_declaring_again_is_no_news_to_the_owner),
        cmocka_unit_test(test_listeners_outlast_a_publisher_that_comes_back),
        cmocka_unit_test(test_a_topic_has_one_owner_until_that_goes),
        cmocka_unit_test(test_only_the_owner_removes_a_topic_and_its_subscriptions_go_with_it),
        cmocka_unit_test(test_reserved_and_missing_names_are_refused),
        cmocka_unit_test(test_members_learn_the_schema_now_or_when_they_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
