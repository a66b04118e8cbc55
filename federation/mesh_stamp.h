/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The id of a message for many, where it goes through a hub that is none of the mesh
 *
 * It rides in the message's `metadata` under the key `_mesh`, which the Python package carries along unread
 * and does not sign. So a message that has left the mesh and comes back by another way is known again. A text
 * and not bytes, for programs may write the metadata down as JSON. Pure, any thread; fuzzed.
 */
#ifndef COMMHUB_FEDERATION_MESH_STAMP_H
#define COMMHUB_FEDERATION_MESH_STAMP_H

#include "federation/hub_id.h"
#include "hub/base/buffer.h"

struct mesh_stamp {
    struct hub_id origin;
    uint64_t incarnation;
    uint64_t seq;
};

/* Whether @raw_metadata (MessagePack; may be empty) bears a sound stamp. */
bool mesh_stamp_read(struct bytes raw_metadata, struct mesh_stamp *out_stamp);

/* Appends the metadata with the stamp, in the place of one that it bears. Metadata that is no map is left as
 * it is and goes without. A failed allocation stays in the buffer. */
void mesh_stamp_write(struct buffer *out, struct bytes raw_metadata, const struct mesh_stamp *stamp);

/* Appends the metadata without the stamp; nothing where nothing is left. */
void mesh_stamp_strip(struct buffer *out, struct bytes raw_metadata);

#endif
