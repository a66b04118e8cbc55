/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/roll.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/check.h"

#define FIRST_SIZE 4
#define FEW_HOLES 32 /* are not worth the work */

void roll_clear(struct roll *roll)
{
    free(roll->entries);
    *roll = (struct roll){0};
}

static int grow(struct roll *roll)
{
    size_t size = roll->size ? 2 * roll->size : FIRST_SIZE;
    struct roll_entry *entries = realloc(roll->entries, size * sizeof *entries);

    if (!entries)
        return -ENOMEM;
    roll->entries = entries;
    roll->size = size;
    return 0;
}

int roll_add(struct roll *roll, uint64_t serial, void *element)
{
    check(element && (roll->len == 0 || roll->entries[roll->len - 1].serial < serial));
    if (roll->len == roll->size && grow(roll) < 0)
        return -ENOMEM;
    roll->entries[roll->len++] = (struct roll_entry){serial, element};
    roll->n_elements++;
    return 0;
}

/* The place of the first entry with a serial greater than @after. */
static size_t place_behind(const struct roll *roll, uint64_t after)
{
    size_t low = 0, high = roll->len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (roll->entries[middle].serial > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void close_holes(struct roll *roll)
{
    size_t len = 0;

    for (size_t i = 0; i < roll->len; i++) {
        if (roll->entries[i].element)
            roll->entries[len++] = roll->entries[i];
    }
    roll->len = len;
}

void roll_remove(struct roll *roll, uint64_t serial)
{
    size_t place = place_behind(roll, serial - 1);

    check(place < roll->len && roll->entries[place].serial == serial && roll->entries[place].element);
    roll->entries[place].element = NULL;
    roll->n_elements--;
    if (roll->n_elements == 0)
        roll_clear(roll);
    else if (roll->len - roll->n_elements > roll->n_elements + FEW_HOLES)
        close_holes(roll);
}

void *roll_next(const struct roll *roll, uint64_t after, uint64_t *out_serial)
{
    for (size_t i = place_behind(roll, after); i < roll->len; i++) {
        if (!roll->entries[i].element)
            continue;
        *out_serial = roll->entries[i].serial;
        return roll->entries[i].element;
    }
    return NULL;
}
