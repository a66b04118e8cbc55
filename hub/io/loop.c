/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The event loop: one thread, level-triggered epoll, read all, act, then write once
 *
 * A turn has four steps, always in this order.
 *
 *   1. Wait. epoll_wait() sleeps until a descriptor is ready or the nearest timer is due; not at all when
 *      deferred work is left over. The clock is read once behind it, and for the rest of the turn that is
 *      the time: all that happens in a turn happens at one moment.
 *   2. Sources. Each ready source is called once. It takes in what there is, up to its own limit, and acts on
 *      it; what it wants to send, it queues. Letters of other threads come here too: the mailbox is a source.
 *   3. Timers that are due at this turn's time, earliest first.
 *   4. Deferred work. Streams put themselves on this list when something was queued for them, so that an
 *      outbox that got a thousand messages in steps 2 and 3 is written once. Ends are told here as well: the
 *      call that causes an end never finds its stream gone under its feet.
 *
 * Level-triggered, not edge-triggered. A source may leave bytes in the kernel and is called again next turn:
 * fairness costs nothing (read one scratch-full, let the others have theirs), pausing is just not asking, and
 * no path has to remember to drain. The price is one epoll_ctl() when EPOLLOUT goes on or off, and that
 * happens only on connections that do not keep up. The other price: EPOLLHUP and EPOLLERR come unasked, turn
 * after turn, until the source acts or is removed. A paused stream must therefore not ignore them.
 *
 * Who may free what. Any callback may remove any source, disarm any timer, undefer any work, and free the
 * owner, its own included. So the loop touches nothing of an element after it has called it. A batch of
 * epoll_wait() names sources by address, which is why loop_remove() also wipes the source from the rest of
 * the present batch: a connection freed by its neighbour's callback is not called, and neither is a new one
 * that got its address. Timers and deferred work are taken off before they run.
 *
 * What ends. A timer that arms itself for now comes next turn: step 3 runs at most as many as were armed
 * when it began. Deferred work that defers more is run in rounds, so that the answer to a resumed stream is
 * still written in this turn, but only MOST_ROUNDS of them: two pieces of work that wake each other forever
 * then share the loop with everybody else.
 *
 * Not done: io_uring (Debian 12 containers often forbid it), several loops (the hub's state has no locks and
 * one core carries more than a broker's network does), timer wheels (arming is a few swaps in a heap that
 * fits the cache; timers of idle connections are armed once in many seconds).
 */
#include "hub/io/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hub/base/check.h"
#include "hub/base/cleanup.h"
#include "hub/base/clock.h"
#include "hub/io/pool.h"

/* More ready descriptors than this come with the next wait; the kernel rotates them, so nobody starves. */
#define MOST_EVENTS 256
#define MOST_ROUNDS 8
#define FIRST_TIMERS 64

struct loop {
    int epoll_fd;
    size_t n_sources;
    struct loop_source wake;
    atomic_bool is_stopping;
    uint64_t now_ms;
    struct list deferred;

    struct loop_timer **timers; /* a binary heap, the earliest at 0 */
    size_t n_timers;
    size_t size_timers;

    struct epoll_event batch[MOST_EVENTS];
    int batch_at; /* the event being handled */
    int batch_end;

    struct pool pool;
};

/* ------------------------------------------------------------------------------------------- making */

static void on_wake(struct loop_source *source, uint32_t events)
{
    uint64_t count;

    (void)events;
    /* Only to make it silent; the count says nothing that is_stopping does not. */
    if (read(source->fd, &count, sizeof count) < 0)
        check(errno == EAGAIN || errno == EINTR);
}

DEFINE_CLEANUP(struct loop *, loop_free)

int loop_new(struct loop **out_loop)
{
    cleanup_(loop_freep) struct loop *loop = calloc(1, sizeof *loop);
    int r;

    if (!loop)
        return -ENOMEM;
    loop->wake = (struct loop_source){.fd = -1};
    list_init(&loop->deferred);
    loop->now_ms = clock_monotonic_ms();
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        return -errno;
    r = pool_init(&loop->pool);
    if (r < 0)
        return r;
    loop->wake = (struct loop_source){
        .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .events = EPOLLIN, .on_ready = on_wake};
    if (loop->wake.fd < 0)
        return -errno;
    r = loop_add(loop, &loop->wake);
    if (r < 0)
        return r;
    loop->n_sources = 0; /* the loop's own does not count */
    *out_loop = take(loop);
    return 0;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    check(loop->n_sources == 0);
    check(loop->n_timers == 0);
    check(list_is_empty(&loop->deferred));
    if (loop->wake.fd >= 0)
        close(loop->wake.fd);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    pool_clear(&loop->pool);
    free(loop->timers);
    free(loop);
}

struct pool *loop_pool(struct loop *loop)
{
    return &loop->pool;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}

/* ------------------------------------------------------------------------------------------ sources */

int loop_add(struct loop *loop, struct loop_source *source)
{
    struct epoll_event event = {.events = source->events, .data.ptr = source};

    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0)
        return -errno;
    loop->n_sources++;
    return 0;
}

void loop_want(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    if (source->events == events)
        return;
    source->events = events;
    check(epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) == 0);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    check(epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL) == 0);
    loop->n_sources--;
    for (int i = loop->batch_at; i < loop->batch_end; i++)
        if (loop->batch[i].data.ptr == source)
            loop->batch[i].data.ptr = NULL;
}

static int call_sources(struct loop *loop, int wait_ms)
{
    int n = epoll_wait(loop->epoll_fd, loop->batch, MOST_EVENTS, wait_ms);

    /* A signal's handler may have asked to stop: the turn goes on, with no source ready. */
    if (n < 0 && errno != EINTR)
        return -errno;
    loop->now_ms = clock_monotonic_ms();
    loop->batch_end = n < 0 ? 0 : n;
    for (loop->batch_at = 0; loop->batch_at < loop->batch_end; loop->batch_at++) {
        struct epoll_event *event = &loop->batch[loop->batch_at];
        struct loop_source *source = event->data.ptr;

        if (source)
            source->on_ready(source, event->events);
    }
    loop->batch_at = 0;
    loop->batch_end = 0;
    return 0;
}

/* ------------------------------------------------------------------------------------------- timers */

static void place_timer(struct loop *loop, size_t place, struct loop_timer *timer)
{
    loop->timers[place] = timer;
    timer->place = place;
}

static void sift_up(struct loop *loop, struct loop_timer *timer)
{
    size_t place = timer->place;

    while (place > 0) {
        size_t parent = (place - 1) / 2;

        if (loop->timers[parent]->due_ms <= timer->due_ms)
            break;
        place_timer(loop, place, loop->timers[parent]);
        place = parent;
    }
    place_timer(loop, place, timer);
}

static void sift_down(struct loop *loop, struct loop_timer *timer)
{
    size_t place = timer->place;

    for (;;) {
        size_t child = 2 * place + 1;

        if (child >= loop->n_timers)
            break;
        if (child + 1 < loop->n_timers && loop->timers[child + 1]->due_ms < loop->timers[child]->due_ms)
            child++;
        if (timer->due_ms <= loop->timers[child]->due_ms)
            break;
        place_timer(loop, place, loop->timers[child]);
        place = child;
    }
    place_timer(loop, place, timer);
}

static int reserve_timer(struct loop *loop)
{
    size_t size = loop->size_timers ? 2 * loop->size_timers : FIRST_TIMERS;
    struct loop_timer **timers;

    if (loop->n_timers < loop->size_timers)
        return 0;
    timers = realloc(loop->timers, size * sizeof(struct loop_timer *));
    if (!timers)
        return -ENOMEM;
    loop->timers = timers;
    loop->size_timers = size;
    return 0;
}

void loop_timer_init(struct loop_timer *timer, void (*on_due)(struct loop_timer *timer))
{
    *timer = (struct loop_timer){.place = LOOP_TIMER_IDLE, .on_due = on_due};
}

int loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t due_ms)
{
    if (timer->place == LOOP_TIMER_IDLE) {
        int r = reserve_timer(loop);

        if (r < 0)
            return r;
        place_timer(loop, loop->n_timers++, timer);
    }
    timer->due_ms = due_ms;
    sift_up(loop, timer);
    sift_down(loop, timer);
    return 0;
}

void loop_timer_disarm(struct loop *loop, struct loop_timer *timer)
{
    struct loop_timer *last;
    size_t place = timer->place;

    if (place == LOOP_TIMER_IDLE)
        return;
    check(loop->timers[place] == timer);
    last = loop->timers[--loop->n_timers];
    timer->place = LOOP_TIMER_IDLE;
    if (last == timer)
        return;
    place_timer(loop, place, last);
    sift_up(loop, last);
    sift_down(loop, last);
}

static void run_timers(struct loop *loop)
{
    size_t n = loop->n_timers;

    while (n-- > 0 && loop->n_timers > 0 && loop->timers[0]->due_ms <= loop->now_ms) {
        struct loop_timer *timer = loop->timers[0];

        loop_timer_disarm(loop, timer);
        timer->on_due(timer);
    }
}

/* ----------------------------------------------------------------------------------------- deferred */

void loop_deferred_init(struct loop_deferred *deferred, void (*run)(struct loop_deferred *deferred))
{
    list_init(&deferred->link);
    deferred->run = run;
}

void loop_defer(struct loop *loop, struct loop_deferred *deferred)
{
    if (list_is_empty(&deferred->link))
        list_append(&loop->deferred, &deferred->link);
}

void loop_undefer(struct loop_deferred *deferred)
{
    list_unlink(&deferred->link);
}

static void run_round(struct loop *loop)
{
    struct list round;

    /* The round takes over the whole list; what is deferred meanwhile belongs to the next one. */
    list_prepend(&loop->deferred, &round);
    list_unlink(&loop->deferred);
    while (!list_is_empty(&round)) {
        struct loop_deferred *deferred = list_first_entry(&round, struct loop_deferred, link);

        list_unlink(&deferred->link);
        deferred->run(deferred);
    }
}

static void run_deferred(struct loop *loop)
{
    for (int round = 0; round < MOST_ROUNDS && !list_is_empty(&loop->deferred); round++)
        run_round(loop);
}

/* ------------------------------------------------------------------------------------------ running */

static int wait_time(const struct loop *loop, int most_ms)
{
    uint64_t now_ms;
    uint64_t left_ms;

    if (!list_is_empty(&loop->deferred))
        return 0;
    if (loop->n_timers == 0)
        return most_ms;
    /* Not the turn's time: a long turn would lengthen the wait. */
    now_ms = clock_monotonic_ms();
    if (loop->timers[0]->due_ms <= now_ms)
        return 0;
    left_ms = loop->timers[0]->due_ms - now_ms;
    if (left_ms > INT32_MAX)
        left_ms = INT32_MAX;
    return most_ms < 0 || (int)left_ms < most_ms ? (int)left_ms : most_ms;
}

int loop_turn(struct loop *loop, int wait_ms)
{
    int r = call_sources(loop, wait_time(loop, wait_ms));

    if (r < 0)
        return r;
    run_timers(loop);
    run_deferred(loop);
    return 0;
}

int loop_run(struct loop *loop)
{
    int r = 0;

    while (r == 0 && !loop_take_stop(loop))
        r = loop_turn(loop, -1);
    return r;
}

bool loop_take_stop(struct loop *loop)
{
    return atomic_exchange(&loop->is_stopping, false);
}

int loop_fd(const struct loop *loop)
{
    return loop->epoll_fd;
}

int loop_wait_ms(const struct loop *loop)
{
    return wait_time(loop, -1);
}

void loop_stop(struct loop *loop)
{
    int error = errno; /* of the code that a signal has interrupted */
    uint64_t one = 1;

    atomic_store(&loop->is_stopping, true);
    /* Fails only when the counter is full, and then the loop is awake anyway. */
    if (write(loop->wake.fd, &one, sizeof one) < 0)
        check(errno == EAGAIN);
    errno = error;
}
