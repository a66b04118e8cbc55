/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Allocations that fail on demand
 *
 * Tests are linked with malloc, calloc and realloc wrapped: those of our own code can be counted and made to
 * fail, those of shared libraries stay as they are. All of it is the calling thread's own.
 *
 *     for (unsigned n = 1; allocation_fail_at(n); n++) {
 *         r = thing_do(...);
 *         allocation_fail_never();
 *         ... where allocation_has_failed(): nothing leaked, r is -ENOMEM; else r is 0
 *     }
 *
 * runs until a pass comes through without a failure.
 */
#ifndef COMMHUB_TESTS_ALLOCATION_H
#define COMMHUB_TESTS_ALLOCATION_H

#include <stdbool.h>

/* The @n-th allocation from here on fails, and only that. False, and none fails, where @n is beyond 1 and the
 * pass before came through without a failure. */
bool allocation_fail_at(unsigned n);

void allocation_fail_never(void);

/* Since the last allocation_fail_at(). */
bool allocation_has_failed(void);

/* Allocations tried since the last allocation_fail_at() or allocation_count_from_here(). */
unsigned allocation_count(void);
void allocation_count_from_here(void);

#endif
