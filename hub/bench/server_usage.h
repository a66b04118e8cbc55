/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What another program has used: processor time and memory, by its pid
 *
 * Processor time is that of all its threads, from the kernel's clock of that pid: exact to the nanosecond and
 * up to date even while it runs, where /proc/PID/stat counts in hundredths of a second.
 */
#ifndef COMMHUB_BENCH_SERVER_USAGE_H
#define COMMHUB_BENCH_SERVER_USAGE_H

#include <stdint.h>
#include <sys/types.h>

struct server_usage {
    uint64_t cpu_ns;       /* user and system, all threads since its start */
    uint64_t system_ticks; /* of that in the kernel, as /proc/PID/stat has it */
    uint64_t user_ticks;
    uint64_t resident_bytes;  /* VmRSS */
    uint64_t anonymous_bytes; /* RssAnon: without its program text and mapped files */
};

/* 0, or a negative errno: -ESRCH where there is no such program, -EINVAL where /proc is not as expected. */
int server_usage_read(pid_t pid, struct server_usage *out_usage);

#endif
