/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the mesh calls on whoever owns one of its links: a link to another CommHub, or one to a foreign hub
 *
 * A pointer to its table is the first member of every such owner, so that the owner's address, which the mesh
 * hands back, leads to it. None of these may call back into the mesh, but for what an acknowledgement says.
 */
#ifndef COMMHUB_FEDERATION_MESH_PORT_H
#define COMMHUB_FEDERATION_MESH_PORT_H

#include "federation/federation_control.h"
#include "federation/link_wire.h"

struct mesh_port {
    void (*send)(void *owner, struct block *frame);
    void (*end)(void *owner, const char *reason);
    void (*on_synced)(void *owner);
    void (*acknowledge)(void *owner);
    void (*describe)(const void *owner, struct link_status *out_status);
};

static inline const struct mesh_port *mesh_port_of(void *owner)
{
    return *(const struct mesh_port **)owner;
}

#endif
