/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * cmocka with the headers it needs, and assertions for table tests and borrowed bytes. Included by unit tests
 * only.
 */
#ifndef COMMHUB_TESTS_UNIT_H
#define COMMHUB_TESTS_UNIT_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/base/bytes.h"

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* A condition in the row @what of a table. */
#define assert_row(what, condition)                                                                          \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            fail_msg("%s: %s", (what), #condition);                                                          \
    } while (0)

#define assert_bytes(actual, expected) assert_bytes_at((actual), (expected), __FILE__, __LINE__)
#define assert_text(actual, text) assert_bytes_at((actual), bytes_of_text(text), __FILE__, __LINE__)

static inline void assert_bytes_at(struct bytes actual, struct bytes expected, const char *file, int line)
{
    if (bytes_equal(actual, expected))
        return;
    print_error("got      %zu bytes: %.*s\n", actual.len, (int)actual.len, (const char *)actual.ptr);
    print_error("expected %zu bytes: %.*s\n", expected.len, (int)expected.len, (const char *)expected.ptr);
    _fail(file, line);
}

/* Whether @act ends its process by abort(), as check() does. */
static inline bool aborts(void (*act)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        act();
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGABRT;
}

#endif
