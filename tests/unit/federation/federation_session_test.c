/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Links whose connection breaks, or carries nothing any more: the session goes on, or is replaced
 */
#include "tests/unit/federation/federation_nodes.h"

static size_t hole_bytes(void *owner, struct bytes in)
{
    struct stream **own = owner;
    struct stream *other = own == &hole.streams[0] ? hole.streams[1] : hole.streams[0];
    struct block *block;

    if (hole.swallows || !other)
        return in.len;
    block = block_new(in.len);
    assert_non_null(block);
    memcpy(block->ptr, in.ptr, in.len);
    assert_int_equal(stream_send(other, block), 0);
    block_unref(block);
    return in.len;
}

static void hole_end(void *owner, enum stream_end end, const char *detail)
{
    struct stream **own = owner;

    (void)end;
    (void)detail;
    stream_free(*own);
    *own = NULL;
}

static void hole_connection(void *owner, struct listener *listener, int fd, const char *peer)
{
    static const struct stream_events events = {.on_bytes = hole_bytes, .on_end = hole_end};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)owner;
    (void)listener;
    (void)peer;
    if (hole.streams[0] || hole.swallows) {
        close(fd);
        close(out);
        return;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", hole.to);
    assert_int_equal(connect(out, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(stream_new(&hole.streams[0], loop, fd, NULL, &events, &marks, &hole.streams[0]), 0);
    assert_int_equal(stream_new(&hole.streams[1], loop, out, NULL, &events, &marks, &hole.streams[1]), 0);
}

/* A bridge from node 0 to node 1 through the hole. */
static void bridge_through_hole(void)
{
    static const struct listener_events events = {.on_connection = hole_connection};
    struct address address = {.kind = ADDRESS_UNIX};
    struct listener_options options = {0};
    char why[LISTENER_WHY_SIZE];
    struct bridge_fault fault;

    snprintf(hole.to, sizeof hole.to, "%s", nodes[1].path);
    snprintf(address.host, sizeof address.host, "%s/hole", folder);
    assert_int_equal(listener_new(&hole.listener, loop, &address, &options, &events, NULL, why), 0);
    assert_int_equal(bridge_to_path(0, address.host, NULL, &fault), 0);
    run_until(IS_UP(0, true) && IS_UP(1, false));
}

/* What is in the hole is lost; the link may dial again. */
static void break_hole(void)
{
    stream_free(hole.streams[0]);
    stream_free(hole.streams[1]);
    hole.streams[0] = hole.streams[1] = NULL;
}

static void test_a_link_that_carries_nothing_is_shown_down_within_three_seconds(void **state)
{
    uint64_t began_ms;

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge_through_hole();
    hole.swallows = true;
    began_ms = clock_monotonic_ms();
    run_until(!IS_UP(0, true));
    run_until(status_of(0, true).state == LINK_BACKOFF || status_of(0, true).state == LINK_DIALING);
    run_until(!IS_UP(1, false));
    assert_true(clock_monotonic_ms() - began_ms <= 3500);
}

static void broadcast_ten(void)
{
    for (unsigned i = 0; i < 10; i++)
        SAY(0, "type", "broadcast", "channel", "room", "event", "news", "data", "x");
}

/* Two hubs with a link through the hole; node 1's client has the channel open and provides room:add. */
static void start_pair_with_clients(void)
{
    resume_window_ms = 0;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge_through_hole();
    connect_client(0);
    connect_client(1);
    SAY(1, "type", "register", "channel", "room");
    SAY(1, "type", "register", "channel", "room", "event", "add", "is_provider", "yes");
    run_for(100);
}

static void test_a_link_that_breaks_goes_on_with_its_session_and_loses_nothing(void **state)
{
    (void)state;
    start_pair_with_clients();
    SAY(0, "type", "call", "channel", "room", "event", "add", "request_id", "r1");
    run_until(nodes[1].n_calls == 1);
    for (unsigned round = 1; round <= 5; round++) {
        broadcast_ten();
        run_for(round % 2);
        break_hole();
        broadcast_ten();
        run_until(nodes[1].n_broadcasts == 20 * round);
        run_until(IS_UP(0, true) && IS_UP(1, false));
        assert_string_equal(status_of(0, true).reason, "resumed");
        assert_string_equal(status_of(1, false).reason, "resumed");
    }
    SAY(1, "type", "response", "request_id", "r1", "target_id", "client-0", "data", "sum");
    run_until(nodes[0].n_answers == 1);
    assert_string_equal(nodes[0].last_error, "");
    assert_int_equal(nodes[1].n_broadcasts, 100);
    assert_int_equal(n_ended[0] + n_ended[1], 0);
    assert_true(federation_control_counts(nodes[0].federation).resent > 0);
    assert_int_equal(status_of(0, true).cuts, 5);
    assert_int_equal(status_of(1, false).cuts, 5);
    assert_true(status_of(0, true).frames_resent > 0);
    run_until(status_of(0, true).unacknowledged_bytes == 0);
}

static size_t left_bytes(void *owner, struct bytes in)
{
    (void)owner;
    return in.len;
}

static void left_end(void *owner, enum stream_end end, const char *detail)
{
    (void)owner;
    (void)end;
    (void)detail;
    stream_free(hole.left);
    hole.left = NULL;
}

static void test_the_connection_that_goes_on_replaces_one_that_still_looks_alive(void **state)
{
    static const struct stream_events left_events = {.on_bytes = left_bytes, .on_end = left_end};

    (void)state;
    start_pair_with_clients();
    /* Only the dialer notices. */
    hole.swallows = true;
    broadcast_ten();
    run_for(20);
    stream_free(hole.streams[0]);
    hole.left = hole.streams[1];
    hole.streams[0] = hole.streams[1] = NULL;
    stream_set_owner(hole.left, &left_events, &marks, NULL);
    hole.swallows = false;
    run_until(nodes[1].n_broadcasts == 10);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    assert_string_equal(status_of(1, false).reason, "resumed");
    /* The other side has closed it. */
    assert_null(hole.left);
}

static void test_a_hub_that_starts_anew_does_not_go_on_with_a_session_and_gets_no_old_calls(void **state)
{
    (void)state;
    start_pair_with_clients();
    hole.swallows = true;
    SAY(0, "type", "call", "channel", "room", "event", "add", "request_id", "r1");
    run_for(20);
    stop(1);
    break_hole();
    hole.swallows = false;
    start(1, 'b', 2, "beta", "secret");
    connect_client(1);
    SAY(1, "type", "register", "channel", "room", "event", "add", "is_provider", "yes");
    run_until(IS_UP(0, true) && IS_UP(1, false));
    assert_string_equal(status_of(0, true).reason, "synced");
    run_until(nodes[0].n_answers == 1);
    assert_string_not_equal(nodes[0].last_error, "");
    run_for(100);
    assert_int_equal(nodes[1].n_calls, 0);
    SAY(0, "type", "call", "channel", "room", "event", "add", "request_id", "r2");
    run_until(nodes[1].n_calls == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_a_link_that_carries_nothing_is_shown_down_within_three_seconds),
        TEST(test_a_link_that_breaks_goes_on_with_its_session_and_loses_nothing),
        TEST(test_the_connection_that_goes_on_replaces_one_that_still_looks_alive),
        TEST(test_a_hub_that_starts_anew_does_not_go_on_with_a_session_and_gets_no_old_calls),
#undef TEST
    };

    return cmocka_run_group_tests_name("sessions of links", tests, make_folder, remove_folder);
}
