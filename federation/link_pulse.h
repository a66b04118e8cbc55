/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Whether data passes: hellos every second, their echoes, and what follows when they stay away
 *
 * A hello goes through the same queue as everything else, so its echo shows that the whole way is alive in
 * both directions. Owns the steps between SYNCING, UP and DEGRADED.
 */
#ifndef COMMHUB_FEDERATION_LINK_PULSE_H
#define COMMHUB_FEDERATION_LINK_PULSE_H

#include <stdint.h>

struct link;

/* SYNCING has begun: sends the first hello. */
void link_pulse_begin(struct link *link);

/* The link's timer. */
void link_pulse_beat(struct link *link);

void link_pulse_hear_echo(struct link *link, uint64_t at_us);

/* The far side's table is complete. */
void link_pulse_synced(struct link *link);

#endif
