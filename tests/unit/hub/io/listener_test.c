/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "hub/base/clock.h"
#include "hub/io/listener.h"
#include "tests/support/allocation.h"

#define MOST_CONNECTIONS 200

struct place {
    struct loop *loop;
    struct listener *listener;
    char directory[64];
    char path[100];
    char lock_path[110];
    char why[LISTENER_WHY_SIZE];
    int fds[MOST_CONNECTIONS];
    size_t n_fds;
    char peer[LISTENER_PEER_SIZE];
    int n_trouble;
    int trouble;
    bool frees_in_connection;
    bool pauses_in_connection;
};

static void on_connection(void *owner, struct listener *listener, int fd, const char *peer)
{
    struct place *place = owner;

    assert_ptr_equal(listener, place->listener);
    assert_true(place->n_fds < MOST_CONNECTIONS);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    place->fds[place->n_fds++] = fd;
    snprintf(place->peer, sizeof place->peer, "%s", peer);
    if (place->pauses_in_connection)
        listener_pause(listener);
    if (place->frees_in_connection) {
        listener_free(listener);
        place->listener = NULL;
    }
}

static void on_trouble(void *owner, struct listener *listener, int error)
{
    struct place *place = owner;

    assert_ptr_equal(listener, place->listener);
    place->n_trouble++;
    place->trouble = error;
}

static const struct listener_events events = {.on_connection = on_connection, .on_trouble = on_trouble};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    if (!place || loop_new(&place->loop) < 0)
        return -1;
    snprintf(place->directory, sizeof place->directory, "/tmp/commhub-listener-XXXXXX");
    if (!mkdtemp(place->directory))
        return -1;
    snprintf(place->path, sizeof place->path, "%s/hub.sock", place->directory);
    snprintf(place->lock_path, sizeof place->lock_path, "%s.lock", place->path);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    int r;

    listener_free(place->listener);
    for (size_t i = 0; i < place->n_fds; i++)
        close(place->fds[i]);
    loop_free(place->loop);
    unlink(place->path);
    unlink(place->lock_path);
    r = rmdir(place->directory);
    free(place);
    return r;
}

static int try_listen(struct place *place, struct listener **out_listener, const char *text,
                      const struct listener_options *options)
{
    static const struct listener_options defaults;
    struct address address;
    const char *why;

    assert_int_equal(address_parse(text, &address, &why), 0);
    place->why[0] = 0;
    return listener_new(out_listener, place->loop, &address, options ? options : &defaults, &events, place,
                        place->why);
}

static int try_listen_unix(struct place *place, struct listener **out_listener,
                           const struct listener_options *options)
{
    char text[128];

    snprintf(text, sizeof text, "unix:%s", place->path);
    return try_listen(place, out_listener, text, options);
}

static void listen_unix(struct place *place)
{
    if (try_listen_unix(place, &place->listener, NULL) < 0)
        fail_msg("%s", place->why);
}

static struct sockaddr_un unix_address(const struct place *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, place->path, strlen(place->path));
    return address;
}

static int connect_unix(const struct place *place)
{
    struct sockaddr_un address = unix_address(place);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_tcp(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void expect_why(const struct place *place, const char *words)
{
    if (!strstr(place->why, words))
        fail_msg("\"%s\" does not say \"%s\"", place->why, words);
}

static bool exists(const char *path)
{
    struct stat there;

    return lstat(path, &there) == 0;
}

/* ------------------------------------------------------------------------------------------------ unix */

static void test_a_unix_connection_comes_with_its_peers_credentials(void **state)
{
    struct place *place = *state;
    char expected[64];
    int fd;

    listen_unix(place);
    fd = connect_unix(place);
    assert_true(fd >= 0);
    assert_int_equal(loop_turn(place->loop, 1000), 0);
    assert_int_equal(place->n_fds, 1);
    snprintf(expected, sizeof expected, "unix:pid=%ld,uid=%lu", (long)getpid(), (unsigned long)getuid());
    assert_string_equal(place->peer, expected);
    close(fd);
}

static void test_the_socket_file_has_exactly_the_mode_asked_for(void **state)
{
    static const mode_t modes[] = {0, 0600, 0660, 0666, 0620};
    struct place *place = *state;

    for (size_t i = 0; i < N_ELEMENTS(modes); i++) {
        struct listener_options options = {.unix_mode = modes[i]};
        mode_t before = umask(i % 2 ? 0077 : 0);
        struct stat made;

        assert_int_equal(try_listen_unix(place, &place->listener, &options), 0);
        umask(before);
        assert_int_equal(lstat(place->path, &made), 0);
        assert_int_equal(made.st_mode & 07777, modes[i] ? modes[i] : 0600);
        listener_free(place->listener);
        place->listener = NULL;
    }
}

static void test_the_socket_file_belongs_to_the_group_asked_for(void **state)
{
    struct place *place = *state;
    char number[16];
    struct listener_options options = {.unix_group = number, .unix_mode = 0660};
    /* Only root may give files to any group. */
    gid_t group = getuid() == 0 ? 12345 : getgid();
    struct stat made;

    snprintf(number, sizeof number, "%lu", (unsigned long)group);
    assert_int_equal(try_listen_unix(place, &place->listener, &options), 0);
    assert_int_equal(lstat(place->path, &made), 0);
    assert_int_equal(made.st_gid, group);
    assert_int_equal(made.st_mode & 07777, 0660);
}

static void test_a_group_that_does_not_exist_is_refused_and_leaves_nothing(void **state)
{
    struct place *place = *state;
    struct listener_options options = {.unix_group = "no-such-group"};
    struct listener *listener = NULL;

    assert_int_equal(try_listen_unix(place, &listener, &options), -ENOENT);
    expect_why(place, "no group \"no-such-group\"");
    assert_false(exists(place->path));
    assert_false(exists(place->lock_path));
}

static void test_the_files_are_removed_at_the_end(void **state)
{
    struct place *place = *state;

    listen_unix(place);
    assert_true(exists(place->path));
    assert_true(exists(place->lock_path));
    listener_free(place->listener);
    place->listener = NULL;
    assert_false(exists(place->path));
    assert_false(exists(place->lock_path));
}

static void test_a_file_that_is_not_ours_any_more_is_left_alone(void **state)
{
    struct place *place = *state;
    int fd;

    listen_unix(place);
    assert_int_equal(unlink(place->path), 0);
    fd = open(place->path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    listener_free(place->listener);
    place->listener = NULL;
    assert_true(exists(place->path));
}

/* As a killed hub leaves it. */
static void leave_stale_socket(const struct place *place)
{
    struct sockaddr_un address = unix_address(place);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    fd = open(place->lock_path, O_CREAT | O_RDWR, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void test_a_stale_socket_is_replaced(void **state)
{
    struct place *place = *state;
    int fd;

    leave_stale_socket(place);
    assert_int_equal(connect_unix(place), -1);
    listen_unix(place);
    fd = connect_unix(place);
    assert_true(fd >= 0);
    assert_int_equal(loop_turn(place->loop, 1000), 0);
    assert_int_equal(place->n_fds, 1);
    close(fd);
}

static void test_a_live_socket_of_a_program_without_lock_file_is_refused_and_left_alone(void **state)
{
    struct place *place = *state;
    struct sockaddr_un address = unix_address(place);
    struct listener *listener = NULL;
    int live = socket(AF_UNIX, SOCK_STREAM, 0);
    int fd;

    assert_int_equal(bind(live, (struct sockaddr *)&address, sizeof address), 0);
    /* The second knock finds the backlog full. */
    assert_int_equal(listen(live, 0), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(try_listen_unix(place, &listener, NULL), -EADDRINUSE);
        expect_why(place, "another program answers");
    }
    assert_false(exists(place->lock_path));
    fd = accept(live, NULL, NULL);
    assert_true(fd >= 0);
    close(fd);
    close(live);
}

static void test_a_live_hub_is_refused_and_goes_on(void **state)
{
    struct place *place = *state;
    struct listener *second = NULL;
    int fd;

    listen_unix(place);
    assert_int_equal(try_listen_unix(place, &second, NULL), -EADDRINUSE);
    expect_why(place, "another hub listens");
    fd = connect_unix(place);
    assert_true(fd >= 0);
    assert_int_equal(loop_turn(place->loop, 1000), 0);
    assert_int_equal(place->n_fds, 1);
    close(fd);
}

static void test_any_other_file_is_refused_and_left_alone(void **state)
{
    struct place *place = *state;
    struct listener *listener = NULL;
    int fd = open(place->path, O_CREAT | O_WRONLY, 0600);

    assert_int_equal(write(fd, "precious", 8), 8);
    close(fd);
    assert_int_equal(try_listen_unix(place, &listener, NULL), -EEXIST);
    expect_why(place, "is no socket");
    assert_true(exists(place->path));
    assert_false(exists(place->lock_path));
}

static void test_a_symbolic_link_to_a_stale_socket_is_not_followed(void **state)
{
    struct place *place = *state;
    struct listener *listener = NULL;

    assert_int_equal(symlink("/nowhere", place->path), 0);
    assert_int_equal(try_listen_unix(place, &listener, NULL), -EEXIST);
    assert_true(exists(place->path));
}

static void test_a_missing_directory_is_named(void **state)
{
    struct place *place = *state;
    struct listener *listener = NULL;

    assert_int_equal(try_listen(place, &listener, "unix:/nowhere/at/all/hub.sock", NULL), -ENOENT);
    expect_why(place, "/nowhere/at/all/hub.sock");
    expect_why(place, "make its directory");
}

/* Eight programs start on one path over and over; whenever one listens, it is alone. */
static void race(const struct place *place, int start_fd, int report_fd)
{
    struct loop *loop;
    struct address address;
    const struct listener_options options = {0};
    const char *why;
    char sentence[LISTENER_WHY_SIZE];
    char text[128];
    char go;

    snprintf(text, sizeof text, "unix:%s", place->path);
    if (loop_new(&loop) < 0 || address_parse(text, &address, &why) < 0 || read(start_fd, &go, 1) < 0)
        _exit(1);
    for (int i = 0; i < 200; i++) {
        struct listener *listener = NULL;

        if (listener_new(&listener, loop, &address, &options, &events, NULL, sentence) < 0)
            continue;
        if (write(report_fd, "+", 1) != 1)
            _exit(1);
        usleep(100);
        if (write(report_fd, "-", 1) != 1)
            _exit(1);
        listener_free(listener);
    }
    _exit(0);
}

static void test_of_hubs_that_race_for_a_path_one_wins(void **state)
{
    struct place *place = *state;
    int start[2];
    int report[2];
    pid_t children[8];
    char seen[8192];
    size_t n_seen = 0;
    ssize_t n;
    int n_listening = 0;

    leave_stale_socket(place);
    assert_int_equal(pipe(start), 0);
    assert_int_equal(pipe(report), 0);
    for (size_t i = 0; i < N_ELEMENTS(children); i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            close(start[1]);
            race(place, start[0], report[1]);
        }
    }
    close(report[1]);
    close(start[0]);
    close(start[1]);
    while ((n = read(report[0], seen + n_seen, sizeof seen - n_seen)) > 0)
        n_seen += (size_t)n;
    close(report[0]);
    for (size_t i = 0; i < N_ELEMENTS(children); i++) {
        int status;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_true(n_seen >= 4);
    for (size_t i = 0; i < n_seen; i++) {
        n_listening += seen[i] == '+' ? 1 : -1;
        assert_in_range(n_listening, 0, 1);
    }
    assert_false(exists(place->path));
    assert_false(exists(place->lock_path));
}

/* ------------------------------------------------------------------------------------------------- tcp */

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;

    assert_int_equal(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static void test_a_tcp_connection_is_tuned_to_find_dead_peers(void **state)
{
    struct place *place = *state;
    int fd;

    assert_int_equal(try_listen(place, &place->listener, "tcp://127.0.0.1:0", NULL), 0);
    assert_int_not_equal(listener_address(place->listener)->port, 0);
    fd = connect_tcp(listener_address(place->listener)->port);
    assert_int_equal(loop_turn(place->loop, 1000), 0);
    assert_int_equal(place->n_fds, 1);
    assert_int_equal(option_of(place->fds[0], IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option_of(place->fds[0], SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option_of(place->fds[0], IPPROTO_TCP, TCP_KEEPIDLE), 15);
    assert_int_equal(option_of(place->fds[0], IPPROTO_TCP, TCP_KEEPINTVL), 5);
    assert_int_equal(option_of(place->fds[0], IPPROTO_TCP, TCP_KEEPCNT), 3);
    assert_int_equal(option_of(place->fds[0], IPPROTO_TCP, TCP_USER_TIMEOUT), 30000);
    assert_memory_equal(place->peer, "127.0.0.1:", 10);
    close(fd);
}

static void test_a_socket_for_both_families_names_ipv4_peers_as_such(void **state)
{
    struct place *place = *state;
    int fd;

    if (try_listen(place, &place->listener, "tcp://[::]:0", NULL) < 0)
        skip(); /* a machine without IPv6 */
    fd = connect_tcp(listener_address(place->listener)->port);
    assert_int_equal(loop_turn(place->loop, 1000), 0);
    assert_int_equal(place->n_fds, 1);
    assert_memory_equal(place->peer, "127.0.0.1:", 10);
    close(fd);
}

static void test_a_name_is_resolved(void **state)
{
    struct place *place = *state;
    int fd;

    assert_int_equal(try_listen(place, &place->listener, "tcp://localhost:0", NULL), 0);
    fd = connect_tcp(listener_address(place->listener)->port);
    assert_int_equal(loop_turn(place->loop, 1000), 0);
    assert_int_equal(place->n_fds, 1);
    close(fd);
}

static void test_bad_tcp_addresses_are_refused_with_what_to_do(void **state)
{
    struct place *place = *state;
    struct listener *second = NULL;
    char text[ADDRESS_TEXT_SIZE];

    assert_int_equal(try_listen(place, &place->listener, "tcp://127.0.0.1:0", NULL), 0);
    address_text(listener_address(place->listener), text);
    assert_int_equal(try_listen(place, &second, text, NULL), -EADDRINUSE);
    expect_why(place, text);
    expect_why(place, "taken by another program");
    assert_int_equal(try_listen(place, &second, "tcp://192.0.2.1:7070", NULL), -EADDRNOTAVAIL);
    expect_why(place, "no address of this machine");
    assert_int_equal(try_listen(place, &second, "tcp://no.such.name.invalid:7070", NULL), -EADDRNOTAVAIL);
    expect_why(place, "cannot resolve");
}

static void test_a_port_can_be_taken_again_at_once(void **state)
{
    struct place *place = *state;
    char text[ADDRESS_TEXT_SIZE];
    int fd;

    assert_int_equal(try_listen(place, &place->listener, "tcp://127.0.0.1:0", NULL), 0);
    address_text(listener_address(place->listener), text);
    fd = connect_tcp(listener_address(place->listener)->port);
    assert_int_equal(loop_turn(place->loop, 1000), 0);
    /* Our side closes first, so that the port stays in TIME_WAIT. */
    close(place->fds[0]);
    place->n_fds = 0;
    close(fd);
    listener_free(place->listener);
    assert_int_equal(try_listen(place, &place->listener, text, NULL), 0);
}

/* -------------------------------------------------------------------------------------------- accepting */

static void test_a_turn_accepts_64_and_the_next_goes_on(void **state)
{
    struct place *place = *state;
    int fds[100];

    listen_unix(place);
    for (size_t i = 0; i < N_ELEMENTS(fds); i++) {
        fds[i] = connect_unix(place);
        assert_true(fds[i] >= 0);
    }
    assert_int_equal(loop_turn(place->loop, 1000), 0);
    assert_int_equal(place->n_fds, 64);
    assert_int_equal(loop_turn(place->loop, 1000), 0);
    assert_int_equal(place->n_fds, 100);
    for (size_t i = 0; i < N_ELEMENTS(fds); i++)
        close(fds[i]);
}

static void test_a_paused_listener_leaves_connections_in_the_backlog(void **state)
{
    struct place *place = *state;
    int fds[2];

    listen_unix(place);
    place->pauses_in_connection = true;
    fds[0] = connect_unix(place);
    fds[1] = connect_unix(place);
    for (int i = 0; i < 5; i++)
        assert_int_equal(loop_turn(place->loop, 1), 0);
    assert_int_equal(place->n_fds, 1);
    listener_resume(place->listener);
    assert_int_equal(loop_turn(place->loop, 1000), 0);
    assert_int_equal(place->n_fds, 2);
    close(fds[0]);
    close(fds[1]);
}

static void test_a_listener_may_be_freed_when_a_connection_comes(void **state)
{
    struct place *place = *state;
    int fds[2];

    listen_unix(place);
    place->frees_in_connection = true;
    fds[0] = connect_unix(place);
    fds[1] = connect_unix(place);
    assert_int_equal(loop_turn(place->loop, 1000), 0);
    assert_int_equal(place->n_fds, 1);
    assert_false(exists(place->path));
    close(fds[0]);
    close(fds[1]);
}

static void turn_for(struct loop *loop, uint64_t ms)
{
    uint64_t ends_ms = clock_monotonic_ms() + ms;

    while (clock_monotonic_ms() < ends_ms)
        assert_int_equal(loop_turn(loop, 5), 0);
}

static void test_without_descriptors_accepting_rests_and_trouble_is_told_once_a_second(void **state)
{
    struct place *place = *state;
    struct rlimit before;
    struct rlimit none;
    int fd;
    uint64_t began_ms;

    listen_unix(place);
    fd = connect_unix(place);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(loop_turn(place->loop, 1000), 0);
    assert_int_equal(place->n_trouble, 1);
    assert_int_equal(place->trouble, EMFILE);
    /* At rest: a turn waits although a connection is there. */
    began_ms = clock_monotonic_ms();
    assert_int_equal(loop_turn(place->loop, 40), 0);
    assert_true(clock_monotonic_ms() - began_ms >= 38);
    turn_for(place->loop, 300);
    assert_int_equal(place->n_trouble, 1);
    turn_for(place->loop, 900);
    assert_int_equal(place->n_trouble, 2);
    assert_int_equal(place->n_fds, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    turn_for(place->loop, 150);
    assert_int_equal(place->n_fds, 1);
    close(fd);
}

static void test_without_memory_nothing_listens_and_nothing_is_left(void **state)
{
    struct place *place = *state;

    for (unsigned n = 1; allocation_fail_at(n); n++) {
        int r = try_listen_unix(place, &place->listener, NULL);

        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        listener_free(place->listener);
        place->listener = NULL;
        assert_false(exists(place->path));
        assert_false(exists(place->lock_path));
    }
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_unix_connection_comes_with_its_peers_credentials),
        TEST(test_the_socket_file_has_exactly_the_mode_asked_for),
        TEST(test_the_socket_file_belongs_to_the_group_asked_for),
        TEST(test_a_group_that_does_not_exist_is_refused_and_leaves_nothing),
        TEST(test_the_files_are_removed_at_the_end),
        TEST(test_a_file_that_is_not_ours_any_more_is_left_alone),
        TEST(test_a_stale_socket_is_replaced),
        TEST(test_a_live_socket_of_a_program_without_lock_file_is_refused_and_left_alone),
        TEST(test_a_live_hub_is_refused_and_goes_on),
        TEST(test_any_other_file_is_refused_and_left_alone),
        TEST(test_a_symbolic_link_to_a_stale_socket_is_not_followed),
        TEST(test_a_missing_directory_is_named),
        TEST(test_of_hubs_that_race_for_a_path_one_wins),
        TEST(test_a_tcp_connection_is_tuned_to_find_dead_peers),
        TEST(test_a_socket_for_both_families_names_ipv4_peers_as_such),
        TEST(test_a_name_is_resolved),
        TEST(test_bad_tcp_addresses_are_refused_with_what_to_do),
        TEST(test_a_port_can_be_taken_again_at_once),
        TEST(test_a_turn_accepts_64_and_the_next_goes_on),
        TEST(test_a_paused_listener_leaves_connections_in_the_backlog),
        TEST(test_a_listener_may_be_freed_when_a_connection_comes),
        TEST(test_without_descriptors_accepting_rests_and_trouble_is_told_once_a_second),
        TEST(test_without_memory_nothing_listens_and_nothing_is_left),
    };

    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
