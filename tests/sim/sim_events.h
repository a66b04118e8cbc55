/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What will happen in a simulated world, in the order of time and, within a millisecond, of the asking
 *
 * A wheel with a place for each millisecond to come: taking and adding cost the same however much waits,
 * which an hour of hellos on hundreds of links asks for. Running out of memory fails the test by check().
 */
#ifndef COMMHUB_TESTS_SIM_EVENTS_H
#define COMMHUB_TESTS_SIM_EVENTS_H

#include "federation/link_wire.h"
#include "hub/base/block.h"
#include "hub/base/list.h"

#define SIM_HORIZON_MS 4096U /* nothing is asked for further ahead; a power of two */

struct secret;
struct sim_client;

enum happening {
    FRAME_ARRIVES,
    ACK_IS_DUE,
    ACK_ARRIVES,
    PULSE_BEATS,
    END_NOTICES,
    END_IS_OVER,
    PROVIDER_ANSWERS,
    CLIENT_READS,
    KEY_IS_READY,
    MESH_IS_RESTED,
};

struct event {
    struct list in_place;
    enum happening what;
    unsigned link;
    unsigned end; /* 0: at a, 1: at b */
    unsigned hub; /* MESH_IS_RESTED */
    uint64_t connection;
    struct link_ack ack; /* ACK_ARRIVES */
    struct block *frame;
    struct sim_client *client;
    struct secret *secret;
};

struct sim_events {
    uint64_t now_ms;
    struct list places[SIM_HORIZON_MS];
    struct list spare;
};

void sim_events_init(struct sim_events *events, uint64_t now_ms);

/* Nothing must wait any more. */
void sim_events_clear(struct sim_events *events);

/* @event is copied; what it holds goes over to the queue. */
void sim_events_add(struct sim_events *events, uint64_t after_ms, const struct event *event);

/* The next that happens no later than @until_ms, the time moved on to it; NULL: none, and it is @until_ms
 * now. Back by sim_events_drop(). */
struct event *sim_events_next(struct sim_events *events, uint64_t until_ms);
void sim_events_drop(struct sim_events *events, struct event *event);

#endif
