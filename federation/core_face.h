/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Joins a mesh and a core: the mesh's ways into the core, and the core's observer and ports
 *
 * Pure like both of them; lives as long as the mesh.
 */
#ifndef COMMHUB_FEDERATION_CORE_FACE_H
#define COMMHUB_FEDERATION_CORE_FACE_H

#include "federation/mesh.h"

struct core_face {
    struct hub *hub;
    struct mesh *mesh;
};

/* The table for mesh_new(); @face must stay where it is. */
struct mesh_core core_face_init(struct core_face *face, struct hub *hub);

/* From now on the mesh hears what the core's clients do; at once all that is there already. */
void core_face_attach(struct core_face *face, struct mesh *mesh);

/* The core forgets the mesh: all peers are gone, nothing is observed. Before mesh_free(). */
void core_face_detach(struct core_face *face);

/* Hears everything again; for when something was lost for want of memory. */
void core_face_observe_again(struct core_face *face);

#endif
