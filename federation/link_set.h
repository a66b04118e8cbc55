/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A set of links by their slots: 32 bytes in every route, so that telling and forgetting needs no allocation
 */
#ifndef COMMHUB_FEDERATION_LINK_SET_H
#define COMMHUB_FEDERATION_LINK_SET_H

#include <stdbool.h>
#include <stdint.h>

#define LINK_SET_SLOTS 256U

struct link_set {
    uint64_t words[LINK_SET_SLOTS / 64];
};

static inline bool link_set_has(const struct link_set *set, unsigned slot)
{
    return set->words[slot / 64] >> (slot % 64) & 1U;
}

static inline void link_set_add(struct link_set *set, unsigned slot)
{
    set->words[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static inline void link_set_remove(struct link_set *set, unsigned slot)
{
    set->words[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
}

static inline bool link_set_is_empty(const struct link_set *set)
{
    return (set->words[0] | set->words[1] | set->words[2] | set->words[3]) == 0;
}

#endif
