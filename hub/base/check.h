/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * check(): an assertion that stays in release builds
 *
 * For what cannot be unless our own code is wrong. What a peer, a disk or an allocation can cause is handled,
 * never checked.
 */
#ifndef COMMHUB_BASE_CHECK_H
#define COMMHUB_BASE_CHECK_H

#define check(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

#define unreachable() check_failed("unreachable", __FILE__, __LINE__)

/* Writes the place to stderr and aborts. Async-signal-safe. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

#endif
