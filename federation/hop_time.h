/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How long the news over one more hub are waited for
 *
 * As long as the mesh's slowest link takes: each hub tells, with its own entry, what its slowest one takes
 * there and back, and all go by the slowest of those that they can reach. So all wait alike, which the order
 * of telling rests on (advertise.c); a mesh of fast links does not wait as one of slow links has to. And all
 * count from one moment, for news say how old they are.
 */
#ifndef COMMHUB_FEDERATION_HOP_TIME_H
#define COMMHUB_FEDERATION_HOP_TIME_H

#include "federation/mesh_state.h"

/* What round trips are told as, in whole milliseconds: the least, and the most. Slower links cost an update
 * of a key more now and then; with more, hubs at the end of the longest path would wait longer than the pacer
 * can. */
#define HOP_TIME_LEAST_MS 1U
#define HOP_TIME_MOST_MS 100U

/* A link's shortest round trip; 0: it is not known yet. */
void hop_time_measured(struct mesh_link *link, uint64_t rtt_us);

/* A hub has come, has gone, or has told its own entry anew. */
void hop_time_heard(struct mesh *mesh);

/* From time to time: tells what our slowest link takes, where that has changed for good. */
void hop_time_look(struct mesh *mesh);

/* How long ago something happened that was @told_us old when the link's far side has told it. */
uint64_t hop_time_age_us(const struct mesh_link *link, uint64_t told_us);

/* The neighbours of a dead hub notice it within so long of each other: what happens so close together is
 * taken for one blow, and counted from its first moment. */
#define HOP_TIME_BLOW_MS 10U

/* A link somewhere was cut, went on or has ended at that time. */
void hop_time_struck(struct mesh *mesh, uint64_t at_ms);

/* When the blow has begun to which belongs what has happened at that time. */
uint64_t hop_time_blow_ms(const struct mesh *mesh, uint64_t at_ms);

/* The wait for each hub on a way. */
uint32_t hop_time_ms(struct mesh *mesh);

#endif
