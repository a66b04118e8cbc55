/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/unit/hub/server/peer.h"

#include "hub/base/metrics.h"
#include "hub/server/backpressure.h"

#define LARGE (3U << 20) /* an outbox that holds one is above high */
#define STALL_MS 10000U  /* of backpressure.c */

static bool is_full(const struct peer *peer)
{
    return !list_is_empty(&peer->session->is_full);
}

static bool is_paused(const struct peer *peer)
{
    return session_waits(peer->session);
}

static void provide(struct peer *peer, const char *event)
{
    struct buffer body;

    buffer_init(&body);
    msgpack_write_map(&body, 5);
    msgpack_write_str(&body, BYTES_LITERAL("type"));
    msgpack_write_str(&body, BYTES_LITERAL("register"));
    msgpack_write_str(&body, BYTES_LITERAL("channel"));
    msgpack_write_str(&body, BYTES_LITERAL("room"));
    msgpack_write_str(&body, BYTES_LITERAL("event"));
    msgpack_write_str(&body, bytes_of_text(event));
    msgpack_write_str(&body, BYTES_LITERAL("is_provider"));
    msgpack_write_bool(&body, true);
    msgpack_write_str(&body, BYTES_LITERAL("request_id"));
    msgpack_write_str(&body, BYTES_LITERAL("p"));
    peer_say_body(peer, buffer_bytes(&body));
    buffer_clear(&body);
    peer_hear(peer, "response");
}

static void call(struct peer *peer, const char *event, const char *request_id, size_t n_data)
{
    peer_say_with(peer, n_data, "type", "call", "channel", "room", "event", event, "request_id", request_id,
                  NULL);
}

static void answer(struct peer *peer, const char *caller, const char *request_id, size_t n_data)
{
    peer_say_with(peer, n_data, "type", "response", "request_id", request_id, "target_id", caller, NULL);
}

/* As if the judged period had begun @ms ago, and nothing had moved since. */
static void begins_earlier(struct peer *peer, uint64_t ms)
{
    peer->session->stall_ms = loop_now_ms(peer->stand->loop) - ms;
    peer->session->stall_bytes = stream_written_bytes(peer->session->stream);
}

/* The full outboxes are looked at, and ends are told. */
static void inspect(struct stand *stand)
{
    backpressure_inspect(&stand->server->full_timer);
    turn_a_little(stand);
}

static void test_a_caller_waits_for_its_full_provider_and_goes_on_when_it_has_drained(void **state)
{
    struct stand stand;
    struct peer *caller;
    struct peer *provider;

    (void)state;
    stand_begin(&stand, NULL);
    caller = peer_enter(&stand, "caller");
    provider = peer_enter(&stand, "provider");
    provide(provider, "work");
    call(caller, "work", "1", LARGE);
    call(caller, "work", "2", 100);
    turn_until(&stand, is_full(provider) && is_paused(caller));
    turn_a_little(&stand);
    assert_int_equal(hub_view_counts(stand.hub).n_calls, 1); /* the second is not read yet */
    peer_hear(provider, "call");
    peer_hear(provider, "call");
    assert_false(is_full(provider));
    assert_false(is_paused(caller));
    assert_int_equal(hub_view_counts(stand.hub).n_calls, 2);
    peer_free(caller);
    peer_free(provider);
    stand_end(&stand);
}

static void test_others_are_served_while_a_provider_is_full(void **state)
{
    struct stand stand;
    struct peer *peers[4];

    (void)state;
    stand_begin(&stand, NULL);
    peers[0] = peer_enter(&stand, "caller");
    peers[1] = peer_enter(&stand, "deaf");
    peers[2] = peer_enter(&stand, "other-caller");
    peers[3] = peer_enter(&stand, "other-provider");
    provide(peers[1], "work");
    provide(peers[3], "other-work");
    call(peers[0], "work", "1", LARGE);
    turn_until(&stand, is_paused(peers[0]));
    call(peers[2], "other-work", "1", 10);
    peer_hear(peers[3], "call");
    answer(peers[3], "other-caller", "1", 10);
    peer_hear(peers[2], "response");
    assert_true(is_paused(peers[0]));
    for (int i = 0; i < 4; i++)
        peer_free(peers[i]);
    stand_end(&stand);
}

static void test_a_full_provider_that_reads_nothing_is_ended_and_its_caller_told(void **state)
{
    struct stand stand;
    struct peer *caller;
    struct peer *provider;
    struct bytes text;

    (void)state;
    stand_begin(&stand, NULL);
    caller = peer_enter(&stand, "caller");
    provider = peer_enter(&stand, "provider");
    provide(provider, "work");
    call(caller, "work", "1", LARGE);
    turn_until(&stand, is_paused(caller));
    turn_a_little(&stand);
    begins_earlier(provider, STALL_MS - 1000);
    inspect(&stand);
    assert_true(stand_has(&stand, "provider"));
    begins_earlier(provider, STALL_MS);
    inspect(&stand);
    turn_until(&stand, !stand_has(&stand, "provider"));
    assert_true(
        stand_logged(&stand, "Client provider disconnected: the client did not read what was sent to it"));
    peer_hear(caller, "response");
    assert_int_equal(message_text(&caller->heard, KEY_ERROR, &text), 0);
    assert_text(text, "Provider of room:work disconnected before it answered");
    assert_false(is_paused(caller));
    peer_hear_pong(caller);
    peer_free(caller);
    peer_free(provider);
    stand_end(&stand);
}

/*
 * The caller does not read, so the provider's answers wait and the provider is not read; it can do nothing
 * but wait itself, so the next calls fill its own outbox. Both are full, and only one of them is to blame.
 */
static void fill_each_other(struct stand *stand, struct peer **out_caller, struct peer **out_provider)
{
    struct peer *caller = peer_enter(stand, "caller");
    struct peer *provider = peer_enter(stand, "provider");

    provide(provider, "work");
    call(caller, "work", "1", 10);
    call(caller, "work", "2", 10);
    peer_hear(provider, "call");
    peer_hear(provider, "call");
    answer(provider, "caller", "1", LARGE);
    turn_until(stand, is_full(caller) && is_paused(provider));
    for (uint64_t later_ms = clock_monotonic_ms() + 5; clock_monotonic_ms() < later_ms;)
        turn_a_little(stand);
    call(caller, "work", "3", LARGE);
    turn_until(stand, is_full(provider) && is_paused(caller));
    *out_caller = caller;
    *out_provider = provider;
}

static void test_a_provider_held_back_by_its_deaf_caller_is_not_blamed(void **state)
{
    for (int order = 0; order < 2; order++) {
        struct stand stand;
        struct peer *caller;
        struct peer *provider;

        (void)state;
        stand_begin(&stand, NULL);
        fill_each_other(&stand, &caller, &provider);
        turn_a_little(&stand);
        begins_earlier(caller, STALL_MS - (order ? 1000 : 0));
        begins_earlier(provider, STALL_MS);
        inspect(&stand);
        assert_true(stand_has(&stand, "provider"));
        assert_int_equal(stand_has(&stand, "caller"), order);
        if (order) {
            begins_earlier(caller, STALL_MS);
            inspect(&stand);
        }
        turn_until(&stand, !stand_has(&stand, "caller"));
        inspect(&stand);
        assert_true(stand_has(&stand, "provider"));
        /* Nobody waits for anybody any more. */
        turn_until(&stand, !is_paused(provider));
        peer_hear(provider, "call");
        peer_hear_pong(provider);
        peer_free(caller);
        peer_free(provider);
        stand_end(&stand);
    }
}

static void test_a_provider_that_stops_reading_for_good_is_ended_though_it_was_held_back(void **state)
{
    struct stand stand;
    struct peer *caller;
    struct peer *provider;

    (void)state;
    stand_begin(&stand, NULL);
    fill_each_other(&stand, &caller, &provider);
    peer_hear(caller, "response"); /* reads after all */
    turn_until(&stand, !is_paused(provider));
    assert_true(is_full(provider));
    begins_earlier(provider, STALL_MS);
    inspect(&stand);
    turn_until(&stand, !stand_has(&stand, "provider"));
    assert_true(stand_has(&stand, "caller"));
    peer_free(caller);
    peer_free(provider);
    stand_end(&stand);
}

static void open_room(struct peer *peer)
{
    peer_say(peer, "type", "register", "channel", "room", "request_id", "o");
    peer_hear(peer, "channel_sync");
    peer_hear(peer, "response");
}

static void broadcast(struct peer *peer, size_t n_data)
{
    peer_say_with(peer, n_data, "type", "broadcast", "channel", "room", "event", "e", NULL);
}

static void test_a_speaker_waits_for_a_listener_that_makes_progress_only(void **state)
{
    struct stand stand;
    struct peer *speaker;
    struct peer *listener;

    (void)state;
    stand_begin(&stand, NULL);
    speaker = peer_enter(&stand, "speaker");
    listener = peer_enter(&stand, "listener");
    open_room(listener);
    broadcast(speaker, LARGE);
    turn_until(&stand, is_full(listener) && is_paused(speaker));
    /* A sample without progress: the speaker goes on at once, the listener is left to its bound. */
    turn_until(&stand, !is_paused(speaker));
    assert_false(listener->session->makes_progress);
    broadcast(speaker, LARGE);
    peer_hear_pong(speaker);
    assert_false(is_paused(speaker));
    assert_true(stand_has(&stand, "listener"));
    peer_free(speaker);
    peer_free(listener);
    stand_end(&stand);
}

static void test_a_listener_whose_outbox_reaches_its_bound_is_ended(void **state)
{
    struct stand stand;
    struct peer *speaker;
    struct peer *listener;
    struct peer *good;
    uint64_t n_before = metrics_read(METRICS_SLOW_CONSUMERS_CLOSED);

    (void)state;
    stand_begin(&stand, NULL);
    speaker = peer_enter(&stand, "speaker");
    listener = peer_enter(&stand, "listener");
    good = peer_enter(&stand, "good");
    open_room(listener);
    open_room(good);
    peer_hear(listener, "metadata_update");
    stand.server->marks.max_bytes = 10U << 20;
    for (int i = 0; i < 4 && stand_has(&stand, "listener"); i++) {
        broadcast(speaker, LARGE);
        peer_hear(good, "broadcast");
        if (stand_has(&stand, "listener")) {
            listener->session->makes_progress = false;
            assert_true(stream_outbox_bytes(listener->session->stream) <= stand.server->marks.max_bytes);
        }
        turn_until(&stand, !is_paused(speaker));
    }
    turn_until(&stand, !stand_has(&stand, "listener"));
    assert_int_equal(metrics_read(METRICS_SLOW_CONSUMERS_CLOSED), n_before + 1);
    assert_true(stand_has(&stand, "good"));
    peer_hear_pong(speaker);
    peer_free(speaker);
    peer_free(listener);
    peer_free(good);
    stand_end(&stand);
}

static void test_who_does_not_read_its_own_answers_is_not_read_either(void **state)
{
    struct stand stand;
    struct peer *peer;
    struct buffer pings;

    (void)state;
    stand_begin(&stand, NULL);
    peer = peer_enter(&stand, "alice");
    buffer_init(&pings);
    while (pings.len < SOME_KIBIBYTES)
        buffer_append(&pings, "\0\0\0\x0b\x81\xa4type\xa4ping", 15);
    for (int i = 0; i < 1000 && !is_paused(peer); i++) {
        (void)send(peer->fd, pings.ptr, pings.len / 15 * 15, MSG_NOSIGNAL);
        assert_int_equal(loop_turn(stand.loop, 1), 0);
    }
    assert_true(is_paused(peer));
    assert_true(stream_outbox_bytes(peer->session->stream) < LARGE);
    buffer_clear(&pings);
    peer_free(peer);
    turn_until(&stand, stand.server->n_sessions == 0);
    stand_end(&stand);
}

static void test_whoever_ends_lets_its_waiters_go_and_waits_no_more(void **state)
{
    struct stand stand;
    struct peer *caller;
    struct peer *provider;

    (void)state;
    stand_begin(&stand, NULL);
    caller = peer_enter(&stand, "caller");
    provider = peer_enter(&stand, "provider");
    provide(provider, "work");
    call(caller, "work", "1", LARGE);
    turn_until(&stand, is_paused(caller));
    session_end(caller->session, END_KICKED); /* while it waits */
    turn_until(&stand, !stand_has(&stand, "caller"));
    assert_true(list_is_empty(&provider->session->line));
    assert_true(is_full(provider));
    peer_hear(provider, "call");
    assert_false(is_full(provider));
    peer_free(caller);
    peer_free(provider);
    stand_end(&stand);
}

static void test_a_paused_client_is_not_idle(void **state)
{
    static const struct server_options impatient = {
        .idle_timeout_ms = 250,
        .data_timeout_ms = 250,
        .max_frame_bytes = 16U << 20,
        .max_connections = 10,
    };
    struct stand stand;
    struct peer *caller;
    struct peer *provider;

    (void)state;
    stand_begin(&stand, &impatient);
    caller = peer_enter(&stand, "caller");
    provider = peer_enter(&stand, "provider");
    provide(provider, "work");
    call(caller, "work", "1", LARGE);
    turn_until(&stand, is_paused(caller));
    /* The provider reads no answers: a ping a turn would fill its outbox. */
    for (unsigned n_pings = 0; n_pings < 14; n_pings++) {
        peer_say(provider, "type", "ping");
        for (uint64_t end_ms = clock_monotonic_ms() + 50; clock_monotonic_ms() < end_ms;)
            assert_int_equal(loop_turn(stand.loop, 5), 0);
    }
    assert_int_equal(caller->session->state, SESSION_READY); /* one that ends keeps its id for a while */
    peer_free(caller);
    peer_free(provider);
    stand_end(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_caller_waits_for_its_full_provider_and_goes_on_when_it_has_drained),
        cmocka_unit_test(test_others_are_served_while_a_provider_is_full),
        cmocka_unit_test(test_a_full_provider_that_reads_nothing_is_ended_and_its_caller_told),
        cmocka_unit_test(test_a_provider_held_back_by_its_deaf_caller_is_not_blamed),
        cmocka_unit_test(test_a_provider_that_stops_reading_for_good_is_ended_though_it_was_held_back),
        cmocka_unit_test(test_a_speaker_waits_for_a_listener_that_makes_progress_only),
        cmocka_unit_test(test_a_listener_whose_outbox_reaches_its_bound_is_ended),
        cmocka_unit_test(test_who_does_not_read_its_own_answers_is_not_read_either),
        cmocka_unit_test(test_whoever_ends_lets_its_waiters_go_and_waits_no_more),
        cmocka_unit_test(test_a_paused_client_is_not_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
