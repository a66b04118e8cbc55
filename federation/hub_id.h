/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The name of a hub in the mesh: 128 random bits, made once and kept in the hub's store
 *
 * On links a hub id is 16 bytes, for people it is 32 lowercase hex characters. A list of hubs is a row of ids
 * without anything between them; it is read where it stands in a frame.
 */
#ifndef COMMHUB_FEDERATION_HUB_ID_H
#define COMMHUB_FEDERATION_HUB_ID_H

#include "hub/base/bytes.h"

#define HUB_ID_BYTES 16
#define HUB_ID_TEXT 33 /* 32 hex characters and the zero */

struct hub_id {
    uint8_t octets[HUB_ID_BYTES];
};

static inline bool hub_id_equal(const struct hub_id *a, const struct hub_id *b)
{
    return memcmp(a->octets, b->octets, HUB_ID_BYTES) == 0;
}

/* <0, 0, >0 */
static inline int hub_id_compare(const struct hub_id *a, const struct hub_id *b)
{
    return memcmp(a->octets, b->octets, HUB_ID_BYTES);
}

static inline struct bytes hub_id_bytes(const struct hub_id *id)
{
    return bytes_of(id->octets, HUB_ID_BYTES);
}

/* 0, or -EINVAL where @text is not 32 lowercase hex characters. */
int hub_id_parse(struct bytes text, struct hub_id *out_id);
void hub_id_text(const struct hub_id *id, char out_text[HUB_ID_TEXT]);

/* The id by which the mesh knows a hub that has none of its own, made of its name: the same at whatever hub
 * of the mesh it is linked to. */
void hub_id_of_foreign(struct bytes server_id, struct hub_id *out_id);

static inline size_t hub_id_list_count(struct bytes list)
{
    return list.len / HUB_ID_BYTES;
}

static inline struct hub_id hub_id_list_at(struct bytes list, size_t i)
{
    struct hub_id id;

    memcpy(id.octets, list.ptr + i * HUB_ID_BYTES, HUB_ID_BYTES);
    return id;
}

bool hub_id_list_has(struct bytes list, const struct hub_id *id);

#endif
