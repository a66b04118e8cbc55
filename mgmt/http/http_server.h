/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * HTTP: the only file that knows libmicrohttpd
 *
 * It has no listening socket: the pump brings it connections. Handlers run on its own few threads, several at
 * the same time.
 */
#ifndef COMMHUB_MGMT_HTTP_HTTP_SERVER_H
#define COMMHUB_MGMT_HTTP_HTTP_SERVER_H

#include <sys/socket.h>

#include "hub/base/buffer.h"
#include "mgmt/http/pump.h"
#include "mgmt/http/reply.h"
#include "mgmt/http/request.h"

struct http_server;

#define HTTP_SERVER_BODY_BYTES ((size_t)1024 * 1024) /* of a request */

struct http_server_options {
    size_t most_connections;
    unsigned idle_s;                     /* a connection on which nothing moves is closed after so long */
    bool is_secure;                      /* over TLS: browsers are told to stay with it */
    const char *content_security_policy; /* of every answer; static storage */
    void *context;

    /*
     * A request of a head alone, on the pump's thread (pump_options.answer): true where it is brief, and
     * @reply is filled at once, without later and for a connection that goes on. request_parse() was not
     * called yet. False: it goes the way of all others, from its head on.
     */
    bool (*on_brief)(void *context, struct request *request, struct reply *reply);

    /*
     * The head is there (request_parse() was not called yet). True: @reply is filled and goes out, the body
     * is not read. False: once the body is there, on_request() is called, with a filled reply if the body
     * turned out to be too long.
     */
    bool (*on_head)(void *context, struct request *request, struct reply *reply);
    void (*on_request)(void *context, struct request *request, struct reply *reply);
    /* The body is longer than HTTP_SERVER_BODY_BYTES. */
    void (*on_too_long)(void *context, struct request *request, struct reply *reply);
    /* A head, or how a body comes, is no good; nothing of @request is known but its id. */
    void (*on_malformed)(void *context, const struct request *request, unsigned status, const char *why,
                         struct reply *reply);
    /* An answer goes out, its head at least; @took_us since the request's head was there. NULL: nobody
     * counts. */
    void (*on_answered)(void *context, const struct request *request, unsigned status, uint64_t took_us);
};

/* @pump hears of heads, ends and upgrades; it must not run yet. 0 or a negative errno. */
int http_server_new(struct http_server **out_server, const struct http_server_options *options,
                    struct pump *pump);

/* Any thread: takes over a connected descriptor. */
void http_server_serve(struct http_server *server, int fd, const struct sockaddr *peer, socklen_t peer_len);

/* Any thread: appends the whole answer to a request that is no good (pump_options.refuse). */
void http_server_refuse(struct http_server *server, unsigned status, const char *why,
                        struct buffer *out_answer);

/* The pump's thread: answers a request that is brief, which is all of @head (pump_options.answer). */
bool http_server_answer(struct http_server *server, struct bytes head, const struct sockaddr *peer,
                        struct buffer *out_answer);

/* Some four times a second, any thread: wakes those whose time has come (later_source.is_due). */
void http_server_tick(struct http_server *server, uint64_t now_ms);

/* Any thread: the client behind the descriptor has gone; what waits for an answer on its behalf is ended. */
void http_server_client_left(struct http_server *server, int fd);

/* After pump_stop(): waits for handlers that run, closes all connections. */
void http_server_free(struct http_server *server);

#endif
