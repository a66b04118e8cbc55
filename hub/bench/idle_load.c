/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Connections that are there and do nothing; an operation is a connection that lasted to the end.
 */
#include "hub/bench/load.h"
#include "hub/bench/run.h"

static int prepare(struct run *run)
{
    int r = 0;

    for (uint32_t i = 0; i < run->options->n_clients && r == 0; i++)
        r = run_add(run, ROLE_IDLE, i);
    return r;
}

static void release(struct run *run)
{
    (void)run;
}

static void pump(struct run *run)
{
    (void)run;
}

static bool is_quiet(const struct run *run)
{
    (void)run;
    return true;
}

/* All have answered their last ping, else the run had failed. */
static void verify(struct run *run)
{
    run->n_done = run->n_settled;
}

const struct load idle_load = {
    .prepare = prepare,
    .release = release,
    .pump = pump,
    .is_quiet = is_quiet,
    .verify = verify,
};
