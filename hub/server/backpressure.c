/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/server/backpressure.h"

#include "hub/base/metrics.h"

/*
 * A full outbox that loses less than this in each period is as good as not read: 64 KiB/s, a bad mobile link.
 * Its producers would be held to that pace with it.
 */
#define STALL_MS 10000
#define STALL_BYTES (640U << 10)

/* For messages to many progress is at least so much in one sample: 256 KiB/s. */
#define SAMPLE_MS 250
#define SAMPLE_BYTES 65536

static void begin_period(struct session *consumer, uint64_t now_ms)
{
    consumer->stall_ms = now_ms;
    consumer->stall_bytes = stream_written_bytes(consumer->stream);
}

/* A consumer that has just become full is given the benefit of the doubt for one sample. */
static void become_full(struct session *consumer)
{
    struct server *server = consumer->server;
    uint64_t now_ms = loop_now_ms(server->loop);
    bool is_first = list_is_empty(&server->full_sessions);

    begin_period(consumer, now_ms);
    consumer->full_ms = consumer->sampled_ms = now_ms;
    consumer->sampled_bytes = consumer->stall_bytes;
    consumer->makes_progress = true;
    list_append(&server->full_sessions, &consumer->is_full);
    if (is_first && loop_timer_arm(server->loop, &server->full_timer, now_ms + SAMPLE_MS) < 0)
        session_end(consumer, END_OUT_OF_MEMORY); /* nobody would watch over it */
}

static void go(struct waiter *waiter);

void backpressure_begin(struct session *session)
{
    list_init(&session->waiter.in_line);
    list_init(&session->line);
    list_init(&session->is_full);
    session->waiter.go = go;
}

void backpressure_wait(struct session *producer, struct list *line, bool is_for_many)
{
    bool has_waited = session_waits(producer);

    if (producer->state != SESSION_READY)
        return;
    producer->waiter.is_for_many = is_for_many;
    producer->awaited = NULL;
    list_unlink(&producer->waiter.in_line);
    list_append(line, &producer->waiter.in_line);
    if (has_waited)
        return;
    producer->waits_since_ms = loop_now_ms(producer->server->loop);
    stream_pause(producer->stream);
    metrics_count(METRICS_PRODUCERS_PAUSED);
}

static void wait_for(struct session *producer, struct session *consumer, bool is_for_many)
{
    if (session_waits(producer))
        return;
    backpressure_wait(producer, &consumer->line, is_for_many);
    producer->awaited = consumer;
}

/* The producer is another session, or somebody that the core knows. */
static void hold_producer(struct session *consumer, bool is_for_many)
{
    struct session *producer = consumer->server->current;

    if (producer)
        wait_for(producer, consumer, is_for_many);
    else
        hub_hold_producer(consumer->server->hub, &consumer->line, is_for_many);
}

void backpressure_met_full(struct session *consumer, enum frame_class frame_class)
{
    bool is_for_one = frame_class == FRAME_TO_ONE || consumer->server->current == consumer;

    if (list_is_empty(&consumer->is_full))
        become_full(consumer);
    if (consumer->state == SESSION_READY && (is_for_one || consumer->makes_progress))
        hold_producer(consumer, !is_for_one);
}

/*
 * Who waits to write may not get to reading: a consumer that another one holds back is not to blame for its
 * own full outbox. Of consumers that hold back each other in a circle the one that was full first is.
 */
static bool is_held_back(const struct session *consumer)
{
    if (consumer->awaited)
        return consumer->awaited->full_ms < consumer->full_ms;
    return session_waits(consumer) && consumer->waits_since_ms < consumer->full_ms;
}

static void go(struct waiter *waiter)
{
    struct session *producer = container_of(waiter, struct session, waiter);
    uint64_t now_ms = loop_now_ms(producer->server->loop);

    if (is_held_back(producer))
        begin_period(producer, now_ms);
    list_unlink(&waiter->in_line);
    producer->awaited = NULL;
    producer->heard_ms = now_ms; /* it was we who did not listen */
    stream_resume(producer->stream);
}

void backpressure_drained(struct session *consumer)
{
    list_unlink(&consumer->is_full);
    waiters_go(&consumer->line);
}

void backpressure_forget(struct session *session)
{
    list_unlink(&session->is_full);
    if (session_waits(session))
        go(&session->waiter);
    waiters_go(&session->line);
}

static void inspect_one(struct session *consumer, uint64_t now_ms)
{
    uint64_t written = stream_written_bytes(consumer->stream);

    if (is_held_back(consumer)) {
        begin_period(consumer, now_ms);
    } else if (now_ms - consumer->stall_ms >= STALL_MS) {
        if (written - consumer->stall_bytes < STALL_BYTES) {
            session_end(consumer, END_SLOW_CONSUMER);
            return;
        }
        begin_period(consumer, now_ms);
    }
    /* Whoever became full since the last look has not had its sample yet. */
    if (now_ms - consumer->sampled_ms >= SAMPLE_MS) {
        consumer->makes_progress = written - consumer->sampled_bytes >= SAMPLE_BYTES;
        consumer->sampled_ms = now_ms;
        consumer->sampled_bytes = written;
    }
    /* The others' messages do not wait for one who does not read. */
    if (!consumer->makes_progress)
        waiters_for_many_go(&consumer->line);
}

void backpressure_inspect(struct loop_timer *timer)
{
    struct server *server = container_of(timer, struct server, full_timer);
    uint64_t now_ms = loop_now_ms(server->loop);

    list_for_each (link, &server->full_sessions)
        inspect_one(container_of(link, struct session, is_full), now_ms);
    if (!list_is_empty(&server->full_sessions))
        loop_timer_arm(server->loop, &server->full_timer,
                       now_ms + SAMPLE_MS); /* keeps its place: cannot fail */
}
