/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/unit/hub/server/peer.h"

#include <sys/un.h>

#include "hub/server/server_control.h"

static void on_drained(void *context)
{
    struct stand *stand = context;

    stand->n_drained++;
}

static void test_a_server_without_connections_has_drained_at_once(void **state)
{
    struct stand stand;

    (void)state;
    stand_begin(&stand, NULL);
    server_drain(stand.server, 3000, on_drained, &stand);
    turn_a_little(&stand);
    assert_int_equal(stand.n_drained, 1);
    stand_end(&stand);
}

static void test_draining_tells_every_client_and_waits_until_the_last_has_gone(void **state)
{
    struct stand stand;
    struct peer *peers[3];

    (void)state;
    stand_begin(&stand, NULL);
    peers[0] = peer_enter(&stand, "alice");
    peers[1] = peer_enter(&stand, "bob");
    peers[2] = peer_new(&stand); /* has not said who it is */
    server_drain(stand.server, 3000, on_drained, &stand);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stand.n_drained, 0);
        peer_hear_error(peers[i], "The hub is shutting down");
        peer_hear_end(peers[i]);
        peer_free(peers[i]);
    }
    turn_until(&stand, stand.n_drained == 1);
    assert_int_equal(stand.server->n_sessions, 0);
    stand_end(&stand);
}

static void begin_call(struct stand *stand, struct peer **out_caller, struct peer **out_provider)
{
    static const uint8_t provide[] = "\x85\xa4type\xa8register\xa7"
                                     "channel\xa4room\xa5"
                                     "event\xa4work\xab"
                                     "is_provider\xc3\xaarequest_id\xa1p";
    struct peer *caller = peer_enter(stand, "caller");
    struct peer *provider = peer_enter(stand, "provider");

    peer_say_body(provider, bytes_of(provide, sizeof provide - 1));
    peer_hear(provider, "response");
    peer_say(caller, "type", "call", "channel", "room", "event", "work", "request_id", "1");
    peer_hear(provider, "call");
    *out_caller = caller;
    *out_provider = provider;
}

static void test_draining_lets_a_call_finish_first(void **state)
{
    struct stand stand;
    struct peer *caller;
    struct peer *provider;

    (void)state;
    stand_begin(&stand, NULL);
    begin_call(&stand, &caller, &provider);
    server_drain(stand.server, 3000, on_drained, &stand);
    turn_a_little(&stand);
    assert_true(stand_has(&stand, "caller"));
    peer_say(provider, "type", "response", "request_id", "1", "target_id", "caller");
    peer_hear(caller, "response");
    peer_hear_error(caller, "The hub is shutting down");
    peer_hear_error(provider, "The hub is shutting down");
    peer_hear_end(caller);
    peer_hear_end(provider);
    turn_until(&stand, stand.n_drained == 1);
    peer_free(caller);
    peer_free(provider);
    stand_end(&stand);
}

static void test_a_call_that_is_not_answered_holds_up_as_long_as_the_grace(void **state)
{
    struct stand stand;
    struct peer *caller;
    struct peer *provider;
    uint64_t began_ms = clock_monotonic_ms();

    (void)state;
    stand_begin(&stand, NULL);
    begin_call(&stand, &caller, &provider);
    server_drain(stand.server, 100, on_drained, &stand);
    turn_until(&stand, caller->session->state == SESSION_ENDING);
    assert_in_range(clock_monotonic_ms() - began_ms, 95, 2000);
    peer_free(caller);
    peer_free(provider);
    turn_until(&stand, stand.n_drained == 1);
    stand_end(&stand);
}

static void test_draining_again_does_not_wait(void **state)
{
    struct stand stand;
    struct peer *caller;
    struct peer *provider;

    (void)state;
    stand_begin(&stand, NULL);
    begin_call(&stand, &caller, &provider);
    server_drain(stand.server, 60000, on_drained, &stand);
    turn_a_little(&stand);
    assert_true(stand_has(&stand, "caller"));
    server_drain(stand.server, 60000, on_drained, &stand);
    turn_until(&stand, caller->session->state == SESSION_ENDING);
    peer_free(caller);
    peer_free(provider);
    turn_until(&stand, stand.n_drained == 1);
    stand_end(&stand);
}

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -errno;
}

static void listen_in(struct stand *stand, const char *folder, char out_path[64])
{
    char text[80];
    char why[LISTENER_WHY_SIZE];
    struct address address;
    const char *reason;

    snprintf(out_path, 64, "%s/hub.sock", folder);
    snprintf(text, sizeof text, "unix:%s", out_path);
    assert_int_equal(address_parse(text, &address, &reason), 0);
    assert_int_equal(server_listen(stand->server, &address, why), 0);
}

static void test_draining_stops_listening_at_once(void **state)
{
    char folder[] = "/tmp/server-test-XXXXXX";
    char path[64];
    struct stand stand;
    struct server_status status;

    (void)state;
    assert_non_null(mkdtemp(folder));
    stand_begin(&stand, NULL);
    listen_in(&stand, folder, path);
    close(dial(path));
    turn_until(&stand, stand_logged(&stand, "closed: the client closed the connection"));
    assert_int_equal(server_control_status(stand.server, &status), 0);
    assert_true(status.is_accepting);
    assert_int_equal(status.n_listeners, 1);
    free(status.listeners);
    server_drain(stand.server, 0, on_drained, &stand);
    assert_int_equal(dial(path), -ENOENT);
    assert_int_equal(server_control_status(stand.server, &status), 0);
    assert_false(status.is_accepting);
    free(status.listeners);
    turn_until(&stand, stand.n_drained == 1);
    stand_end(&stand);
    assert_int_equal(rmdir(folder), 0);
}

static void test_connections_over_the_limit_are_refused_and_told_of(void **state)
{
    static const struct server_options for_two = {
        .idle_timeout_ms = 60000,
        .data_timeout_ms = 60000,
        .max_frame_bytes = 100000,
        .max_connections = 2,
    };
    char folder[] = "/tmp/server-test-XXXXXX";
    char path[64];
    char said[200] = {0};
    ssize_t n;
    struct stand stand;
    struct peer *first;
    struct peer *second;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    stand_begin(&stand, &for_two);
    listen_in(&stand, folder, path);
    first = peer_enter(&stand, "first");
    second = peer_enter(&stand, "second");
    fd = dial(path);
    assert_true(fd >= 0);
    turn_until(&stand, stand_logged(&stand, "refused: the hub had no room for another connection"));
    n = recv(fd, said, sizeof said - 1, 0);
    assert_in_range(n, 1, sizeof said - 1);
    said[n] = '\0';
    assert_non_null(strstr(said + 5, "The hub has no room for another connection"));
    assert_int_equal(recv(fd, said, 1, 0), 0);
    close(fd);
    peer_free(first);
    turn_until(&stand, !stand_has(&stand, "first"));
    fd = dial(path);
    turn_until(&stand, stand.server->n_sessions == 2);
    close(fd);
    peer_free(second);
    turn_until(&stand, stand.server->n_sessions == 0);
    stand_end(&stand);
    assert_int_equal(rmdir(folder), 0);
}

static void test_tls_addresses_need_a_certificate(void **state)
{
    struct stand stand;
    struct address address;
    const char *reason;
    char why[LISTENER_WHY_SIZE];

    (void)state;
    stand_begin(&stand, NULL);
    assert_int_equal(address_parse("tls://127.0.0.1:0", &address, &reason), 0);
    assert_int_equal(server_listen(stand.server, &address, why), -EINVAL);
    assert_non_null(strstr(why, "--tls-cert"));
    stand_end(&stand);
}

static void test_an_operator_ends_a_client_by_its_id(void **state)
{
    struct stand stand;
    struct peer *alice;
    struct peer *bob;

    (void)state;
    stand_begin(&stand, NULL);
    alice = peer_enter(&stand, "alice");
    bob = peer_enter(&stand, "bob");
    assert_int_equal(server_control_kick(stand.server, BYTES_LITERAL("carol")), SERVER_CONTROL_E_UNKNOWN);
    assert_int_equal(server_control_kick(stand.server, BYTES_LITERAL("alice")), 0);
    peer_hear_error(alice, "Disconnected by an operator");
    peer_hear_end(alice);
    assert_true(stand_logged(&stand, "Client alice disconnected: an operator disconnected the client"));
    peer_hear_pong(bob);
    peer_free(alice);
    peer_free(bob);
    stand_end(&stand);
}

static void test_the_rows_of_clients_say_address_and_queue(void **state)
{
    struct stand stand;
    struct peer *alice;
    struct view_list list = {.limit = 10};
    const struct view_client *rows;

    (void)state;
    stand_begin(&stand, NULL);
    alice = peer_enter(&stand, "alice");
    assert_int_equal(server_control_clients(stand.server, &list), 0);
    rows = list.rows;
    assert_int_equal(list.n, 1);
    assert_string_equal(rows[0].address, "test");
    assert_int_equal(rows[0].queued_bytes, 0);
    view_free(list.view);
    peer_free(alice);
    stand_end(&stand);
}

static void test_a_client_tells_of_its_connection(void **state)
{
    struct stand stand;
    struct peer *alice;
    struct server_client client;

    (void)state;
    stand_begin(&stand, NULL);
    alice = peer_enter(&stand, "alice");
    assert_int_equal(server_control_client(stand.server, BYTES_LITERAL("alice"), &client), 0);
    assert_string_equal(client.client.address, "test");
    assert_false(client.is_tls);
    assert_false(client.is_held_up);
    assert_true(client.bytes_in > 0 && client.bytes_out > 0);
    assert_true(client.silent_ms < 60000);
    view_free(client.view);
    assert_int_equal(server_control_client(stand.server, BYTES_LITERAL("bob"), &client), VIEW_E_UNKNOWN);
    peer_free(alice);
    stand_end(&stand);
}

static void test_a_server_may_be_freed_with_everything_under_way(void **state)
{
    struct stand stand;
    struct peer *caller;
    struct peer *provider;
    struct peer *half;

    (void)state;
    stand_begin(&stand, NULL);
    begin_call(&stand, &caller, &provider);
    half = peer_new(&stand);
    peer_say_bytes(half, "\0\0\1", 3);
    peer_say_with(caller, 3U << 20, "type", "call", "channel", "room", "event", "work", "request_id", "2",
                  NULL);
    turn_until(&stand, !list_is_empty(&caller->session->waiter.in_line));
    session_end_with_error(half->session, END_BAD_FRAME, BYTES_LITERAL("x"));
    stand_end(&stand);
    peer_free(half);
    peer_free(caller);
    peer_free(provider);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_server_without_connections_has_drained_at_once),
        cmocka_unit_test(test_draining_tells_every_client_and_waits_until_the_last_has_gone),
        cmocka_unit_test(test_draining_lets_a_call_finish_first),
        cmocka_unit_test(test_a_call_that_is_not_answered_holds_up_as_long_as_the_grace),
        cmocka_unit_test(test_draining_again_does_not_wait),
        cmocka_unit_test(test_draining_stops_listening_at_once),
        cmocka_unit_test(test_connections_over_the_limit_are_refused_and_told_of),
        cmocka_unit_test(test_tls_addresses_need_a_certificate),
        cmocka_unit_test(test_an_operator_ends_a_client_by_its_id),
        cmocka_unit_test(test_the_rows_of_clients_say_address_and_queue),
        cmocka_unit_test(test_a_client_tells_of_its_connection),
        cmocka_unit_test(test_a_server_may_be_freed_with_everything_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
