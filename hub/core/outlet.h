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
#include "hub/base/list.h"
#include "hub/base/log.h"
#include "hub/core/end_reason.h"
#include "hub/wire/message.h"

/* How a frame may be treated when its receiver is slow. */
enum frame_class {
    FRAME_CONTROL, /* answers and notices of the hub itself */
    FRAME_TO_ONE,  /* calls, answers, chunks, sends: a slow receiver pushes back on the producer */
    FRAME_TO_MANY, /* broadcasts and publishes: a receiver that makes no progress is ended */
};

/*
 * A producer that has met a full receiver: it hangs on the receiver's line and brings nothing more until it
 * is told to go, when the receiver has room again or is no more.
 */
struct waiter {
    struct list in_line;
    bool is_for_many;                  /* the receiver makes it wait for as long as it makes progress */
    void (*go)(struct waiter *waiter); /* takes it off the line */
};

/* What the core has read of a call, send or answer that it passes on. Borrowed. */
struct outlet_one {
    enum message_type type;
    struct bytes channel; /* call, send */
    struct bytes event;   /* call, send */
    struct bytes request_id;
    struct bytes caller; /* call, answer: by the name that the answer is addressed to */
    bool is_last;        /* answer: no other follows */
};

struct client_port {
    /* Queues @frame; borrowed, the port takes a reference of its own. */
    void (*send)(void *owner, struct block *frame, enum frame_class frame_class);
    /* The same for the frame of a client's call, send or answer. NULL: it goes by send(). */
    void (*pass)(void *owner, struct block *frame, const struct outlet_one *one);
    /* Asks for the end of the connection, after what is queued was written. */
    void (*end)(void *owner, enum end_reason reason);
    /* Puts the client on @line, and off any other: one receiver to wait for is enough, for the next message
     * meets the next. NULL: the client can't wait. */
    void (*wait)(void *owner, struct list *line, bool is_for_many);
};

/* Tells everyone on @line to go. */
static inline void waiters_go(struct list *line)
{
    list_for_each (at, line) {
        struct waiter *waiter = container_of(at, struct waiter, in_line);

        waiter->go(waiter);
    }
}

/* Those only that wait with a message for many. */
static inline void waiters_for_many_go(struct list *line)
{
    list_for_each (at, line) {
        struct waiter *waiter = container_of(at, struct waiter, in_line);

        if (waiter->is_for_many)
            waiter->go(waiter);
    }
}

struct outlet {
    /* Something happened; the arguments are log_record()'s. */
    void (*note)(void *context, enum log_level level, enum log_stream stream, const char *event,
                 const struct log_field *fields, size_t n_fields);
    void *context;
};

#endif
