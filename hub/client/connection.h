/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The connection to the hub: made, identified, kept alive, made anew
 *
 * Embedded in the client. All on the loop's thread. Every entry from the loop is made between on_enter() and
 * on_leave(), which surround all other events.
 */
#ifndef COMMHUB_CLIENT_CONNECTION_H
#define COMMHUB_CLIENT_CONNECTION_H

#include "hub/client/commipc.h"
#include "hub/io/dialer.h"
#include "hub/io/stream.h"
#include "hub/io/tls.h"
#include "hub/wire/message.h"

/* The steps to READY. */
enum connection_step {
    CONNECTION_RESOLVING,
    CONNECTION_CONNECTING,
    CONNECTION_SECURING, /* tls:// only */
    CONNECTION_IDENTIFYING,
    CONNECTION_PROVING, /* only where the hub asks for it */
};

struct connection_events {
    void (*on_enter)(void *owner);
    void (*on_leave)(void *owner);
    void (*on_state)(void *owner, enum commipc_state state, const char *detail);
    /* A step is begun. NULL: nobody asks. */
    void (*on_step)(void *owner, enum connection_step step);
    /* A message while READY. */
    void (*on_message)(void *owner, const struct message *message);
    void (*on_drained)(void *owner);
};

struct connection_options {
    struct address address;
    const char *mode;        /* this and the next are the owner's */
    char *secret;            /* NULL: none */
    struct tls_context *tls; /* of a tls address; the owner's */
    uint32_t connect_timeout_ms;
    uint32_t heartbeat_ms;
    uint32_t idle_timeout_ms;
    uint32_t least_wait_ms;
    uint32_t most_wait_ms;
    bool is_single_attempt;
    size_t max_frame_bytes;
    size_t max_queued_bytes;
};

#define CONNECTION_ID_SIZE 256

struct connection {
    struct loop *loop;
    struct mailbox *mailbox;
    struct connection_options options;
    const struct connection_events *events;
    void *owner;
    struct stream_marks marks;
    enum commipc_state state;
    struct dialer *dialer;
    struct stream *stream;
    struct loop_timer timer; /* of the state; armed unless STOPPED */
    uint64_t heard_ms;
    uint64_t ping_ms; /* when the next one is due */
    uint32_t n_failures;
    bool was_ready;
    char client_id[CONNECTION_ID_SIZE];
    char server_id[CONNECTION_ID_SIZE];
};

/* client_id is set by the caller before. Connecting begins in the next turn. 0 or a negative errno. */
int connection_init(struct connection *connection, struct loop *loop,
                    const struct connection_options *options, const struct connection_events *events,
                    void *owner);

/* Closes at once, may be called inside any event; none comes any more. */
void connection_close(struct connection *connection);

/* Not inside an event. One that init refused, and all zeroes, are fine. */
void connection_clear(struct connection *connection);

/* Queues a frame (NULL: -ENOMEM) and releases it: 0, COMMIPC_E_NOT_CONNECTED, COMMIPC_E_FULL or -ENOMEM.
 * @is_urgent: may use the room between the high mark and the maximum. */
int connection_send(struct connection *connection, struct block *frame, bool is_urgent);

#endif
