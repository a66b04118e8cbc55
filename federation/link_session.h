/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The frames of a link that must not be lost: numbers, acknowledgements, and what may have to be sent again
 *
 * A session outlasts its connection. Each frame has a number; the far side takes them in one after the other
 * and says now and then how far it has come. What it has not acknowledged is kept here (the very blocks that
 * were sent, by reference), and is ours to look after: sent again when the link goes on, or by another way.
 *
 * Pure: no sockets, no clocks. One thread.
 */
#ifndef COMMHUB_FEDERATION_LINK_SESSION_H
#define COMMHUB_FEDERATION_LINK_SESSION_H

#include "federation/link_wire.h"
#include "hub/base/block.h"

/* So much may come in before it is acknowledged at once and not in a while. What is not acknowledged is kept
 * by its sender, which writes new frames into the memory of old ones while the caches still have it. */
#define LINK_SESSION_EAGER_FRAMES 256U
#define LINK_SESSION_EAGER_BYTES (64U << 10)

struct link_kept {
    struct block *frame;
    enum link_class class; /* messages of clients may go another way; the rest concerns this link alone */
};

struct link_session {
    uint64_t sent;         /* number of the last frame */
    uint64_t acknowledged; /* the far side has everything up to it */
    uint64_t received;     /* the last that was taken in */
    uint64_t told;         /* what the far side was last told of that */
    size_t untold_bytes;
    struct link_kept *kept; /* a ring: frame n stands at n & (n_places - 1) */
    size_t n_places;        /* 0 or a power of two */
    size_t kept_bytes;
    size_t kept_bytes_of[LINK_CLASS_COUNT];
    size_t n_messages; /* of those that are kept */
};

void link_session_init(struct link_session *session);
void link_session_clear(struct link_session *session);

/* Keeps @frame (a reference of its own), which bears the number `sent` + 1: 0 or -ENOMEM. */
int link_session_keep(struct link_session *session, struct block *frame, enum link_class class);

/* A frame that is kept: `acknowledged` < @number <= `sent`; NULL: it is not needed any more. Borrowed. */
const struct link_kept *link_session_frame(const struct link_session *session, uint64_t number);

/* Another frame of the same number takes its place (a reference of its own). */
void link_session_replace(struct link_session *session, uint64_t number, struct block *frame,
                          enum link_class class);

/* The far side has all frames up to @number. False: it can't have. */
bool link_session_acknowledge(struct link_session *session, uint64_t number);

/* Whether the far side, which has received so much, can be given all the rest. */
bool link_session_may_resume(const struct link_session *session, uint64_t received);

/* Whether @number is the one that must come now. */
static inline bool link_session_is_next(const struct link_session *session, uint64_t number)
{
    return number == session->received + 1;
}

/* It has been taken in; @bytes is its size. */
void link_session_take(struct link_session *session, size_t bytes);

/* Whether something that came has not been acknowledged, and whether it should be at once. */
bool link_session_owes(const struct link_session *session);
bool link_session_owes_much(const struct link_session *session);

/* The acknowledgement is being sent: what it says. */
uint64_t link_session_tell(struct link_session *session);

#endif
