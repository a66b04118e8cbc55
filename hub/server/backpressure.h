/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What happens when a consumer does not keep up
 *
 * A producer whose message meets a full outbox is not read any further until that outbox has drained: the
 * kernel's buffers then push back on it. For messages to many, and for notices, that holds only as long as
 * the consumer makes progress; one that does not is left to its bound, so that it costs the others nothing. A
 * consumer whose full outbox hardly moves (STALL_BYTES in STALL_MS), or has reached its bound, is ended.
 *
 * Producer and consumer may sit at two hubs. Then the core passes it on: a session here waits on the line of
 * a link, or of a consumer at another hub, and federation's waiters stand on the lines of sessions here.
 */
#ifndef COMMHUB_SERVER_BACKPRESSURE_H
#define COMMHUB_SERVER_BACKPRESSURE_H

#include "hub/server/session.h"

/* A new session: waits for nobody and nobody for it. */
void backpressure_begin(struct session *session);

/* The session's outbox is above high after a frame of this class. */
void backpressure_met_full(struct session *consumer, enum frame_class frame_class);

/* The session brought something to a receiver that is no session of this server, and waits on its line. */
void backpressure_wait(struct session *producer, struct list *line, bool is_for_many);

/* The session's outbox has fallen to low: those who waited are read again. */
void backpressure_drained(struct session *consumer);

/* The session ends: it waits for nobody and nobody for it. */
void backpressure_forget(struct session *session);

/* The server's full_timer. */
void backpressure_inspect(struct loop_timer *timer);

#endif
