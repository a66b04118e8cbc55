/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What is told of a link of any kind: its changes of state, as a record of the stream `links` and a line in
 * the log, and what becomes of channels with a password on it
 */
#ifndef COMMHUB_FEDERATION_LINK_RECORD_H
#define COMMHUB_FEDERATION_LINK_RECORD_H

#include "federation/federation_state.h"

void link_record_state(const struct federation *federation, const struct link_status *status);

/* What became of a channel with a password on the link. Only a record: it is told from inside the mesh, and
 * the logs channel would go through the core. */
void link_record_channel(const struct federation *federation, const struct link_status *status,
                         struct bytes channel, enum mesh_channel_word word);

#endif
