/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/bench/server_usage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROC_TEXT_SIZE 8192

static int read_proc(pid_t pid, const char *name, char out_text[PROC_TEXT_SIZE])
{
    char path[64];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    n = read(fd, out_text, PROC_TEXT_SIZE - 1);
    close(fd);
    if (n <= 0)
        return -ESRCH;
    out_text[n] = '\0';
    return 0;
}

static int read_ticks(pid_t pid, struct server_usage *usage)
{
    char text[PROC_TEXT_SIZE];
    const char *fields;
    int r = read_proc(pid, "stat", text);

    if (r < 0)
        return r;
    /* The program's name stands in parentheses and may hold anything. */
    fields = strrchr(text, ')');
    if (!fields || sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
                          &usage->user_ticks, &usage->system_ticks) != 2)
        return -EINVAL;
    return 0;
}

static uint64_t kib_of(const char *status, const char *name)
{
    const char *line = strstr(status, name);
    uint64_t kib = 0;

    if (!line || sscanf(line + strlen(name), " %" SCNu64, &kib) != 1)
        return 0;
    return kib;
}

static int read_memory(pid_t pid, struct server_usage *usage)
{
    char text[PROC_TEXT_SIZE];
    int r = read_proc(pid, "status", text);

    if (r < 0)
        return r;
    usage->resident_bytes = kib_of(text, "\nVmRSS:") * 1024;
    usage->anonymous_bytes = kib_of(text, "\nRssAnon:") * 1024;
    return 0;
}

int server_usage_read(pid_t pid, struct server_usage *out_usage)
{
    struct timespec used;
    clockid_t clock;
    int r;

    *out_usage = (struct server_usage){0};
    r = clock_getcpuclockid(pid, &clock);
    if (r > 0)
        return -r;
    if (clock_gettime(clock, &used) < 0)
        return errno == EINVAL ? -ESRCH : -errno;
    out_usage->cpu_ns = (uint64_t)used.tv_sec * 1000000000U + (uint64_t)used.tv_nsec;
    r = read_ticks(pid, out_usage);
    return r < 0 ? r : read_memory(pid, out_usage);
}
