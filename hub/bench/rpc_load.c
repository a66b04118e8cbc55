/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Calls: every caller has a fixed number of places, and a call occupies one from its sending to its answer
 *
 * An answer must bear the id of a call that is under way at the caller it came to; the turn in the id grows
 * with every call of a place, so that an answer that comes twice is found out.
 */
#include <errno.h>
#include <stdlib.h>

#include "hub/bench/load.h"
#include "hub/bench/run.h"

struct place {
    uint64_t start_ns;
    uint32_t turn;
    bool is_busy;
};

struct rpc {
    uint32_t n_places;
    struct place *places;
    uint32_t *free_places; /* a stack */
    uint32_t n_free;
    struct conduit *callers;
    uint64_t n_calls;
    uint64_t n_refused; /* of them, while there was no way to the provider yet */
    uint64_t n_provided;
};

static int prepare(struct run *run)
{
    const struct bench_options *options = run->options;
    uint32_t n_providers = options->n_group > 0 ? options->n_group : 1;
    struct rpc *rpc = (struct rpc *)calloc(1, sizeof *rpc);
    int r = 0;

    run->load_state = rpc;
    if (!rpc || (uint64_t)options->n_clients * options->n_inflight > UINT32_MAX)
        return -ENOMEM;
    rpc->n_places = options->n_clients * options->n_inflight;
    rpc->places = (struct place *)calloc(rpc->n_places, sizeof *rpc->places);
    rpc->free_places = (uint32_t *)calloc(rpc->n_places, sizeof *rpc->free_places);
    if (!rpc->places || !rpc->free_places)
        return -ENOMEM;
    /* Callers take turns from the first call on. */
    for (uint32_t i = 0; i < rpc->n_places; i++)
        rpc->free_places[rpc->n_places - 1 - i] =
            i % options->n_clients * options->n_inflight + i / options->n_clients;
    rpc->n_free = rpc->n_places;
    for (uint32_t i = 0; i < n_providers && r == 0; i++)
        r = run_add(run, ROLE_PROVIDER, i);
    for (uint32_t i = 0; i < options->n_clients && r == 0; i++)
        r = run_add(run, ROLE_CALLER, i);
    rpc->callers = run->conduits + n_providers;
    return r;
}

static void release(struct run *run)
{
    struct rpc *rpc = (struct rpc *)run->load_state;

    if (rpc) {
        free(rpc->places);
        free(rpc->free_places);
    }
    free(rpc);
}

static void call(struct run *run, uint64_t start_ns)
{
    struct rpc *rpc = (struct rpc *)run->load_state;
    uint32_t n_inflight = run->options->n_inflight;
    uint32_t index = rpc->free_places[--rpc->n_free];
    struct place *place = &rpc->places[index];

    place->start_ns = start_ns;
    place->is_busy = true;
    place->turn++;
    rpc->n_calls++;
    run->dialect->put_call(run, &rpc->callers[index / n_inflight],
                           dialect_id(index / n_inflight, index % n_inflight, place->turn));
}

/* One call at a time, until one is answered. */
static bool rehearse(struct run *run)
{
    struct rpc *rpc = (struct rpc *)run->load_state;

    if (rpc->n_free < rpc->n_places)
        return false;
    if (rpc->n_calls > rpc->n_refused)
        return true;
    call(run, run->now_ns);
    return false;
}

static void pump(struct run *run)
{
    struct rpc *rpc = (struct rpc *)run->load_state;
    uint64_t start_ns;
    uint32_t n;

    while ((n = run_start(run, rpc->n_free, &start_ns)) > 0) {
        for (; n > 0; n--)
            call(run, start_ns);
    }
}

static void on_call(struct run *run, struct conduit *conduit, uint64_t id)
{
    struct rpc *rpc = (struct rpc *)run->load_state;

    rpc->n_provided++;
    run->dialect->put_reply(run, conduit, id);
}

/* Ends the call that is meant: it, or NULL after run_failed(). */
static const struct place *end_call(struct run *run, const struct conduit *conduit, uint64_t id)
{
    struct rpc *rpc = (struct rpc *)run->load_state;
    uint32_t caller = dialect_id_caller(id);
    uint32_t n_inflight = run->options->n_inflight;
    uint32_t index = caller * n_inflight + dialect_id_place(id);
    struct place *place;

    if (caller != conduit->role_index || dialect_id_place(id) >= n_inflight) {
        run_failed(run, "caller %u was sent the answer to a call of caller %u", conduit->role_index, caller);
        return NULL;
    }
    place = &rpc->places[index];
    if (!place->is_busy || place->turn != dialect_id_turn(id)) {
        run_failed(run, "caller %u was sent an answer twice, or one that it was not waiting for", caller);
        return NULL;
    }
    place->is_busy = false;
    rpc->free_places[rpc->n_free++] = index;
    return place;
}

static void on_reply(struct run *run, struct conduit *conduit, uint64_t id)
{
    const struct place *place = end_call(run, conduit, id);

    if (place)
        run_done(run, place->start_ns);
}

static void on_refusal(struct run *run, struct conduit *conduit, uint64_t id)
{
    struct rpc *rpc = (struct rpc *)run->load_state;

    if (end_call(run, conduit, id))
        rpc->n_refused++;
}

static bool is_quiet(const struct run *run)
{
    const struct rpc *rpc = (const struct rpc *)run->load_state;

    return rpc->n_free == rpc->n_places;
}

static void verify(struct run *run)
{
    const struct rpc *rpc = (const struct rpc *)run->load_state;

    uint64_t n_accepted = rpc->n_calls - rpc->n_refused;

    if (run->n_done != n_accepted || rpc->n_provided != n_accepted)
        run_failed(run, "%llu calls were sent, %llu reached a provider, %llu answers came",
                   (unsigned long long)n_accepted, (unsigned long long)rpc->n_provided,
                   (unsigned long long)run->n_done);
}

const struct load rpc_load = {
    .prepare = prepare,
    .release = release,
    .rehearse = rehearse,
    .pump = pump,
    .is_quiet = is_quiet,
    .verify = verify,
    .on_call = on_call,
    .on_reply = on_reply,
    .on_refusal = on_refusal,
};
