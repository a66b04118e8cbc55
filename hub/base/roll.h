/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Elements in the order of their serials, to be read in pages
 *
 * Serials only grow: what is new goes to the end. Whoever reads keeps no more than the serial he has come to,
 * and goes on from there however much has come and gone meanwhile. Reading on takes the logarithm of the
 * length, adding and removing the same on average; memory is at most four times what the elements need.
 *
 * An array that is sorted by itself; what is removed leaves a hole until half of it is holes. Not intrusive:
 * adding can fail.
 */
#ifndef COMMHUB_BASE_ROLL_H
#define COMMHUB_BASE_ROLL_H

#include <stddef.h>
#include <stdint.h>

struct roll_entry {
    uint64_t serial;
    void *element; /* NULL: a hole */
};

/* Starts as {0}. */
struct roll {
    struct roll_entry *entries;
    size_t len; /* holes too */
    size_t size;
    size_t n_elements;
};

/* The elements are the caller's. */
void roll_clear(struct roll *roll);

/* @serial is greater than all that were added before. 0, or -ENOMEM and nothing has changed. */
int roll_add(struct roll *roll, uint64_t serial, void *element);

/* The element of that serial must be there. */
void roll_remove(struct roll *roll, uint64_t serial);

/* The first element with a serial greater than @after, and its serial; NULL: none. */
void *roll_next(const struct roll *roll, uint64_t after, uint64_t *out_serial);

#endif
