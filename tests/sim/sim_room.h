/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Meshes of some shapes whose hubs have a client each, all of them in one room
 */
#ifndef COMMHUB_TESTS_SIM_ROOM_H
#define COMMHUB_TESTS_SIM_ROOM_H

#include "tests/sim/sim.h"
#include "tests/support/unit.h"

/* Long enough for any shape here to come to rest. */
#define SETTLED_MS 500
/* The same after a link has gone for good. */
#define WITHDRAWN_MS (MESH_LINGER_MS + 1000)

struct shape {
    const char *what;
    void (*join)(struct sim *sim, unsigned n);
    unsigned n;
};

static inline void join_grid_of_9(struct sim *sim, unsigned n)
{
    (void)n;
    sim_join_grid(sim, 3, 3);
}

/* Two links between each pair of neighbours. */
static inline void join_double_ring(struct sim *sim, unsigned n)
{
    sim_join_ring(sim, n);
    sim_join_ring(sim, n);
}

static const struct shape shapes[] = {
    {"pair", sim_join_chain, 2},
    {"chain of 4", sim_join_chain, 4},
    {"ring of 3", sim_join_ring, 3},
    {"ring of 4", sim_join_ring, 4},
    {"ring of 5", sim_join_ring, 5},
    {"ring of 6", sim_join_ring, 6},
    {"ring of 7", sim_join_ring, 7},
    {"ring of 8", sim_join_ring, 8},
    {"full mesh of 5", sim_join_full, 5},
    {"grid 3 x 3", join_grid_of_9, 9},
    {"double ring of 4", join_double_ring, 4},
};

static inline struct sim *begin(const struct shape *shape)
{
    struct sim *sim = sim_new(shape->n, 7);

    shape->join(sim, shape->n);
    sim_run(sim, SETTLED_MS);
    return sim;
}

/* One client a hub that has the channel open. */
static inline void connect_all(struct sim *sim, unsigned n, struct sim_client **clients)
{
    for (unsigned i = 0; i < n; i++) {
        char id[32];

        snprintf(id, sizeof id, "c%u", i);
        clients[i] = sim_connect(sim, i, id);
        sim_open(clients[i], "room");
    }
    sim_run(sim, SETTLED_MS);
}

#endif
