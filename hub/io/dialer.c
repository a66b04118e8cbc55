/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One attempt to connect
 *
 * A host that is a number, and a unix path, need no resolver. A name is looked up by getaddrinfo() on a
 * detached thread, for it may block for half a minute and cannot be called off. What the two threads share is
 * a struct lookup with two references. The dialer that gives up says so in it, under its lock; from then on
 * the thread does not touch the mailbox any more, which may be gone by the time the resolver comes back.
 *
 * Each address found gets its even share of the time that is left, so that the first of two, if it swallows
 * packets, does not eat the time of the second, which would answer.
 */
#include "hub/io/dialer.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/base/check.h"
#include "hub/io/tcp_socket.h"
#include "hub/io/unix_socket.h"

#define DETAIL_SIZE 512
/* A unix listener whose backlog is full refuses at once with EAGAIN and offers nothing to wait for. */
#define UNIX_RETRY_MS 20

struct lookup {
    pthread_mutex_t lock;
    int n_refs;              /* under the lock */
    struct mailbox *mailbox; /* under the lock; NULL: nobody waits for the answer any more */
    struct dialer *dialer;   /* of the loop's thread; NULL: as above */
    char host[ADDRESS_HOST_SIZE];
    char port[8];
    int result; /* EAI_* */
    int error;  /* errno for EAI_SYSTEM */
    struct addrinfo *found;
};

struct dialer {
    struct loop *loop;
    struct mailbox *mailbox;
    struct address address;
    const struct dialer_events *events;
    void *owner;

    struct lookup *lookup; /* under way */
    struct addrinfo *found;
    const struct addrinfo *next; /* to be tried, or being tried */
    struct loop_source source;   /* fd -1: none */
    struct loop_timer timer;     /* always armed: the attempt's end, or the time to try again */
    struct loop_deferred begin;
    uint64_t deadline_ms;
    uint32_t timeout_ms;
    enum dialer_step step;
    int error; /* of the last address tried */
    char detail[DETAIL_SIZE];
};

/* ------------------------------------------------------------------------------------------ resolving */

static void lookup_unref(struct lookup *lookup)
{
    bool is_last;

    pthread_mutex_lock(&lookup->lock);
    is_last = --lookup->n_refs == 0;
    pthread_mutex_unlock(&lookup->lock);
    if (!is_last)
        return;
    if (lookup->found)
        freeaddrinfo(lookup->found);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup);
}

static void on_looked_up(void *argument);

static int resolve(const char *host, const char *port, int flags, struct addrinfo **out_found)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};

    return getaddrinfo(host, port, &hints, out_found);
}

static void *lookup_thread(void *argument)
{
    struct lookup *lookup = argument;
    struct addrinfo *found = NULL;
    int result = resolve(lookup->host, lookup->port, 0, &found);
    bool is_posted = false;

    pthread_mutex_lock(&lookup->lock);
    lookup->error = errno;
    lookup->result = result;
    lookup->found = result == 0 ? found : NULL;
    /* An answer that cannot be posted is a lookup that takes too long: the dialer's timer ends it. */
    if (lookup->mailbox)
        is_posted = mailbox_post(lookup->mailbox, on_looked_up, lookup) == 0;
    pthread_mutex_unlock(&lookup->lock);
    /* The letter carries this thread's reference on. */
    if (!is_posted)
        lookup_unref(lookup);
    return NULL;
}

static int start_thread(struct lookup *lookup)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    int error = pthread_attr_init(&attributes);

    if (error)
        return -error;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    /* Signals are for the threads that expect them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, lookup_thread, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -error;
}

static int look_up(struct dialer *dialer)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    int r;

    if (!lookup)
        return -ENOMEM;
    check(pthread_mutex_init(&lookup->lock, NULL) == 0);
    lookup->n_refs = 2;
    lookup->mailbox = dialer->mailbox;
    lookup->dialer = dialer;
    memcpy(lookup->host, dialer->address.host, sizeof lookup->host);
    snprintf(lookup->port, sizeof lookup->port, "%u", (unsigned)dialer->address.port);
    r = start_thread(lookup);
    if (r < 0) {
        lookup->n_refs = 1;
        lookup_unref(lookup);
        return r;
    }
    dialer->lookup = lookup;
    return 0;
}

static void forget_lookup(struct dialer *dialer)
{
    struct lookup *lookup = dialer->lookup;

    if (!lookup)
        return;
    dialer->lookup = NULL;
    lookup->dialer = NULL;
    pthread_mutex_lock(&lookup->lock);
    lookup->mailbox = NULL;
    pthread_mutex_unlock(&lookup->lock);
    lookup_unref(lookup);
}

/* --------------------------------------------------------------------------------------------- outcomes */

__attribute__((format(printf, 3, 4))) static void note(struct dialer *dialer, int error, const char *format,
                                                       ...)
{
    va_list arguments;

    dialer->error = error;
    va_start(arguments, format);
    vsnprintf(dialer->detail, sizeof dialer->detail, format, arguments);
    va_end(arguments);
}

static void stop_connecting(struct dialer *dialer)
{
    loop_remove(dialer->loop, &dialer->source);
    close(dialer->source.fd);
    dialer->source.fd = -1;
}

/* Nothing is under way any more. */
static void settle(struct dialer *dialer)
{
    forget_lookup(dialer);
    loop_timer_disarm(dialer->loop, &dialer->timer);
    loop_undefer(&dialer->begin);
    if (dialer->source.fd >= 0)
        stop_connecting(dialer);
}

static void fail(struct dialer *dialer)
{
    char detail[DETAIL_SIZE];

    if (!dialer->error)
        note(dialer, ETIMEDOUT, "no time was left to connect to \"%s\"", dialer->address.host);
    /* A copy, for the callee may free the dialer and still use the words. */
    memcpy(detail, dialer->detail, sizeof detail);
    settle(dialer);
    dialer->events->on_failed(dialer->owner, dialer->step, dialer->error, detail);
}

static void succeed(struct dialer *dialer)
{
    int fd = dialer->source.fd;

    loop_remove(dialer->loop, &dialer->source);
    dialer->source.fd = -1;
    settle(dialer);
    if (dialer->address.kind != ADDRESS_UNIX)
        tcp_socket_tune(fd);
    dialer->events->on_connected(dialer->owner, fd);
}

/* ------------------------------------------------------------------------------------------- connecting */

static void describe(const struct sockaddr *address, char *out_text, size_t size)
{
    if (address->sa_family == AF_UNIX)
        snprintf(out_text, size, "%s", ((const struct sockaddr_un *)(const void *)address)->sun_path);
    else
        tcp_socket_text(address, out_text, size);
}

static void note_refusal(struct dialer *dialer, const struct sockaddr *address, int error)
{
    char text[ADDRESS_TEXT_SIZE];

    describe(address, text, sizeof text);
    if (error == ECONNREFUSED)
        note(dialer, error, "connection refused by %s", text);
    else if (error == ETIMEDOUT)
        note(dialer, error, "no answer from %s within the time for it", text);
    else
        note(dialer, error, "cannot connect to %s: %s", text, strerrordesc_np(error));
}

/* The kernel may pick the very port that is dialed as our own, and then nobody but ourselves has answered. */
static bool is_own_echo(int fd)
{
    union tcp_socket_address ours;
    union tcp_socket_address theirs;
    socklen_t our_size = sizeof ours;
    socklen_t their_size = sizeof theirs;

    memset(&ours, 0, sizeof ours);
    memset(&theirs, 0, sizeof theirs);
    return getsockname(fd, &ours.any, &our_size) == 0 && getpeername(fd, &theirs.any, &their_size) == 0 &&
           ours.any.sa_family != AF_UNIX && our_size == their_size && memcmp(&ours, &theirs, our_size) == 0;
}

/* 0: connected, 1: under way, else a negative errno. */
static int start_connecting(struct dialer *dialer, const struct sockaddr *address, socklen_t len)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int added;
    int r = 1;

    if (fd < 0)
        return -errno;
    if (connect(fd, address, len) == 0)
        r = 0;
    else if (errno != EINPROGRESS)
        r = -errno;
    if (r >= 0) {
        dialer->source.fd = fd;
        dialer->source.events = EPOLLOUT;
        added = loop_add(dialer->loop, &dialer->source);
        if (added == 0)
            return r;
        dialer->source.fd = -1;
        r = added;
    }
    close(fd);
    return r;
}

/* The timer is armed all the time, so setting it anew cannot fail. */
static void set_timer(struct dialer *dialer, uint64_t due_ms)
{
    check(loop_timer_arm(dialer->loop, &dialer->timer, due_ms) == 0);
}

static uint64_t left_ms(const struct dialer *dialer)
{
    uint64_t now_ms = loop_now_ms(dialer->loop);

    return now_ms < dialer->deadline_ms ? dialer->deadline_ms - now_ms : 0;
}

static void give_share(struct dialer *dialer)
{
    uint64_t n_left = 0;

    for (const struct addrinfo *info = dialer->next; info; info = info->ai_next)
        n_left++;
    set_timer(dialer, loop_now_ms(dialer->loop) + left_ms(dialer) / n_left);
}

static void try_inet(struct dialer *dialer)
{
    for (; dialer->next && left_ms(dialer) > 0; dialer->next = dialer->next->ai_next) {
        int r = start_connecting(dialer, dialer->next->ai_addr, dialer->next->ai_addrlen);

        if (r == 0 && is_own_echo(dialer->source.fd)) {
            stop_connecting(dialer);
            r = -ECONNREFUSED;
        }
        if (r == 0) {
            succeed(dialer);
            return;
        }
        if (r > 0) {
            give_share(dialer);
            return;
        }
        note_refusal(dialer, dialer->next->ai_addr, -r);
    }
    fail(dialer);
}

static void try_unix(struct dialer *dialer)
{
    struct sockaddr_un address = unix_socket_address(dialer->address.host);
    const struct sockaddr *any = (const struct sockaddr *)&address;
    int r = start_connecting(dialer, any, sizeof address);

    if (r == 0) {
        succeed(dialer);
    } else if (r == -EAGAIN && left_ms(dialer) > 0) {
        set_timer(dialer, loop_now_ms(dialer->loop) +
                              (left_ms(dialer) < UNIX_RETRY_MS ? left_ms(dialer) : UNIX_RETRY_MS));
    } else {
        note_refusal(dialer, any, r == -EAGAIN ? ETIMEDOUT : -r);
        fail(dialer);
    }
}

static void try_next(struct dialer *dialer)
{
    dialer->step = DIALER_CONNECTING;
    if (dialer->address.kind == ADDRESS_UNIX)
        try_unix(dialer);
    else
        try_inet(dialer);
}

static void begin_connecting(struct dialer *dialer)
{
    if (dialer->events->on_resolved)
        dialer->events->on_resolved(dialer->owner);
    try_next(dialer);
}

static void on_ready(struct loop_source *source, uint32_t events)
{
    struct dialer *dialer = container_of(source, struct dialer, source);
    int error = 0;
    socklen_t size = sizeof error;

    (void)events;
    check(getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
    if (!error && is_own_echo(source->fd))
        error = ECONNREFUSED;
    if (!error) {
        succeed(dialer);
        return;
    }
    stop_connecting(dialer);
    note_refusal(dialer, dialer->next->ai_addr, error);
    dialer->next = dialer->next->ai_next;
    try_next(dialer);
}

static void on_due(struct loop_timer *timer)
{
    struct dialer *dialer = container_of(timer, struct dialer, timer);

    /* Back into the heap, which has just lost an element and so has room for it. */
    set_timer(dialer, dialer->deadline_ms);
    if (dialer->step == DIALER_RESOLVING) {
        note(dialer, ETIMEDOUT, "the name \"%s\" was not resolved within %u ms", dialer->address.host,
             (unsigned)dialer->timeout_ms);
        fail(dialer);
        return;
    }
    if (dialer->source.fd >= 0) {
        stop_connecting(dialer);
        note_refusal(dialer, dialer->next->ai_addr, ETIMEDOUT);
        dialer->next = dialer->next->ai_next;
    }
    try_next(dialer);
}

/* ------------------------------------------------------------------------------------------------ making */

static int errno_of(int result, int error)
{
    if (result == EAI_SYSTEM)
        return error;
    return result == EAI_MEMORY ? ENOMEM : EHOSTUNREACH;
}

/* On the loop's thread; the letter's reference to the lookup goes at the end. */
static void on_looked_up(void *argument)
{
    struct lookup *lookup = argument;
    struct dialer *dialer = lookup->dialer;

    if (dialer && lookup->result == 0) {
        dialer->found = lookup->found;
        dialer->next = lookup->found;
        lookup->found = NULL;
        forget_lookup(dialer);
        begin_connecting(dialer);
    } else if (dialer) {
        note(dialer, errno_of(lookup->result, lookup->error), "cannot resolve \"%s\": %s",
             dialer->address.host,
             lookup->result == EAI_SYSTEM ? strerrordesc_np(lookup->error) : gai_strerror(lookup->result));
        fail(dialer);
    }
    lookup_unref(lookup);
}

static void begin(struct loop_deferred *deferred)
{
    begin_connecting(container_of(deferred, struct dialer, begin));
}

static int start(struct dialer *dialer)
{
    char port[8];
    int r;

    snprintf(port, sizeof port, "%u", (unsigned)dialer->address.port);
    if (dialer->address.kind != ADDRESS_UNIX) {
        r = resolve(dialer->address.host, port, AI_NUMERICHOST, &dialer->found);
        if (r == EAI_MEMORY)
            return -ENOMEM;
        if (r)
            return look_up(dialer);
        dialer->next = dialer->found;
    }
    dialer->step = DIALER_CONNECTING;
    loop_defer(dialer->loop, &dialer->begin);
    return 0;
}

int dialer_new(struct dialer **out_dialer, struct loop *loop, struct mailbox *mailbox,
               const struct address *address, uint32_t timeout_ms, const struct dialer_events *events,
               void *owner)
{
    struct dialer *dialer = calloc(1, sizeof *dialer);
    int r;

    if (!dialer)
        return -ENOMEM;
    dialer->loop = loop;
    dialer->mailbox = mailbox;
    dialer->address = *address;
    dialer->events = events;
    dialer->owner = owner;
    dialer->timeout_ms = timeout_ms;
    dialer->deadline_ms = loop_now_ms(loop) + timeout_ms;
    dialer->source = (struct loop_source){.fd = -1, .on_ready = on_ready};
    loop_timer_init(&dialer->timer, on_due);
    loop_deferred_init(&dialer->begin, begin);
    r = loop_timer_arm(loop, &dialer->timer, dialer->deadline_ms);
    if (r == 0)
        r = start(dialer);
    if (r < 0) {
        dialer_free(dialer);
        return r;
    }
    *out_dialer = dialer;
    return 0;
}

void dialer_free(struct dialer *dialer)
{
    if (!dialer)
        return;
    settle(dialer);
    if (dialer->found)
        freeaddrinfo(dialer->found);
    free(dialer);
}
