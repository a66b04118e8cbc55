/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The two clocks. Any thread.
 */
#ifndef COMMHUB_BASE_CLOCK_H
#define COMMHUB_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Never goes back; for deadlines and intervals. */
uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);

/* Milliseconds since 1970 UTC; may jump. */
uint64_t clock_wall_ms(void);

#define CLOCK_RFC3339_TEXT 32
/* "2026-01-31T12:34:56.789Z" */
void clock_rfc3339(uint64_t wall_ms, char out_text[CLOCK_RFC3339_TEXT]);

/* Reads such a text, of any offset ("2026-01-31T13:34:56+01:00") and precision: 0 or -EINVAL. What was before
 * 1970 is 0. */
int clock_read_rfc3339(const char *text, uint64_t *out_wall_ms);

#endif
