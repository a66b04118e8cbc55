/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How libmicrohttpd is used, and why so
 *
 * - poll, not epoll: its epoll forgets a connection whose last bytes come together with the end of file until
 * a timeout fires.
 * - The raw target comes from the URI callback, the first of all callbacks of a request: the library decodes
 * escapes before it shows the path, and a name may hold an escaped slash.
 * - It takes the first of two Content-Lengths, and answers what it does not like itself, as a page. None of
 * that reaches it: the pump judges heads and bodies before (request_scan.h).
 * - An answer given before the body is read makes it close the connection after the answer; the pump lingers
 * for that.
 * - A connection that waits is suspended (later.h): it costs no thread and is not polled. The library aborts
 * if it is stopped while one sleeps, so all are woken first, and from then on nobody goes to sleep.
 * - Over a socketpair it complains about TCP options at every answer: the logger is there to swallow all it
 * says.
 */
#include "mgmt/http/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "hub/base/buffer.h"
#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/base/list.h"
#include "hub/base/priority.h"
#include "mgmt/http/answer.h"

#define THREADS 4
#define STREAM_BLOCK_BYTES 4096        /* of a streamed answer, at most at a time */
#define HEAD_BYTES ((size_t)48 * 1024) /* for a head of HEAD_SCAN_BYTES, and what it is taken apart into */
#define BRIEF_BYTES 4096               /* of a head that may be brief; browsers send some 2 KiB */
#define MOST_DISCARDED_BYTES                                                                                 \
    (8 * HTTP_SERVER_BODY_BYTES) /* of a body that is too long, then the line is cut */

struct http_server {
    struct http_server_options options;
    struct answer_policy policy;
    struct MHD_Daemon *daemon;
    struct pump *pump;
    pthread_mutex_t mutex; /* of waiting */
    struct list waiting;   /* exchanges with a later */
    atomic_bool is_stopping;
};

/* One request, from its first line to the end of its answer. */
struct exchange {
    char *target;
    uint64_t begun_us;
    bool has_begun;
    struct request request;
    struct buffer body;
    size_t discarded_bytes;
    bool has_reply; /* settled by the head, to be given at the end of the request */
    struct reply reply;
    struct http_server *server; /* while it is on the server's list */
    struct list waiting;
    struct later *later;
    int fd; /* of the connection */
    atomic_bool has_left;
};

static void stop_waiting(struct exchange *exchange)
{
    if (!exchange->later)
        return;
    pthread_mutex_lock(&exchange->server->mutex);
    list_unlink(&exchange->waiting);
    pthread_mutex_unlock(&exchange->server->mutex);
    later_end(exchange->later);
    exchange->later = NULL;
}

static void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    stop_waiting(exchange);
    request_clear(&exchange->request);
    reply_clear(&exchange->reply);
    buffer_clear(&exchange->body);
    free(exchange->target);
    free(exchange);
}

/* The library's threads are first seen when they bring a request. */
static void give_way_once(void)
{
    static _Thread_local bool has_given_way;

    if (!has_given_way)
        priority_give_way();
    has_given_way = true;
}

static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);

    (void)context;
    (void)connection;
    give_way_once();
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
    if (request->n_headers == HEAD_SCAN_HEADERS)
        return MHD_NO; /* never: the pump has counted them */
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
    exchange->begun_us = clock_monotonic_us();
    request->method = method;
    request->target = exchange->target;
    if (peer && peer->client_addr)
        set_peer(request, peer->client_addr);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, exchange);
    request_set_id(request);
    request_set_trace(request);
}

/* ---- answering ---- */

static void add_to_response(void *response, const char *name, const char *value)
{
    MHD_add_response_header(response, name, value);
}

void http_server_refuse(struct http_server *server, unsigned status, const char *why,
                        struct buffer *out_answer)
{
    struct request request = {.method = "", .target = ""};
    struct reply reply = {0};

    request_set_id(&request);
    request_set_trace(&request);
    server->options.on_malformed(server->options.context, &request, status, why, &reply);
    reply.closes_connection = true;
    answer_write(&server->policy, &request, &reply, out_answer);
    reply_clear(&reply);
}

/* Whether nothing follows the head, and nothing in it is about the connection. */
static bool is_plain(const struct request *request)
{
    static const char *const others[] = {"Content-Length", "Transfer-Encoding", "Expect", "Upgrade"};
    const char *connection = request_header(request, "Connection");

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (request_header(request, others[i]))
            return false;
    return strcmp(request->method, "GET") == 0 && (!connection || strcasecmp(connection, "keep-alive") == 0);
}

static void answer_brief(struct http_server *server, const struct request *request, struct reply *reply,
                         uint64_t begun_us, struct buffer *out_answer)
{
    check(reply->status && !reply->later && !reply->upgrade_head);
    reply->closes_connection = false; /* no byte follows that could not be trusted */
    answer_write(&server->policy, request, reply, out_answer);
    if (server->options.on_answered)
        server->options.on_answered(server->options.context, request, reply->status,
                                    clock_monotonic_us() - begun_us);
}

bool http_server_answer(struct http_server *server, struct bytes head, const struct sockaddr *peer,
                        struct buffer *out_answer)
{
    uint64_t begun_us = clock_monotonic_us();
    struct request request = {0};
    struct reply reply = {0};
    char text[BRIEF_BYTES];
    bool is_brief;

    if (!server->options.on_brief || head.len > sizeof text)
        return false;
    memcpy(text, head.ptr, head.len);
    if (!request_read_head(&request, text, head.len) || !is_plain(&request))
        return false;
    set_peer(&request, peer);
    request_set_id(&request);
    request_set_trace(&request);
    is_brief = server->options.on_brief(server->options.context, &request, &reply);
    if (is_brief)
        answer_brief(server, &request, &reply, begun_us, out_answer);
    request_clear(&request);
    reply_clear(&reply);
    return is_brief;
}

/* Nobody is there to be answered. */
static bool is_cut(struct exchange *exchange)
{
    return atomic_load(&exchange->has_left) || atomic_load(&exchange->server->is_stopping);
}

/* The streamed body of an answer. */
static ssize_t read_later(void *context, uint64_t position, char *room, size_t size)
{
    struct exchange *exchange = context;
    struct later *later = exchange->later;

    (void)position;
    for (;;) {
        long n = later_source_of(later)->read(later_state(later), room, size);

        if (n > 0)
            return n;
        if (n == LATER_END || is_cut(exchange))
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (later_sleep(later))
            return 0;
    }
}

static struct MHD_Response *response_of(struct exchange *exchange, struct reply *reply)
{
    struct MHD_Response *response;

    if (reply->is_streamed)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_later, exchange,
                                                 NULL);
    response =
        MHD_create_response_from_buffer(reply->body.len, (void *)(uintptr_t)reply->body.ptr,
                                        reply->own_body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (response)
        reply->own_body = NULL; /* the response's now */
    return response;
}

static enum MHD_Result answer(struct http_server *server, struct MHD_Connection *connection,
                              struct exchange *exchange, struct reply *reply)
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
    response = response_of(exchange, reply);
    if (!response) {
        reply_clear(reply);
        return MHD_NO;
    }
    answer_headers(&server->policy, &exchange->request, reply, add_to_response, response);
    pump_answer_begins(server->pump, descriptor_of(connection), reply->is_streamed);
    if (server->options.on_answered)
        server->options.on_answered(server->options.context, &exchange->request, reply->status,
                                    clock_monotonic_us() - exchange->begun_us);
    result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    reply_clear(reply);
    return result;
}

/* ---- answers that come later ---- */

static void put_to_sleep(void *connection)
{
    MHD_suspend_connection(connection);
}

static void wake_up(void *connection)
{
    MHD_resume_connection(connection);
}

static void begin_waiting(struct http_server *server, struct MHD_Connection *connection,
                          struct exchange *exchange, struct reply *reply)
{
    exchange->server = server;
    exchange->fd = descriptor_of(connection);
    exchange->later = reply->later;
    reply->later = NULL;
    exchange->reply = *reply;
    later_attach(exchange->later, connection, put_to_sleep, wake_up);
    pthread_mutex_lock(&server->mutex);
    list_append(&server->waiting, &exchange->waiting);
    pthread_mutex_unlock(&server->mutex);
}

static enum MHD_Result answer_later(struct http_server *server, struct MHD_Connection *connection,
                                    struct exchange *exchange)
{
    struct later *later = exchange->later;

    for (;;) {
        struct reply reply = exchange->reply; /* with the headers that are known already */

        if (later_source_of(later)->fill(later_state(later), &exchange->request, &reply))
            return answer(server, connection, exchange, &reply);
        if (is_cut(exchange))
            return MHD_NO;
        if (later_sleep(later))
            return MHD_YES;
    }
}

void http_server_tick(struct http_server *server, uint64_t now_ms)
{
    pthread_mutex_lock(&server->mutex);
    list_for_each (link, &server->waiting)
        later_wake_if_due(container_of(link, struct exchange, waiting)->later, now_ms);
    pthread_mutex_unlock(&server->mutex);
}

void http_server_client_left(struct http_server *server, int fd)
{
    pthread_mutex_lock(&server->mutex);
    list_for_each (link, &server->waiting) {
        struct exchange *exchange = container_of(link, struct exchange, waiting);

        if (exchange->fd != fd)
            continue;
        atomic_store(&exchange->has_left, true);
        later_wake(exchange->later);
    }
    pthread_mutex_unlock(&server->mutex);
}

static void wake_all(struct http_server *server)
{
    pthread_mutex_lock(&server->mutex);
    list_for_each (link, &server->waiting)
        later_wake(container_of(link, struct exchange, waiting)->later);
    pthread_mutex_unlock(&server->mutex);
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
    if (!server->options.on_head(server->options.context, request, &reply))
        return MHD_YES;
    if (reply.upgrade_head || reply.closes_connection || has_body(request))
        return answer(server, connection, exchange, &reply);
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
    if (exchange->later)
        return answer_later(server, connection, exchange);
    if (exchange->has_reply)
        return answer(server, connection, exchange, &exchange->reply);
    exchange->request.body = buffer_bytes(&exchange->body);
    if (exchange->discarded_bytes)
        server->options.on_too_long(server->options.context, &exchange->request, &reply);
    else
        server->options.on_request(server->options.context, &exchange->request, &reply);
    if (!reply.later)
        return answer(server, connection, exchange, &reply);
    begin_waiting(server, connection, exchange, &reply);
    return answer_later(server, connection, exchange);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    struct http_server *server = context;

    if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        pump_answer_is_out(server->pump, descriptor_of(connection));
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
    server->policy = (struct answer_policy){options->content_security_policy, options->is_secure};
    server->pump = pump;
    pthread_mutex_init(&server->mutex, NULL);
    list_init(&server->waiting);
    server->daemon =
        MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET | MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC |
                             MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME,
                         0, NULL, NULL, on_access, server, MHD_OPTION_EXTERNAL_LOGGER, swallow, NULL,
                         MHD_OPTION_THREAD_POOL_SIZE, THREADS, MHD_OPTION_CONNECTION_TIMEOUT, options->idle_s,
                         MHD_OPTION_CONNECTION_LIMIT,
                         /* the pool shares it out evenly, and connections do not come evenly */
                         (unsigned)(options->most_connections * THREADS), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                         HEAD_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_target,
                         server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_END);
    if (!server->daemon) {
        pthread_mutex_destroy(&server->mutex);
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
    atomic_store(&server->is_stopping, true);
    wake_all(server);
    MHD_stop_daemon(server->daemon);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}
