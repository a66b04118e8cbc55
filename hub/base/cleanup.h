/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Cleanup guards
 *
 * A function that owns something while it may still fail declares it with cleanup_(): it is released on every
 * way out. take() hands it over at the end and disarms the guard.
 */
#ifndef COMMHUB_BASE_CLEANUP_H
#define COMMHUB_BASE_CLEANUP_H

#include <stdlib.h>

#define cleanup_(function) __attribute__((cleanup(function)))

#define take(variable)                                                                                       \
    __extension__({                                                                                          \
        __typeof__(variable) taken_ = (variable);                                                            \
        (variable) = NULL;                                                                                   \
        taken_;                                                                                              \
    })

/* Defines function##p(), the guard for a pointer that is released by function(). NULL is never passed on. */
#define DEFINE_CLEANUP(type, function)                                                                       \
    static inline void function##p(type *pointer)                                                            \
    {                                                                                                        \
        if (*pointer)                                                                                        \
            function(*pointer);                                                                              \
    }

static inline void freep(void *pointer)
{
    free(*(void **)pointer);
}

#define cleanup_free_ cleanup_(freep)

#endif
