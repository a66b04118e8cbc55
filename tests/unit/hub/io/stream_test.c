/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/unit/hub/io/recorder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "tests/support/allocation.h"

#define LINGER_MS 5000

struct pair {
    struct loop *loop;
    struct recorder owner;
    int fd;      /* the stream's, to set its options */
    int peer_fd; /* blocking */
};

static void use_fd(struct pair *pair, int fd)
{
    pair->fd = fd;
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(stream_new(&pair->owner.stream, pair->loop, fd, NULL, &recorder_events, &recorder_marks,
                                &pair->owner),
                     0);
}

static int set_up(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);
    int fds[2];

    if (!pair || loop_new(&pair->loop) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        return -1;
    pair->peer_fd = fds[1];
    use_fd(pair, fds[0]);
    *state = pair;
    return 0;
}

/* The same over tcp on the loopback: resets and half-closed connections exist only there. */
static int set_up_tcp(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);

    if (!pair || loop_new(&pair->loop) < 0 || bind(listening, (struct sockaddr *)&address, size) < 0 ||
        listen(listening, 1) < 0 || getsockname(listening, (struct sockaddr *)&address, &size) < 0)
        return -1;
    pair->peer_fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(pair->peer_fd, (struct sockaddr *)&address, size) < 0)
        return -1;
    use_fd(pair, accept(listening, NULL, NULL));
    close(listening);
    *state = pair;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *pair = *state;

    recorder_clear(&pair->owner);
    if (pair->peer_fd >= 0)
        close(pair->peer_fd);
    loop_free(pair->loop);
    free(pair);
    return 0;
}

static void close_peer(struct pair *pair)
{
    close(pair->peer_fd);
    pair->peer_fd = -1;
}

static void peer_writes(struct pair *pair, const char *text)
{
    assert_int_equal(write(pair->peer_fd, text, strlen(text)), strlen(text));
}

static void fill_pattern(uint8_t *ptr, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ptr[i] = (uint8_t)(i * 31 + (i >> 8));
}

/* Reads exactly @len bytes at the peer while the loop turns, and holds them against the pattern. */
static void peer_reads_pattern(struct pair *pair, size_t len, size_t portion)
{
    uint8_t *pattern = malloc(len);
    uint8_t *seen = malloc(portion);
    size_t n_seen = 0;

    check(pattern);
    check(seen);
    fill_pattern(pattern, len);
    while (n_seen < len) {
        ssize_t n;

        assert_int_equal(loop_turn(pair->loop, 0), 0);
        n = recv(pair->peer_fd, seen, portion, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            continue;
        assert_true(n > 0 && n_seen + (size_t)n <= len);
        assert_memory_equal(seen, pattern + n_seen, (size_t)n);
        n_seen += (size_t)n;
    }
    free(pattern);
    free(seen);
}

static void owner_sends_pattern(struct pair *pair, size_t len)
{
    uint8_t *pattern = malloc(len);

    check(pattern);
    fill_pattern(pattern, len);
    recorder_send(&pair->owner, pattern, len, 0);
    free(pattern);
}

/* ---------------------------------------------------------------------------------------------- reading */

static void test_bytes_come_in_order_and_are_counted(void **state)
{
    struct pair *pair = *state;

    peer_writes(pair, "one two ");
    turn_until(pair->loop, pair->owner.in.len == 8);
    peer_writes(pair, "three");
    turn_until(pair->loop, pair->owner.in.len == 13);
    assert_text(buffer_bytes(&pair->owner.in), "one two three");
    assert_int_equal(stream_read_bytes(pair->owner.stream), 13);
    assert_int_equal(pair->owner.n_ready, 0);
    assert_string_equal(stream_peer_name(pair->owner.stream), "");
}

static void test_what_is_not_consumed_is_offered_again_in_front(void **state)
{
    struct pair *pair = *state;

    pair->owner.n_at_a_time = 5;
    for (const char *c = "onceuponatimex"; *c; c++) {
        int n_offers = pair->owner.n_offers;

        assert_int_equal(write(pair->peer_fd, c, 1), 1);
        turn_until(pair->loop, pair->owner.n_offers == n_offers + 1);
    }
    assert_text(buffer_bytes(&pair->owner.in), "onceuponat");
    assert_int_equal(pair->owner.n_last_offer, 4);
}

/* Through the scratch, then in place, then back to the scratch. */
static void test_a_large_message_is_put_together_from_many_reads(void **state)
{
    struct pair *pair = *state;
    size_t len = 3 * 1000 * 1000;
    uint8_t *pattern = malloc(2 * len + 10);
    size_t n_sent = 0;

    check(pattern);
    fill_pattern(pattern, 2 * len + 10);
    pair->owner.n_at_a_time = len;
    while (n_sent < 2 * len + 10) {
        ssize_t n = send(pair->peer_fd, pattern + n_sent, 2 * len + 10 - n_sent, MSG_DONTWAIT);

        if (n > 0)
            n_sent += (size_t)n;
        assert_int_equal(loop_turn(pair->loop, 0), 0);
    }
    turn_until(pair->loop, pair->owner.in.len == 2 * len && pair->owner.n_last_offer == len + 10);
    assert_bytes(buffer_bytes(&pair->owner.in), bytes_of(pattern, 2 * len));
    pair->owner.n_at_a_time = 11;
    peer_writes(pair, "z");
    turn_until(pair->loop, pair->owner.in.len == 2 * len + 11);
    assert_memory_equal(pair->owner.in.ptr + 2 * len, pattern + 2 * len, 10);
    assert_int_equal(pair->owner.in.ptr[2 * len + 10], 'z');
    free(pattern);
}

/* The owner takes small messages one by one; what follows is a large one of which a part is there. */
static void test_a_large_message_behind_small_ones_survives_the_pauses_between_them(void **state)
{
    struct pair *pair = *state;
    int size = 4 << 20;
    size_t len = 90000;
    uint8_t *pattern = malloc(len);

    check(pattern);
    fill_pattern(pattern, len);
    assert_int_equal(setsockopt(pair->peer_fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size), 0);
    pair->owner.n_at_a_time = 7500;
    pair->owner.pauses_in_bytes = true;
    assert_int_equal(send(pair->peer_fd, pattern, 52500, MSG_DONTWAIT), 52500);
    turn_until(pair->loop, pair->owner.n_offers == 1 && pair->owner.n_last_offer == 52500);
    stream_resume(pair->owner.stream);
    turn_until(pair->loop, pair->owner.n_offers == 2 && pair->owner.in.len == 15000);
    pair->owner.n_at_a_time = 75000;
    stream_resume(pair->owner.stream);
    turn_until(pair->loop, pair->owner.n_offers == 3);
    pair->owner.pauses_in_bytes = false;
    stream_resume(pair->owner.stream);
    assert_int_equal(send(pair->peer_fd, pattern + 52500, len - 52500, MSG_DONTWAIT), len - 52500);
    turn_until(pair->loop, pair->owner.in.len == len);
    assert_bytes(buffer_bytes(&pair->owner.in), bytes_of(pattern, len));
    free(pattern);
}

static void test_a_stream_reads_one_scratch_full_a_turn(void **state)
{
    struct pair *pair = *state;
    int size = 4 << 20;
    uint8_t *bytes = calloc(1, 1 << 20);
    ssize_t n;

    assert_int_equal(setsockopt(pair->peer_fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size), 0);
    n = send(pair->peer_fd, bytes, 1 << 20, MSG_DONTWAIT);
    assert_true(n > 600 * 1024);
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    assert_int_equal(pair->owner.in.len, 64 * 1024);
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    assert_int_equal(pair->owner.in.len, 128 * 1024);
    free(bytes);
}

static void test_what_one_owner_leaves_is_offered_to_the_next(void **state)
{
    struct pair *pair = *state;
    struct recorder next = {0};

    pair->owner.n_at_a_time = 6;
    pair->owner.successor = &next;
    peer_writes(pair, "first,second");
    assert_int_equal(loop_turn(pair->loop, 1000), 0);
    assert_text(buffer_bytes(&pair->owner.in), "first,");
    assert_text(buffer_bytes(&next.in), "second");
    close_peer(pair);
    turn_until(pair->loop, next.n_end == 1);
    assert_int_equal(pair->owner.n_end, 0);
    recorder_clear(&next);
}

/* ----------------------------------------------------------------------------------------------- pausing */

static void test_a_paused_stream_reads_nothing_until_each_pause_is_taken_back(void **state)
{
    struct pair *pair = *state;

    stream_pause(pair->owner.stream);
    stream_pause(pair->owner.stream);
    peer_writes(pair, "later");
    turn_a_little(pair->loop);
    assert_int_equal(pair->owner.n_offers, 0);
    stream_resume(pair->owner.stream);
    turn_a_little(pair->loop);
    assert_int_equal(pair->owner.n_offers, 0);
    stream_resume(pair->owner.stream);
    assert_int_equal(pair->owner.n_offers, 0);
    turn_until(pair->loop, pair->owner.in.len == 5);
}

static void test_a_remainder_is_offered_again_after_the_pause_but_not_inside_resume(void **state)
{
    struct pair *pair = *state;

    pair->owner.n_at_a_time = 2;
    pair->owner.pauses_in_bytes = true;
    peer_writes(pair, "aabbcc");
    turn_until(pair->loop, pair->owner.n_offers == 1);
    for (int n = 1; n < 3; n++) {
        turn_a_little(pair->loop);
        assert_int_equal(pair->owner.n_offers, n);
        assert_int_equal(pair->owner.in.len, 2 * n);
        stream_resume(pair->owner.stream);
        assert_int_equal(pair->owner.n_offers, n);
        turn_until(pair->loop, pair->owner.n_offers == n + 1);
    }
    assert_text(buffer_bytes(&pair->owner.in), "aabbcc");
    /* All is consumed: nothing is offered. */
    stream_resume(pair->owner.stream);
    turn_a_little(pair->loop);
    assert_int_equal(pair->owner.n_offers, 3);
}

static void test_a_pause_taken_back_inside_the_callback_leaves_nothing_behind(void **state)
{
    struct pair *pair = *state;

    pair->owner.n_at_a_time = 2;
    pair->owner.pauses_in_bytes = true;
    pair->owner.resumes_in_bytes = true;
    peer_writes(pair, "aabbcc");
    turn_until(pair->loop, pair->owner.in.len == 6);
    assert_text(buffer_bytes(&pair->owner.in), "aabbcc");
}

static void test_a_peer_that_closes_during_a_pause_is_heard_out_after_it_and_costs_no_turns(void **state)
{
    struct pair *pair = *state;
    uint64_t began_ms;

    stream_pause(pair->owner.stream);
    peer_writes(pair, "last words");
    close_peer(pair);
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    /* A turn that waits its time out had no event. */
    began_ms = clock_monotonic_ms();
    assert_int_equal(loop_turn(pair->loop, 50), 0);
    assert_true(clock_monotonic_ms() - began_ms >= 45);
    assert_int_equal(pair->owner.n_end, 0);
    stream_resume(pair->owner.stream);
    turn_until(pair->loop, pair->owner.n_end == 1);
    assert_text(buffer_bytes(&pair->owner.in), "last words");
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_PEER);
}

static void test_a_peer_that_closes_while_a_paused_stream_has_bytes_for_it_ends_the_stream(void **state)
{
    struct pair *pair = *state;

    owner_sends_pattern(pair, 5000000);
    stream_pause(pair->owner.stream);
    turn_a_little(pair->loop);
    assert_true(stream_outbox_bytes(pair->owner.stream) > 0);
    close_peer(pair);
    turn_until(pair->loop, pair->owner.n_end == 1);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_ERROR);
    assert_non_null(strstr(pair->owner.detail, "writing failed"));
}

/* ----------------------------------------------------------------------------------------------- writing */

static void test_blocks_are_written_at_the_end_of_the_turn(void **state)
{
    struct pair *pair = *state;
    char seen[16];

    recorder_send(&pair->owner, "one ", 4, 0);
    recorder_send(&pair->owner, "", 0, 0);
    recorder_send(&pair->owner, "two", 3, 0);
    assert_int_equal(stream_outbox_bytes(pair->owner.stream), 7);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, MSG_DONTWAIT), -1);
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    assert_int_equal(stream_outbox_bytes(pair->owner.stream), 0);
    assert_int_equal(stream_written_bytes(pair->owner.stream), 7);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, MSG_DONTWAIT), 7);
    assert_memory_equal(seen, "one two", 7);
}

static void test_a_socket_with_a_tiny_buffer_gets_everything_in_order(void **state)
{
    struct pair *pair = *state;
    int size = 1;

    assert_int_equal(setsockopt(pair->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    owner_sends_pattern(pair, 300000);
    peer_reads_pattern(pair, 300000, 4099);
    assert_int_equal(stream_outbox_bytes(pair->owner.stream), 0);
    assert_int_equal(stream_written_bytes(pair->owner.stream), 300000);
}

static void test_many_small_and_large_blocks_arrive_in_order_through_partial_writes(void **state)
{
    struct pair *pair = *state;
    size_t len = 2000000;
    uint8_t *pattern = malloc(len);
    size_t step = 1;

    check(pattern);
    fill_pattern(pattern, len);
    for (size_t at = 0; at < len; step = step * 7 % 3001 + 1) {
        size_t n = step < len - at ? step : len - at;

        recorder_send(&pair->owner, pattern + at, n, 0);
        at += n;
        if (at % 5 == 0)
            assert_int_equal(loop_turn(pair->loop, 0), 0);
    }
    peer_reads_pattern(pair, len, 1237);
    free(pattern);
}

static void test_a_turn_writes_about_a_mebibyte_to_one_stream(void **state)
{
    struct pair *pair = *state;
    int size = 32 << 20;

    assert_int_equal(setsockopt(pair->peer_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size), 0);
    for (int i = 0; i < 80; i++)
        owner_sends_pattern(pair, 60000);
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    assert_in_range(stream_written_bytes(pair->owner.stream), 1, 2 * (1 << 20) + 64 * 60000);
    assert_true(stream_outbox_bytes(pair->owner.stream) > 0);
}

static void test_above_high_the_stream_is_full_until_it_has_drained_to_low(void **state)
{
    struct pair *pair = *state;
    uint8_t seen[65536];

    owner_sends_pattern(pair, 900000);
    assert_false(stream_is_full(pair->owner.stream));
    turn_a_little(pair->loop);
    owner_sends_pattern(pair, 900000);
    assert_true(stream_is_full(pair->owner.stream));
    turn_a_little(pair->loop);
    assert_int_equal(pair->owner.n_drained, 0);
    while (pair->owner.n_drained == 0) {
        assert_true(stream_is_full(pair->owner.stream));
        assert_true(stream_outbox_bytes(pair->owner.stream) > recorder_marks.low_bytes);
        assert_true(recv(pair->peer_fd, seen, sizeof seen, MSG_DONTWAIT) > 0);
        assert_int_equal(loop_turn(pair->loop, 10), 0);
    }
    assert_true(stream_outbox_bytes(pair->owner.stream) <= recorder_marks.low_bytes);
    while (stream_outbox_bytes(pair->owner.stream) > 0) {
        assert_true(recv(pair->peer_fd, seen, sizeof seen, MSG_DONTWAIT) > 0);
        assert_int_equal(loop_turn(pair->loop, 10), 0);
    }
    assert_int_equal(pair->owner.n_drained, 1);
}

/* Its wait is no longer than the turn, however long the machine takes for that. */
static void send_at_once(struct pair *pair)
{
    uint64_t began_ms = loop_now_ms(pair->loop);

    recorder_send(&pair->owner, "at once", 7, 0);
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    assert_in_range(stream_queue_wait_ms(pair->owner.stream), 0, loop_now_ms(pair->loop) - began_ms);
}

static void test_how_long_bytes_wait_in_the_outbox_is_sampled(void **state)
{
    struct pair *pair = *state;
    uint64_t began_ms;
    char seen[16];

    send_at_once(pair);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, MSG_DONTWAIT), 7);
    began_ms = loop_now_ms(pair->loop);
    owner_sends_pattern(pair, 900000);
    while (loop_now_ms(pair->loop) < began_ms + 30)
        assert_int_equal(loop_turn(pair->loop, 10), 0);
    assert_in_range(stream_queue_wait_ms(pair->owner.stream), 30, 5000);
    peer_reads_pattern(pair, 900000, 65536);
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    assert_in_range(stream_queue_wait_ms(pair->owner.stream), 30, 5000);
    send_at_once(pair);
}

static void test_nothing_is_taken_that_would_lift_the_outbox_above_max(void **state)
{
    struct pair *pair = *state;
    size_t max = recorder_marks.max_bytes;

    owner_sends_pattern(pair, max - 10);
    recorder_send(&pair->owner, "12345678901", 11, STREAM_E_FULL);
    assert_int_equal(stream_outbox_bytes(pair->owner.stream), max - 10);
    recorder_send(&pair->owner, "1234567890", 10, 0);
    assert_int_equal(stream_outbox_bytes(pair->owner.stream), max);
    recorder_send(&pair->owner, "1", 1, STREAM_E_FULL);
    recorder_free_stream(&pair->owner);
}

static void test_a_block_too_large_for_max_is_refused_from_an_empty_outbox(void **state)
{
    struct pair *pair = *state;
    struct block *block = block_new(recorder_marks.max_bytes + 1);

    check(block);
    assert_int_equal(stream_send(pair->owner.stream, block), STREAM_E_FULL);
    assert_int_equal(block->n_refs, 1);
    block_unref(block);
}

/* -------------------------------------------------------------------------------------------------- end */

static void test_end_of_file_is_the_peers_end(void **state)
{
    struct pair *pair = *state;

    peer_writes(pair, "bye");
    close_peer(pair);
    turn_until(pair->loop, pair->owner.n_end == 1);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_PEER);
    assert_string_equal(pair->owner.detail, "closed by the peer");
    assert_text(buffer_bytes(&pair->owner.in), "bye");
}

static void test_end_of_file_within_a_message_says_so(void **state)
{
    struct pair *pair = *state;

    pair->owner.n_at_a_time = 10;
    peer_writes(pair, "bye");
    close_peer(pair);
    turn_until(pair->loop, pair->owner.n_end == 1);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_PEER);
    assert_non_null(strstr(pair->owner.detail, "within a message, after 3 bytes"));
    assert_int_equal(pair->owner.in.len, 0);
}

static void test_what_is_queued_when_the_peers_end_of_file_comes_is_still_written(void **state)
{
    struct pair *pair = *state;
    char seen[16];

    assert_int_equal(shutdown(pair->peer_fd, SHUT_WR), 0);
    recorder_send(&pair->owner, "last", 4, 0);
    assert_int_equal(loop_turn(pair->loop, 1000), 0);
    assert_int_equal(pair->owner.n_end, 1);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_PEER);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, 0), 4);
}

static void test_a_peer_that_closed_only_its_own_side_gets_the_answer_of_the_turn(void **state)
{
    struct pair *pair = *state;
    char seen[16];

    pair->owner.n_echoes = 1;
    peer_writes(pair, "ping");
    assert_int_equal(shutdown(pair->peer_fd, SHUT_WR), 0);
    turn_until(pair->loop, pair->owner.n_end == 1);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, 0), 4);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, 0), 0);
}

static void test_a_reset_is_an_error_with_its_reason(void **state)
{
    struct pair *pair = *state;
    struct linger linger = {.l_onoff = 1};

    assert_int_equal(setsockopt(pair->peer_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    close_peer(pair);
    turn_until(pair->loop, pair->owner.n_end == 1);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_ERROR);
    assert_string_equal(pair->owner.detail, "reading failed: Connection reset by peer");
}

static void test_ending_with_linger_writes_what_is_queued_and_tells_once_the_peer_has_closed(void **state)
{
    struct pair *pair = *state;
    char seen[16];

    recorder_send(&pair->owner, "goodbye", 7, 0);
    stream_end(pair->owner.stream, LINGER_MS);
    assert_int_equal(pair->owner.n_end, 0);
    recorder_send(&pair->owner, "more", 4, STREAM_E_ENDING);
    peer_writes(pair, "unread");
    turn_a_little(pair->loop);
    assert_int_equal(pair->owner.n_end, 0);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, 0), 7);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, 0), 0);
    close_peer(pair);
    turn_until(pair->loop, pair->owner.n_end == 1);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_OWNER);
    assert_int_equal(pair->owner.n_offers, 0);
}

static void test_the_last_words_survive_input_that_nobody_reads(void **state)
{
    struct pair *pair = *state;
    char seen[64];

    /* A close with these bytes unread would reset the connection and with it what the peer has yet to read.
     */
    pair->owner.ends_in_bytes = true;
    pair->owner.linger_ms = LINGER_MS;
    peer_writes(pair, "bad");
    turn_until(pair->loop, pair->owner.n_offers == 1);
    peer_writes(pair, "and more of it");
    turn_a_little(pair->loop);
    peer_writes(pair, "and even more");
    turn_a_little(pair->loop);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, 0), 0);
    close_peer(pair);
    turn_until(pair->loop, pair->owner.n_end == 1);
    assert_int_equal(pair->owner.n_offers, 1);
}

static void test_the_error_message_reaches_a_peer_that_sent_much_more(void **state)
{
    struct pair *pair = *state;
    char flood[100000] = {0};
    char seen[64];

    pair->owner.ends_in_bytes = true;
    pair->owner.n_echoes = 1;
    pair->owner.n_at_a_time = 10;
    pair->owner.pauses_in_bytes = true;
    pair->owner.linger_ms = 100;
    assert_true(send(pair->peer_fd, flood, sizeof flood, MSG_DONTWAIT) > 0);
    turn_until(pair->loop, pair->owner.n_offers == 1);
    assert_true(send(pair->peer_fd, flood, sizeof flood, MSG_DONTWAIT) > 0);
    turn_until(pair->loop, pair->owner.n_end == 1);
    usleep(20000);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, 0), 10);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_OWNER);
}

static void test_a_peer_that_neither_reads_nor_closes_is_cut_when_the_linger_is_over(void **state)
{
    struct pair *pair = *state;
    uint64_t began_ms = clock_monotonic_ms();

    owner_sends_pattern(pair, 5000000);
    stream_end(pair->owner.stream, 60);
    turn_until(pair->loop, pair->owner.n_end == 1);
    assert_in_range(clock_monotonic_ms() - began_ms, 58, 1000);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_OWNER);
    assert_non_null(strstr(pair->owner.detail, "before the peer had read everything"));
}

static void test_ending_without_linger_drops_what_is_queued_and_tells_at_the_end_of_the_turn(void **state)
{
    struct pair *pair = *state;
    char seen[16];

    recorder_send(&pair->owner, "never", 5, 0);
    stream_end(pair->owner.stream, 0);
    stream_end(pair->owner.stream, 0);
    stream_end(pair->owner.stream, LINGER_MS);
    assert_int_equal(pair->owner.n_end, 0);
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    assert_int_equal(pair->owner.n_end, 1);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_OWNER);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, 0), 0);
}

static void test_a_lingering_end_can_be_cut_short(void **state)
{
    struct pair *pair = *state;

    owner_sends_pattern(pair, 5000000);
    stream_end(pair->owner.stream, LINGER_MS);
    turn_a_little(pair->loop);
    stream_end(pair->owner.stream, 0);
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    assert_int_equal(pair->owner.n_end, 1);
}

static void
test_without_memory_for_the_linger_what_is_queued_is_written_once_and_the_stream_ends(void **state)
{
    struct pair *pair = *state;
    char seen[16];

    recorder_send(&pair->owner, "last", 4, 0);
    assert_true(allocation_fail_at(1));
    stream_end(pair->owner.stream, LINGER_MS);
    allocation_fail_never();
    assert_true(allocation_has_failed());
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    assert_int_equal(pair->owner.n_end, 1);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_OWNER);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, 0), 4);
}

static void test_a_peer_that_read_all_but_stays_open_is_closed_when_the_linger_is_over(void **state)
{
    struct pair *pair = *state;

    stream_end(pair->owner.stream, 30);
    turn_until(pair->loop, pair->owner.n_end == 1);
    assert_non_null(strstr(pair->owner.detail, "kept its side open"));
}

static void test_the_end_is_told_once_and_the_stream_may_outlive_it(void **state)
{
    struct pair *pair = *state;

    pair->owner.keeps_in_end = true;
    close_peer(pair);
    turn_until(pair->loop, pair->owner.n_end == 1);
    recorder_send(&pair->owner, "late", 4, STREAM_E_ENDING);
    stream_end(pair->owner.stream, 0);
    stream_end(pair->owner.stream, 10);
    stream_pause(pair->owner.stream);
    stream_resume(pair->owner.stream);
    turn_a_little(pair->loop);
    assert_int_equal(pair->owner.n_end, 1);
    assert_int_equal(stream_outbox_bytes(pair->owner.stream), 0);
}

static void test_a_peer_that_is_gone_is_heard_to_its_last_byte_though_writing_fails(void **state)
{
    struct pair *pair = *state;
    int size = 4 << 20;
    uint8_t *bytes = calloc(1, 1 << 20);
    ssize_t n;

    pair->owner.n_echoes = 1;
    assert_int_equal(setsockopt(pair->peer_fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size), 0);
    n = send(pair->peer_fd, bytes, 1 << 20, MSG_DONTWAIT);
    assert_true(n > 600 * 1024);
    close_peer(pair);
    assert_int_equal(loop_turn(pair->loop, 0), 0);
    recorder_send(&pair->owner, "x", 1, STREAM_E_ENDING);
    turn_until(pair->loop, pair->owner.n_end == 1);
    assert_int_equal(pair->owner.in.len, n);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_PEER);
    free(bytes);
}

static void test_a_peer_that_stopped_reading_but_stays_ends_the_stream(void **state)
{
    struct pair *pair = *state;

    assert_int_equal(shutdown(pair->peer_fd, SHUT_RD), 0);
    recorder_send(&pair->owner, "x", 1, 0);
    turn_until(pair->loop, pair->owner.n_end == 1);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_ERROR);
    assert_string_equal(pair->owner.detail, "writing failed: Broken pipe");
}

/* ------------------------------------------------------------------------------------ freeing, memory */

static void test_a_stream_may_be_freed_inside_on_bytes(void **state)
{
    struct pair *pair = *state;

    pair->owner.frees_in_bytes = true;
    peer_writes(pair, "x");
    turn_until(pair->loop, pair->owner.n_offers == 1);
    turn_a_little(pair->loop);
    assert_null(pair->owner.stream);
    assert_int_equal(pair->owner.n_end, 0);
}

static void test_a_stream_may_be_freed_while_a_remainder_is_offered(void **state)
{
    struct pair *pair = *state;

    pair->owner.n_at_a_time = 4;
    pair->owner.pauses_in_bytes = true;
    peer_writes(pair, "aaaabbbb");
    turn_until(pair->loop, pair->owner.n_offers == 1);
    pair->owner.frees_in_bytes = true;
    stream_resume(pair->owner.stream);
    turn_until(pair->loop, pair->owner.n_offers == 2);
    turn_a_little(pair->loop);
    assert_text(buffer_bytes(&pair->owner.in), "aaaabbbb");
    assert_int_equal(pair->owner.n_end, 0);
}

static void test_a_stream_may_be_freed_inside_on_drained(void **state)
{
    struct pair *pair = *state;
    char seen[65536];

    pair->owner.frees_in_drained = true;
    owner_sends_pattern(pair, 1500000);
    while (pair->owner.n_drained == 0) {
        assert_int_equal(loop_turn(pair->loop, 0), 0);
        (void)!recv(pair->peer_fd, seen, sizeof seen, MSG_DONTWAIT);
    }
    turn_a_little(pair->loop);
    assert_null(pair->owner.stream);
    assert_int_equal(pair->owner.n_end, 0);
}

static void test_a_stream_freed_with_work_queued_leaves_none(void **state)
{
    struct pair *pair = *state;
    char seen[16];

    recorder_send(&pair->owner, "never", 5, 0);
    stream_end(pair->owner.stream, LINGER_MS);
    recorder_free_stream(&pair->owner);
    turn_a_little(pair->loop);
    assert_int_equal(pair->owner.n_end, 0);
    assert_int_equal(recv(pair->peer_fd, seen, sizeof seen, 0), 0);
}

static void test_making_a_stream_fails_cleanly_and_closes_the_descriptor(void **state)
{
    struct pair *pair = *state;

    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct stream *stream = NULL;
        int fds[2];
        char byte;
        int r;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        r = stream_new(&stream, pair->loop, fds[0], NULL, &recorder_events, &recorder_marks, &pair->owner);
        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        stream_free(stream);
        assert_int_equal(recv(fds[1], &byte, 1, 0), 0);
        close(fds[1]);
    }
}

static void test_without_memory_for_a_remainder_the_stream_ends_saying_so(void **state)
{
    struct pair *pair = *state;

    pair->owner.n_at_a_time = 10;
    peer_writes(pair, "half");
    assert_true(allocation_fail_at(1));
    assert_int_equal(loop_turn(pair->loop, 1000), 0);
    allocation_fail_never();
    assert_true(allocation_has_failed());
    assert_int_equal(pair->owner.n_end, 1);
    assert_int_equal(pair->owner.end, STREAM_ENDED_BY_MEMORY);
}

static void test_an_idle_stream_holds_no_buffer(void **state)
{
    struct pair *pair = *state;

    peer_writes(pair, "warm");
    turn_until(pair->loop, pair->owner.in.len == 4);
    allocation_count_from_here();
    for (int i = 0; i < 5; i++) {
        peer_writes(pair, "again");
        pair->owner.in.len = 0;
        turn_until(pair->loop, pair->owner.in.len == 5);
    }
    /* Whole messages pass through the scratch alone. */
    assert_int_equal(allocation_count(), 0);
}

int main(void)
{
#define ON_UNIX(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define ON_TCP(test)                                                                                         \
    {                                                                                                        \
#test "_tcp", test, set_up_tcp, tear_down, NULL                                                      \
    }
    const struct CMUnitTest tests[] = {
        ON_UNIX(test_bytes_come_in_order_and_are_counted),
        ON_TCP(test_bytes_come_in_order_and_are_counted),
        ON_UNIX(test_what_is_not_consumed_is_offered_again_in_front),
        ON_TCP(test_what_is_not_consumed_is_offered_again_in_front),
        ON_UNIX(test_a_large_message_is_put_together_from_many_reads),
        ON_TCP(test_a_large_message_is_put_together_from_many_reads),
        ON_UNIX(test_a_large_message_behind_small_ones_survives_the_pauses_between_them),
        ON_UNIX(test_a_stream_reads_one_scratch_full_a_turn),
        ON_UNIX(test_what_one_owner_leaves_is_offered_to_the_next),
        ON_UNIX(test_a_paused_stream_reads_nothing_until_each_pause_is_taken_back),
        ON_UNIX(test_a_remainder_is_offered_again_after_the_pause_but_not_inside_resume),
        ON_UNIX(test_a_pause_taken_back_inside_the_callback_leaves_nothing_behind),
        ON_UNIX(test_a_peer_that_closes_during_a_pause_is_heard_out_after_it_and_costs_no_turns),
        ON_TCP(test_a_peer_that_closes_during_a_pause_is_heard_out_after_it_and_costs_no_turns),
        ON_UNIX(test_a_peer_that_closes_while_a_paused_stream_has_bytes_for_it_ends_the_stream),
        ON_UNIX(test_blocks_are_written_at_the_end_of_the_turn),
        ON_UNIX(test_a_socket_with_a_tiny_buffer_gets_everything_in_order),
        ON_TCP(test_a_socket_with_a_tiny_buffer_gets_everything_in_order),
        ON_UNIX(test_many_small_and_large_blocks_arrive_in_order_through_partial_writes),
        ON_TCP(test_many_small_and_large_blocks_arrive_in_order_through_partial_writes),
        ON_TCP(test_a_turn_writes_about_a_mebibyte_to_one_stream),
        ON_UNIX(test_above_high_the_stream_is_full_until_it_has_drained_to_low),
        ON_UNIX(test_how_long_bytes_wait_in_the_outbox_is_sampled),
        ON_UNIX(test_nothing_is_taken_that_would_lift_the_outbox_above_max),
        ON_UNIX(test_a_block_too_large_for_max_is_refused_from_an_empty_outbox),
        ON_UNIX(test_end_of_file_is_the_peers_end),
        ON_TCP(test_end_of_file_is_the_peers_end),
        ON_UNIX(test_end_of_file_within_a_message_says_so),
        ON_UNIX(test_what_is_queued_when_the_peers_end_of_file_comes_is_still_written),
        ON_UNIX(test_a_peer_that_closed_only_its_own_side_gets_the_answer_of_the_turn),
        ON_TCP(test_a_peer_that_closed_only_its_own_side_gets_the_answer_of_the_turn),
        ON_TCP(test_a_reset_is_an_error_with_its_reason),
        ON_UNIX(test_ending_with_linger_writes_what_is_queued_and_tells_once_the_peer_has_closed),
        ON_TCP(test_ending_with_linger_writes_what_is_queued_and_tells_once_the_peer_has_closed),
        ON_TCP(test_the_last_words_survive_input_that_nobody_reads),
        ON_UNIX(test_the_error_message_reaches_a_peer_that_sent_much_more),
        ON_TCP(test_the_error_message_reaches_a_peer_that_sent_much_more),
        ON_UNIX(test_a_peer_that_neither_reads_nor_closes_is_cut_when_the_linger_is_over),
        ON_TCP(test_a_peer_that_neither_reads_nor_closes_is_cut_when_the_linger_is_over),
        ON_UNIX(test_ending_without_linger_drops_what_is_queued_and_tells_at_the_end_of_the_turn),
        ON_UNIX(test_a_lingering_end_can_be_cut_short),
        ON_UNIX(test_without_memory_for_the_linger_what_is_queued_is_written_once_and_the_stream_ends),
        ON_UNIX(test_a_peer_that_read_all_but_stays_open_is_closed_when_the_linger_is_over),
        ON_UNIX(test_the_end_is_told_once_and_the_stream_may_outlive_it),
        ON_UNIX(test_a_peer_that_is_gone_is_heard_to_its_last_byte_though_writing_fails),
        ON_UNIX(test_a_peer_that_stopped_reading_but_stays_ends_the_stream),
        ON_UNIX(test_a_stream_may_be_freed_inside_on_bytes),
        ON_UNIX(test_a_stream_may_be_freed_while_a_remainder_is_offered),
        ON_UNIX(test_a_stream_may_be_freed_inside_on_drained),
        ON_UNIX(test_a_stream_freed_with_work_queued_leaves_none),
        ON_UNIX(test_making_a_stream_fails_cleanly_and_closes_the_descriptor),
        ON_UNIX(test_without_memory_for_a_remainder_the_stream_ends_saying_so),
        ON_UNIX(test_an_idle_stream_holds_no_buffer),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
