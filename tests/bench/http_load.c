/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Small GETs at an even rate, over connections that are kept: http_load PORT TOKEN CONNECTIONS RATE PATH...
 *
 * A request starts when it is due, or as soon as a connection is free; its latency runs from when it was due.
 * SIGTERM ends the run: what is under way is awaited, and what was found is told on stdout as JSON. It costs
 * little, so that what it makes the server do is measured and not itself.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hub/base/text.h"
#include "hub/bench/histogram.h"

#define NS_A_SECOND UINT64_C(1000000000)
#define MAX_CONNECTIONS 64U
#define ANSWER_BYTES (4U << 20)
#define REQUEST_BYTES 1024U

struct asking {
    int fd;
    bool is_busy;
    uint64_t due_ns;
    size_t len; /* of the answer so far */
    char *answer;
};

static struct asking askings[MAX_CONNECTIONS];
static struct histogram latency_ns;
static volatile sig_atomic_t is_over;

static void end(int number)
{
    (void)number;
    is_over = 1;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_A_SECOND + (uint64_t)now.tv_nsec;
}

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "http_load: %s: %s\n", what, why);
    exit(1);
}

static void connect_to(struct asking *asking, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int yes = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    asking->answer = malloc(ANSWER_BYTES);
    asking->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!asking->answer || asking->fd < 0 ||
        connect(asking->fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("connect", strerror(errno));
    setsockopt(asking->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static void ask(struct asking *asking, const char *path, const char *token, uint64_t due_ns)
{
    char request[REQUEST_BYTES];
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", path, token);

    if (len >= (int)sizeof request || send(asking->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
        fail(path, "it cannot be asked for");
    asking->is_busy = true;
    asking->due_ns = due_ns;
    asking->len = 0;
}

/* Whether the answer has come in full; one that is no 200 with a length ends the run. */
static bool is_whole(const struct asking *asking)
{
    const char *head_end = memmem(asking->answer, asking->len, "\r\n\r\n", 4);
    const char *length;

    if (!head_end)
        return false;
    if (strncmp(asking->answer, "HTTP/1.1 200 ", 13) != 0)
        fail("an answer", asking->answer);
    length = strcasestr(asking->answer, "\r\nContent-Length: ");
    if (!length || length > head_end)
        fail("an answer has no length", asking->answer);
    return asking->len >= (size_t)(head_end + 4 - asking->answer) + strtoul(length + 18, NULL, 10);
}

static void hear(struct asking *asking)
{
    ssize_t n = read(asking->fd, asking->answer + asking->len, ANSWER_BYTES - 1 - asking->len);

    if (n <= 0)
        fail("an answer", n < 0 ? strerror(errno) : "the server has ended the connection");
    asking->len += (size_t)n;
    asking->answer[asking->len] = '\0';
    if (!asking->is_busy || !is_whole(asking))
        return;
    asking->is_busy = false;
    histogram_record(&latency_ns, now_ns() - asking->due_ns);
}

/* Waits for answers until then. */
static void listen_until(uint32_t n_connections, uint64_t until_ns)
{
    struct pollfd polled[MAX_CONNECTIONS];
    uint64_t now = now_ns();
    uint64_t left_ns = until_ns > now ? until_ns - now : 0;
    struct timespec timeout = {(time_t)(left_ns / NS_A_SECOND), (long)(left_ns % NS_A_SECOND)};

    for (uint32_t i = 0; i < n_connections; i++)
        polled[i] = (struct pollfd){.fd = askings[i].fd, .events = POLLIN};
    if (ppoll(polled, n_connections, &timeout, NULL) <= 0)
        return;
    for (uint32_t i = 0; i < n_connections; i++) {
        if (polled[i].revents)
            hear(&askings[i]);
    }
}

static struct asking *free_one(uint32_t n_connections)
{
    for (uint32_t i = 0; i < n_connections; i++) {
        if (!askings[i].is_busy)
            return &askings[i];
    }
    return NULL;
}

static bool is_any_busy(uint32_t n_connections)
{
    for (uint32_t i = 0; i < n_connections; i++) {
        if (askings[i].is_busy)
            return true;
    }
    return false;
}

static uint64_t number_of(const char *text, uint64_t most)
{
    uint64_t value;

    if (text_to_u64(text, 1, most, &value) != 0)
        fail(text, "not such a number");
    return value;
}

int main(int argc, char **argv)
{
    uint64_t period_ns, began_ns, due_ns;
    uint32_t n_connections;
    uint16_t port;
    unsigned n_asked = 0;

    if (argc < 6)
        fail("usage", "http_load PORT TOKEN CONNECTIONS RATE PATH...");
    port = (uint16_t)number_of(argv[1], UINT16_MAX);
    n_connections = (uint32_t)number_of(argv[3], MAX_CONNECTIONS);
    period_ns = NS_A_SECOND / number_of(argv[4], 1000000);
    histogram_init(&latency_ns);
    signal(SIGTERM, end);
    for (uint32_t i = 0; i < n_connections; i++)
        connect_to(&askings[i], port);
    began_ns = due_ns = now_ns();
    while (!is_over || is_any_busy(n_connections)) {
        struct asking *asking = is_over || due_ns > now_ns() ? NULL : free_one(n_connections);

        if (asking) {
            ask(asking, argv[5 + n_asked++ % (unsigned)(argc - 5)], argv[2], due_ns);
            due_ns += period_ns;
            continue;
        }
        listen_until(n_connections,
                     !is_over && free_one(n_connections) ? due_ns : now_ns() + NS_A_SECOND / 10);
    }
    printf("{\"answers\": %llu, \"seconds\": %.3f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
           (unsigned long long)latency_ns.n_values, (double)(now_ns() - began_ns) / (double)NS_A_SECOND,
           (double)histogram_percentile(&latency_ns, 0.5) / 1000.0,
           (double)histogram_percentile(&latency_ns, 0.99) / 1000.0);
    return 0;
}
