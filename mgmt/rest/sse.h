/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Server-sent events: the text of an answer that goes on (text/event-stream)
 *
 * One event at a time is held and read out; a comment now and then shows that the line lives, and finds out
 * when it does not.
 */
#ifndef COMMHUB_MGMT_REST_SSE_H
#define COMMHUB_MGMT_REST_SSE_H

#include "hub/base/buffer.h"
#include "mgmt/http/reply.h"
#include "mgmt/http/request.h"

#define SSE_BEAT_MS 10000

struct sse {
    struct buffer out;
    size_t n_read;
    uint64_t read_ms; /* when something was read last */
};

/* Whether the asker wants them. */
bool sse_is_wanted(const struct request *request);

/* Makes the reply a stream of events, and says so to proxies. */
void sse_reply(struct sse *sse, struct reply *reply);

/* Begins an event, with a name unless NULL and an id unless 0; then its data is appended to sse->out, as text
 * without line ends; then sse_finish(). */
void sse_begin(struct sse *sse, const char *event, uint64_t id);
void sse_finish(struct sse *sse);

bool sse_is_empty(const struct sse *sse);

/* Appends a comment if nothing was read for long. */
void sse_beat(struct sse *sse, uint64_t now_ms);
bool sse_is_beat_due(const struct sse *sse, uint64_t now_ms);

/* Takes some of the text out; 0: nothing is there. */
size_t sse_read(struct sse *sse, char *room, size_t size);

void sse_clear(struct sse *sse);

#endif
