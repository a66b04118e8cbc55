/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Following a call through the mesh without carrying it out
 *
 * A probe goes the way that a call for the event would go now, chosen by the same functions, and ends at the
 * hub that has the provider, or at the one that has no way on. Each hub writes down a step: what it decided,
 * and how full its link is. The answer goes back by the same hubs, each of which adds how long the answer
 * took from there on; so no two clocks are compared.
 *
 * A hub keeps nothing for a probe that passes; where it began it waits for PROBE_WAIT_MS.
 */
#ifndef COMMHUB_FEDERATION_PROBE_H
#define COMMHUB_FEDERATION_PROBE_H

#include "federation/mesh.h"
#include "federation/route_report.h"

#define PROBE_WAIT_MS 3000U
#define PROBE_MOST_WAITING 64U

enum { PROBE_E_TOO_MANY = 1 };

/* @channel and @event are names. 0 and the probe's id; PROBE_E_TOO_MANY; or -ENOMEM. Only with 0 is the asker
 * called. */
int probe_begin(struct mesh *mesh, struct bytes channel, struct bytes event, const struct trace_asker *asker,
                uint64_t *out_id);

/* The asker is not called any more. False: it has been. */
bool probe_forget(struct mesh *mesh, uint64_t id);

/* Reports those that have waited for too long; calls askers. */
void probe_expire(struct mesh *mesh);

/* PROBE and PROBED. 0, MESH_E_BAD_MESSAGE or -ENOMEM. */
int probe_take(struct mesh_link *link, const struct link_one *one);
int probe_take_back(struct mesh_link *link, const struct link_one *one);

/* Calls all askers. */
void probe_clear(struct mesh *mesh);

#endif
