/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The only ways out of the core
 *
 * Each client has a port, given by whoever brought it (a session, or federation for a remote hub); the hub as
 * a whole has an outlet. None of these functions may call back into the core, block, or fail: what can't be
 * done (no memory, a full outbox) ends that client later, from the loop, through hub_client_gone().
 */
#ifndef COMMHUB_CORE_OUTLET_H
#define COMMHUB_CORE_OUTLET_H

#include "hub/base/block.h"
#include "hub/base/log.h"
#include "hub/core/end_reason.h"

/* How a frame may be treated when its receiver is slow. */
enum frame_class {
    FRAME_CONTROL, /* answers and notices of the hub itself */
    FRAME_TO_ONE,  /* calls, answers, chunks, sends: a slow receiver pushes back on the producer */
    FRAME_TO_MANY, /* broadcasts and publishes: a receiver that makes no progress is ended */
};

struct client_port {
    /* Queues @frame; borrowed, the port takes a reference of its own. */
    void (*send)(void *owner, struct block *frame, enum frame_class frame_class);
    /* Asks for the end of the connection, after what is queued was written. */
    void (*end)(void *owner, enum end_reason reason);
};

struct outlet {
    /* Something happened; the arguments are log_record()'s. */
    void (*note)(void *context, enum log_level level, enum log_stream stream, const char *event,
                 const struct log_field *fields, size_t n_fields);
    void *context;
};

#endif
