/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <errno.h>

#include "hub/core/hub_view.h"
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

static void test_views_show_clients_and_channels_in_pages(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct view_clients clients;
    struct view_channels channels;

    (void)state;
    stage_enter(stage, "a");
    stage_enter_bridge(stage, "b");
    stage_say(stage, "a",
              "{'type':'register','channel':'one','event':'e','is_provider':true,'param_schema':{'x':1}}");
    stage_say(stage, "a", "{'type':'register','channel':'two'}");
    stage_say(stage, "b", "{'type':'subscribe','channel':'one','sub_name':'t'}");
    assert_int_equal(hub_view_clients(stage_hub(stage), 0, 1, &clients), 0);
    assert_int_equal(clients.n_clients, 1);
    assert_true(clients.has_more);
    assert_string_equal(clients.clients[0].id, "a");
    assert_int_equal(clients.clients[0].n_channels, 2);
    assert_string_equal(clients.clients[0].channels[1], "two");
    assert_int_equal(clients.clients[0].messages_in, 2);
    {
        uint64_t after = clients.clients[0].serial;

        hub_view_free(clients.view);
        assert_int_equal(hub_view_clients(stage_hub(stage), after, 10, &clients), 0);
    }
    assert_int_equal(clients.n_clients, 1);
    assert_false(clients.has_more);
    assert_string_equal(clients.clients[0].mode, "bridge");
    hub_view_free(clients.view);

    assert_int_equal(hub_view_channel(stage_hub(stage), BYTES_LITERAL("one"), &channels), 0);
    assert_int_equal(channels.n_channels, 1);
    assert_string_equal(channels.channels[0].owner, "a");
    assert_string_equal(channels.channels[0].events[0].providers[0], "a");
    assert_int_equal(channels.channels[0].events[0].raw_param_schema.len, 4);
    assert_null(channels.channels[0].topics[0].owner);
    assert_int_equal(channels.channels[0].topics[0].n_subscribers, 1);
    hub_view_free(channels.view);

    assert_int_equal(hub_view_channels(stage_hub(stage), 0, 1, &channels), 0);
    assert_true(channels.has_more);
    hub_view_free(channels.view);
    assert_int_equal(hub_view_channel(stage_hub(stage), BYTES_LITERAL("three"), &channels), 0);
    assert_int_equal(channels.n_channels, 0);
    hub_view_free(channels.view);
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_unique_and_valid),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_views_show_clients_and_channels_in_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
