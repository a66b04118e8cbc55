/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Requests that wait for their answer
 *
 * Each is settled at most once as final: by the answer, by its deadline, or by the end of the connection;
 * then it is freed. A stream's chunks settle it before, not as final. Cancelling frees it without a word.
 */
#ifndef COMMHUB_CLIENT_PENDING_H
#define COMMHUB_CLIENT_PENDING_H

#include "hub/client/client_state.h"

#define PENDING_ID_SIZE 37

struct settlement {
    int outcome;
    const char *text;              /* never NULL */
    const struct message *message; /* NULL where none came */
    struct bytes raw_data;
    bool is_final;
};

struct pending {
    struct map_node node;
    struct list link;
    struct loop_timer timer;
    struct commipc_client *client;
    char id[PENDING_ID_SIZE];
    uint64_t number;
    uint32_t timeout_ms;
    bool is_stream;
    /* May call callbacks of the program. */
    void (*settle)(struct pending *pending, const struct settlement *settlement);
    struct commipc_channel *channel;
    void *subject;
    commipc_answer_fn *on_answer;
    commipc_done_fn *on_done;
    void *user;
};

/* With an id of its own and a running deadline: 0, COMMIPC_E_TOO_MANY or -ENOMEM. The caller fills in what
 * settling needs. */
int pending_new(struct commipc_client *client, struct commipc_channel *channel, uint32_t timeout_ms,
                struct pending **out_pending);

/* Without a word. NULL is fine. */
void pending_cancel(struct pending *pending);

struct pending *pending_find(const struct commipc_client *client, struct bytes id);
struct pending *pending_find_number(const struct commipc_client *client, uint64_t number);

/* A `response`, or an `error` that names the request. */
void pending_answer(struct pending *pending, const struct message *message);

void pending_fail(struct pending *pending, int outcome, const char *text);

/* All of them; for the end of a connection. */
void pending_fail_all(struct commipc_client *client, int outcome, const char *text);

/* Sends the request that has been drafted for @pending: 0, or what connection_send() answered, and then
 * @pending is gone. */
int pending_send(struct pending *pending, struct draft *draft, bool is_urgent);

/* The settle functions of requests whose answer the program gets itself. */
void pending_settle_answer(struct pending *pending, const struct settlement *settlement);
void pending_settle_done(struct pending *pending, const struct settlement *settlement);

#endif
