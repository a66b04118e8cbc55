/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * This hub's own profile, told to the mesh where it has changed
 */
#ifndef COMMHUB_FEDERATION_SELF_PROFILE_H
#define COMMHUB_FEDERATION_SELF_PROFILE_H

#include "federation/federation_state.h"

/* Once a second: links change in bursts, and nothing but a picture hangs on it. */
void self_profile_tell(struct federation *federation);

#endif
