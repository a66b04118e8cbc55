/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/unit/hub/server/peer.h"

#include "hub/wire/proof.h"

static const struct server_options with_secret = {
    .connection_secret = {(const uint8_t *)"open sesame", sizeof "open sesame" - 1},
    .idle_timeout_ms = 60000,
    .data_timeout_ms = 60000,
    .max_frame_bytes = 100000,
    .max_connections = 100,
};

static const struct server_options small = {
    .idle_timeout_ms = 60,
    .data_timeout_ms = 30,
    .max_frame_bytes = 100000,
    .max_connections = 100,
};

/* The session's time is up now; not before, which the caller has checked. */
static void let_time_pass(struct peer *peer)
{
    assert_int_equal(loop_timer_arm(peer->stand->loop, &peer->session->timer, loop_now_ms(peer->stand->loop)),
                     0);
    assert_int_equal(loop_turn(peer->stand->loop, 0), 0);
}

static void test_a_client_is_told_who_it_is(void **state)
{
    struct stand stand;
    struct peer *peer;
    struct bytes text;

    (void)state;
    stand_begin(&stand, NULL);
    peer = peer_new(&stand);
    turn_a_little(&stand);
    assert_false(stand_has(&stand, "alice"));
    peer_say(peer, "type", "identify", "client_id", "alice");
    peer_hear(peer, "identified");
    assert_int_equal(message_text(&peer->heard, KEY_CLIENT_ID, &text), 0);
    assert_text(text, "alice");
    assert_int_equal(message_text(&peer->heard, KEY_SERVER_ID, &text), 0);
    assert_text(text, "hub");
    assert_true(stand_has(&stand, "alice"));
    peer_hear_pong(peer);
    peer_close(peer);
    turn_until(&stand, !stand_has(&stand, "alice"));
    assert_int_equal(stand.server->n_sessions, 0);
    assert_true(stand_logged(&stand, "Client alice disconnected: the client closed the connection"));
    peer_free(peer);
    stand_end(&stand);
}

static void test_what_comes_with_the_identify_is_carried_out(void **state)
{
    struct stand stand;
    struct peer *peer;

    (void)state;
    stand_begin(&stand, NULL);
    peer = peer_new(&stand);
    peer_say(peer, "type", "identify", "client_id", "alice");
    peer_say(peer, "type", "ping");
    peer_say(peer, "type", "ping");
    peer_hear(peer, "identified");
    peer_hear(peer, "pong");
    peer_hear(peer, "pong");
    peer_free(peer);
    stand_end(&stand);
}

static void test_an_id_in_use_is_refused_and_its_holder_stays(void **state)
{
    struct stand stand;
    struct peer *first;
    struct peer *second;

    (void)state;
    stand_begin(&stand, NULL);
    first = peer_enter(&stand, "alice");
    second = peer_new(&stand);
    peer_say(second, "type", "identify", "client_id", "alice");
    peer_hear_error(second, "Client ID alice already in use");
    peer_hear_end(second);
    assert_true(stand_has(&stand, "alice"));
    peer_hear_pong(first);
    assert_true(stand_logged(&stand, "Connection from test closed: another connection has this client id"));
    peer_free(second);
    peer_close(first);
    turn_until(&stand, !stand_has(&stand, "alice"));
    peer_free(first);
    first = peer_enter(&stand, "alice");
    peer_free(first);
    stand_end(&stand);
}

static void test_a_first_frame_that_is_no_good_identify_is_refused(void **state)
{
    static const struct {
        const char *what;
        const char *pairs[4];
        const char *sentence;
    } rows[] = {
        {"a ping", {"type", "ping"}, "The first frame must be identify"},
        {"a proof", {"type", "conn_proof", "proof", "x"}, "The first frame must be identify"},
        {"an unknown type", {"type", "hello"}, "The first frame must be identify"},
        {"a link's hello where no links are taken",
         {"type", "link_hello"},
         "The first frame must be identify"},
        {"no id", {"type", "identify"}, "Field client_id is missing or has the wrong type"},
        {"an empty id",
         {"type", "identify", "client_id", ""},
         "Field client_id must be 1 to 255 bytes of UTF-8 without control characters"},
        {"a control character",
         {"type", "identify", "client_id", "a\nb"},
         "Field client_id must be 1 to 255 bytes of UTF-8 without control characters"},
    };
    struct stand stand;

    (void)state;
    stand_begin(&stand, NULL);
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct peer *peer = peer_new(&stand);

        peer_say(peer, rows[i].pairs[0], rows[i].pairs[1], rows[i].pairs[2], rows[i].pairs[3]);
        peer_hear_error(peer, rows[i].sentence);
        peer_hear_end(peer);
        assert_row(rows[i].what, stand.server->n_sessions == 0);
        peer_free(peer);
    }
    stand_end(&stand);
}

static void test_who_does_not_identify_in_time_is_cut(void **state)
{
    struct stand stand;
    struct peer *peer;

    (void)state;
    stand_begin(&stand, NULL);
    peer = peer_new(&stand);
    peer_say_bytes(peer, "\0\0", 2); /* a beginning does not count */
    turn_a_little(&stand);
    assert_in_range(peer->session->timer.due_ms - loop_now_ms(stand.loop), 9000, 10000);
    let_time_pass(peer);
    peer_hear_error(peer, "Not identified within 10 s");
    peer_hear_end(peer);
    assert_true(stand_logged(&stand, "closed: the client did not identify itself in time"));
    assert_int_equal(stand.server->n_sessions, 0);
    peer_free(peer);
    stand_end(&stand);
}

static void hear_challenge(struct peer *peer, char out_proof[PROOF_TEXT])
{
    struct bytes challenge;

    peer_say(peer, "type", "identify", "client_id", "alice");
    peer_hear(peer, "conn_challenge");
    assert_int_equal(message_text(&peer->heard, KEY_CHALLENGE, &challenge), 0);
    assert_int_equal(challenge.len, 64);
    assert_int_equal(proof_of_connection(with_secret.connection_secret, challenge, out_proof), 0);
}

static void test_the_proof_of_the_secret_lets_in(void **state)
{
    struct stand stand;
    struct peer *peer;
    char proof[PROOF_TEXT];

    (void)state;
    stand_begin(&stand, &with_secret);
    peer = peer_new(&stand);
    hear_challenge(peer, proof);
    assert_false(stand_has(&stand, "alice"));
    peer_say(peer, "type", "conn_proof", "proof", proof);
    peer_hear(peer, "identified");
    assert_true(stand_has(&stand, "alice"));
    assert_null(peer->session->handshake);
    peer_hear_pong(peer);
    peer_free(peer);
    stand_end(&stand);
}

static void test_anything_but_the_proof_is_refused(void **state)
{
    struct stand stand;
    char earlier[PROOF_TEXT];
    char proof[PROOF_TEXT];

    (void)state;
    stand_begin(&stand, &with_secret);
    for (int i = 0; i < 6; i++) {
        struct peer *peer = peer_new(&stand);

        hear_challenge(peer, proof);
        switch (i) {
        case 0:
            proof[10] = proof[10] == '0' ? '1' : '0';
            peer_say(peer, "type", "conn_proof", "proof", proof);
            break;
        case 1:
            peer_say(peer, "type", "conn_proof", "proof", "");
            break;
        case 2:
            peer_say(peer, "type", "conn_proof");
            break;
        case 3:
            peer_say(peer, "type", "ping");
            break;
        case 4: /* again: another client could have listened to the first */
            peer_say(peer, "type", "identify", "client_id", "alice");
            break;
        case 5: /* a proof for another challenge */
            peer_say(peer, "type", "conn_proof", "proof", earlier);
            break;
        }
        memcpy(earlier, proof, sizeof earlier);
        peer_hear_error(peer, "Authentication failed");
        peer_hear_end(peer);
        assert_false(stand_has(&stand, "alice"));
        assert_int_equal(stand.server->n_sessions, 0);
        peer_free(peer);
    }
    assert_true(stand_logged(&stand, "closed: the connection secret was wrong or missing"));
    stand_end(&stand);
}

static void test_identify_and_proof_share_the_ten_seconds(void **state)
{
    struct stand stand;
    struct peer *peer;
    char proof[PROOF_TEXT];
    uint64_t due_ms;

    (void)state;
    stand_begin(&stand, &with_secret);
    peer = peer_new(&stand);
    due_ms = peer->session->timer.due_ms;
    hear_challenge(peer, proof);
    assert_int_equal(peer->session->timer.due_ms, due_ms);
    let_time_pass(peer);
    peer_hear_error(peer, "Not identified within 10 s");
    peer_hear_end(peer);
    peer_free(peer);
    stand_end(&stand);
}

static void test_of_two_who_prove_for_one_id_the_first_gets_it(void **state)
{
    struct stand stand;
    struct peer *peers[2];
    char proofs[2][PROOF_TEXT];

    (void)state;
    stand_begin(&stand, &with_secret);
    for (int i = 0; i < 2; i++) {
        peers[i] = peer_new(&stand);
        hear_challenge(peers[i], proofs[i]); /* a claim binds nothing */
    }
    peer_say(peers[1], "type", "conn_proof", "proof", proofs[1]);
    peer_hear(peers[1], "identified");
    peer_say(peers[0], "type", "conn_proof", "proof", proofs[0]);
    peer_hear_error(peers[0], "Client ID alice already in use");
    peer_hear_end(peers[0]);
    assert_true(stand_has(&stand, "alice"));
    peer_hear_pong(peers[1]);
    peer_free(peers[0]);
    peer_free(peers[1]);
    stand_end(&stand);
}

static void say_identify_of_size(struct peer *peer, size_t size)
{
    static const char front[] = "\x83\xa4type\xa8identify\xa9"
                                "client_id\xa5"
                                "alice\xa3pad\xc5";
    uint8_t body[5000] = {0};
    size_t n_front = sizeof front - 1;
    size_t n_pad = size - n_front - 2;

    assert_true(size <= sizeof body);
    memcpy(body, front, n_front);
    body[n_front] = (uint8_t)(n_pad >> 8);
    body[n_front + 1] = (uint8_t)n_pad;
    peer_say_body(peer, bytes_of(body, size));
}

static void test_an_identify_may_have_four_kibibytes(void **state)
{
    struct stand stand;
    struct peer *peer;

    (void)state;
    stand_begin(&stand, NULL);
    peer = peer_new(&stand);
    say_identify_of_size(peer, 4096);
    peer_hear(peer, "identified");
    peer_free(peer);
    peer = peer_new(&stand);
    say_identify_of_size(peer, 4097);
    peer_hear_error(peer, "Frame too long: at most 4096 bytes are taken here");
    peer_hear_end(peer);
    peer_free(peer);
    stand_end(&stand);
}

static void test_a_proof_may_have_four_kibibytes_and_a_client_more(void **state)
{
    struct stand stand;
    struct peer *peer;
    char proof[PROOF_TEXT];

    (void)state;
    stand_begin(&stand, &with_secret);
    peer = peer_new(&stand);
    hear_challenge(peer, proof);
    peer_say_bytes(peer, "\x00\x00\x10\x01", 4);
    peer_hear_error(peer, "Frame too long: at most 4096 bytes are taken here");
    peer_hear_end(peer);
    peer_free(peer);

    peer = peer_new(&stand);
    hear_challenge(peer, proof);
    peer_say(peer, "type", "conn_proof", "proof", proof);
    peer_hear(peer, "identified");
    peer_say_with(peer, 99000, "type", "broadcast", "channel", "room", "event", "e", NULL);
    peer_hear_pong(peer);
    peer_say_bytes(peer, "\x00\x01\x86\xa1", 4); /* 100 001 */
    peer_hear_error(peer, "Frame too long: at most 100000 bytes are taken here");
    peer_hear_end(peer);
    assert_true(stand_logged(&stand, "Client alice disconnected: a frame was malformed, empty or too long"));
    peer_free(peer);
    stand_end(&stand);
}

static void test_frames_that_are_none_end_the_client_with_a_reason(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *sentence;
    } rows[] = {
        {"\0\0\0\0", 4, "Empty frame"},
        {"\0\0\0\1\xc1", 5, "Malformed frame: body is not valid MessagePack"},
        {"\0\0\0\1\x90", 5, "Malformed frame: body is not a map"},
    };
    struct stand stand;

    (void)state;
    stand_begin(&stand, NULL);
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct peer *peer = peer_enter(&stand, "alice");

        peer_say(peer, "type", "ping");
        peer_say_bytes(peer, rows[i].bytes, rows[i].n);
        peer_say(peer, "type", "ping"); /* is not heard any more */
        peer_hear(peer, "pong");
        peer_hear_error(peer, rows[i].sentence);
        peer_hear_end(peer);
        assert_row(rows[i].sentence, !stand_has(&stand, "alice"));
        peer_free(peer);
    }
    stand_end(&stand);
}

static void test_a_frame_in_single_bytes_is_whole(void **state)
{
    static const char ping[] = "\0\0\0\x0b\x81\xa4type\xa4ping";
    struct stand stand;
    struct peer *peer;

    (void)state;
    stand_begin(&stand, NULL);
    peer = peer_enter(&stand, "alice");
    for (size_t i = 0; i < sizeof ping - 1; i++) {
        peer_say_bytes(peer, ping + i, 1);
        assert_int_equal(loop_turn(stand.loop, 1), 0);
    }
    peer_hear(peer, "pong");
    peer_free(peer);
    stand_end(&stand);
}

static void test_silence_ends_a_client_and_a_ping_keeps_it(void **state)
{
    struct stand stand;
    struct peer *silent;
    struct peer *talker;

    (void)state;
    stand_begin(&stand, &small);
    silent = peer_enter(&stand, "silent");
    talker = peer_enter(&stand, "talker");
    for (uint64_t end_ms = clock_monotonic_ms() + 200; clock_monotonic_ms() < end_ms;)
        peer_hear_pong(talker);
    peer_hear_end(silent);
    assert_false(stand_has(&stand, "silent"));
    assert_true(stand_has(&stand, "talker"));
    assert_true(stand_logged(&stand, "Client silent disconnected: nothing came within the idle timeout"));
    peer_free(silent);
    peer_free(talker);
    stand_end(&stand);
}

static void test_a_frame_must_be_complete_within_the_data_timeout(void **state)
{
    struct stand stand;
    struct peer *peer;
    uint64_t began_ms;

    (void)state;
    stand_begin(&stand, &small);
    peer = peer_enter(&stand, "alice");
    peer_say_bytes(peer, "\0\0\xff", 3);
    turn_a_little(&stand);
    began_ms = clock_monotonic_ms();
    while (peer->session->state == SESSION_READY && clock_monotonic_ms() < began_ms + 5000) {
        peer_say_bytes(peer, "\0", 1); /* it goes on and on, and is never complete */
        assert_int_equal(loop_turn(stand.loop, 1), 0);
    }
    peer_hear_end(peer);
    assert_true(stand_logged(&stand, "a frame was not completed within the data timeout"));
    assert_in_range(clock_monotonic_ms() - began_ms, 1, 4000);
    peer_free(peer);
    stand_end(&stand);
}

static void test_an_error_reaches_a_client_that_has_sent_more(void **state)
{
    struct stand stand;
    struct peer *peer;
    char junk[SOME_KIBIBYTES] = {0};

    (void)state;
    stand_begin(&stand, NULL);
    peer = peer_new(&stand);
    peer_say(peer, "type", "ping");
    peer_say_bytes(peer, junk, sizeof junk);
    peer_hear_error(peer, "The first frame must be identify");
    peer_hear_end(peer);
    peer_free(peer);
    stand_end(&stand);
}

static struct stream *accepted;
static struct bytes accepted_body;
static size_t n_link_bytes;

static size_t on_link_bytes(void *owner, struct bytes in)
{
    (void)owner;
    n_link_bytes += in.len;
    return in.len;
}

static void on_link_end(void *owner, enum stream_end end, const char *detail)
{
    (void)owner;
    (void)end;
    (void)detail;
}

static int accept_link(void *context, struct stream *stream, struct bytes first_body, const char *address)
{
    static const struct stream_events events = {.on_bytes = on_link_bytes, .on_end = on_link_end};
    const struct server *server = context;

    assert_string_equal(address, "test");
    if (!server)
        return -ENOMEM;
    accepted = stream;
    accepted_body = first_body;
    stream_set_owner(stream, &events, &server->marks, NULL);
    return 0;
}

static void test_a_hello_of_a_hub_passes_the_stream_on(void **state)
{
    struct stand stand;
    struct peer *peer;

    (void)state;
    n_link_bytes = 0;
    stand_begin(&stand, NULL);
    server_set_link_acceptor(stand.server, accept_link, stand.server);
    peer = peer_new(&stand);
    peer_say(peer, "type", "link_hello");
    peer_say_bytes(peer, "behind", 6);
    turn_until(&stand, n_link_bytes == 6);
    assert_int_equal(accepted_body.len, 17);
    assert_int_equal(stand.server->n_sessions, 0);
    stream_free(accepted);
    peer_free(peer);
    /* A client may say that only first. */
    peer = peer_enter(&stand, "alice");
    peer_say(peer, "type", "link_hello", "request_id", "1");
    peer_hear(peer, "response");
    peer_free(peer);
    stand_end(&stand);
}

static void test_a_hello_that_is_refused_ends_the_connection(void **state)
{
    struct stand stand;
    struct peer *peer;

    (void)state;
    stand_begin(&stand, NULL);
    server_set_link_acceptor(stand.server, accept_link, NULL);
    peer = peer_new(&stand);
    peer_say(peer, "type", "link_hello");
    peer_hear_end(peer);
    assert_int_equal(stand.server->n_sessions, 0);
    peer_free(peer);
    stand_end(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_is_told_who_it_is),
        cmocka_unit_test(test_what_comes_with_the_identify_is_carried_out),
        cmocka_unit_test(test_an_id_in_use_is_refused_and_its_holder_stays),
        cmocka_unit_test(test_a_first_frame_that_is_no_good_identify_is_refused),
        cmocka_unit_test(test_who_does_not_identify_in_time_is_cut),
        cmocka_unit_test(test_the_proof_of_the_secret_lets_in),
        cmocka_unit_test(test_anything_but_the_proof_is_refused),
        cmocka_unit_test(test_identify_and_proof_share_the_ten_seconds),
        cmocka_unit_test(test_of_two_who_prove_for_one_id_the_first_gets_it),
        cmocka_unit_test(test_an_identify_may_have_four_kibibytes),
        cmocka_unit_test(test_a_proof_may_have_four_kibibytes_and_a_client_more),
        cmocka_unit_test(test_frames_that_are_none_end_the_client_with_a_reason),
        cmocka_unit_test(test_a_frame_in_single_bytes_is_whole),
        cmocka_unit_test(test_silence_ends_a_client_and_a_ping_keeps_it),
        cmocka_unit_test(test_a_frame_must_be_complete_within_the_data_timeout),
        cmocka_unit_test(test_an_error_reaches_a_client_that_has_sent_more),
        cmocka_unit_test(test_a_hello_of_a_hub_passes_the_stream_on),
        cmocka_unit_test(test_a_hello_that_is_refused_ends_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
