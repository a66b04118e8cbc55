/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/digest.h"

#include <endian.h>

#include "federation/advertise.h"
#include "federation/mesh_state.h"
#include "hub/base/check.h"
#include "hub/base/map.h"
#include "hub/base/name.h"

/* How often it is looked for sums that are due. */
#define LOOK_MS 1000U

/* Not a secret: it guards against faults, and a hub that tells lies can tell them well. */
static const uint64_t second_half = UINT64_C(0x6d657368206c696e);

/* Kind, incarnation, counter, cost and two digests, origin, the length of a name and two names. */
#define ENTRY_MAX_BYTES (1 + 5 * sizeof(uint64_t) + HUB_ID_BYTES + 1 + 2 * NAME_MAX_BYTES)

uint64_t digest_of_bytes(struct bytes bytes)
{
    return map_hash((const uint64_t[2]){0, second_half}, bytes);
}

static uint8_t *put_u64(uint8_t *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static uint8_t *put_bytes(uint8_t *at, struct bytes bytes)
{
    if (bytes.len > 0)
        memcpy(at, bytes.ptr, bytes.len);
    return at + bytes.len;
}

uint64_t digest_of_entry(const struct link_entry *entry, uint64_t way, uint64_t attributes)
{
    struct bytes channel = entry->first_channel.len > 0 ? entry->first_channel : entry->channel;
    uint8_t packed[ENTRY_MAX_BYTES];
    uint8_t *at = packed;
    uint64_t digest;

    check(channel.len <= NAME_MAX_BYTES && entry->name.len <= NAME_MAX_BYTES);
    *at++ = entry->kind;
    at = put_u64(at, entry->incarnation);
    at = put_u64(at, entry->counter);
    at = put_u64(at, entry->cost);
    at = put_u64(at, way);
    at = put_u64(at, attributes);
    at = put_bytes(at, hub_id_bytes(&entry->origin));
    *at++ = (uint8_t)channel.len;
    at = put_bytes(at, channel);
    at = put_bytes(at, entry->name);
    digest = digest_of_bytes(bytes_of(packed, (size_t)(at - packed)));
    return digest ? digest : 1;
}

uint64_t digest_of_next(struct digest_row *row, const struct link_entry *entry)
{
    if (entry->change != LINK_ENTRY_SET)
        return 0;
    if (row->path.ptr != entry->path.ptr) {
        row->path = entry->path;
        row->way_digest = digest_of_bytes(bytes_of(entry->path.ptr, entry->path.len - PATH_HOP_BYTES));
    }
    if (row->attributes.ptr != entry->raw_attributes.ptr) {
        row->attributes = entry->raw_attributes;
        row->attributes_digest = digest_of_bytes(entry->raw_attributes);
    }
    return digest_of_entry(entry, row->way_digest, row->attributes_digest);
}

static void tell(struct mesh_link *link)
{
    struct link_message message = {.type = LINK_MESSAGE_DIGEST, .digest = link->digests.told};

    link->digests.due_ms = link->mesh->time.now_ms + DIGEST_EVERY_MS;
    link->digests.may_be_asked = true;
    mesh_send(link, &message);
}

void digest_tell_due(struct mesh *mesh)
{
    uint64_t now_ms = mesh->time.now_ms;

    if (now_ms < mesh->digests_ms)
        return;
    mesh->digests_ms = now_ms + LOOK_MS;
    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];

        /* One that is cut keeps what it must, and this is nothing that it must. */
        if (link && !link->is_cut && !link->is_ending && now_ms >= link->digests.due_ms)
            tell(link);
    }
}

void digest_hear(struct mesh_link *link, uint64_t told)
{
    struct digest_state *digests = &link->digests;

    if (digests->has_asked || told == digests->ways + digests->absent)
        return;
    digests->has_asked = true;
    link->counts.digest_mismatches++;
    link->mesh->counts.digest_mismatches++;
    mesh_warn_of_link(
        link, "digest_mismatch",
        "what is known here of what it has told is not what it has told: it tells its table anew");
    mesh_send(link, &(struct link_message){.type = LINK_MESSAGE_TELL_ALL});
}

int digest_asked(struct mesh_link *link)
{
    if (!link->digests.may_be_asked)
        return MESH_E_BAD_MESSAGE;
    link->digests.may_be_asked = false;
    advertise_held(link->mesh);
    mesh_send(link, &(struct link_message){.type = LINK_MESSAGE_BEGIN});
    advertise_all(link);
    return 0;
}

int digest_begin(struct mesh_link *link)
{
    struct digest_state *digests = &link->digests;

    if (!digests->has_asked || digests->is_retold)
        return MESH_E_BAD_MESSAGE;
    digests->is_retold = true;
    /* So far nothing has been told, and all ways were. */
    digests->absent = 0 - digests->ways;
    list_for_each (at, &link->candidates)
        container_of(at, struct candidate, in_link)->is_doubtful = true;
    return 0;
}

void digest_end(struct mesh_link *link)
{
    if (!link->digests.is_retold)
        return;
    link->digests.is_retold = false;
    link->digests.has_asked = false;
    list_for_each (at, &link->candidates) {
        struct candidate *candidate = container_of(at, struct candidate, in_link);
        struct route *route = candidate->route;

        if (!candidate->is_doubtful)
            continue;
        mesh_drop_way(link->mesh, candidate);
        mesh_route_changed(link->mesh, route);
    }
}
