/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Streams: each caller calls, one provider answers each call with chunks and an end, and the caller calls
 * again
 *
 * The provider lets at most --inflight chunks of a stream be under way. Chunks bear a sequence number within
 * their stream and must come in order, then the end.
 */
#include <errno.h>
#include <stdlib.h>

#include "hub/bench/load.h"
#include "hub/bench/run.h"

enum stream_state {
    STREAM_IDLE,
    STREAM_CALLED,
    STREAM_FLOWING,
    STREAM_ENDING, /* the end is sent and has not come yet */
};

struct stream_call {
    enum stream_state state;
    uint32_t turn;
    uint64_t n_sent;
    uint64_t n_received;
    uint64_t *start_ns; /* of the chunks under way, a ring */
};

struct streams {
    struct stream_call *calls; /* by caller */
    uint32_t n_busy;
    uint64_t n_sent;
    bool was_refused; /* what was rehearsed last */
};

static int prepare(struct run *run)
{
    const struct bench_options *options = run->options;
    struct streams *streams = (struct streams *)calloc(1, sizeof *streams);
    int r;

    run->load_state = streams;
    if (!streams)
        return -ENOMEM;
    streams->calls = (struct stream_call *)calloc(options->n_clients, sizeof *streams->calls);
    if (!streams->calls)
        return -ENOMEM;
    r = run_add(run, ROLE_PROVIDER, 0);
    for (uint32_t i = 0; i < options->n_clients && r == 0; i++) {
        streams->calls[i].start_ns = (uint64_t *)calloc(options->n_inflight, sizeof(uint64_t));
        r = streams->calls[i].start_ns ? run_add(run, ROLE_CALLER, i) : -ENOMEM;
    }
    return r;
}

static void release(struct run *run)
{
    struct streams *streams = (struct streams *)run->load_state;

    for (uint32_t i = 0; streams && streams->calls && i < run->options->n_clients; i++)
        free(streams->calls[i].start_ns);
    if (streams)
        free(streams->calls);
    free(streams);
}

static uint64_t id_of(uint32_t caller, const struct stream_call *call)
{
    return dialect_id(caller, 0, call->turn);
}

static void begin_stream(struct run *run, uint32_t caller)
{
    struct streams *streams = (struct streams *)run->load_state;
    struct stream_call *call = &streams->calls[caller];

    call->state = STREAM_CALLED;
    call->turn++;
    call->n_sent = 0;
    call->n_received = 0;
    streams->n_busy++;
    run->dialect->put_call(run, &run->conduits[1 + caller], id_of(caller, call));
}

/* A stream without chunks, until one ends well. */
static bool rehearse(struct run *run)
{
    struct streams *streams = (struct streams *)run->load_state;

    if (streams->n_busy > 0)
        return false;
    if (streams->calls[0].turn > 0 && !streams->was_refused)
        return true;
    streams->was_refused = false;
    begin_stream(run, 0);
    return false;
}

static void send_chunks(struct run *run, uint32_t caller)
{
    struct streams *streams = (struct streams *)run->load_state;
    struct stream_call *call = &streams->calls[caller];
    uint32_t n_inflight = run->options->n_inflight;
    struct conduit *provider = &run->conduits[0];
    uint64_t start_ns;
    uint32_t room;
    uint32_t n;

    for (;;) {
        room = n_inflight - (uint32_t)(call->n_sent - call->n_received);
        if (room > run->options->n_chunks - call->n_sent)
            room = (uint32_t)(run->options->n_chunks - call->n_sent);
        n = run_start(run, room, &start_ns);
        if (n == 0)
            break;
        for (; n > 0; n--) {
            call->start_ns[call->n_sent % n_inflight] = start_ns;
            run->dialect->put_chunk(run, provider, id_of(caller, call), call->n_sent++);
            streams->n_sent++;
        }
    }
    if (call->n_sent == run->options->n_chunks || !run->may_start || run->n_budget == 0) {
        run->dialect->put_end(run, provider, id_of(caller, call));
        call->state = STREAM_ENDING;
    }
}

static void pump(struct run *run)
{
    struct streams *streams = (struct streams *)run->load_state;

    for (uint32_t i = 0; i < run->options->n_clients; i++) {
        if (streams->calls[i].state == STREAM_IDLE && run->may_start && run->n_budget > 0)
            begin_stream(run, i);
        else if (streams->calls[i].state == STREAM_FLOWING)
            send_chunks(run, i);
    }
}

/* The call that is meant, or NULL after run_failed(). */
static struct stream_call *call_of(struct run *run, uint64_t id)
{
    struct streams *streams = (struct streams *)run->load_state;
    uint32_t caller = dialect_id_caller(id);

    if (caller < run->options->n_clients && streams->calls[caller].turn == dialect_id_turn(id) &&
        streams->calls[caller].state != STREAM_IDLE)
        return &streams->calls[caller];
    run_failed(run, "something came for stream %u of caller %u, which is over", dialect_id_turn(id), caller);
    return NULL;
}

static bool is_for(struct run *run, const struct conduit *conduit, uint64_t id)
{
    if (dialect_id_caller(id) == conduit->role_index)
        return true;
    run_failed(run, "caller %u was sent a part of a stream of caller %u", conduit->role_index,
               dialect_id_caller(id));
    return false;
}

static void on_call(struct run *run, struct conduit *conduit, uint64_t id)
{
    struct stream_call *call = call_of(run, id);

    (void)conduit;
    if (!call)
        return;
    if (call->state != STREAM_CALLED)
        run_failed(run, "the provider was sent a call of caller %u twice", dialect_id_caller(id));
    call->state = STREAM_FLOWING;
}

static void on_chunk(struct run *run, struct conduit *conduit, uint64_t id, uint64_t sequence)
{
    struct stream_call *call = is_for(run, conduit, id) ? call_of(run, id) : NULL;

    if (!call)
        return;
    if (sequence != call->n_received || sequence >= call->n_sent) {
        run_failed(run, "caller %u was sent chunk %llu where %llu was to come", conduit->role_index,
                   (unsigned long long)sequence, (unsigned long long)call->n_received);
        return;
    }
    run_done(run, call->start_ns[sequence % run->options->n_inflight]);
    call->n_received++;
}

static void on_end(struct run *run, struct conduit *conduit, uint64_t id)
{
    struct streams *streams = (struct streams *)run->load_state;
    struct stream_call *call = is_for(run, conduit, id) ? call_of(run, id) : NULL;

    if (!call)
        return;
    if (call->state != STREAM_ENDING || call->n_received != call->n_sent) {
        run_failed(run, "a stream of caller %u ended after %llu of %llu chunks", conduit->role_index,
                   (unsigned long long)call->n_received, (unsigned long long)call->n_sent);
        return;
    }
    call->state = STREAM_IDLE;
    streams->n_busy--;
}

static void on_refusal(struct run *run, struct conduit *conduit, uint64_t id)
{
    struct streams *streams = (struct streams *)run->load_state;
    struct stream_call *call = is_for(run, conduit, id) ? call_of(run, id) : NULL;

    if (!call)
        return;
    call->state = STREAM_IDLE;
    streams->n_busy--;
    streams->was_refused = true;
}

static bool is_quiet(const struct run *run)
{
    return ((const struct streams *)run->load_state)->n_busy == 0;
}

static void verify(struct run *run)
{
    const struct streams *streams = (const struct streams *)run->load_state;

    if (streams->n_busy > 0 || run->n_done != streams->n_sent)
        run_failed(run, "%llu chunks were sent and %llu came, %u streams have not ended",
                   (unsigned long long)streams->n_sent, (unsigned long long)run->n_done, streams->n_busy);
}

const struct load stream_load = {
    .prepare = prepare,
    .release = release,
    .rehearse = rehearse,
    .pump = pump,
    .is_quiet = is_quiet,
    .verify = verify,
    .on_call = on_call,
    .on_chunk = on_chunk,
    .on_end = on_end,
    .on_refusal = on_refusal,
};
