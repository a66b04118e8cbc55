/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * channel_sync: what a member learns of a channel when it opens it
 */
#ifndef COMMHUB_CORE_CHANNEL_SYNC_H
#define COMMHUB_CORE_CHANNEL_SYNC_H

#include "hub/core/channels.h"

/* One frame with one reference; NULL: out of memory. */
struct block *channel_sync_frame(struct channel *channel);

#endif
