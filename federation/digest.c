/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/digest.h"

#include "hub/base/map.h"

/* Not a secret: it guards against faults, and a hub that tells lies can tell them well. */
static const uint64_t second_half = UINT64_C(0x6d657368206c696e);

static uint64_t add(uint64_t digest, struct bytes bytes)
{
    return map_hash((const uint64_t[2]){digest, second_half}, bytes);
}

static uint8_t *put_u64(uint8_t *at, uint64_t value)
{
    for (unsigned shift = 0; shift < 64; shift += 8)
        *at++ = (uint8_t)(value >> shift);
    return at;
}

/* What has the same size in all entries. */
static uint64_t digest_of_numbers(const struct link_entry *entry)
{
    uint8_t numbers[1 + 3 * sizeof(uint64_t) + HUB_ID_BYTES];
    uint8_t *at = numbers;

    *at++ = entry->kind;
    at = put_u64(at, entry->incarnation);
    at = put_u64(at, entry->counter);
    at = put_u64(at, entry->cost);
    memcpy(at, entry->origin.octets, HUB_ID_BYTES);
    return add(0, bytes_of(numbers, sizeof numbers));
}

uint64_t digest_of_entry(const struct link_entry *entry, struct bytes way)
{
    uint64_t digest = digest_of_numbers(entry);

    digest = add(digest, entry->first_channel.len > 0 ? entry->first_channel : entry->channel);
    digest = add(digest, entry->name);
    digest = add(digest, way);
    digest = add(digest, entry->raw_attributes.len > 0 ? entry->raw_attributes : BYTES_LITERAL("\xc0"));
    return digest ? digest : 1;
}
