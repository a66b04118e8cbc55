/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A hub on a stage: clients without sockets, messages as JSON, virtual time
 *
 *     struct stage *stage = stage_new(NULL);
 *     stage_enter(stage, "alice");
 *     stage_say(stage, "alice", "{'type':'register','channel':'room','request_id':'1'}");
 *     stage_hear(stage, "alice", "{'type':'channel_sync','channel':'room'}");
 *
 * JSON is written with ' for ". What a client hears is compared key by key with what is expected: keys not
 * named do not matter, nested values must be equal. A failed expectation fails the test and shows what came
 * instead.
 */
#ifndef COMMHUB_TESTS_STAGE_H
#define COMMHUB_TESTS_STAGE_H

#include "hub/core/hub.h"

struct stage;

/* @options NULL: server id "hub", the defaults of `commhub serve`. */
struct stage *stage_new(const struct hub_options *options);

/* Ends all clients and the hub, and checks that nothing is left. */
void stage_free(struct stage *stage);

struct hub *stage_hub(struct stage *stage);

void stage_enter(struct stage *stage, const char *name);
void stage_enter_bridge(struct stage *stage, const char *name);
void stage_enter_peer(struct stage *stage, const char *name);
struct client *stage_client(struct stage *stage, const char *name);

/* The client's connection ends. */
void stage_leave(struct stage *stage, const char *name);

void stage_say(struct stage *stage, const char *name, const char *json);

/* The same; answers what hub_handle() answered. */
int stage_try(struct stage *stage, const char *name, const char *json);

/*
 * The same while the @n-th allocation of the hub fails. False: @n is beyond all allocations, the message was
 * carried out as usual.
 */
bool stage_try_without_memory(struct stage *stage, const char *name, const char *json, unsigned n, int *out_r,
                              bool *out_has_failed);

/* Virtual milliseconds pass, and hub_tick() is called. */
void stage_wait(struct stage *stage, uint64_t ms);
struct hub_time stage_time(const struct stage *stage);

#define stage_hear(stage, name, json) stage_hear_at((stage), (name), (json), __FILE__, __LINE__)
#define stage_hear_nothing(stage, name) stage_hear_nothing_at((stage), (name), __FILE__, __LINE__)

/* The next frame for the client. */
void stage_hear_at(struct stage *stage, const char *name, const char *json, const char *file, int line);
void stage_hear_nothing_at(struct stage *stage, const char *name, const char *file, int line);

/* The text at @key of the next frame, which stays; valid until the client hears something. NULL: no such. */
const char *stage_peek(struct stage *stage, const char *name, const char *key);

/* Whether the next frame has the key at all. */
bool stage_peek_has(struct stage *stage, const char *name, const char *key);

/* Forgets what the client has not heard yet. */
void stage_forget(struct stage *stage, const char *name);

/* The reason for which the hub asked for the client's end; -1: it did not. */
int stage_end_reason(struct stage *stage, const char *name);

/* How often outlet.note() was called for the stream. */
unsigned stage_notes(struct stage *stage, enum log_stream stream);

#endif
