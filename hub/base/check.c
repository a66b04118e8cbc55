/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void check_failed(const char *condition, const char *file, int line)
{
    char text[512];
    int len = snprintf(text, sizeof text, "commhub: check failed: %s (%s:%d)\n", condition, file, line);

    if (len > 0) {
        size_t n = (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
        ssize_t written = write(STDERR_FILENO, text, n);
        (void)written;
    }
    abort();
}
