/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A picture of the mesh for the management plane: the hubs that can be reached, and what they tell of
 * themselves
 */
#ifndef COMMHUB_FEDERATION_MESH_VIEW_H
#define COMMHUB_FEDERATION_MESH_VIEW_H

#include "federation/federation_control.h"
#include "federation/mesh.h"

/* See federation_control_hubs(). */
int mesh_view_hubs(const struct mesh *mesh, struct mesh_hub **out_hubs, size_t *out_n);
void mesh_view_free(struct mesh_hub *hubs, size_t n);

#endif
