/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t read_us(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_monotonic_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

void clock_rfc3339(uint64_t wall_ms, char out_text[CLOCK_RFC3339_TEXT])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    size_t len;

    gmtime_r(&seconds, &utc);
    len = strftime(out_text, CLOCK_RFC3339_TEXT, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out_text + len, CLOCK_RFC3339_TEXT - len, ".%03uZ", (unsigned)(wall_ms % 1000));
}
