/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <errno.h>

#include "tests/support/allocation.h"
#include "tests/support/stage.h"
#include "tests/support/unit.h"

static void test_ids_are_unique_and_valid(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct client *client = NULL;
    struct bytes name = BYTES_LITERAL("a");

    (void)state;
    stage_enter(stage, "a");
    assert_false(hub_id_is_free(stage_hub(stage), name));
    assert_int_equal(
        hub_client_add(stage_hub(stage), name, CLIENT_LOCAL, NULL, NULL, stage_time(stage), &client),
        HUB_E_ID_IN_USE);
    assert_int_equal(hub_client_add(stage_hub(stage), BYTES_LITERAL("a\nb"), CLIENT_LOCAL, NULL, NULL,
                                    stage_time(stage), &client),
                     HUB_E_BAD_NAME);
    stage_leave(stage, "a");
    assert_true(hub_id_is_free(stage_hub(stage), name));
    stage_free(stage);
}

/* Everything a client can do, once; the same story for every allocation that fails. */
static const struct {
    const char *who;
    const char *what;
} story[] = {
    {"a",
     "{'type':'register','channel':'c','event':'e','is_provider':true,'is_group':true,'param_schema':{'a':1},"
     "'request_id':'1'}"},
    {"a", "{'type':'register','channel':'c','request_id':'2'}"},
    {"b", "{'type':'register','channel':'c','request_id':'3'}"},
    {"b", "{'type':'register','channel':'__comm_ipc_system','request_id':'4'}"},
    {"b", "{'type':'call','channel':'c','event':'e','data':1,'request_id':'5'}"},
    {"a", "{'type':'response','request_id':'5','target_id':'b','data':1}"},
    {"b", "{'type':'call','channel':'c','event':'none','request_id':'6'}"},
    {"b", "{'type':'broadcast','channel':'c','event':'x','data':1}"},
    {"b", "{'type':'send','channel':'c','event':'e','data':1}"},
    {"a",
     "{'type':'add_subscription','channel':'c','sub_name':'t','return_schema':{'a':1},'request_id':'7'}"},
    {"b", "{'type':'subscribe','channel':'c','sub_name':'t','request_id':'8'}"},
    {"a", "{'type':'publish','channel':'c','sub_name':'t','data':1}"},
    {"b", "{'type':'unsubscribe','channel':'c','sub_name':'t','request_id':'9'}"},
    {"bridge",
     "{'type':'announce_remote','channel':'c','clients':[{'id':'r','mode':'client','path':['x']}]}"},
    {"b", "{'type':'list_members','channel':'c','request_id':'10'}"},
    {"bridge", "{'type':'forget_remote','channel':'c','id':'r'}"},
    {"b", "{'type':'call','channel':'c','event':'e','data':1,'request_id':'11'}"},
    {"a", "{'type':'set_password','channel':'c','password':'p','request_id':'12'}"},
    {"b", "{'type':'register','channel':'c','request_id':'13'}"},
    {"a", "{'type':'remove_subscription','channel':'c','sub_name':'t','request_id':'14'}"},
};

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t step = 0; step < N_ELEMENTS(story); step++) {
        for (unsigned n = 1;; n++) {
            struct stage *stage = stage_new(NULL);
            bool has_failed;
            int r;

            stage_enter(stage, "a");
            stage_enter(stage, "b");
            stage_enter_bridge(stage, "bridge");
            for (size_t i = 0; i < step; i++)
                stage_say(stage, story[i].who, story[i].what);
            if (!stage_try_without_memory(stage, story[step].who, story[step].what, n, &r, &has_failed)) {
                stage_free(stage);
                break;
            }
            assert_true(r == 0 || (r == -ENOMEM && has_failed));
            for (size_t i = step + 1; i < N_ELEMENTS(story); i++)
                stage_try(stage, story[i].who, story[i].what);
            stage_free(stage);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_unique_and_valid),
        cmocka_unit_test(test_every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
