/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A picture of the mesh for the management plane: the hubs that can be reached, and what they tell of
 * themselves
 */
#ifndef COMMHUB_FEDERATION_MESH_VIEW_H
#define COMMHUB_FEDERATION_MESH_VIEW_H

#include "federation/federation_control.h"
#include "federation/mesh.h"

#define MESH_VIEW_STEP_HUBS 32U

enum { MESH_VIEW_E_GOES_ON = 1 };

/* See federation_control_hubs(). */
int mesh_view_hubs(const struct mesh *mesh, struct mesh_hub_list *list);
void mesh_view_clear(struct mesh_hub_list *list);

#endif
