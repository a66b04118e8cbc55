/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the foreign hub was asked and has not answered: requests of our own, and calls of the mesh
 *
 * All go by one connection, and callers choose their request ids freely, so each gets an id of its own here.
 */
#ifndef COMMHUB_FEDERATION_FOREIGN_REQUEST_H
#define COMMHUB_FEDERATION_FOREIGN_REQUEST_H

#include "federation/hub_id.h"
#include "hub/base/list.h"
#include "hub/base/map.h"

/* Beyond it the oldest is forgotten: its caller has long been answered at the deadline of its own hub. */
#define FOREIGN_REQUEST_MAX 100000U

enum foreign_request_kind {
    FOREIGN_REQUEST_MEMBERS,   /* who is in the channel? */
    FOREIGN_REQUEST_OPEN,      /* let us into the channel; or, again, tell what is in it */
    FOREIGN_REQUEST_PROVIDE,   /* take us as provider of an event */
    FOREIGN_REQUEST_DECLARE,   /* take us as owner of a topic */
    FOREIGN_REQUEST_SUBSCRIBE, /* let us have a topic */
    FOREIGN_REQUEST_CALL,      /* a call of the mesh */
};

struct foreign_request {
    struct map_node by_id;
    struct list by_age; /* oldest first */
    enum foreign_request_kind kind;
    struct bytes channel;
    struct bytes name;           /* of the item; a call's event */
    struct hub_id from;          /* CALL: the caller's hub */
    struct bytes raw_request_id; /* CALL: the caller's own, MessagePack */
    struct bytes caller;         /* CALL: the caller's client id */
    uint64_t n_given;            /* CALL: answers so far */
    char id[24];
    uint8_t storage[];
};

struct foreign_requests {
    struct map by_id;
    struct list by_age;
    uint64_t last_number;
};

void foreign_request_init(struct foreign_requests *requests);
void foreign_request_clear(struct foreign_requests *requests);

/* A request like @like, whose texts are copied, with a new id. NULL: out of memory. */
struct foreign_request *foreign_request_add(struct foreign_requests *requests,
                                            const struct foreign_request *like);
struct foreign_request *foreign_request_find(const struct foreign_requests *requests, struct bytes id);
void foreign_request_free(struct foreign_requests *requests, struct foreign_request *request);

#endif
