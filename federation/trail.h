/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The hubs that a message passed, shown in the message itself
 *
 * The core of the hub where a message comes in and that of the hub that delivers it write themselves into its
 * `path`. Those between only pass the frame on: their ids stand in the frame's trail, and the hub at the end
 * writes their names into the path before its core gets the message.
 */
#ifndef COMMHUB_FEDERATION_TRAIL_H
#define COMMHUB_FEDERATION_TRAIL_H

#include "federation/mesh_state.h"

/*
 * Appends the hubs of @trail after the first to the message's path. The new message, which @message then
 * shows, is in the block that is handed over. NULL: @message stays as it was, for there is no hub between,
 * the message has no path, or there is no memory (counted). Left out are hubs whose name is not known here
 * and those that have our own, and what would make the path too long for the core.
 */
struct block *trail_show(const struct mesh *mesh, struct bytes trail, struct message *message);

#endif
