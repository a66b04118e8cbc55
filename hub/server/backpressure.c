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

static void wait_for(struct session *producer, struct session *consumer, bool is_for_many)
{
    if (!list_is_empty(&producer->waiting))
        return; /* one consumer to wait for is enough; the next message meets the next */
    producer->waits_for_many = is_for_many;
    producer->awaited = consumer;
    list_append(&consumer->waiters, &producer->waiting);
    stream_pause(producer->stream);
    metrics_count(METRICS_PRODUCERS_PAUSED);
}

void backpressure_met_full(struct session *consumer, enum frame_class frame_class)
{
    struct session *producer = consumer->server->current;

    if (list_is_empty(&consumer->is_full))
        become_full(consumer);
    if (!producer || producer->state != SESSION_READY || consumer->state != SESSION_READY)
        return;
    switch (frame_class) {
    case FRAME_TO_ONE:
        wait_for(producer, consumer, false);
        return;
    case FRAME_CONTROL:
    case FRAME_TO_MANY:
        if (consumer->makes_progress || producer == consumer)
            wait_for(producer, consumer, producer != consumer);
        return;
    }
}

/*
 * Who waits to write may not get to reading: a consumer that another one holds back is not to blame for its
 * own full outbox. Of consumers that hold back each other in a circle the one that was full first is.
 */
static bool is_held_back(const struct session *consumer)
{
    return consumer->awaited && consumer->awaited->full_ms < consumer->full_ms;
}

static void release(struct session *producer)
{
    uint64_t now_ms = loop_now_ms(producer->server->loop);

    if (is_held_back(producer))
        begin_period(producer, now_ms);
    list_unlink(&producer->waiting);
    producer->awaited = NULL;
    producer->heard_ms = now_ms; /* it was we who did not listen */
    stream_resume(producer->stream);
}

static void release_waiters(struct session *consumer)
{
    list_for_each (link, &consumer->waiters)
        release(container_of(link, struct session, waiting));
}

void backpressure_drained(struct session *consumer)
{
    list_unlink(&consumer->is_full);
    release_waiters(consumer);
}

void backpressure_forget(struct session *session)
{
    list_unlink(&session->is_full);
    if (!list_is_empty(&session->waiting))
        release(session);
    release_waiters(session);
}

/* The others' messages do not wait for one who does not read. */
static void release_waiters_for_many(struct session *consumer)
{
    list_for_each (link, &consumer->waiters) {
        struct session *producer = container_of(link, struct session, waiting);

        if (producer->waits_for_many)
            release(producer);
    }
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
    if (!consumer->makes_progress)
        release_waiters_for_many(consumer);
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
