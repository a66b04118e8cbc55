/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Credit: how much may be under way on a link, and who waits when it is used up
 *
 * The far side grants each class of message a number of bytes that may have been sent and not acknowledged.
 * Where a message goes beyond it, its producer is held (holds.h), until no more than half of it is under way;
 * the message itself goes. So what has been taken in from anybody is always passed on at once and waits for
 * nothing: hubs that send to each other in a circle can't lock each other up, answers pass calls, and control
 * stands behind what credit lets through and nothing else. What bounds memory is that nobody brings more.
 *
 * We grant a link nothing for one while a message that it brought has overdrawn the link that it left by:
 * then the hub before holds its own producers, and grants nothing in turn. That is the second line of
 * defence, for it also stops those who are bound elsewhere.
 *
 * Nobody waits for ever. A producer of messages for many waits for a link no longer than
 * CREDIT_MANY_PATIENCE_MS, one of messages for one as long as the far side acknowledges anything within
 * CREDIT_ONE_PATIENCE_MS. Then the class has stalled: it holds nobody, until half of its credit is free
 * again. A link that is slow takes nothing more for many meanwhile than its credit, lest others wait behind
 * it. One that carries nothing may be about to be cut, and keeps what fits into `limits.queue_bytes`. What is
 * more is not sent by that link, and counted (`link_full`).
 *
 * A link that is cut holds producers early, before its resend buffer is full. The session's numbers are the
 * only account: what is under way is what has not been acknowledged, also after a cut.
 */
#ifndef COMMHUB_FEDERATION_CREDIT_H
#define COMMHUB_FEDERATION_CREDIT_H

#include "federation/link_flow.h"
#include "federation/mesh_state.h"

/* What a link grants each class at least. Producers on one link wait for each other's bytes: so few that this
 * takes milliseconds, so many that a hub is not idle between two acknowledgements. */
#define CREDIT_LEAST_BYTES (UINT64_C(512) << 10)
/* More for each millisecond of the link's shortest round trip: 128 MB/s. */
#define CREDIT_BYTES_PER_MS (UINT64_C(128) << 10)
/* A link that is faster than that is granted what it has lately carried in so long. It grows into it: with
 * twice as much under way it carries more, until what is under way takes so long. */
#define CREDIT_AHEAD_MS 4U
/* What a held producer has under way must find room in a client's outbox, over several links. */
#define CREDIT_MOST_BYTES (UINT64_C(8) << 20)
/* A link whose class is so many times over its credit is overdrawn. */
#define CREDIT_OVERDRAFT 4U

#define CREDIT_MANY_PATIENCE_MS 1000U
#define CREDIT_ONE_PATIENCE_MS MESH_STALE_HOLD_MS

void credit_begin(struct mesh_link *link);

/* Whether the link may keep a message of that size: MESH_REFUSAL_COUNT, or why not. */
enum mesh_refusal credit_judge(struct mesh_link *link, enum link_class class, size_t bytes);

/* The last resort: more is kept than even control may bring it to. */
bool credit_is_overrun(const struct mesh_link *link);

struct link_flow credit_flow(const struct mesh_link *link, enum link_class class);

/* A message was sent by @link, or is kept for it. */
void credit_spent(struct mesh_link *link, const struct link_message *message);

/* The far side has acknowledged something or grants otherwise, or what was kept went another way. */
void credit_earned(struct mesh_link *link);

/* Time passes: nobody waits any longer for what has stalled. */
void credit_look(struct mesh *mesh);

/* Nobody waits for @link any more: it is over. */
void credit_forgo(struct mesh_link *link);

/* Notes what has come over @link since the far side was last told. */
void credit_measure(struct mesh_link *link);

/* What we grant the far side of @link, whose shortest round trip took so long. */
uint64_t credit_grant(const struct mesh_link *link, enum link_class class, uint64_t rtt_us);

#endif
