/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How libmicrohttpd is used, and why so
 *
 * - poll, not epoll: its epoll forgets a connection whose last bytes come together with the end of file until
 * a timeout fires.
 * - The raw target comes from the URI callback, the first of all callbacks of a request: the library decodes
 * escapes before it shows the path, and a name may hold an escaped slash.
 * - It takes the first of two Content-Lengths, so heads are checked by us (request_check_head) before
 * anything else.
 * - It answers 414 and 431 by itself (a head over HEAD_BYTES), as 400 for what is no HTTP.
 * - An answer given before the body is read makes it close the connection after the answer; the pump lingers
 * for that.
 * - Over a socketpair it complains about TCP options at every answer: the logger is there to swallow all it
 * says.
 */
#include "mgmt/http/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub/base/buffer.h"

#define THREADS 4
#define HEAD_BYTES ((size_t)40 * 1024)
#define MOST_DISCARDED_BYTES                                                                                 \
    (8 * HTTP_SERVER_BODY_BYTES) /* of a body that is too long, then the line is cut */

struct http_server {
    struct http_server_options options;
    struct MHD_Daemon *daemon;
    struct pump *pump;
};

/* One request, from its first line to the end of its answer. */
struct exchange {
    char *target;
    bool has_begun;
    bool has_too_many_headers;
    struct request request;
    struct buffer body;
    size_t discarded_bytes;
    bool has_reply; /* settled by the head, to be given at the end of the request */
    struct reply reply;
};

static void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    request_clear(&exchange->request);
    reply_clear(&exchange->reply);
    buffer_clear(&exchange->body);
    free(exchange->target);
    free(exchange);
}

static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);

    (void)context;
    (void)connection;
    if (!exchange)
        return NULL;
    exchange->target = strdup(target);
    if (!exchange->target) {
        free(exchange);
        return NULL;
    }
    return exchange;
}

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct exchange *exchange = context;
    struct request *request = &exchange->request;

    (void)kind;
    if (request->n_headers == REQUEST_MAX_HEADERS) {
        exchange->has_too_many_headers = true;
        return MHD_NO;
    }
    request->headers[request->n_headers++] = (struct request_pair){name, value ? value : ""};
    return MHD_YES;
}

static int descriptor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *found =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return found ? found->connect_fd : -1;
}

static void set_peer(struct request *request, const struct sockaddr *peer)
{
    char host[48] = "unknown", port[8] = "0";
    socklen_t len = peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

    if (peer->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)peer;
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);

        memcpy(request->peer_key, &six->sin6_addr, is_mapped ? 16 : 8);
    } else if (peer->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)peer;

        request->peer_key[10] = request->peer_key[11] = 0xff;
        memcpy(request->peer_key + 12, &four->sin_addr, 4);
    }
    getnameinfo(peer, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(request->peer, sizeof request->peer, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static void begin(struct exchange *exchange, struct MHD_Connection *connection, const char *method)
{
    struct request *request = &exchange->request;
    const union MHD_ConnectionInfo *peer =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    exchange->has_begun = true;
    request->method = method;
    request->target = exchange->target;
    if (peer && peer->client_addr)
        set_peer(request, peer->client_addr);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, exchange);
    request_set_id(request);
}

/* ---- answering ---- */

static void add_headers(struct http_server *server, struct MHD_Response *response,
                        const struct request *request, const struct reply *reply)
{
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "X-Frame-Options", "DENY");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    MHD_add_response_header(response, "Content-Security-Policy", server->options.content_security_policy);
    MHD_add_response_header(response, "X-Request-Id", request->id);
    if (!reply->may_be_cached)
        MHD_add_response_header(response, "Cache-Control", "no-store");
    if (reply->content_type)
        MHD_add_response_header(response, "Content-Type", reply->content_type);
    if (reply->closes_connection)
        MHD_add_response_header(response, "Connection", "close");
    for (size_t i = 0; i < reply->n_headers; i++)
        MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
}

static enum MHD_Result answer(struct http_server *server, struct MHD_Connection *connection,
                              const struct request *request, struct reply *reply)
{
    struct MHD_Response *response;
    enum MHD_Result result;

    if (reply->upgrade_head) {
        char *head = reply->upgrade_head;

        reply->upgrade_head = NULL;
        reply_clear(reply);
        pump_upgrade(server->pump, descriptor_of(connection), head);
        return MHD_NO; /* the library closes its end, and the pump finds the head */
    }
    response =
        MHD_create_response_from_buffer(reply->body.len, (void *)(uintptr_t)reply->body.ptr,
                                        reply->own_body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!response) {
        reply_clear(reply);
        return MHD_NO;
    }
    reply->own_body = NULL; /* the response's now */
    add_headers(server, response, request, reply);
    result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    reply_clear(reply);
    return result;
}

/* ---- the course of a request ---- */

static bool has_body(const struct request *request)
{
    const char *length = request_header(request, "Content-Length");

    return request_header(request, "Transfer-Encoding") || (length && strcmp(length, "0") != 0);
}

/*
 * An answer given now costs the connection, even where no body is to come: then it is kept for the end of the
 * request, which is the next call.
 */
static enum MHD_Result on_first_call(struct http_server *server, struct MHD_Connection *connection,
                                     struct exchange *exchange, const char *method)
{
    struct request *request = &exchange->request;
    struct reply reply = {0};

    begin(exchange, connection, method);
    pump_head_is_whole(server->pump, descriptor_of(connection));
    if (exchange->has_too_many_headers) {
        server->options.on_too_many_headers(server->options.context, request, &reply);
        reply.closes_connection = true;
        return answer(server, connection, request, &reply);
    }
    if (!server->options.on_head(server->options.context, request, &reply))
        return MHD_YES;
    if (reply.upgrade_head || reply.closes_connection || has_body(request))
        return answer(server, connection, request, &reply);
    exchange->reply = reply;
    exchange->has_reply = true;
    return MHD_YES;
}

/* A body that is too long is read to its end, for an answer can be given only then; far too long is cut. */
static enum MHD_Result on_body(struct exchange *exchange, const char *bytes, size_t *len)
{
    struct buffer *body = &exchange->body;

    if (exchange->discarded_bytes || body->len + *len > HTTP_SERVER_BODY_BYTES) {
        exchange->discarded_bytes += *len;
        if (exchange->discarded_bytes > MOST_DISCARDED_BYTES)
            return MHD_NO;
    } else if (buffer_append(body, bytes, *len) < 0) {
        return MHD_NO;
    }
    *len = 0;
    return MHD_YES;
}

static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_len, void **request_context)
{
    struct http_server *server = context;
    struct exchange *exchange = *request_context;
    struct reply reply = {0};

    (void)url;
    (void)version;
    if (!exchange)
        return MHD_NO;
    if (!exchange->has_begun)
        return on_first_call(server, connection, exchange, method);
    if (*upload_len > 0)
        return on_body(exchange, upload, upload_len);
    if (exchange->has_reply)
        return answer(server, connection, &exchange->request, &exchange->reply);
    exchange->request.body = buffer_bytes(&exchange->body);
    if (exchange->discarded_bytes)
        server->options.on_too_long(server->options.context, &exchange->request, &reply);
    else
        server->options.on_request(server->options.context, &exchange->request, &reply);
    return answer(server, connection, &exchange->request, &reply);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    struct http_server *server = context;

    if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        pump_request_is_done(server->pump, descriptor_of(connection));
    exchange_free(*request_context);
    *request_context = NULL;
}

static void swallow(void *context, const char *format, va_list arguments)
{
    (void)context;
    (void)format;
    (void)arguments;
}

int http_server_new(struct http_server **out_server, const struct http_server_options *options,
                    struct pump *pump)
{
    struct http_server *server = calloc(1, sizeof *server);

    if (!server)
        return -ENOMEM;
    server->options = *options;
    server->pump = pump;
    server->daemon = MHD_start_daemon(
        MHD_USE_NO_LISTEN_SOCKET | MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, on_access, server, MHD_OPTION_EXTERNAL_LOGGER, swallow, NULL, MHD_OPTION_THREAD_POOL_SIZE,
        THREADS, MHD_OPTION_CONNECTION_TIMEOUT, options->idle_s, MHD_OPTION_CONNECTION_LIMIT,
        /* the pool shares it out evenly, and connections do not come evenly */
        (unsigned)(options->most_connections * THREADS), MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_END);
    if (!server->daemon) {
        free(server);
        return -EMFILE;
    }
    *out_server = server;
    return 0;
}

void http_server_serve(struct http_server *server, int fd, const struct sockaddr *peer, socklen_t peer_len)
{
    MHD_add_connection(server->daemon, fd, peer, peer_len); /* closes fd itself where it fails */
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}
