/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Outstanding calls
 *
 * Remembers who asked whom, so that every caller gets exactly one end: an answer, an error when the provider
 * goes, or an error at the deadline. A call is on two lists, its caller's and its provider's; either may
 * vanish first. It counts as active until its final answer, streams too.
 *
 * A call is known by (provider, request_id, name of the caller): that is what a response bears. For a local
 * caller the name is its id; for one behind a peer, the sender_id that the peer's hub vouches for.
 */
#ifndef COMMHUB_CORE_CALLS_H
#define COMMHUB_CORE_CALLS_H

#include "hub/core/clients.h"
#include "hub/wire/error_text.h"

struct call {
    struct map_node by_key;
    struct list by_caller;
    struct list by_provider;
    struct list by_deadline;
    struct client *caller;
    struct client *provider;
    uint64_t began_ms;
    uint64_t waits_since_ms; /* the call, or the stream's last chunk */
    struct bytes request_id;
    struct bytes caller_name;
    struct bytes channel;
    struct bytes event;
    uint8_t storage[]; /* key, then the names */
};

enum {
    CALLS_E_TOO_MANY = 1, /* the caller has its full share outstanding */
    CALLS_E_ID_IN_USE,
};

struct call_parties {
    struct client *caller;
    struct client *provider;
    struct bytes request_id;
    struct bytes caller_name;
    struct bytes channel;
    struct bytes event;
};

/* Takes note of a call on its way to the provider; the texts are copied. 0, CALLS_E_* or -ENOMEM. */
int calls_add(struct hub *hub, const struct call_parties *parties);

/* The call that @provider was asked by @caller_name; NULL: it was not. */
struct call *calls_find(const struct hub *hub, const struct client *provider, struct bytes request_id,
                        struct bytes caller_name);

/* A chunk has come: the deadline begins anew. */
void calls_touch(struct hub *hub, struct call *call);

/* The final answer has been passed on. */
void calls_finish(struct hub *hub, struct call *call);

/* Answers the caller with an error and forgets the call. %1 and %2 of the text are channel and event. */
void calls_fail(struct hub *hub, struct call *call, enum error_text text);

/* The error response for a call that was never recorded. */
void calls_refuse(struct hub *hub, const struct call_parties *parties, enum error_text text);

/* A client goes: the calls it made are forgotten, those it took are failed. */
void calls_forget_client(struct hub *hub, struct client *client);

/* Fails what @provider has taken on @channel (and @event, unless BYTES_NONE). */
void calls_fail_taken(struct hub *hub, struct client *provider, struct bytes channel, struct bytes event);

/* Fails what is overdue; answers the next deadline, UINT64_MAX for none. */
uint64_t calls_expire(struct hub *hub);

#endif
