/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/unit/hub/client/stand.h"

static void test_a_client_becomes_known_to_the_hub(void **state)
{
    struct stand stand;
    struct heard heard;
    struct commipc_client *client;

    (void)state;
    stand_up(&stand, NULL);
    client = stand_client(&stand, "alice", &heard);
    assert_string_equal(commipc_client_id(client), "alice");
    assert_string_equal(commipc_client_server_id(client), "hub");
    assert_int_equal(heard.state, COMMIPC_READY);
    commipc_client_free(client);
    stand_down(&stand);
}

static void test_the_connection_secret_is_proven(void **state)
{
    struct stand stand;
    struct heard heard;

    (void)state;
    stand_up(&stand, "sesame");
    commipc_client_free(stand_client(&stand, "alice", &heard));
    stand_down(&stand);
}

static void stops_with(struct stand *stand, const char *secret, const char *detail)
{
    struct heard heard = {0};
    struct commipc_options options = stand_options(stand, "alice", &heard);
    struct commipc_client *client;

    options.connection_secret = secret;
    assert_int_equal(commipc_client_new(&client, &options, NULL), 0);
    stand_until(stand, commipc_client_state(client) == COMMIPC_STOPPED);
    assert_string_equal(heard.detail, detail);
    commipc_client_free(client);
}

static void test_a_wrong_or_missing_secret_stops_the_client(void **state)
{
    struct stand stand;

    (void)state;
    stand_up(&stand, "sesame");
    stops_with(&stand, "simsim", "Authentication failed");
    stops_with(&stand, NULL, "the hub asks for a connection secret");
    stand_down(&stand);
}

static void test_an_id_in_use_stops_a_new_client(void **state)
{
    struct stand stand;
    struct heard heard;
    struct commipc_client *first;

    (void)state;
    stand_up(&stand, NULL);
    first = stand_client(&stand, "alice", &heard);
    stops_with(&stand, NULL, "Client ID alice already in use");
    commipc_client_free(first);
    stand_down(&stand);
}

static void test_a_single_attempt_stops_where_nobody_listens(void **state)
{
    struct stand stand;
    struct heard heard = {0};
    struct commipc_options options;
    struct commipc_client *client;

    (void)state;
    stand_up(&stand, NULL);
    options = stand_options(&stand, "alice", &heard);
    options.is_single_attempt = true;
    stand_kill_hub(&stand);
    assert_int_equal(commipc_client_new(&client, &options, NULL), 0);
    stand_until(&stand, commipc_client_state(client) == COMMIPC_STOPPED);
    assert_true(strlen(heard.detail) > 0);
    commipc_client_free(client);
    stand_start_hub(&stand);
    stand_down(&stand);
}

static void test_wrong_options_are_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *what;
        const char *address;
        const char *id;
    } rows[] = {
        {"no scheme", "localhost:7000", "alice"},
        {"port 0", "tcp://127.0.0.1:0", "alice"},
        {"empty id", "unix:/tmp/x", ""},
        {"id with a control character", "unix:/tmp/x", "a\nb"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct commipc_options options = COMMIPC_OPTIONS_INIT;
        struct commipc_client *client;
        char why[COMMIPC_WHY_SIZE] = "";

        options.address = rows[i].address;
        options.client_id = rows[i].id;
        assert_row(rows[i].what, commipc_client_new(&client, &options, why) == -EINVAL);
        assert_row(rows[i].what, strlen(why) > 10);
    }
}

/* --- what is restored --- */

static void test_all_that_was_wanted_is_restored_at_a_new_hub(void **state)
{
    struct stand stand;
    struct heard alice_heard;
    struct heard bob_heard;
    struct heard topic = {0};
    struct heard answer = {0};
    struct heard declared = {0};
    struct heard subscribed = {0};
    struct commipc_client *alice;
    struct commipc_client *bob;
    struct commipc_channel *at_alice;
    struct commipc_channel *at_bob;

    (void)state;
    stand_up(&stand, "sesame");
    alice = stand_client(&stand, "alice", &alice_heard);
    bob = stand_client(&stand, "bob", &bob_heard);
    at_alice = stand_open(&stand, alice, "room", NULL);
    at_bob = stand_open(&stand, bob, "room", NULL);
    stand_provide(&stand, at_alice, "echo", false, stand_echo);
    assert_int_equal(
        commipc_topic_declare(at_alice, "news", (struct commipc_value){0}, heard_done, &declared), 0);
    assert_int_equal(commipc_topic_subscribe(at_bob, "news", heard_message, heard_done, &topic), 0);
    stand_until(&stand, declared.n_done == 1 && topic.n_done == 1);
    assert_int_equal(commipc_topic_subscribe(at_bob, "news", heard_message, heard_done, &subscribed),
                     -EALREADY);

    stand_kill_hub(&stand);
    stand_until(&stand, alice_heard.state == COMMIPC_WAITING && bob_heard.state == COMMIPC_WAITING);
    assert_false(commipc_channel_is_open(at_alice));
    assert_int_equal(commipc_channel_send(at_bob, "echo", stand_one), COMMIPC_E_NOT_CONNECTED);
    stand_start_hub(&stand);
    stand_until(&stand, alice_heard.n_ready == 2 && bob_heard.n_ready == 2);
    stand_until(&stand, commipc_channel_is_open(at_alice) && commipc_channel_is_open(at_bob));
    stand_wait_ms(&stand, 30);

    assert_int_equal(commipc_channel_call(at_bob, "echo", stand_hello, 0, heard_answer, &answer, NULL), 0);
    stand_until(&stand, answer.n_final == 1);
    assert_string_equal(answer.json, "\"hello\"");
    assert_int_equal(commipc_topic_publish(at_alice, "news", stand_one), 0);
    stand_until(&stand, topic.n_messages == 1);
    assert_string_equal(topic.event, "subscription.news.data");
    assert_string_equal(topic.sender, "alice");
    assert_int_equal(topic.n_done, 1); /* told of the first time only */
    assert_int_equal(alice_heard.n_errors + bob_heard.n_errors, 0);
    commipc_client_free(alice);
    commipc_client_free(bob);
    stand_down(&stand);
}

static void keep_silent(void *user, struct commipc_call *call)
{
    *(struct commipc_call **)user = call;
}

static void test_calls_under_way_fail_when_the_connection_ends(void **state)
{
    struct stand stand;
    struct heard alice_heard;
    struct heard bob_heard;
    struct heard answer = {0};
    struct commipc_call *held = NULL;
    struct commipc_event event = COMMIPC_EVENT_INIT;
    struct commipc_client *alice;
    struct commipc_client *bob;
    struct commipc_channel *at_alice;
    struct commipc_channel *at_bob;

    (void)state;
    stand_up(&stand, NULL);
    alice = stand_client(&stand, "alice", &alice_heard);
    bob = stand_client(&stand, "bob", &bob_heard);
    at_alice = stand_open(&stand, alice, "room", NULL);
    at_bob = stand_open(&stand, bob, "room", NULL);
    event.name = "wait";
    event.on_call = keep_silent;
    event.user = &held;
    assert_int_equal(commipc_channel_provide(at_alice, &event), 0);
    stand_wait_ms(&stand, 20);
    assert_int_equal(commipc_channel_call(at_bob, "wait", stand_one, 0, heard_answer, &answer, NULL), 0);
    stand_until(&stand, held);
    stand_kill_hub(&stand);
    stand_until(&stand, answer.n_final == 1);
    assert_int_equal(answer.outcome, COMMIPC_E_DISCONNECTED);
    stand_until(&stand, commipc_client_state(alice) != COMMIPC_READY);
    assert_int_equal(commipc_call_reply(held, stand_one), COMMIPC_E_DISCONNECTED);
    commipc_client_free(alice);
    commipc_client_free(bob);
    stand_start_hub(&stand);
    stand_down(&stand);
}

static void test_a_channel_whose_owner_left_is_opened_again(void **state)
{
    struct stand stand;
    struct heard alice_heard;
    struct heard bob_heard;
    struct heard carol_heard;
    struct heard answer = {0};
    struct commipc_client *alice;
    struct commipc_client *bob;
    struct commipc_client *carol;
    struct commipc_channel *at_bob;
    struct commipc_channel *at_carol;

    (void)state;
    stand_up(&stand, NULL);
    alice = stand_client(&stand, "alice", &alice_heard);
    bob = stand_client(&stand, "bob", &bob_heard);
    carol = stand_client(&stand, "carol", &carol_heard);
    stand_open(&stand, alice, "room", NULL);
    at_bob = stand_open(&stand, bob, "room", NULL);
    at_carol = stand_open(&stand, carol, "room", NULL);
    stand_provide(&stand, at_bob, "echo", false, stand_echo);
    commipc_client_free(alice);
    stand_until(&stand, bob_heard.n_errors == 1);
    assert_string_equal(bob_heard.error, "Channel room owner disconnected, channel terminated");
    stand_until(&stand, commipc_channel_is_open(at_bob) && commipc_channel_is_open(at_carol));
    stand_wait_ms(&stand, 30);
    assert_int_equal(commipc_channel_call(at_carol, "echo", stand_one, 0, heard_answer, &answer, NULL), 0);
    stand_until(&stand, answer.n_final == 1);
    assert_string_equal(answer.json, "1");
    commipc_client_free(bob);
    commipc_client_free(carol);
    stand_down(&stand);
}

/* --- freeing --- */

static void free_self(void *user, int outcome, const char *text)
{
    (void)outcome;
    (void)text;
    commipc_client_free(*(struct commipc_client **)user);
    *(struct commipc_client **)user = NULL;
}

static void test_a_callback_may_free_its_client(void **state)
{
    struct stand stand;
    struct heard heard;
    struct commipc_client *client;
    struct commipc_channel *channel;

    (void)state;
    stand_up(&stand, NULL);
    client = stand_client(&stand, "alice", &heard);
    assert_int_equal(commipc_channel_open(client, "room", NULL, free_self, &client, &channel), 0);
    assert_int_equal(commipc_channel_on_message(channel, NULL, heard_message, &heard), 0);
    stand_until(&stand, !client);
    stand_wait_ms(&stand, 20);
    stand_down(&stand);
}

static struct commipc_client *to_free;

static void free_when_waiting(void *user, enum commipc_state state, const char *detail)
{
    (void)user;
    (void)detail;
    if (state == COMMIPC_WAITING) {
        commipc_client_free(to_free);
        to_free = NULL;
    }
}

static void test_a_client_with_a_loop_of_its_own_may_be_freed_in_its_run(void **state)
{
    struct commipc_options options = COMMIPC_OPTIONS_INIT;

    (void)state;
    options.address = "unix:/nonexistent/commipc.sock";
    options.on_state = free_when_waiting;
    assert_int_equal(commipc_client_new(&to_free, &options, NULL), 0);
    assert_true(commipc_fd(to_free) >= 0);
    assert_int_equal(commipc_wait_ms(to_free), 0); /* connecting is due */
    assert_int_equal(commipc_run(to_free), 0);
    assert_null(to_free);
}

static void test_stop_ends_a_run_also_when_it_came_before(void **state)
{
    struct commipc_options options = COMMIPC_OPTIONS_INIT;
    struct commipc_client *client;

    (void)state;
    options.address = "unix:/nonexistent/commipc.sock";
    assert_int_equal(commipc_client_new(&client, &options, NULL), 0);
    commipc_stop(client);
    assert_int_equal(commipc_run(client), 0);
    assert_int_equal(commipc_client_state(client), COMMIPC_WAITING); /* nothing was done */
    commipc_client_free(client);
}

static void test_a_callback_outside_of_a_turn_may_free_its_client(void **state)
{
    struct commipc_options options = COMMIPC_OPTIONS_INIT;
    struct commipc_client *client;
    struct commipc_channel *channel;
    struct heard heard = {0};

    (void)state;
    options.address = "unix:/nonexistent/commipc.sock";
    assert_int_equal(commipc_client_new(&client, &options, NULL), 0);
    assert_int_equal(commipc_channel_open(client, "room", NULL, NULL, NULL, &channel), 0);
    assert_int_equal(commipc_topic_subscribe(channel, "news", heard_message, NULL, &heard), 0);
    assert_int_equal(commipc_topic_unsubscribe(channel, "news", free_self, &client), 0);
    assert_null(client);
}

/* --- without memory --- */

static bool new_without_memory(struct stand *stand, unsigned n)
{
    struct heard heard = {0};
    struct commipc_options options = stand_options(stand, "alice", &heard);
    struct commipc_client *client = NULL;
    bool goes_on = allocation_fail_at(n);
    int r = commipc_client_new(&client, &options, NULL);

    allocation_fail_never();
    if (r == 0)
        commipc_client_free(client);
    else
        assert_int_equal(r, -ENOMEM);
    return goes_on;
}

static void test_a_client_is_not_made_without_memory(void **state)
{
    struct stand stand;

    (void)state;
    stand_up(&stand, "sesame");
    for (unsigned n = 1; new_without_memory(&stand, n); n++)
        ;
    stand_down(&stand);
}

/* The whole dialogue with the n-th allocation failing, the hub's own among them: whatever happens, the client
 * comes to its end in order, and in the end it works. */
static bool talk_without_memory(unsigned n)
{
    struct stand stand;
    struct heard heard = {0};
    struct heard answer = {0};
    struct commipc_options options;
    struct commipc_client *client;
    struct commipc_channel *channel = NULL;
    uint64_t end_ms;
    bool goes_on;

    stand_up(&stand, NULL);
    options = stand_options(&stand, "alice", &heard);
    assert_int_equal(commipc_client_new(&client, &options, NULL), 0);
    if (commipc_channel_open(client, "room", NULL, heard_done, &heard, &channel) == 0) {
        struct commipc_event event = COMMIPC_EVENT_INIT;

        event.name = "echo";
        event.on_call = stand_echo;
        assert_int_equal(commipc_channel_provide(channel, &event), 0);
    }
    goes_on = allocation_fail_at(n);
    end_ms = clock_monotonic_ms() + 60;
    while (heard.n_done == 0 && clock_monotonic_ms() < end_ms)
        assert_int_equal(loop_turn(stand.loop, 5), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(loop_turn(stand.loop, 1), 0);
    if (commipc_channel_is_open(channel) &&
        commipc_channel_call(channel, "echo", stand_hello, 0, heard_answer, &answer, NULL) == 0) {
        end_ms = clock_monotonic_ms() + 60;
        while (answer.n_final == 0 && clock_monotonic_ms() < end_ms)
            assert_int_equal(loop_turn(stand.loop, 5), 0);
    }
    allocation_fail_never();
    if (!allocation_has_failed())
        assert_string_equal(answer.json, "\"hello\"");
    commipc_client_free(client);
    stand_wait_ms(&stand, 5);
    stand_down(&stand);
    return goes_on;
}

static void test_no_failing_allocation_breaks_a_dialogue(void **state)
{
    (void)state;
    for (unsigned n = 1; talk_without_memory(n); n++)
        ;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_becomes_known_to_the_hub),
        cmocka_unit_test(test_the_connection_secret_is_proven),
        cmocka_unit_test(test_a_wrong_or_missing_secret_stops_the_client),
        cmocka_unit_test(test_an_id_in_use_stops_a_new_client),
        cmocka_unit_test(test_a_single_attempt_stops_where_nobody_listens),
        cmocka_unit_test(test_wrong_options_are_refused_with_a_sentence),
        cmocka_unit_test(test_all_that_was_wanted_is_restored_at_a_new_hub),
        cmocka_unit_test(test_calls_under_way_fail_when_the_connection_ends),
        cmocka_unit_test(test_a_channel_whose_owner_left_is_opened_again),
        cmocka_unit_test(test_a_callback_may_free_its_client),
        cmocka_unit_test(test_a_client_with_a_loop_of_its_own_may_be_freed_in_its_run),
        cmocka_unit_test(test_stop_ends_a_run_also_when_it_came_before),
        cmocka_unit_test(test_a_callback_outside_of_a_turn_may_free_its_client),
        cmocka_unit_test(test_a_client_is_not_made_without_memory),
        cmocka_unit_test(test_no_failing_allocation_breaks_a_dialogue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
