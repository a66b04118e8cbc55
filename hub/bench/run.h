/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One generator at work: its connections, its epoll loop, its phases
 *
 * connect and join -> settle -> (rehearse) -> warm up -> measure -> drain -> settle -> verify. A failure at
 * any point ends the run with a sentence.
 */
#ifndef COMMHUB_BENCH_RUN_H
#define COMMHUB_BENCH_RUN_H

#include <stdatomic.h>

#include "hub/bench/bench_options.h"
#include "hub/bench/dialect.h"
#include "hub/bench/histogram.h"
#include "hub/bench/load.h"
#include "hub/bench/server_usage.h"

/* A moment at which all that is reported was read. */
struct run_mark {
    uint64_t at_ns;
    uint64_t n_done;
    uint64_t own_cpu_ns;
    struct server_usage servers[BENCH_MAX_HUBS];
};

/* What one generator found out. Lies in memory that all generators of a bench share. */
struct run_tally {
    bool has_failed;
    char why[CONDUIT_WHY_SIZE];
    struct run_mark begin; /* of measuring */
    struct run_mark end;
    uint64_t n_verified;                        /* operations of the whole run, all of which arrived once */
    struct server_usage empty[BENCH_MAX_HUBS];  /* before the first connection */
    struct server_usage joined[BENCH_MAX_HUBS]; /* when all connections were there */
    uint32_t n_connections;
    struct histogram latency_ns;
};

enum run_gate {
    RUN_GATE_EMPTY,  /* nobody has connected yet */
    RUN_GATE_MEMORY, /* the first generator has noted the server's memory */
    RUN_GATE_JOINED,
    RUN_GATE_WARM,
    RUN_GATE_BEGUN,
    RUN_GATE_DONE,
    RUN_N_GATES,
};

/* Where the generators of one bench wait for each other. */
struct run_gates {
    atomic_uint n_arrived[RUN_N_GATES];
    atomic_bool has_failed;
};

struct run {
    const struct bench_options *options;
    const struct dialect *dialect;
    const struct load *load;
    struct conduit_tls *tls;
    struct run_gates *gates;
    struct run_tally *tally;
    uint32_t process; /* place among the generators; 0 reads the server's usage */
    uint32_t nonce;   /* in names and ids, so that benches on one hub do not meet */

    void *frames;     /* the dialect's */
    void *load_state; /* the load's */

    int epoll_fd;
    struct conduit *conduits;
    uint32_t n_conduits;
    uint32_t conduits_size;
    uint32_t n_opened;
    uint32_t n_joined;
    uint32_t n_settled;
    struct conduit *first_dirty;
    struct buffer scratch;

    uint64_t now_ns; /* read once a turn, when the wait is over */
    uint64_t ping_due_ns;
    uint32_t next_ping; /* the conduit that is pinged next */
    bool is_rehearsing;
    bool may_start;
    bool is_measuring;
    uint64_t n_budget; /* operations that may still be started */
    uint64_t period_ns;
    uint64_t next_due_ns;
    uint64_t n_done;
};

/* Runs it all: 0, or -1 with the reason in the tally. */
int run_execute(struct run *run);

/* Notes the first failure; everything stops at the next chance. */
__attribute__((format(printf, 2, 3))) void run_failed(struct run *run, const char *format, ...);

/* For loads: a connection to be made. 0 or -ENOMEM. Pointers to conduits hold from begin() on. */
int run_add(struct run *run, enum role role, uint32_t role_index);

/* For dialects: what has come of a connection. */
void run_joined(struct run *run, struct conduit *conduit);
void run_settled(struct run *run, struct conduit *conduit);
const char *run_role_name(enum role role);

/* For dialects: @len bytes to fill that will be sent at the end of the turn; NULL after run_failed(). */
uint8_t *run_put(struct run *run, struct conduit *conduit, size_t len);

/* For dialects: the events of a load. */
void run_on_call(struct run *run, struct conduit *conduit, uint64_t id);
void run_on_reply(struct run *run, struct conduit *conduit, uint64_t id);
void run_on_refusal(struct run *run, struct conduit *conduit, uint64_t id); /* while rehearsing only */
void run_on_chunk(struct run *run, struct conduit *conduit, uint64_t id, uint64_t sequence);
void run_on_end(struct run *run, struct conduit *conduit, uint64_t id);
void run_on_message(struct run *run, struct conduit *conduit, uint64_t sequence);

/* For loads: takes up to @n_most operations from the budget and the schedule; answers how many, and when they
 * count as started. */
uint32_t run_start(struct run *run, uint32_t n_most, uint64_t *out_start_ns);

/* For loads: one operation, started then, has arrived. */
static inline void run_done(struct run *run, uint64_t start_ns)
{
    run->n_done++;
    if (run->is_measuring)
        histogram_record(&run->tally->latency_ns, run->now_ns > start_ns ? run->now_ns - start_ns : 0);
}

#endif
