/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/io/dialer.h"
#include "tests/support/allocation.h"

/*
 * A resolver that knows one more name, with two addresses: 127.0.0.1 and 127.0.0.2. It stands before the one
 * of libc, which answers for all others.
 */
#define TWO_ADDRESSES "two.addresses.test"

struct fake_address {
    struct addrinfo info;
    struct sockaddr_in address;
};

static struct fake_address *new_fake(uint32_t host, const char *port, struct addrinfo *next)
{
    struct fake_address *fake = calloc(1, sizeof *fake);

    check(fake);
    fake->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
    fake->address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    fake->info = (struct addrinfo){.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_next = next};
    fake->info.ai_flags = -1;
    fake->info.ai_addr = (struct sockaddr *)&fake->address;
    fake->info.ai_addrlen = sizeof fake->address;
    return fake;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict out_found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    if (strcmp(name, TWO_ADDRESSES) == 0 && !(hints->ai_flags & AI_NUMERICHOST)) {
        struct fake_address *second = new_fake(INADDR_LOOPBACK + 1, service, NULL);

        *out_found = &new_fake(INADDR_LOOPBACK, service, &second->info)->info;
        return 0;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(name, service, hints, out_found);
}

void freeaddrinfo(struct addrinfo *found)
{
    void (*real)(struct addrinfo *);

    if (found->ai_flags == -1) {
        free(found->ai_next);
        free(found);
        return;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "freeaddrinfo");
    real(found);
}

struct place {
    struct loop *loop;
    struct mailbox *mailbox;
    struct dialer *dialer;
    int fd;
    int n_connected;
    int n_failed;
    enum dialer_step step;
    int error;
    char detail[512];
    bool frees_in_callback;
};

static void on_connected(void *owner, int fd)
{
    struct place *place = owner;

    place->n_connected++;
    place->fd = fd;
    if (place->frees_in_callback) {
        dialer_free(place->dialer);
        place->dialer = NULL;
    }
}

static void on_failed(void *owner, enum dialer_step step, int error, const char *detail)
{
    struct place *place = owner;

    place->n_failed++;
    place->step = step;
    place->error = error;
    if (place->frees_in_callback) {
        dialer_free(place->dialer);
        place->dialer = NULL;
    }
    snprintf(place->detail, sizeof place->detail, "%s", detail);
}

static const struct dialer_events events = {.on_connected = on_connected, .on_failed = on_failed};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    if (!place || loop_new(&place->loop) < 0 || mailbox_new(&place->mailbox, place->loop) < 0)
        return -1;
    place->fd = -1;
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    dialer_free(place->dialer);
    mailbox_free(place->mailbox);
    if (place->fd >= 0)
        close(place->fd);
    loop_free(place->loop);
    free(place);
    return 0;
}

static int try_dial(struct place *place, const char *text, uint32_t timeout_ms)
{
    struct address address;
    const char *why;

    assert_int_equal(address_parse(text, &address, &why), 0);
    return dialer_new(&place->dialer, place->loop, place->mailbox, &address, timeout_ms, &events, place);
}

static void dial(struct place *place, const char *text, uint32_t timeout_ms)
{
    assert_int_equal(try_dial(place, text, timeout_ms), 0);
    assert_int_equal(place->n_connected + place->n_failed, 0);
}

static void wait_for_outcome(struct place *place)
{
    uint64_t give_up_ms = clock_monotonic_ms() + 20000;

    while (place->n_connected + place->n_failed == 0) {
        assert_int_equal(loop_turn(place->loop, 20), 0);
        assert_true(clock_monotonic_ms() < give_up_ms);
    }
    for (int i = 0; i < 5; i++)
        assert_int_equal(loop_turn(place->loop, 1), 0);
    assert_int_equal(place->n_connected + place->n_failed, 1);
}

static void expect_failure(struct place *place, enum dialer_step step, int error, const char *words)
{
    wait_for_outcome(place);
    assert_int_equal(place->n_failed, 1);
    assert_int_equal(place->step, step);
    assert_int_equal(place->error, error);
    if (!strstr(place->detail, words))
        fail_msg("\"%s\" does not say \"%s\"", place->detail, words);
}

/* A bound socket on the loopback, listening only with @backlog >= 0. */
static int new_tcp(int backlog, uint16_t *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    if (backlog >= 0)
        assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

static void expect_good_connection(struct place *place, int listening)
{
    int fd;
    int value;
    socklen_t size = sizeof value;

    wait_for_outcome(place);
    assert_int_equal(place->n_connected, 1);
    fd = accept(listening, NULL, NULL);
    assert_true(fd >= 0);
    assert_true(fcntl(place->fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(place->fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(getsockopt(place->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
    assert_int_equal(value, 30000);
    assert_int_equal(getsockopt(place->fd, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    assert_int_equal(value, 1);
    assert_int_equal(write(place->fd, "x", 1), 1);
    close(fd);
}

static void test_a_number_is_connected_to(void **state)
{
    struct place *place = *state;
    uint16_t port;
    int listening = new_tcp(1, &port);
    char text[64];

    snprintf(text, sizeof text, "tcp://127.0.0.1:%u", (unsigned)port);
    dial(place, text, 5000);
    expect_good_connection(place, listening);
    close(listening);
}

/* localhost stands for ::1 as well, where nobody listens: the next address is tried. */
static void test_a_name_is_resolved_and_each_of_its_addresses_tried(void **state)
{
    struct place *place = *state;
    uint16_t port;
    int listening = new_tcp(1, &port);
    char text[64];

    snprintf(text, sizeof text, "tls://localhost:%u", (unsigned)port);
    dial(place, text, 5000);
    expect_good_connection(place, listening);
    close(listening);
}

static void test_a_refusal_is_told_with_the_address(void **state)
{
    struct place *place = *state;
    uint16_t port;
    int bound = new_tcp(-1, &port);
    char text[64];
    char words[64];

    snprintf(text, sizeof text, "tcp://127.0.0.1:%u", (unsigned)port);
    snprintf(words, sizeof words, "connection refused by 127.0.0.1:%u", (unsigned)port);
    dial(place, text, 5000);
    expect_failure(place, DIALER_CONNECTING, ECONNREFUSED, words);
    close(bound);
}

static void test_a_name_that_does_not_exist_is_told(void **state)
{
    struct place *place = *state;

    dial(place, "tcp://no.such.name.invalid:7000", 15000);
    wait_for_outcome(place);
    assert_int_equal(place->n_failed, 1);
    assert_int_equal(place->step, DIALER_RESOLVING);
    assert_non_null(strstr(place->detail, "cannot resolve \"no.such.name.invalid\""));
    assert_int_equal(place->error, EHOSTUNREACH);
}

/* Fills the backlog of a listening tcp socket: from then on the kernel leaves attempts unanswered. */
static size_t fill_backlog(uint16_t port, int *out_fds, size_t most)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    size_t n = 0;

    for (; n < most; n++) {
        out_fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(out_fds[n], (struct sockaddr *)&address, sizeof address);
    }
    usleep(20000);
    return n;
}

static void test_a_host_that_does_not_answer_is_given_up_at_the_deadline(void **state)
{
    struct place *place = *state;
    uint16_t port;
    int listening = new_tcp(0, &port);
    int fds[4];
    size_t n = fill_backlog(port, fds, 4);
    uint64_t began_ms = clock_monotonic_ms();
    char text[64];

    /* The deadline counts from the turn's time. */
    assert_int_equal(loop_turn(place->loop, 0), 0);
    snprintf(text, sizeof text, "tcp://127.0.0.1:%u", (unsigned)port);
    dial(place, text, 120);
    expect_failure(place, DIALER_CONNECTING, ETIMEDOUT, "no answer from 127.0.0.1");
    assert_in_range(clock_monotonic_ms() - began_ms, 110, 3000);
    while (n > 0)
        close(fds[--n]);
    close(listening);
}

static struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, path, strlen(path));
    return address;
}

static void test_a_unix_path_is_connected_to_even_if_its_backlog_is_full_for_a_while(void **state)
{
    struct place *place = *state;
    char path[] = "/tmp/commhub-dialer-XXXXXX";
    struct sockaddr_un address;
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    int first = socket(AF_UNIX, SOCK_STREAM, 0);
    char text[64];

    close(mkstemp(path));
    unlink(path);
    address = unix_address(path);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listening, 0), 0);
    assert_int_equal(connect(first, (struct sockaddr *)&address, sizeof address), 0);
    snprintf(text, sizeof text, "unix:%s", path);
    dial(place, text, 5000);
    for (int i = 0; i < 10; i++)
        assert_int_equal(loop_turn(place->loop, 5), 0);
    assert_int_equal(place->n_connected + place->n_failed, 0);
    close(accept(listening, NULL, NULL));
    wait_for_outcome(place);
    assert_int_equal(place->n_connected, 1);
    close(first);
    close(listening);
    unlink(path);
}

static void test_a_full_unix_backlog_is_given_up_at_the_deadline(void **state)
{
    struct place *place = *state;
    char path[] = "/tmp/commhub-dialer-XXXXXX";
    struct sockaddr_un address;
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    int first = socket(AF_UNIX, SOCK_STREAM, 0);
    char text[64];

    close(mkstemp(path));
    unlink(path);
    address = unix_address(path);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listening, 0), 0);
    assert_int_equal(connect(first, (struct sockaddr *)&address, sizeof address), 0);
    snprintf(text, sizeof text, "unix:%s", path);
    dial(place, text, 70);
    expect_failure(place, DIALER_CONNECTING, ETIMEDOUT, path);
    close(first);
    close(listening);
    unlink(path);
}

static void test_a_unix_path_without_a_socket_is_told(void **state)
{
    struct place *place = *state;

    dial(place, "unix:/nowhere/hub.sock", 1000);
    expect_failure(place, DIALER_CONNECTING, ENOENT, "/nowhere/hub.sock: No such file");
}

static void test_the_dialer_may_be_freed_in_its_callbacks(void **state)
{
    struct place *place = *state;

    place->frees_in_callback = true;
    dial(place, "unix:/nowhere/hub.sock", 1000);
    expect_failure(place, DIALER_CONNECTING, ENOENT, "No such file");
    assert_null(place->dialer);
    place->n_failed = 0;
    dial(place, "tcp://no.such.name.invalid:7000", 15000);
    expect_failure(place, DIALER_RESOLVING, EHOSTUNREACH, "cannot resolve");
    assert_null(place->dialer);
}

static void test_a_dialer_freed_early_tells_nothing_even_while_a_name_is_resolved(void **state)
{
    struct place *place = *state;

    for (int i = 0; i < 20; i++) {
        dial(place, i % 2 ? "tcp://localhost:1" : "tcp://127.0.0.1:1", 5000);
        /* Anywhere between "not begun" and "the letter is there". */
        usleep((useconds_t)(i * 100));
        if (i % 3 == 0 && place->n_failed == 0)
            assert_int_equal(loop_turn(place->loop, 0), 0);
        place->n_failed = 0;
        dialer_free(place->dialer);
        place->dialer = NULL;
        for (int turn = 0; turn < 3; turn++)
            assert_int_equal(loop_turn(place->loop, 1), 0);
        assert_int_equal(place->n_failed + place->n_connected, 0);
    }
}

static void test_a_resolver_that_comes_back_after_the_mailbox_is_gone_harms_nobody(void **state)
{
    struct place *place = *state;

    for (int i = 0; i < 30; i++) {
        dial(place, "tcp://localhost:1", 5000);
        usleep((useconds_t)(i * 20));
        dialer_free(place->dialer);
        place->dialer = NULL;
        mailbox_free(place->mailbox);
        usleep(2000);
        assert_int_equal(mailbox_new(&place->mailbox, place->loop), 0);
    }
}

static void test_an_address_that_does_not_answer_leaves_time_for_the_next(void **state)
{
    struct place *place = *state;
    uint16_t port;
    int silent = new_tcp(0, &port);
    struct sockaddr_in second = {.sin_family = AF_INET, .sin_port = htons(port)};
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    int fds[4];
    size_t n = fill_backlog(port, fds, 4);
    char text[64];

    second.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    assert_int_equal(bind(listening, (struct sockaddr *)&second, sizeof second), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(loop_turn(place->loop, 0), 0);
    snprintf(text, sizeof text, "tcp://%s:%u", TWO_ADDRESSES, (unsigned)port);
    dial(place, text, 400);
    expect_good_connection(place, listening);
    while (n > 0)
        close(fds[--n]);
    close(silent);
    close(listening);
}

static void test_a_resolver_that_takes_too_long_is_given_up(void **state)
{
    struct place *place = *state;

    /* The answer can only come by the mailbox; closed, it is a resolver that never answers. */
    mailbox_close(place->mailbox);
    dial(place, "tcp://localhost:7000", 60);
    expect_failure(place, DIALER_RESOLVING, ETIMEDOUT, "\"localhost\" was not resolved within 60 ms");
}

static void test_without_memory_nothing_begins(void **state)
{
    static const char *const texts[] = {"tcp://127.0.0.1:1", "tcp://localhost:1", "unix:/nowhere"};
    struct place *place = *state;

    for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
        for (unsigned n = 1; allocation_fail_at(n); n++) {
            int r = try_dial(place, texts[i], 1000);

            allocation_fail_never();
            assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
            dialer_free(place->dialer);
            place->dialer = NULL;
        }
    }
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_number_is_connected_to),
        TEST(test_a_name_is_resolved_and_each_of_its_addresses_tried),
        TEST(test_a_refusal_is_told_with_the_address),
        TEST(test_a_name_that_does_not_exist_is_told),
        TEST(test_a_host_that_does_not_answer_is_given_up_at_the_deadline),
        TEST(test_a_unix_path_is_connected_to_even_if_its_backlog_is_full_for_a_while),
        TEST(test_a_full_unix_backlog_is_given_up_at_the_deadline),
        TEST(test_a_unix_path_without_a_socket_is_told),
        TEST(test_the_dialer_may_be_freed_in_its_callbacks),
        TEST(test_a_dialer_freed_early_tells_nothing_even_while_a_name_is_resolved),
        TEST(test_a_resolver_that_comes_back_after_the_mailbox_is_gone_harms_nobody),
        TEST(test_an_address_that_does_not_answer_leaves_time_for_the_next),
        TEST(test_a_resolver_that_takes_too_long_is_given_up),
        TEST(test_without_memory_nothing_begins),
    };

    return cmocka_run_group_tests_name("dialer", tests, NULL, NULL);
}
