/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/server/guest_control.h"

#include "hub/base/metrics.h"
#include "hub/wire/msgpack_read.h"
#include "tests/unit/hub/server/peer.h"

/* What a guest was told. */
struct ear {
    unsigned n_data;
    unsigned n_gone;
    bool is_ended;
    enum guest_verdict verdict; /* of all data */
    enum guest_end end;
    char text[256];
    char data[64]; /* the last, if it is a str */
    char sender[64];
    bool was_chunk;
};

static void keep(char *room, size_t size, struct bytes text)
{
    snprintf(room, size, "%.*s", (int)text.len, (const char *)text.ptr);
}

static enum guest_verdict on_data(void *owner, const struct guest_data *data)
{
    struct ear *ear = owner;
    struct msgpack_reader reader = msgpack_reader_of(data->raw_data);
    struct msgpack_value value;

    ear->n_data++;
    ear->was_chunk = data->is_chunk;
    keep(ear->sender, sizeof ear->sender, data->sender_id);
    if (msgpack_read(&reader, &value) == 0 && value.type == MSGPACK_STR)
        keep(ear->data, sizeof ear->data, value.raw);
    return ear->verdict;
}

static void on_end(void *owner, enum guest_end end, struct bytes text)
{
    struct ear *ear = owner;

    assert_false(ear->is_ended);
    ear->is_ended = true;
    ear->end = end;
    keep(ear->text, sizeof ear->text, text);
}

static void on_gone(void *owner)
{
    ((struct ear *)owner)->n_gone++;
}

static const struct guest_events ear_events = {on_data, on_end, on_gone};

static struct guest_wish wish_of(enum guest_verb verb, const char *name, const char *id)
{
    return (struct guest_wish){.verb = verb,
                               .id = bytes_of_text(id),
                               .channel = BYTES_LITERAL("room"),
                               .name = bytes_of_text(name),
                               .raw_data = BYTES_LITERAL("\xa2hi")};
}

static struct guest *guest_begin(struct stand *stand, struct ear *ear, const struct guest_wish *wish)
{
    struct guest *guest;

    *ear = (struct ear){0};
    assert_int_equal(guest_control_begin(stand->server, wish, &ear_events, ear, &guest), 0);
    return guest;
}

static struct guest *guest_new(struct stand *stand, struct ear *ear, enum guest_verb verb, const char *name,
                               const char *id)
{
    struct guest_wish wish = wish_of(verb, name, id);

    return guest_begin(stand, ear, &wish);
}

static struct peer *enter_provider(struct stand *stand, const char *event)
{
    struct peer *provider = peer_enter(stand, "provider");
    struct buffer body = {0};

    msgpack_write_map(&body, 5);
    msgpack_write_str(&body, BYTES_LITERAL("type"));
    msgpack_write_str(&body, BYTES_LITERAL("register"));
    msgpack_write_str(&body, BYTES_LITERAL("channel"));
    msgpack_write_str(&body, BYTES_LITERAL("room"));
    msgpack_write_str(&body, BYTES_LITERAL("is_provider"));
    msgpack_write_bool(&body, true);
    msgpack_write_str(&body, BYTES_LITERAL("event"));
    msgpack_write_str(&body, bytes_of_text(event));
    msgpack_write_str(&body, BYTES_LITERAL("request_id"));
    msgpack_write_str(&body, BYTES_LITERAL("r"));
    peer_say_body(provider, buffer_bytes(&body));
    buffer_clear(&body);
    peer_hear(provider, "response");
    return provider;
}

static char *field(struct peer *peer, enum message_key key)
{
    struct bytes text;

    assert_int_equal(message_text(&peer->heard, key, &text), 0);
    return bytes_to_text(text);
}

static void answer(struct peer *provider, const char *key, const char *text)
{
    char *id = field(provider, KEY_REQUEST_ID);
    char *caller = field(provider, KEY_SENDER_ID);

    peer_say(provider, "type", "response", "request_id", id, "target_id", caller, key, text);
    peer_hear_pong(provider);
    free(id);
    free(caller);
}

static void protect(struct stand *stand)
{
    assert_int_equal(hub_configure_password(stand->hub, BYTES_LITERAL("room"), BYTES_LITERAL("sesame"),
                                            PASSWORD_BY_OPERATOR, NULL, server_time(stand->server)),
                     0);
}

static void test_a_call_reaches_the_provider_and_its_answer_the_guest(void **state)
{
    struct stand stand;
    struct ear ear;
    struct guest *guest;
    struct peer *provider;
    char *sender;

    (void)state;
    stand_begin(&stand, NULL);
    provider = enter_provider(&stand, "ask");
    guest = guest_new(&stand, &ear, GUEST_CALL, "ask", "http:alice:1");
    peer_hear(provider, "call");
    sender = field(provider, KEY_SENDER_ID);
    assert_string_equal(sender, "http:alice:1");
    free(sender);
    answer(provider, "data", "yes");
    assert_int_equal(ear.n_data, 1);
    assert_string_equal(ear.data, "yes");
    assert_false(ear.was_chunk);
    assert_true(ear.is_ended);
    assert_int_equal(ear.end, GUEST_DONE);
    guest_control_free(guest);
    assert_int_equal(ear.n_gone, 1);
    peer_free(provider);
    stand_end(&stand);
}

static void test_a_providers_error_is_told_with_its_text(void **state)
{
    struct stand stand;
    struct ear ear;
    struct peer *provider;

    (void)state;
    stand_begin(&stand, NULL);
    provider = enter_provider(&stand, "ask");
    guest_new(&stand, &ear, GUEST_CALL, "ask", "http:alice:1");
    peer_hear(provider, "call");
    answer(provider, "error", "No provider for room:ask");
    assert_int_equal(ear.end, GUEST_FAILED);
    assert_string_equal(ear.text, "No provider for room:ask");
    peer_free(provider);
    stand_end(&stand); /* frees the guest */
    assert_int_equal(ear.n_gone, 1);
}

static void test_what_the_hub_refuses_has_a_name_of_its_own(void **state)
{
    struct stand stand;
    struct ear ear;
    struct peer *provider;
    struct peer *owner;
    struct guest_wish wish;

    (void)state;
    stand_begin(&stand, NULL);
    guest_control_free(guest_new(&stand, &ear, GUEST_CALL, "ask", "http:alice:1"));
    assert_int_equal(ear.end, GUEST_NO_PROVIDER);
    provider = enter_provider(&stand, "ask");
    guest_new(&stand, &ear, GUEST_CALL, "ask", "http:alice:1");
    peer_close(provider);
    turn_a_little(&stand);
    assert_int_equal(ear.end, GUEST_PROVIDER_LOST);
    owner = peer_enter(&stand, "owner");
    peer_say(owner, "type", "add_subscription", "channel", "room", "sub_name", "news", "request_id", "1");
    peer_hear(owner, "response");
    guest_control_free(guest_new(&stand, &ear, GUEST_PUBLISH, "news", "http:alice:2"));
    assert_int_equal(ear.end, GUEST_REFUSED);
    assert_non_null(strstr(ear.text, "already owned"));
    wish = wish_of(GUEST_SEND, "ask", "http:alice:3");
    wish.channel = BYTES_LITERAL("__comm_ipc_logs");
    guest_control_free(guest_begin(&stand, &ear, &wish));
    assert_int_equal(ear.end, GUEST_REFUSED);
    peer_free(provider);
    peer_free(owner);
    stand_end(&stand);
}

static void test_a_protected_channel_asks_a_guest_for_the_password_too(void **state)
{
    static const struct {
        const char *what;
        const char *password;
        enum guest_end end;
    } cases[] = {
        {"none", "", GUEST_PROTECTED},
        {"a wrong one", "open", GUEST_WRONG_PASSWORD},
        {"the right one", "sesame", GUEST_DONE},
    };
    uint8_t key[SIGNATURE_KEY_BYTES] = {1};
    struct guest_wish wish = wish_of(GUEST_SEND, "ask", "http:alice:1");
    struct stand stand;
    struct ear ear;

    (void)state;
    stand_begin(&stand, NULL);
    wish.password = BYTES_LITERAL("sesame");
    guest_control_free(guest_begin(&stand, &ear, &wish));
    assert_int_equal(ear.end, GUEST_UNPROTECTED);
    protect(&stand);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wish.password = bytes_of_text(cases[i].password);
        wish.signing_key = key;
        guest_control_free(guest_begin(&stand, &ear, &wish));
        if (ear.end != cases[i].end)
            fail_msg("%s: %d", cases[i].what, ear.end);
    }
    guest_control_free(guest_new(&stand, &ear, GUEST_LISTEN, "", "http:alice:1"));
    assert_int_equal(ear.end, GUEST_PROTECTED);
    stand_end(&stand);
}

static void test_a_listener_hears_until_its_channel_is_lost(void **state)
{
    struct stand stand;
    struct ear ear;
    struct ear full;
    struct peer *peer;

    (void)state;
    stand_begin(&stand, NULL);
    guest_new(&stand, &ear, GUEST_LISTEN, "", "http:alice:1");
    guest_new(&stand, &full, GUEST_LISTEN, "", "http:bob:1");
    full.verdict = GUEST_ENOUGH;
    peer = peer_enter(&stand, "peer");
    for (int i = 0; i < 3; i++)
        peer_say(peer, "type", "broadcast", "channel", "room", "event", "tick", "data", "now");
    peer_hear_pong(peer);
    assert_int_equal(ear.n_data, 3);
    assert_string_equal(ear.sender, "peer");
    assert_int_equal(full.n_data, 1);
    assert_false(ear.is_ended);
    protect(&stand);
    assert_int_equal(ear.end, GUEST_CHANNEL_LOST);
    assert_false(full.is_ended);
    peer_free(peer);
    stand_end(&stand);
}

static void test_a_guest_never_owns_a_channel(void **state)
{
    struct stand stand;
    struct ear ear;
    struct guest *guest;
    struct peer *peer;
    struct view *view = view_new();
    struct view_channel channel;

    (void)state;
    stand_begin(&stand, NULL);
    guest = guest_new(&stand, &ear, GUEST_LISTEN, "", "http:alice:1");
    peer = enter_provider(&stand, "ask");
    assert_int_equal(hub_view_channel(stand.hub, BYTES_LITERAL("room"), view, &channel), 0);
    assert_string_equal(channel.owner, "provider");
    view_free(view);
    guest_control_free(guest);
    peer_hear_pong(peer);
    assert_int_equal(hub_view_counts(stand.hub).n_clients, 1);
    assert_false(stand_logged(&stand, "http:alice:1 identified"));
    peer_free(peer);
    stand_end(&stand);
}

static void test_a_call_that_is_not_answered_in_time_is_over(void **state)
{
    struct guest_wish wish = wish_of(GUEST_CALL, "ask", "http:alice:1");
    struct stand stand;
    struct ear ear;
    struct peer *provider;
    uint64_t give_up_ms;

    (void)state;
    stand_begin(&stand, NULL);
    provider = enter_provider(&stand, "ask");
    wish.timeout_ms = 20;
    guest_begin(&stand, &ear, &wish);
    give_up_ms = clock_monotonic_ms() + 5000;
    while (!ear.is_ended && clock_monotonic_ms() < give_up_ms)
        loop_turn(stand.loop, 10);
    assert_int_equal(ear.end, GUEST_TIMED_OUT);
    peer_free(provider);
    stand_end(&stand);
}

static void say_chunk(struct peer *provider, const char *id, const char *caller)
{
    struct buffer body = {0};

    msgpack_write_map(&body, 6);
    msgpack_write_str(&body, BYTES_LITERAL("type"));
    msgpack_write_str(&body, BYTES_LITERAL("response"));
    msgpack_write_str(&body, BYTES_LITERAL("request_id"));
    msgpack_write_str(&body, bytes_of_text(id));
    msgpack_write_str(&body, BYTES_LITERAL("target_id"));
    msgpack_write_str(&body, bytes_of_text(caller));
    msgpack_write_str(&body, BYTES_LITERAL("data"));
    msgpack_write_str(&body, BYTES_LITERAL("chunk"));
    msgpack_write_str(&body, BYTES_LITERAL("is_stream"));
    msgpack_write_bool(&body, true);
    msgpack_write_str(&body, BYTES_LITERAL("is_final"));
    msgpack_write_bool(&body, false);
    peer_say_body(provider, buffer_bytes(&body));
    buffer_clear(&body);
}

struct streaming {
    struct stand stand;
    struct ear ear;
    struct guest *guest;
    struct peer *provider;
    char *id;
};

static void begin_streaming(struct streaming *streaming, uint64_t patience_ms)
{
    struct guest_wish wish = wish_of(GUEST_STREAM, "ask", "http:alice:1");

    stand_begin(&streaming->stand, NULL);
    streaming->provider = enter_provider(&streaming->stand, "ask");
    wish.patience_ms = patience_ms;
    streaming->guest = guest_begin(&streaming->stand, &streaming->ear, &wish);
    peer_hear(streaming->provider, "call");
    streaming->id = field(streaming->provider, KEY_REQUEST_ID);
    streaming->ear.verdict = GUEST_HOLD;
    say_chunk(streaming->provider, streaming->id, "http:alice:1");
    turn_until(&streaming->stand, streaming->ear.n_data == 1);
}

static void end_streaming(struct streaming *streaming)
{
    guest_control_free(streaming->guest);
    free(streaming->id);
    peer_free(streaming->provider);
    stand_end(&streaming->stand);
}

static void test_a_provider_waits_for_a_guest_that_takes_nothing(void **state)
{
    struct streaming streaming = {0};
    uint64_t n_paused = metrics_read(METRICS_PRODUCERS_PAUSED);

    (void)state;
    begin_streaming(&streaming, 60000);
    assert_int_equal(metrics_read(METRICS_PRODUCERS_PAUSED), n_paused + 1);
    say_chunk(streaming.provider, streaming.id, "http:alice:1");
    turn_a_little(&streaming.stand);
    assert_int_equal(streaming.ear.n_data, 1);
    streaming.ear.verdict = GUEST_GO_ON;
    guest_control_go_on(streaming.guest);
    turn_until(&streaming.stand, streaming.ear.n_data == 2);
    assert_false(streaming.ear.is_ended);
    end_streaming(&streaming);
}

static void test_a_guest_that_keeps_its_provider_waiting_for_too_long_is_over(void **state)
{
    struct streaming streaming = {0};

    (void)state;
    begin_streaming(&streaming, 20);
    turn_until(&streaming.stand, streaming.ear.is_ended);
    assert_int_equal(streaming.ear.end, GUEST_TOO_SLOW);
    peer_hear_pong(streaming.provider); /* it is read again */
    end_streaming(&streaming);
}

static void test_who_has_no_patience_holds_nobody(void **state)
{
    struct streaming streaming = {0};

    (void)state;
    begin_streaming(&streaming, 0);
    say_chunk(streaming.provider, streaming.id, "http:alice:1");
    turn_until(&streaming.stand, streaming.ear.n_data == 2);
    end_streaming(&streaming);
}

static void test_what_is_published_reaches_a_subscribed_guest(void **state)
{
    struct stand stand;
    struct ear ear;
    struct ear publisher;

    (void)state;
    stand_begin(&stand, NULL);
    guest_new(&stand, &ear, GUEST_SUBSCRIBE, "news", "http:alice:1");
    guest_control_free(guest_new(&stand, &publisher, GUEST_PUBLISH, "news", "http:alice:2"));
    assert_int_equal(publisher.end, GUEST_DONE);
    assert_int_equal(ear.n_data, 1);
    assert_string_equal(ear.data, "hi");
    assert_string_equal(ear.sender, "http:alice:2");
    guest_control_free(guest_new(&stand, &publisher, GUEST_PUBLISH, "news", "http:alice:3"));
    assert_int_equal(ear.n_data, 2);
    stand_end(&stand);
}

/* --- who brings more than is taken --- */

#define LARGE (3U << 20) /* an outbox that holds one is above high */

struct bringing {
    struct stand stand;
    struct peer *provider;
    struct ear ear;
    struct guest *guest;
    struct buffer data;
};

/* A guest sends to a provider that does not read it. */
static void begin_bringing(struct bringing *bringing, enum guest_verb verb, uint64_t timeout_ms)
{
    struct guest_wish wish = wish_of(verb, "ask", "http:alice:1");
    void *zeros = calloc(1, LARGE);

    *bringing = (struct bringing){0};
    stand_begin(&bringing->stand, NULL);
    bringing->provider = enter_provider(&bringing->stand, "ask");
    if (verb == GUEST_PUBLISH) {
        peer_say(bringing->provider, "type", "subscribe", "channel", "room", "sub_name", "ask");
        turn_a_little(&bringing->stand);
    }
    assert_non_null(zeros);
    msgpack_write_bin(&bringing->data, bytes_of(zeros, LARGE));
    wish.raw_data = buffer_bytes(&bringing->data);
    wish.timeout_ms = timeout_ms;
    bringing->guest = guest_begin(&bringing->stand, &bringing->ear, &wish);
    free(zeros);
}

static void end_bringing(struct bringing *bringing)
{
    guest_control_free(bringing->guest);
    buffer_clear(&bringing->data);
    peer_free(bringing->provider);
    stand_end(&bringing->stand);
}

static void test_a_send_is_done_when_its_full_receiver_has_room_again(void **state)
{
    struct bringing bringing;

    (void)state;
    begin_bringing(&bringing, GUEST_SEND, 60000);
    turn_a_little(&bringing.stand);
    assert_false(bringing.ear.is_ended);
    peer_hear(bringing.provider, "send");
    turn_until(&bringing.stand, bringing.ear.is_ended);
    assert_int_equal(bringing.ear.end, GUEST_DONE);
    end_bringing(&bringing);
}

static void test_a_publish_is_done_when_a_full_subscriber_has_room_again(void **state)
{
    struct bringing bringing;
    struct ear other;

    (void)state;
    begin_bringing(&bringing, GUEST_PUBLISH, 60000);
    turn_a_little(&bringing.stand);
    assert_false(bringing.ear.is_ended);
    /* The topic is nobody's meanwhile. */
    guest_control_free(guest_new(&bringing.stand, &other, GUEST_PUBLISH, "ask", "http:bob:1"));
    assert_false(other.is_ended);
    assert_false(stand_has(&bringing.stand, "http:alice:1"));
    peer_hear(bringing.provider, "receive");
    turn_until(&bringing.stand, bringing.ear.is_ended);
    assert_int_equal(bringing.ear.end, GUEST_DONE);
    end_bringing(&bringing);
}

static void test_what_was_brought_is_taken_though_nobody_makes_room_in_time(void **state)
{
    struct bringing bringing;

    (void)state;
    begin_bringing(&bringing, GUEST_SEND, 20);
    turn_until(&bringing.stand, bringing.ear.is_ended);
    assert_int_equal(bringing.ear.end, GUEST_DONE);
    peer_hear(bringing.provider, "send");
    end_bringing(&bringing);
}

static void test_who_waits_for_a_full_receiver_goes_when_that_one_is_gone(void **state)
{
    struct bringing bringing;

    (void)state;
    begin_bringing(&bringing, GUEST_SEND, 60000);
    turn_a_little(&bringing.stand);
    assert_false(bringing.ear.is_ended);
    peer_close(bringing.provider);
    turn_until(&bringing.stand, bringing.ear.is_ended);
    assert_int_equal(bringing.ear.end, GUEST_DONE);
    end_bringing(&bringing);
}

static void test_a_guest_that_leaves_while_it_waits_is_forgotten_by_who_is_full(void **state)
{
    struct bringing bringing;

    (void)state;
    begin_bringing(&bringing, GUEST_SEND, 60000);
    guest_control_free(bringing.guest);
    peer_hear(bringing.provider, "send");
    turn_a_little(&bringing.stand);
    assert_false(bringing.ear.is_ended);
    assert_int_equal(bringing.ear.n_gone, 1);
    buffer_clear(&bringing.data);
    peer_free(bringing.provider);
    stand_end(&bringing.stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_reaches_the_provider_and_its_answer_the_guest),
        cmocka_unit_test(test_a_providers_error_is_told_with_its_text),
        cmocka_unit_test(test_what_the_hub_refuses_has_a_name_of_its_own),
        cmocka_unit_test(test_a_protected_channel_asks_a_guest_for_the_password_too),
        cmocka_unit_test(test_a_listener_hears_until_its_channel_is_lost),
        cmocka_unit_test(test_a_guest_never_owns_a_channel),
        cmocka_unit_test(test_a_call_that_is_not_answered_in_time_is_over),
        cmocka_unit_test(test_a_provider_waits_for_a_guest_that_takes_nothing),
        cmocka_unit_test(test_a_guest_that_keeps_its_provider_waiting_for_too_long_is_over),
        cmocka_unit_test(test_who_has_no_patience_holds_nobody),
        cmocka_unit_test(test_what_is_published_reaches_a_subscribed_guest),
        cmocka_unit_test(test_a_send_is_done_when_its_full_receiver_has_room_again),
        cmocka_unit_test(test_a_publish_is_done_when_a_full_subscriber_has_room_again),
        cmocka_unit_test(test_what_was_brought_is_taken_though_nobody_makes_room_in_time),
        cmocka_unit_test(test_who_waits_for_a_full_receiver_goes_when_that_one_is_gone),
        cmocka_unit_test(test_a_guest_that_leaves_while_it_waits_is_forgotten_by_who_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
