/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The event loop
 *
 * Level-triggered epoll, one thread. A turn: wait, call the sources that are ready (the mailbox is one of
 * them), run due timers, then run the deferred work (flushing outboxes), then wait again. The essay is in
 * loop.c.
 *
 * All functions belong to the thread that runs the loop, but loop_stop() which any thread and a signal
 * handler may call.
 */
#ifndef COMMHUB_IO_LOOP_H
#define COMMHUB_IO_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/base/list.h"

struct loop;
struct pool;

/* One descriptor. Embedded in its owner; may be removed, and its owner freed, inside any callback. */
struct loop_source {
    int fd;
    uint32_t events; /* EPOLLIN, EPOLLOUT as asked for; EPOLLHUP and EPOLLERR always come */
    void (*on_ready)(struct loop_source *source, uint32_t events);
};

/* A point in time. Embedded; armed at most once. */
struct loop_timer {
    uint64_t due_ms;
    size_t place; /* in the heap; LOOP_TIMER_IDLE when not armed */
    void (*on_due)(struct loop_timer *timer);
};

#define LOOP_TIMER_IDLE SIZE_MAX

/* Work for the end of the turn. Embedded; queued at most once. */
struct loop_deferred {
    struct list link;
    void (*run)(struct loop_deferred *deferred);
};

/* 0 or a negative errno. */
int loop_new(struct loop **out_loop);

/* No source, timer or deferred work may be left in it. */
void loop_free(struct loop *loop);

/* Runs turns until loop_stop(), also one that came before. 0 or a negative errno (epoll itself failed). */
int loop_run(struct loop *loop);

/* One turn that waits at most @wait_ms; for tests. */
int loop_turn(struct loop *loop, int wait_ms);

void loop_stop(struct loop *loop);

/* Whether loop_stop() was called since it was last asked; for those who run turns themselves. */
bool loop_take_stop(struct loop *loop);

/* For another loop around this one: a descriptor that is readable when a turn has work to do, and how long a
 * turn may wait at most (-1: without end). */
int loop_fd(const struct loop *loop);
int loop_wait_ms(const struct loop *loop);

/* Monotonic milliseconds, read once a turn. */
uint64_t loop_now_ms(const struct loop *loop);

/* Takes @source in with its fd and events set. 0 or a negative errno. */
int loop_add(struct loop *loop, struct loop_source *source);

/* Changes what is asked for; no system call where nothing changes. Cannot fail for a source that is in the
 * loop. */
void loop_want(struct loop *loop, struct loop_source *source, uint32_t events);

/* Takes it out; must come before close(fd). Its callback will not be called again, not even for this turn. */
void loop_remove(struct loop *loop, struct loop_source *source);

void loop_timer_init(struct loop_timer *timer, void (*on_due)(struct loop_timer *timer));

/* (Re)arms. 0 or -ENOMEM; a timer that is armed already never fails. */
int loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t due_ms);
void loop_timer_disarm(struct loop *loop, struct loop_timer *timer);

void loop_deferred_init(struct loop_deferred *deferred, void (*run)(struct loop_deferred *deferred));
void loop_defer(struct loop *loop, struct loop_deferred *deferred);
void loop_undefer(struct loop_deferred *deferred);

/* The memory that the streams of this loop share. */
struct pool *loop_pool(struct loop *loop);

#endif
