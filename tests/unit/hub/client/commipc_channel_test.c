/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/unit/hub/client/stand.h"

#include "hub/client/channel.h"
#include "hub/client/traffic.h"

/* Two clients in one channel. */
struct pair {
    struct stand stand;
    struct heard alice_heard;
    struct heard bob_heard;
    struct commipc_client *alice;
    struct commipc_client *bob;
    struct commipc_channel *at_alice;
    struct commipc_channel *at_bob;
};

static void set_password(struct pair *pair, const char *password)
{
    struct heard heard = {0};

    assert_int_equal(commipc_channel_set_password(pair->at_alice, password, heard_done, &heard), 0);
    assert_int_equal(commipc_channel_set_password(pair->at_alice, password, heard_done, &heard), -EALREADY);
    stand_until(&pair->stand, heard.n_done == 1);
    assert_int_equal(heard.outcome, 0);
}

static void pair_up(struct pair *pair, const char *password)
{
    stand_up(&pair->stand, NULL);
    pair->alice = stand_client(&pair->stand, "alice", &pair->alice_heard);
    pair->bob = stand_client(&pair->stand, "bob", &pair->bob_heard);
    pair->at_alice = stand_open(&pair->stand, pair->alice, "room", NULL);
    if (password)
        set_password(pair, password);
    pair->at_bob = stand_open(&pair->stand, pair->bob, "room", password);
}

static void pair_down(struct pair *pair)
{
    commipc_client_free(pair->alice);
    commipc_client_free(pair->bob);
    stand_down(&pair->stand);
}

static void call_echo(struct pair *pair, const char *event)
{
    struct heard answer = {0};

    assert_int_equal(commipc_channel_call(pair->at_bob, event, stand_hello, 0, heard_answer, &answer, NULL),
                     0);
    stand_until(&pair->stand, answer.n_final == 1);
    assert_string_equal(answer.text, "");
    assert_int_equal(answer.n_answers, 1);
    assert_string_equal(answer.json, "\"hello\"");
}

static void test_a_call_is_answered(void **state)
{
    struct pair pair;

    (void)state;
    pair_up(&pair, NULL);
    stand_provide(&pair.stand, pair.at_alice, "echo", false, stand_echo);
    call_echo(&pair, "echo");
    pair_down(&pair);
}

static void test_a_call_on_a_protected_channel_is_signed_and_answered(void **state)
{
    struct pair pair;

    (void)state;
    pair_up(&pair, "hunter2");
    stand_provide(&pair.stand, pair.at_alice, "echo", false, stand_echo);
    call_echo(&pair, "echo");
    pair_down(&pair);
}

static void count_to_three(void *user, struct commipc_call *call)
{
    static const uint8_t numbers[] = {1, 2, 3};

    (void)user;
    for (size_t i = 0; i < N_ELEMENTS(numbers); i++)
        assert_int_equal(commipc_call_chunk(call, (struct commipc_value){&numbers[i], 1}), 0);
    assert_int_equal(commipc_call_end(call), 0);
}

static void stream_three(const char *password)
{
    struct pair pair;
    struct heard answer = {0};

    pair_up(&pair, password);
    stand_provide(&pair.stand, pair.at_alice, "count", true, count_to_three);
    assert_int_equal(commipc_channel_stream(pair.at_bob, "count", stand_one, 0, heard_answer, &answer, NULL),
                     0);
    stand_until(&pair.stand, answer.n_final == 1);
    assert_int_equal(answer.outcome, 0);
    assert_int_equal(answer.n_answers, 4);
    assert_string_equal(answer.json, "3");
    pair_down(&pair);
}

static void test_a_stream_comes_in_chunks_and_ends(void **state)
{
    (void)state;
    stream_three(NULL);
    stream_three("hunter2");
}

static void cancel_at_once(void *user, const struct commipc_answer *answer)
{
    struct pair *pair = user;

    (void)answer;
    pair->bob_heard.n_answers++;
    commipc_call_cancel(pair->bob, *(uint64_t *)pair->bob_heard.json);
}

static void test_a_cancelled_stream_tells_no_more(void **state)
{
    struct pair pair;
    uint64_t call;

    (void)state;
    pair_up(&pair, NULL);
    stand_provide(&pair.stand, pair.at_alice, "count", true, count_to_three);
    assert_int_equal(commipc_channel_stream(pair.at_bob, "count", stand_one, 0, cancel_at_once, &pair, &call),
                     0);
    memcpy(pair.bob_heard.json, &call, sizeof call);
    stand_until(&pair.stand, pair.bob_heard.n_answers == 1);
    stand_wait_ms(&pair.stand, 30);
    assert_int_equal(pair.bob_heard.n_answers, 1);
    commipc_call_cancel(pair.bob, call); /* again, and of nothing */
    commipc_call_cancel(pair.bob, 999);
    pair_down(&pair);
}

static void refuse(void *user, struct commipc_call *call)
{
    (void)user;
    assert_string_equal(commipc_call_sender_id(call).ptr ? "there" : "", "there");
    commipc_call_fail(call, "no ghosts here");
}

static void test_errors_come_with_their_text(void **state)
{
    struct pair pair;
    struct heard answer = {0};

    (void)state;
    pair_up(&pair, NULL);
    stand_provide(&pair.stand, pair.at_alice, "boom", false, refuse);
    assert_int_equal(commipc_channel_call(pair.at_bob, "boom", stand_one, 0, heard_answer, &answer, NULL), 0);
    stand_until(&pair.stand, answer.n_final == 1);
    assert_int_equal(answer.outcome, COMMIPC_E_REFUSED);
    assert_string_equal(answer.text, "no ghosts here");
    assert_int_equal(commipc_channel_call(pair.at_bob, "none", stand_one, 0, heard_answer, &answer, NULL), 0);
    stand_until(&pair.stand, answer.n_final == 2);
    assert_string_equal(answer.text, "No provider for room:none");
    pair_down(&pair);
}

static void never(void *user, struct commipc_call *call)
{
    (void)user;
    (void)call;
}

static void test_a_call_has_its_deadline_and_a_client_its_most_calls(void **state)
{
    struct pair pair;
    struct heard answer = {0};
    int r = 0;
    int n = 0;

    (void)state;
    pair_up(&pair, NULL);
    stand_provide(&pair.stand, pair.at_alice, "never", false, never);
    pair.bob->max_pending = 3;
    while (r == 0 && n < 10) {
        r = commipc_channel_call(pair.at_bob, "never", stand_one, 20, heard_answer, &answer, NULL);
        n += r == 0;
    }
    assert_int_equal(r, COMMIPC_E_TOO_MANY);
    assert_int_equal(n, 3);
    stand_until(&pair.stand, answer.n_final == 3);
    assert_int_equal(answer.outcome, COMMIPC_E_TIMEOUT);
    pair_down(&pair);
}

static void test_a_provider_takes_no_more_than_its_most_calls(void **state)
{
    struct pair pair;
    struct heard answer = {0};

    (void)state;
    pair_up(&pair, NULL);
    stand_provide(&pair.stand, pair.at_alice, "never", false, never);
    pair.alice->max_held = 2;
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            commipc_channel_call(pair.at_bob, "never", stand_one, 0, heard_answer, &answer, NULL), 0);
    stand_until(&pair.stand, answer.n_final == 1);
    assert_string_equal(answer.text, "Event never has as many calls as its provider takes at once");
    pair_down(&pair);
}

/* --- passwords and signatures --- */

static void open_fails(struct pair *pair, const char *password, int outcome, const char *text)
{
    struct heard heard = {0};
    struct heard carol_heard;
    struct commipc_client *carol = stand_client(&pair->stand, "carol", &carol_heard);
    struct commipc_channel *channel;

    assert_int_equal(commipc_channel_open(carol, "room", password, heard_done, &heard, &channel), 0);
    stand_until(&pair->stand, heard.n_done == 1);
    assert_int_equal(heard.outcome, outcome);
    assert_string_equal(heard.text, text);
    assert_int_equal(commipc_channel_send(channel, "x", stand_one), COMMIPC_E_NOT_OPEN);
    commipc_client_free(carol);
}

static void test_passwords_are_asked_for(void **state)
{
    struct pair pair;

    (void)state;
    pair_up(&pair, "hunter2");
    open_fails(&pair, "hunter3", COMMIPC_E_REFUSED, "Invalid channel password");
    open_fails(&pair, NULL, COMMIPC_E_REFUSED,
               "the channel requires authentication, but no password was provided");
    pair_down(&pair);
    pair_up(&pair, NULL);
    open_fails(&pair, "hunter2", COMMIPC_E_UNPROTECTED,
               "the channel is unprotected, but a password was provided");
    pair_down(&pair);
}

static void test_broadcasts_with_a_wrong_signature_are_dropped(void **state)
{
    struct pair pair;
    struct heard heard = {0};

    (void)state;
    pair_up(&pair, "hunter2");
    assert_int_equal(commipc_channel_on_message(pair.at_bob, "note", heard_message, &heard), 0);
    assert_int_equal(commipc_channel_broadcast(pair.at_alice, "note", stand_hello), 0);
    stand_until(&pair.stand, heard.n_messages == 1);
    assert_string_equal(heard.sender, "alice");
    pair.at_alice->key[0] ^= 1;
    assert_int_equal(commipc_channel_broadcast(pair.at_alice, "note", stand_hello), 0);
    stand_until(&pair.stand, pair.bob_heard.n_errors == 1);
    pair.at_alice->has_key = false; /* and without one */
    assert_int_equal(commipc_channel_broadcast(pair.at_alice, "note", stand_hello), 0);
    stand_until(&pair.stand, pair.bob_heard.n_errors == 2);
    assert_int_equal(heard.n_messages, 1);
    pair_down(&pair);
}

static void test_calls_with_a_wrong_signature_are_refused(void **state)
{
    struct pair pair;
    struct heard answer = {0};

    (void)state;
    pair_up(&pair, "hunter2");
    stand_provide(&pair.stand, pair.at_alice, "echo", false, stand_echo);
    pair.at_bob->key[0] ^= 1;
    assert_int_equal(commipc_channel_call(pair.at_bob, "echo", stand_one, 0, heard_answer, &answer, NULL), 0);
    stand_until(&pair.stand, answer.n_final == 1);
    assert_string_equal(answer.text, "Invalid signature for channel room");
    pair_down(&pair);
}

static void test_a_stream_with_wrongly_signed_chunks_fails(void **state)
{
    struct pair pair;
    struct heard answer = {0};

    (void)state;
    pair_up(&pair, "hunter2");
    stand_provide(&pair.stand, pair.at_alice, "count", true, count_to_three);
    assert_int_equal(commipc_channel_stream(pair.at_bob, "count", stand_one, 0, heard_answer, &answer, NULL),
                     0);
    pair.at_bob->key[0] ^= 1; /* after the call was signed */
    stand_until(&pair.stand, answer.n_final == 1);
    assert_int_equal(answer.outcome, COMMIPC_E_FORGED);
    pair_down(&pair);
}

static void test_bytes_cannot_be_signed(void **state)
{
    static const struct commipc_value bytes = {"\xc4\x01z", 3};
    struct pair pair;

    (void)state;
    pair_up(&pair, "hunter2");
    assert_int_equal(commipc_channel_broadcast(pair.at_alice, "note", bytes), COMMIPC_E_UNSIGNABLE);
    pair_down(&pair);
}

/* --- topics, groups, offers --- */

static void test_topics_are_heard_until_they_are_unsubscribed(void **state)
{
    struct pair pair;
    struct heard news = {0};
    struct heard done = {0};

    (void)state;
    pair_up(&pair, "hunter2");
    assert_int_equal(
        commipc_topic_declare(pair.at_alice, "news", (struct commipc_value){0}, heard_done, &done), 0);
    assert_int_equal(commipc_topic_subscribe(pair.at_bob, "news", heard_message, heard_done, &done), 0);
    stand_until(&pair.stand, done.n_done == 2);
    news.n_done = 0;
    assert_int_equal(commipc_topic_publish(pair.at_alice, "news", stand_one), 0);
    stand_until(&pair.stand, done.n_messages == 1);
    assert_int_equal(commipc_topic_unsubscribe(pair.at_bob, "news", heard_done, &news), 0);
    stand_until(&pair.stand, news.n_done == 1);
    assert_int_equal(commipc_topic_unsubscribe(pair.at_bob, "news", NULL, NULL), COMMIPC_E_ABSENT);
    assert_int_equal(commipc_topic_publish(pair.at_alice, "news", stand_one), 0);
    stand_wait_ms(&pair.stand, 30);
    assert_int_equal(done.n_messages, 1);
    assert_int_equal(commipc_topic_publish(pair.at_bob, "news", stand_one), 0);
    stand_until(&pair.stand, pair.bob_heard.n_errors == 1);
    assert_string_equal(pair.bob_heard.error,
                        "Cannot publish room:news: this client has not declared the subscription");
    pair_down(&pair);
}

static void test_a_group_shares_an_event(void **state)
{
    struct pair pair;
    struct heard answer = {0};
    struct commipc_event event = COMMIPC_EVENT_INIT;
    struct heard done = {0};

    (void)state;
    pair_up(&pair, NULL);
    event.name = "echo";
    event.on_call = stand_echo;
    event.on_done = heard_done;
    event.user = &done;
    assert_int_equal(commipc_group_provide(pair.at_alice, "workers", &event), 0);
    assert_int_equal(commipc_group_provide(pair.at_bob, "workers", &event), 0);
    stand_until(&pair.stand, done.n_done == 2);
    assert_int_equal(done.outcome, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            commipc_group_call(pair.at_bob, "workers", "echo", stand_one, 0, heard_answer, &answer, NULL), 0);
    stand_until(&pair.stand, answer.n_final == 4);
    assert_string_equal(answer.json, "1");
    pair_down(&pair);
}

static void note_offer(void *user, const struct commipc_offer *offer)
{
    struct buffer *out = user;

    buffer_append_format(out, "%.*s/%.*s/%d%d%d;", (int)offer->name.len, offer->name.ptr,
                         (int)offer->owner.len, offer->owner.ptr, offer->is_topic, offer->is_stream,
                         offer->is_group);
}

static void test_offers_are_known_from_before_and_after_opening(void **state)
{
    struct pair pair;
    struct heard carol_heard;
    struct heard members = {0};
    struct buffer seen = {0};
    struct commipc_client *carol;
    struct commipc_channel *at_carol;

    (void)state;
    pair_up(&pair, NULL);
    stand_provide(&pair.stand, pair.at_alice, "count", true, count_to_three);
    carol = stand_client(&pair.stand, "carol", &carol_heard);
    at_carol = stand_open(&pair.stand, carol, "room", NULL);
    assert_int_equal(commipc_topic_declare(pair.at_bob, "news", stand_hello, NULL, NULL), 0);
    stand_wait_ms(&pair.stand, 30);
    commipc_channel_explore(at_carol, note_offer, &seen);
    assert_text(buffer_bytes(&seen), "count/alice/010;news/bob/100;");
    buffer_clear(&seen);
    assert_int_equal(commipc_channel_members(at_carol, heard_answer, &members), 0);
    stand_until(&pair.stand, members.n_final == 1);
    assert_non_null(strstr(members.json, "\"id\":\"carol\""));
    commipc_client_free(carol);
    pair_down(&pair);
}

static void test_what_cannot_be_sent_is_refused(void **state)
{
    static const struct commipc_value cut = {"\xa5hel", 4};
    static const struct commipc_value two = {"\x01\x02", 2};
    struct pair pair;
    struct commipc_channel *again;

    (void)state;
    pair_up(&pair, NULL);
    assert_int_equal(commipc_channel_send(pair.at_bob, "x", cut), -EINVAL);
    assert_int_equal(commipc_channel_send(pair.at_bob, "x", two), -EINVAL);
    assert_int_equal(commipc_channel_send(pair.at_bob, "", stand_one), -EINVAL);
    assert_int_equal(commipc_channel_open(pair.bob, "a\nb", NULL, NULL, NULL, &again), -EINVAL);
    assert_int_equal(commipc_channel_open(pair.bob, "room", NULL, NULL, NULL, &again), -EALREADY);
    pair_down(&pair);
}

static void test_a_full_queue_says_so_and_drains(void **state)
{
    static uint8_t large[64 * 1024] = {0xc5, 0xff, 0xfd};
    struct commipc_value value = {large, 3 + 0xfffd};
    struct pair pair;
    int r = 0;
    int n = 0;

    (void)state;
    pair_up(&pair, NULL);
    while (r == 0 && n < 10000) {
        r = commipc_channel_broadcast(pair.at_bob, "bulk", value);
        n += r == 0;
    }
    assert_int_equal(r, COMMIPC_E_FULL);
    assert_true(commipc_client_queued_bytes(pair.bob) <= 16U << 20);
    assert_true(n >= 32);
    stand_until(&pair.stand, commipc_client_queued_bytes(pair.bob) == 0);
    assert_int_equal(commipc_channel_broadcast(pair.at_bob, "bulk", value), 0);
    pair_down(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_is_answered),
        cmocka_unit_test(test_a_call_on_a_protected_channel_is_signed_and_answered),
        cmocka_unit_test(test_a_stream_comes_in_chunks_and_ends),
        cmocka_unit_test(test_a_cancelled_stream_tells_no_more),
        cmocka_unit_test(test_errors_come_with_their_text),
        cmocka_unit_test(test_a_call_has_its_deadline_and_a_client_its_most_calls),
        cmocka_unit_test(test_a_provider_takes_no_more_than_its_most_calls),
        cmocka_unit_test(test_passwords_are_asked_for),
        cmocka_unit_test(test_broadcasts_with_a_wrong_signature_are_dropped),
        cmocka_unit_test(test_calls_with_a_wrong_signature_are_refused),
        cmocka_unit_test(test_a_stream_with_wrongly_signed_chunks_fails),
        cmocka_unit_test(test_bytes_cannot_be_signed),
        cmocka_unit_test(test_topics_are_heard_until_they_are_unsubscribed),
        cmocka_unit_test(test_a_group_shares_an_event),
        cmocka_unit_test(test_offers_are_known_from_before_and_after_opening),
        cmocka_unit_test(test_what_cannot_be_sent_is_refused),
        cmocka_unit_test(test_a_full_queue_says_so_and_drains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
