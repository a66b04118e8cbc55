/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Whether a broadcast that comes from outside has been in this mesh already
 *
 * Bridges of the Python package join hubs behind the mesh's back, so that a message can leave it at one hub
 * and come back at another, or come in at two. Two things tell: the mesh's id in its metadata, where it went
 * out over a link of ours, and the names of hubs in its path.
 */
#ifndef COMMHUB_FEDERATION_PASSAGE_H
#define COMMHUB_FEDERATION_PASSAGE_H

#include "federation/mesh.h"

/* @from: the hub that it has come in by; its name in the path tells nothing. */
bool passage_is_repeated(const struct mesh *mesh, const struct hub_id *from, struct bytes channel,
                         const struct message *broadcast);

#endif
