/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The course of a request: is the head sound, which route, may they, is the body what the route takes; then
 * the route's handler. Whatever is not a route below /api or a probe is a file of the page.
 */
#include "mgmt/rest/rest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "hub/base/clock.h"
#include "hub/base/text.h"
#include "mgmt/http/http_server.h"
#include "mgmt/rest/access.h"
#include "mgmt/rest/page_files.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/routes.h"

void rest_init(struct rest *rest, const struct rest_options *options)
{
    *rest = (struct rest){
        .options = *options, .started_wall_ms = clock_wall_ms(), .started_ms = clock_monotonic_ms()};
    pthread_mutex_init(&rest->write_mutex, NULL);
    summary_cache_init(&rest->summaries);
}

void rest_clear(struct rest *rest)
{
    summary_cache_clear(&rest->summaries);
    pthread_mutex_destroy(&rest->write_mutex);
}

bool rest_ask(struct rest *rest, void (*run)(void *argument), void *argument, const struct request *request,
              struct reply *reply)
{
    if (mailbox_run(rest->options.mailbox, run, argument) == 0)
        return true;
    problem_reply(reply, request, 503, "The hub is ending.");
    return false;
}

void rest_reply_store_fault(struct reply *reply, const struct request *request, int r, const char *why)
{
    problem_reply(reply, request, r == -ENOSPC ? 507 : 500, "%s", why);
}

void rest_log(struct rest *rest, enum log_level level, const struct request *request, const char *format, ...)
{
    char what[768], text[1024];
    struct log_field fields[4];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(text, sizeof text, "%s (by REST from %s, request %s)", what, request->peer, request->id);
    fields[0] = log_text("message", bytes_of_text(text));
    fields[1] = log_text("level", bytes_of_text(log_level_name(level)));
    fields[2] = log_text_or_null("client_id", BYTES_NONE);
    fields[3] = log_text("server_id", bytes_of_text(rest->options.server_id));
    log_record(rest->options.log, level, LOG_LOGS, "server_log", fields, 4);
}

static bool refuse(struct reply *reply, const struct request *request, unsigned status, const char *why)
{
    problem_reply(reply, request, status, "%s", why);
    reply->closes_connection = true;
    return true;
}

static bool is_json(const char *content_type)
{
    size_t len = content_type ? strcspn(content_type, "; \t") : 0;

    return len == strlen("application/json") && strncasecmp(content_type, "application/json", len) == 0;
}

/* The length as told; a chunked body is counted as it comes. */
static bool is_too_long(const struct request *request)
{
    const char *length = request_header(request, "Content-Length");
    uint64_t value = 0;

    return length && (text_to_u64(length, 0, UINT64_MAX, &value) < 0 || value > HTTP_SERVER_BODY_BYTES);
}

static bool check_body(const struct route *route, const struct request *request, struct reply *reply)
{
    if (is_too_long(request)) {
        rest_on_too_long(NULL, (struct request *)(uintptr_t)request, reply);
        reply->closes_connection = true;
        return false;
    }
    if (route->takes_body && !is_json(request_header(request, "Content-Type"))) {
        problem_reply(reply, request, 415, "The body must be JSON: Content-Type: application/json.");
        reply_add_header(reply, "Accept", "application/json");
        return false;
    }
    return true;
}

static bool find(struct rest *rest, const struct request *request, struct reply *reply,
                 const struct route **out_route)
{
    char allow[ROUTES_ALLOW_SIZE];
    int r = routes_find(request, out_route, allow);

    (void)rest;
    if (r == 0)
        return true;
    if (r == ROUTES_E_METHOD) {
        problem_reply(reply, request, 405, "This takes %s.", allow);
        reply_add_header(reply, "Allow", allow);
    } else if (strcmp(request->segments[0], "api") == 0 || !page_files_get(request, reply)) {
        problem_reply(reply, request, 404,
                      "There is nothing here. What there is stands in /api/v1/openapi.json.");
    }
    return false;
}

bool rest_on_head(void *context, struct request *request, struct reply *reply)
{
    struct rest *rest = context;
    const struct route *route;
    unsigned status;
    const char *why = request_check_head(request, &status);
    int r;

    if (why)
        return refuse(reply, request, status, why);
    r = request_parse(request);
    if (r == REQUEST_E_TOO_LONG)
        return refuse(reply, request, 404, "There is nothing here.");
    if (r)
        return refuse(reply, request, r < 0 ? 500 : 400, "The address cannot be read.");
    if (!find(rest, request, reply, &route))
        return true;
    if (!access_check(rest, route, request, reply))
        return true;
    if (!check_body(route, request, reply))
        return true;
    if (route->is_websocket)
        route->handle(rest, request, reply);
    return route->is_websocket;
}

void rest_on_request(void *context, struct request *request, struct reply *reply)
{
    const struct route *route;

    /* on_head() has let it through. */
    if (find(context, request, reply, &route))
        route->handle(context, request, reply);
}

void rest_on_too_long(void *context, struct request *request, struct reply *reply)
{
    (void)context;
    problem_reply(reply, request, 413, "The body is longer than %zu bytes.", HTTP_SERVER_BODY_BYTES);
}
