/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A load: who is connected, what they send, what must arrive
 *
 * One table of functions for each mode. Events that a load has no function for are faults of the server.
 */
#ifndef COMMHUB_BENCH_LOAD_H
#define COMMHUB_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

struct run;
struct conduit;

struct load {
    /* Makes the load's state in run->load_state and names the connections by run_add(), those first that the
     * others need. 0 or a negative errno. */
    int (*prepare)(struct run *run);
    void (*release)(struct run *run);

    /* Where the parties are at several hubs: tries whether each reaches the other, and answers whether all
     * that was tried came through. Called again and again until then. */
    bool (*rehearse)(struct run *run);

    /* Starts all that may be started now; called at the end of each turn. */
    void (*pump)(struct run *run);

    /* Nothing that was started is still under way. */
    bool (*is_quiet)(const struct run *run);

    /* Says what is missing through run_failed(), when nothing more can arrive. */
    void (*verify)(struct run *run);

    void (*on_call)(struct run *run, struct conduit *conduit, uint64_t id);
    void (*on_reply)(struct run *run, struct conduit *conduit, uint64_t id);
    void (*on_refusal)(struct run *run, struct conduit *conduit, uint64_t id);
    void (*on_chunk)(struct run *run, struct conduit *conduit, uint64_t id, uint64_t sequence);
    void (*on_end)(struct run *run, struct conduit *conduit, uint64_t id);
    void (*on_message)(struct run *run, struct conduit *conduit, uint64_t sequence);
};

extern const struct load rpc_load;
extern const struct load fanout_load;
extern const struct load stream_load;
extern const struct load idle_load;

#endif
