/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a bench is asked for, read from the command line
 */
#ifndef COMMHUB_BENCH_BENCH_OPTIONS_H
#define COMMHUB_BENCH_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hub/bench/dialect.h"
#include "hub/io/address.h"

/* Which channel an idle client opens. */
enum bench_open {
    BENCH_OPEN_NONE,
    BENCH_OPEN_OWN,
    BENCH_OPEN_SHARED,
};

/* Which keys a message bears. */
enum bench_envelope {
    BENCH_ENVELOPE_CLIENT, /* those that the Python package's clients send */
    BENCH_ENVELOPE_LEAN,   /* those that a hub needs */
};

#define BENCH_MAX_CLIENTS 1000000U
#define BENCH_MAX_CALLERS 65535U /* a call's id has 16 bits for its caller, and 16 for its place */
#define BENCH_MAX_INFLIGHT 65535U
#define BENCH_MAX_PROCESSES 64U
#define BENCH_MAX_HUBS 8U
#define BENCH_SECRET_SIZE 4096

struct bench_options {
    enum mode mode;
    struct address address;
    bool has_far;
    struct address far_address; /* where providers and subscribers connect, in place of @address */
    struct conduit_tls_files tls_files;
    const char *tls_name;
    bool has_secret;
    char secret[BENCH_SECRET_SIZE];
    uint32_t n_clients; /* callers, subscribers, streams or idle connections of one generator */
    uint32_t n_inflight;
    uint32_t n_group; /* 0: one provider without a group */
    uint32_t n_chunks;
    size_t payload_bytes;
    uint64_t warmup_ms;
    uint64_t duration_ms;
    uint64_t n_count; /* 0: by time */
    uint64_t rate;    /* per second and generator; 0: as fast as answers come */
    uint32_t n_processes;
    enum bench_open open;
    enum bench_envelope envelope;
    uint32_t n_hubs;
    pid_t hub_pids[BENCH_MAX_HUBS]; /* of those that are known */
    const char *json;               /* NULL: no; "-": to stdout, in place of the table */
};

enum {
    BENCH_OPTIONS_HELP = 1, /* the usage text has been written to stdout */
};

/* 0, BENCH_OPTIONS_HELP, or -EINVAL after a sentence on stderr that says what is wrong. */
int bench_options_parse(int argc, char **argv, const struct dialect *dialect,
                        struct bench_options *out_options);

const char *bench_options_mode_name(enum mode mode);

#endif
