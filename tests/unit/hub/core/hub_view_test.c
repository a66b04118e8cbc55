/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/hub_view.h"

#include <errno.h>
#include <stdio.h>

#include "hub/core/channel_view.h"
#include "tests/support/allocation.h"
#include "tests/support/stage.h"
#include "tests/support/unit.h"

typedef int lister(const struct hub *hub, struct view_list *list);

/* Takes the whole page; answers in how many steps. */
static unsigned take_page(struct stage *stage, lister *next, struct view_list *list)
{
    unsigned n_steps = 1;
    int r;

    while ((r = next(stage_hub(stage), list)) == VIEW_E_GOES_ON)
        n_steps++;
    assert_int_equal(r, 0);
    return n_steps;
}

static void enter_many(struct stage *stage, unsigned first, unsigned last)
{
    char name[16], open[64];

    for (unsigned i = first; i <= last; i++) {
        snprintf(name, sizeof name, "c%u", i);
        snprintf(open, sizeof open, "{'type':'register','channel':'crowd'}");
        stage_enter(stage, name);
        stage_say(stage, name, open);
        stage_forget(stage, name);
    }
}

static void test_clients_come_in_pages(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct view_list list = {.limit = 1};
    struct view_client *rows;
    uint64_t after;

    (void)state;
    stage_enter(stage, "a");
    stage_enter_peer(stage, "far");
    stage_enter_bridge(stage, "b");
    stage_say(stage, "a", "{'type':'register','channel':'one'}");
    stage_say(stage, "a", "{'type':'register','channel':'two'}");
    take_page(stage, hub_view_clients, &list);
    rows = list.rows;
    assert_int_equal(list.n, 1);
    assert_true(list.has_more);
    assert_string_equal(rows[0].id, "a");
    assert_int_equal(rows[0].n_channels, 2);
    assert_int_equal(rows[0].n_named, 2);
    assert_string_equal(rows[0].channels[1], "two");
    assert_int_equal(rows[0].messages_in, 2);
    after = list.after;
    view_free(list.view);

    list = (struct view_list){.after = after, .limit = 10};
    take_page(stage, hub_view_clients, &list);
    rows = list.rows;
    assert_int_equal(list.n, 1); /* a peer is no client */
    assert_false(list.has_more);
    assert_string_equal(rows[0].mode, "bridge");
    view_free(list.view);
    stage_free(stage);
}

static void open_room(struct stage *stage, const char *who, unsigned number)
{
    char open[64];

    snprintf(open, sizeof open, "{'type':'register','channel':'room %u'}", number);
    stage_say(stage, who, open);
}

static void test_a_long_page_is_taken_in_steps_while_channels_come_and_go(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct view_list list = {.limit = 1000};
    const struct view_channel *rows;
    unsigned n_steps;

    (void)state;
    stage_enter(stage, "a");
    stage_enter(stage, "b");
    for (unsigned i = 1; i <= 100; i++)
        open_room(stage, i == 1 || i == 33 || i == 100 ? "b" : "a", i);
    assert_int_equal(hub_view_channels(stage_hub(stage), &list), VIEW_E_GOES_ON);
    assert_int_equal(list.n, VIEW_STEP_ROWS);
    stage_leave(stage, "b"); /* room 1 was shown, 33 comes next, 100 is the last */
    open_room(stage, "a", 101);
    n_steps = take_page(stage, hub_view_channels, &list);
    assert_true(n_steps >= 3);
    assert_int_equal(list.n, 99);
    rows = list.rows;
    assert_string_equal(rows[0].name, "room 1");
    assert_string_equal(rows[32].name, "room 34");
    assert_string_equal(rows[97].name, "room 99");
    assert_string_equal(rows[98].name, "room 101");
    assert_false(list.has_more);
    view_free(list.view);
    stage_free(stage);
}

static void test_the_clients_of_a_channel_and_the_channels_of_a_client(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct view_list list = {.limit = 10, .channel = BYTES_LITERAL("crowd")};
    const struct view_client *clients;
    const struct view_channel *channels;

    (void)state;
    stage_enter(stage, "lonely");
    stage_say(stage, "lonely", "{'type':'register','channel':'desert'}");
    enter_many(stage, 1, 2);
    take_page(stage, hub_view_clients, &list);
    clients = list.rows;
    assert_int_equal(list.n, 2);
    assert_string_equal(clients[0].id, "c1");
    view_free(list.view);

    list = (struct view_list){.limit = 10, .channel = BYTES_LITERAL("none")};
    assert_int_equal(hub_view_clients(stage_hub(stage), &list), VIEW_E_UNKNOWN);
    assert_null(list.view);

    list = (struct view_list){.limit = 10, .member = BYTES_LITERAL("lonely")};
    take_page(stage, hub_view_channels, &list);
    channels = list.rows;
    assert_int_equal(list.n, 1);
    assert_string_equal(channels[0].name, "desert");
    view_free(list.view);

    list = (struct view_list){.limit = 10, .member = BYTES_LITERAL("nobody")};
    take_page(stage, hub_view_channels, &list);
    assert_int_equal(list.n, 0);
    view_free(list.view);
    stage_free(stage);
}

static void test_a_client_shows_what_it_holds(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct view *view = view_new();
    struct view_client client;
    struct view_holdings holds;

    (void)state;
    stage_enter(stage, "a");
    stage_enter_peer(stage, "far");
    stage_say(stage, "a",
              "{'type':'register','channel':'one','event':'e','is_provider':true,'param_schema':{'x':1}}");
    stage_say(stage, "a", "{'type':'subscribe','channel':'one','sub_name':'t'}");
    assert_int_equal(hub_view_client(stage_hub(stage), BYTES_LITERAL("a"), view, &client, &holds), 0);
    assert_string_equal(client.id, "a");
    assert_string_equal(client.channels[0], "one");
    assert_int_equal(holds.n_events, 1);
    assert_int_equal(holds.n_subscriptions, 1);
    assert_int_equal(holds.held_bytes, 4);
    assert_int_equal(hub_view_client(stage_hub(stage), BYTES_LITERAL("far"), view, &client, &holds),
                     VIEW_E_UNKNOWN);
    assert_int_equal(hub_view_client(stage_hub(stage), BYTES_LITERAL("b"), view, &client, &holds),
                     VIEW_E_UNKNOWN);
    view_free(view);
    stage_free(stage);
}

static void test_a_client_in_many_channels_names_some(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct view_list list = {.limit = 10};
    const struct view_client *rows;

    (void)state;
    stage_enter(stage, "a");
    for (unsigned i = 0; i < HUB_VIEW_FEW_CHANNELS + 5; i++)
        open_room(stage, "a", i);
    take_page(stage, hub_view_clients, &list);
    rows = list.rows;
    assert_int_equal(rows[0].n_channels, HUB_VIEW_FEW_CHANNELS + 5);
    assert_int_equal(rows[0].n_named, HUB_VIEW_FEW_CHANNELS);
    assert_string_equal(rows[0].channels[HUB_VIEW_FEW_CHANNELS - 1], "room 15");
    view_free(list.view);
    stage_free(stage);
}

static void test_a_channel_is_counted_and_its_parts_are_listed(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct view *view = view_new();
    struct view_channel channel;
    struct view_list list = {.limit = 1};

    (void)state;
    stage_enter(stage, "a");
    stage_enter_bridge(stage, "b");
    stage_say(stage, "a",
              "{'type':'register','channel':'one','event':'e','is_provider':true,'param_schema':{'x':1}}");
    stage_say(stage, "a", "{'type':'register','channel':'two'}");
    stage_say(stage, "b", "{'type':'subscribe','channel':'one','sub_name':'t'}");
    assert_int_equal(hub_view_channel(stage_hub(stage), BYTES_LITERAL("one"), view, &channel), 0);
    assert_string_equal(channel.owner, "a");
    assert_int_equal(channel.n_members, 1);
    assert_int_equal(channel.n_events, 1);
    assert_int_equal(channel.n_topics, 1);
    assert_int_equal(hub_view_channel(stage_hub(stage), BYTES_LITERAL("three"), view, &channel),
                     VIEW_E_UNKNOWN);
    view_free(view);

    take_page(stage, hub_view_channels, &list);
    assert_true(list.has_more);
    view_free(list.view);

    list = (struct view_list){.limit = 10, .channel = BYTES_LITERAL("one")};
    take_page(stage, channel_view_events, &list);
    assert_int_equal(list.n, 1);
    assert_string_equal(((const struct view_event *)list.rows)->providers[0], "a");
    assert_int_equal(((const struct view_event *)list.rows)->raw_param_schema.len, 4);
    view_free(list.view);

    list = (struct view_list){.limit = 10, .channel = BYTES_LITERAL("one")};
    take_page(stage, channel_view_topics, &list);
    assert_int_equal(list.n, 1);
    assert_null(((const struct view_topic *)list.rows)->owner);
    assert_int_equal(((const struct view_topic *)list.rows)->n_subscribers, 1);
    view_free(list.view);

    list = (struct view_list){.limit = 10, .channel = BYTES_LITERAL("three")};
    assert_int_equal(channel_view_topics(stage_hub(stage), &list), VIEW_E_UNKNOWN);
    stage_free(stage);
}

static void test_what_passes_through_a_channel_is_counted(void **state)
{
    struct stage *stage = stage_new(NULL);
    struct view *view = view_new();
    struct view_channel channel;

    (void)state;
    stage_enter(stage, "a");
    stage_enter(stage, "b");
    stage_say(stage, "a", "{'type':'register','channel':'c','event':'e','is_provider':true}");
    stage_say(stage, "a", "{'type':'add_subscription','channel':'c','sub_name':'t'}");
    stage_say(stage, "a", "{'type':'register','channel':'c'}");
    stage_say(stage, "b", "{'type':'register','channel':'c'}");
    stage_say(stage, "b", "{'type':'subscribe','channel':'c','sub_name':'t'}");
    stage_say(stage, "b", "{'type':'call','channel':'c','event':'e','request_id':'1'}");
    stage_say(stage, "b", "{'type':'send','channel':'c','event':'e','data':1}");
    stage_say(stage, "b", "{'type':'send','channel':'c','event':'e','data':1}");
    stage_say(stage, "b", "{'type':'broadcast','channel':'c','event':'x','data':1}");
    stage_say(stage, "a", "{'type':'publish','channel':'c','sub_name':'t','data':1}");
    stage_say(stage, "a", "{'type':'broadcast','channel':'other','event':'x','data':1}");
    assert_int_equal(hub_view_channel(stage_hub(stage), BYTES_LITERAL("c"), view, &channel), 0);
    assert_int_equal(channel.counters.calls, 1);
    assert_int_equal(channel.counters.sends, 2);
    assert_int_equal(channel.counters.broadcasts, 1);
    assert_int_equal(channel.counters.publishes, 1);
    assert_int_equal(channel.counters.deliveries, 2);
    view_free(view);
    stage_free(stage);
}

/* Two bridges know "x", one of them the shorter way. */
static void announce(struct stage *stage)
{
    stage_enter_bridge(stage, "near");
    stage_enter_bridge(stage, "far");
    stage_say(stage, "near", "{'type':'register','channel':'crowd'}");
    stage_say(stage, "far", "{'type':'register','channel':'crowd'}");
    stage_say(stage, "far",
              "{'type':'announce_remote','channel':'crowd','clients':[{'id':'x','path':['far','h1','h2']}]}");
    stage_say(stage, "near",
              "{'type':'announce_remote','channel':'crowd','clients':[{'id':'x','path':['near','h1']}]}");
    stage_say(stage, "far",
              "{'type':'announce_remote','channel':'crowd','clients':[{'id':'y','path':['far']}]}");
}

static void test_members_come_in_pages_local_ones_first(void **state)
{
    static const char *const expected[] = {"c1", "c2", "near", "far", "x", "y"};
    struct stage *stage = stage_new(NULL);
    struct view *view = view_new();
    struct view_channel channel;
    uint64_t after = 0;

    (void)state;
    enter_many(stage, 1, 2);
    announce(stage);
    assert_int_equal(hub_view_channel(stage_hub(stage), BYTES_LITERAL("crowd"), view, &channel), 0);
    assert_int_equal(channel.n_members, 6);
    view_free(view);
    for (size_t n = 0; n < N_ELEMENTS(expected);) {
        struct view_list list = {.after = after, .limit = 2, .channel = BYTES_LITERAL("crowd")};
        const struct view_member *rows;

        take_page(stage, channel_view_members, &list);
        rows = list.rows;
        assert_int_equal(list.n, 2);
        for (size_t i = 0; i < list.n; i++, n++) {
            assert_string_equal(rows[i].id, expected[n]);
            assert_int_equal(rows[i].is_local, n < 4);
            assert_int_equal(rows[i].n_path, n < 4 ? 0 : n == 4 ? 2 : 1);
        }
        after = list.after;
        assert_true(list.has_more || n == N_ELEMENTS(expected));
        view_free(list.view);
    }
    stage_free(stage);
}

static void test_without_memory_there_is_no_page(void **state)
{
    struct stage *stage = stage_new(NULL);

    (void)state;
    stage_enter(stage, "a");
    for (unsigned i = 0; i < 2 * VIEW_STEP_ROWS; i++)
        open_room(stage, "a", i);
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct view_list list = {.limit = 1000};
        int r;

        do
            r = hub_view_channels(stage_hub(stage), &list);
        while (r == VIEW_E_GOES_ON);
        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        assert_true((r == 0) == (list.view != NULL));
        view_free(list.view);
    }
    stage_free(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_come_in_pages),
        cmocka_unit_test(test_a_long_page_is_taken_in_steps_while_channels_come_and_go),
        cmocka_unit_test(test_the_clients_of_a_channel_and_the_channels_of_a_client),
        cmocka_unit_test(test_a_client_shows_what_it_holds),
        cmocka_unit_test(test_a_client_in_many_channels_names_some),
        cmocka_unit_test(test_a_channel_is_counted_and_its_parts_are_listed),
        cmocka_unit_test(test_what_passes_through_a_channel_is_counted),
        cmocka_unit_test(test_members_come_in_pages_local_ones_first),
        cmocka_unit_test(test_without_memory_there_is_no_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
