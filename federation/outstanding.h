/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Calls that cross the mesh and have not been answered
 *
 * At the caller's hub: by which sessions the call went, so that the caller hears at once when one of them is
 * over; whether it was carried out is then not known, and it is not sent again; and which answer comes next.
 * At the provider's hub: by which hubs the call came, for the answer goes back the same way and so depends on
 * the same sessions; and how many answers it has had.
 */
#ifndef COMMHUB_FEDERATION_OUTSTANDING_H
#define COMMHUB_FEDERATION_OUTSTANDING_H

#include "federation/mesh_state.h"
#include "hub/core/peering.h"

/* At a hub in all. Beyond it the oldest is not watched any more: the core has given up some of them at their
 * deadline, without a word to the mesh. */
#define OUTSTANDING_MAX 100000U

enum outstanding_side {
    OUTSTANDING_OUT, /* to the hub, by local clients; `way` is the path of the service */
    OUTSTANDING_IN,  /* from the hub, to local providers; `way` is the trail that the call came by */
};

struct outstanding {
    struct map_node node;
    struct list in_origin;
    struct list in_mesh; /* oldest first */
    struct origin *origin;
    enum outstanding_side side;
    struct bytes request_id;
    struct bytes client_id; /* the caller */
    struct bytes channel;
    struct bytes event;
    struct bytes way;
    struct stream_order order; /* OUT: of the answers */
    uint64_t n_given;          /* IN: answers */
    uint8_t storage[];
};

/* Remembers @call (one without a request_id needs no answer and is not remembered). Out of memory: it is not
 * watched, and ends with its deadline. */
void outstanding_add(struct origin *origin, enum outstanding_side side, const struct outlet_one *call,
                     struct bytes way);

/* The call of that client; NULL: none. */
struct outstanding *outstanding_find(const struct origin *origin, enum outstanding_side side,
                                     struct bytes request_id, struct bytes client_id);

void outstanding_free(struct outstanding *outstanding);

/* All of that hub. */
void outstanding_forget(struct origin *origin);

#endif
