/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The load for relay.c: the frames of CommIPC, without its handshake. Fan-out is broadcast, for those frames
 * are the same on both sides.
 */
#include "hub/bench/bench.h"
#include "hub/bench/commipc_dialect.h"
#include "hub/bench/run.h"

static void begin(struct run *run, struct conduit *conduit)
{
    bool is_left = conduit->role == ROLE_CALLER || conduit->role == ROLE_PUBLISHER;
    uint8_t *out = run_put(run, conduit, 5);

    if (out)
        memcpy(out, is_left ? "\0\0\0\1l" : "\0\0\0\1r", 5);
    if (commipc_dialect_build(run, BYTES_LITERAL("relay")) < 0)
        run_failed(run, "out of memory");
    run_joined(run, conduit);
}

int main(int argc, char **argv)
{
    struct dialect dialect = commipc_dialect;

    dialect.program = "relay_load";
    dialect.server = "relay";
    dialect.modes = 1U << MODE_RPC | 1U << MODE_BROADCAST | 1U << MODE_STREAM | 1U << MODE_IDLE;
    dialect.has_secret = false;
    dialect.has_groups = false;
    dialect.begin = begin;
    return bench_main_with(&dialect, argc, argv);
}
