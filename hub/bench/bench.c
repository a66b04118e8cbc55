/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * From the command line to the report
 *
 * One generator is one program with one thread. The first is this program itself; --processes forks the
 * others, each of which does the whole work with connections, a channel and names of its own. They leave what
 * they found out in memory that all share, and wait for each other at gates (run.h).
 */
#include "hub/bench/bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub/base/random.h"
#include "hub/bench/bench_report.h"
#include "hub/bench/commipc_dialect.h"
#include "hub/bench/run.h"

enum {
    EXIT_RUN_FAILED = 1,
    EXIT_WRONG_ARGUMENT = 2,
};

struct shared {
    struct run_gates gates;
    struct run_tally tallies[];
};

static const struct load *load_of(enum mode mode)
{
    switch (mode) {
    case MODE_RPC:
        return &rpc_load;
    case MODE_PUBSUB:
    case MODE_BROADCAST:
        return &fanout_load;
    case MODE_STREAM:
        return &stream_load;
    case MODE_IDLE:
    case N_MODES:
        break;
    }
    return &idle_load;
}

static struct shared *shared_new(uint32_t n_processes)
{
    size_t size = sizeof(struct shared) + n_processes * sizeof(struct run_tally);
    void *ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct shared *shared = (struct shared *)ptr;

    if (ptr == MAP_FAILED)
        return NULL;
    for (uint32_t i = 0; i < n_processes; i++)
        histogram_init(&shared->tallies[i].latency_ns);
    return shared;
}

static void shared_free(struct shared *shared, uint32_t n_processes)
{
    if (shared)
        munmap(shared, sizeof *shared + n_processes * sizeof(struct run_tally));
}

static int run_one(struct run run, struct shared *shared, uint32_t process)
{
    run.process = process;
    run.gates = &shared->gates;
    run.tally = &shared->tallies[process];
    return run_execute(&run);
}

static void run_all(struct run *run, struct shared *shared)
{
    pid_t pids[BENCH_MAX_PROCESSES] = {0};
    uint32_t n_processes = run->options->n_processes;
    int status;

    for (uint32_t i = 1; i < n_processes; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(run_one(*run, shared, i) < 0 ? EXIT_RUN_FAILED : 0);
        if (pids[i] < 0) {
            atomic_store(&shared->gates.has_failed, true);
            shared->tallies[i].has_failed = true;
            snprintf(shared->tallies[i].why, sizeof shared->tallies[i].why, "cannot start generator %u: %s",
                     i, strerror(errno));
        }
    }
    run_one(*run, shared, 0);
    for (uint32_t i = 1; i < n_processes; i++) {
        if (pids[i] <= 0 || (waitpid(pids[i], &status, 0) == pids[i] && status == 0) ||
            shared->tallies[i].has_failed)
            continue;
        shared->tallies[i].has_failed = true;
        snprintf(shared->tallies[i].why, sizeof shared->tallies[i].why, "generator %u died", i);
    }
}

/* The failure that came first makes the others fail too, without a reason of their own. */
static const struct run_tally *failed_of(const struct shared *shared, uint32_t n_processes)
{
    const struct run_tally *found = NULL;

    for (uint32_t i = 0; i < n_processes; i++) {
        const struct run_tally *tally = &shared->tallies[i];

        if (tally->has_failed && (!found || strcmp(found->why, "another generator failed") == 0))
            found = tally;
    }
    return found;
}

static int report(const struct dialect *dialect, const struct bench_options *options,
                  const struct shared *shared)
{
    const struct run_tally *failed = failed_of(shared, options->n_processes);
    struct bench_report *result;
    int r;

    if (failed) {
        fprintf(stderr, "%s: %s\n", dialect->program, failed->why);
        return EXIT_RUN_FAILED;
    }
    result = bench_report_new(dialect, options, shared->tallies);
    r = result ? bench_report_write(result) : -ENOMEM;
    if (r < 0)
        fprintf(stderr, "%s: cannot write the result: %s\n", dialect->program, strerror(-r));
    bench_report_free(result);
    return r < 0 ? EXIT_RUN_FAILED : 0;
}

static int bench(const struct dialect *dialect, const struct bench_options *options)
{
    struct run run = {.options = options, .dialect = dialect, .load = load_of(options->mode), .epoll_fd = -1};
    struct shared *shared = NULL;
    char why[CONDUIT_WHY_SIZE];
    int status;

    if (options->address.kind == ADDRESS_TLS && conduit_tls_new(&run.tls, &options->tls_files, why) < 0) {
        fprintf(stderr, "%s: %s\n", dialect->program, why);
        return EXIT_WRONG_ARGUMENT;
    }
    run.nonce = (uint32_t)random_u64();
    shared = shared_new(options->n_processes);
    if (shared) {
        run_all(&run, shared);
        status = report(dialect, options, shared);
    } else {
        fprintf(stderr, "%s: out of memory\n", dialect->program);
        status = EXIT_RUN_FAILED;
    }
    shared_free(shared, options->n_processes);
    conduit_tls_free(run.tls);
    return status;
}

int bench_main_with(const struct dialect *dialect, int argc, char **argv)
{
    struct bench_options *options = (struct bench_options *)malloc(sizeof *options);
    int status = EXIT_RUN_FAILED;
    int r;

    if (!options)
        return status;
    /* A connection that the server ends while OpenSSL writes is an error of that write. */
    signal(SIGPIPE, SIG_IGN);
    r = bench_options_parse(argc, argv, dialect, options);
    if (r < 0)
        status = EXIT_WRONG_ARGUMENT;
    else if (r == BENCH_OPTIONS_HELP)
        status = 0;
    else
        status = bench(dialect, options);
    free(options);
    return status;
}

int bench_main(int argc, char **argv)
{
    return bench_main_with(&commipc_dialect, argc, argv);
}
