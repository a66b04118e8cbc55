/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What doctor finds of bridges, links and the other hubs of the mesh
 */
#ifndef COMMHUB_PROGRAM_DOCTOR_MESH_H
#define COMMHUB_PROGRAM_DOCTOR_MESH_H

#include "hub/program/doctor_ask.h"

void doctor_mesh_check(struct doctor *doctor);

#endif
