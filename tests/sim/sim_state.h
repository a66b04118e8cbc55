/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The simulated world's insides, for the files of this folder that are the world
 */
#ifndef COMMHUB_TESTS_SIM_STATE_H
#define COMMHUB_TESTS_SIM_STATE_H

#include "tests/sim/sim.h"
#include "tests/sim/sim_events.h"
#include "tests/sim/sim_trace.h"

struct sim_hub {
    struct sim *sim;
    unsigned index;
    uint64_t incarnation;
    struct hub *hub;
    struct mesh *mesh;
    struct core_face face;
    char warnings[512]; /* the events, one a line */
    bool is_stopping;   /* what it still sends goes nowhere */
};

/* A channel's, that is being stretched. */
struct secret {
    unsigned hub;
    uint64_t incarnation;
    uint8_t octets[MESH_SECRET_BYTES];
    char channel[64];
};

struct sim {
    struct sim_events events;
    struct sim_trace trace;
    uint64_t random;
    uint64_t last_session;
    size_t n_words[MESH_CHANNEL_REFUSED + 1]; /* on channels with a password, of all hubs */
    const char *watched;
    size_t n_watched;
    uint64_t last_connection;
    unsigned n_hubs;
    struct sim_hub hubs[SIM_MAX_HUBS];
    uint64_t unsettled[SIM_MAX_HUBS / 64]; /* those whose mesh has asked for it, a bit each */
    bool beats;
    uint32_t least_delay_ms;
    uint32_t most_delay_ms;
    unsigned n_links;
    struct sim_link links[SIM_MAX_LINKS];
    unsigned n_clients;
    struct sim_client *clients[SIM_MAX_CLIENTS];
};

struct hub_id sim_id_of(unsigned hub);
struct hub_time sim_time(const struct sim *sim);

/* Does what the hubs' meshes have asked for. */
void sim_settle(struct sim *sim);

/* What a client that answers has said. */
void sim_client_says(struct sim_client *client, struct bytes body);

/* What a slow one does each millisecond while there is something to read. */
void sim_client_reads(struct sim_client *client);

/* Frees all of them; the cores are gone. */
void sim_clients_free(struct sim *sim);

#endif
