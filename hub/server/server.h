/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Sockets around the core: listeners, sessions, draining
 *
 * Belongs to the loop's thread.
 */
#ifndef COMMHUB_SERVER_SERVER_H
#define COMMHUB_SERVER_SERVER_H

#include "hub/core/hub.h"
#include "hub/io/listener.h"
#include "hub/io/stream.h"
#include "hub/io/tls.h"

struct server;

struct server_options {
    struct bytes connection_secret; /* borrowed for the server's life; empty: none is asked for */
    bool takes_bridges; /* clients that say they are bridges may announce others' clients; else: plain ones */
    uint64_t idle_timeout_ms;
    uint64_t data_timeout_ms;
    size_t max_frame_bytes;
    size_t max_connections;
    struct listener_options unix_socket; /* mode and group of unix listeners */
    struct tls_context *tls;             /* of tls listeners; may be NULL where there are none */
};

/* 0 or a negative errno. @hub and @loop must outlive the server. */
int server_new(struct server **out_server, struct loop *loop, struct hub *hub,
               const struct server_options *options);

/*
 * Goes on with other settings: timeouts and limits count at once, secret and certificates for connections
 * that come from then on. Frames keep their limit, socket files their mode. @options as for server_new().
 */
void server_set_options(struct server *server, const struct server_options *options);

/* Ends all connections at once. NULL is fine. */
void server_free(struct server *server);

/* 0, or a negative errno with a sentence in @out_why. */
int server_listen(struct server *server, const struct address *address, char out_why[LISTENER_WHY_SIZE]);

/* The addresses as they are, in the order of server_listen(). */
size_t server_listener_count(const struct server *server);
void server_listener_text(const struct server *server, size_t i, char out_text[ADDRESS_TEXT_SIZE]);

/*
 * Connections whose first frame is a link_hello are another hub's: @accept takes over the stream and answers
 * 0, or refuses with a negative errno and leaves the stream. Bytes behind @first_body are offered to the
 * stream's new owner.
 */
typedef int server_accept_link_fn(void *context, struct stream *stream, struct bytes first_body,
                                  const char *peer_address);
void server_set_link_acceptor(struct server *server, server_accept_link_fn *accept, void *context);

/*
 * Stops accepting, waits up to @grace_ms for outstanding calls, tells every client and closes; then
 * @on_drained is called. A second call closes at once.
 */
void server_drain(struct server *server, uint64_t grace_ms, void (*on_drained)(void *context), void *context);

/* The time for the core, of this turn of the loop. */
struct hub_time server_time(const struct server *server);

#endif
