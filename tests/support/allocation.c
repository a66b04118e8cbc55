/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/allocation.h"

#include <errno.h>
#include <stddef.h>

static _Thread_local unsigned n_tried;
static _Thread_local unsigned failing; /* which one fails; 0: none */
static _Thread_local bool has_failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *ptr, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static bool fails(void)
{
    if (++n_tried != failing)
        return false;
    has_failed = true;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return fails() ? NULL : __real_realloc(ptr, size);
}

bool allocation_fail_at(unsigned n)
{
    bool goes_on = n == 1 || has_failed;

    has_failed = false;
    n_tried = 0;
    failing = goes_on ? n : 0;
    return goes_on;
}

void allocation_fail_never(void)
{
    failing = 0;
}

bool allocation_has_failed(void)
{
    return has_failed;
}

unsigned allocation_count(void)
{
    return n_tried;
}

void allocation_count_from_here(void)
{
    n_tried = 0;
}
