/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The hubs that a message passed, shown in the message itself
 *
 * The core of the hub where a message comes in and that of the hub that delivers it write themselves into its
 * `path`. Those between only pass the frame on: their ids stand in the frame's trail, and the hub at the end
 * hands their names to its core with the message, which writes them into the path before its own.
 */
#ifndef COMMHUB_FEDERATION_TRAIL_H
#define COMMHUB_FEDERATION_TRAIL_H

#include "hub/wire/message.h"

struct mesh;

/*
 * Names the hubs of @trail after the first as those that @message has passed, until the next call for the
 * mesh. There are none if no hub is between, if the message has no path, or if there is no memory (counted).
 * Left out are hubs whose name is not known here and those that have our own, and what would make the path
 * too long for the core.
 */
void trail_show(struct mesh *mesh, struct bytes trail, struct message *message);

#endif
