/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/clock.h"

#include <errno.h>
#include <stdbool.h>
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

/* ---- reading ---- */

/* @n digits, whose number is @most at most, and the sign behind them where there is one. */
static bool take_number(const char **at, size_t n, int least, int most, char sign, int *out_number)
{
    *out_number = 0;
    for (size_t i = 0; i < n; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *out_number = *out_number * 10 + (**at - '0');
    }
    if (*out_number < least || *out_number > most)
        return false;
    return !sign || *(*at)++ == sign;
}

/* Seconds since 1970 of the day's begin; false: there is no such day. */
static bool take_day(const char **at, int64_t *out_s)
{
    struct tm day = {0};
    int month, mday, year;

    if (!take_number(at, 4, 0, 9999, '-', &year) || !take_number(at, 2, 1, 12, '-', &month) ||
        !take_number(at, 2, 1, 31, '\0', &mday))
        return false;
    day.tm_year = year - 1900;
    day.tm_mon = month - 1;
    day.tm_mday = mday;
    *out_s = timegm(&day);
    return day.tm_mday == mday; /* February's 30th would have become a day of March */
}

/* The leap second is the next minute's first. */
static bool take_time(const char **at, int64_t *out_ms)
{
    int hour, minute, second, digit, ms = 0;

    if (!take_number(at, 2, 0, 23, ':', &hour) || !take_number(at, 2, 0, 59, ':', &minute) ||
        !take_number(at, 2, 0, 60, '\0', &second))
        return false;
    if (**at == '.') {
        (*at)++;
        for (int weight = 100; take_number(at, 1, 0, 9, '\0', &digit); weight /= 10)
            ms += digit * weight;
        if ((*at)[-1] == '.')
            return false;
    }
    *out_ms = ((hour * 60 + minute) * 60 + second) * (int64_t)1000 + ms;
    return true;
}

static bool take_offset(const char **at, int64_t *out_ms)
{
    int sign = **at == '-' ? -1 : 1, hour, minute;

    *out_ms = 0;
    if (**at == 'Z' || **at == 'z')
        return *++*at == '\0';
    if (**at != '+' && **at != '-')
        return false;
    (*at)++;
    if (!take_number(at, 2, 0, 23, ':', &hour) || !take_number(at, 2, 0, 59, '\0', &minute))
        return false;
    *out_ms = sign * (hour * 60 + minute) * (int64_t)60000;
    return **at == '\0';
}

int clock_read_rfc3339(const char *text, uint64_t *out_wall_ms)
{
    int64_t day_s, time_ms, offset_ms, wall_ms;

    if (!take_day(&text, &day_s) || (*text != 'T' && *text != 't' && *text != ' '))
        return -EINVAL;
    text++;
    if (!take_time(&text, &time_ms) || !take_offset(&text, &offset_ms))
        return -EINVAL;
    wall_ms = day_s * 1000 + time_ms - offset_ms;
    *out_wall_ms = wall_ms > 0 ? (uint64_t)wall_ms : 0;
    return 0;
}
