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
#include "mgmt/http/later.h"
#include "mgmt/rest/access.h"
#include "mgmt/rest/audit.h"
#include "mgmt/rest/page_files.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/routes.h"

void rest_init(struct rest *rest, const struct rest_options *options)
{
    *rest = (struct rest){
        .options = *options, .started_wall_ms = clock_wall_ms(), .started_ms = clock_monotonic_ms()};
    pthread_mutex_init(&rest->write_mutex, NULL);
    summary_cache_init(&rest->summaries);
    rate_limit_init(&rest->rates, options->requests_per_s);
    rate_limit_init(&rest->strangers, 1);
    throttle_init(&rest->guesses);
    tickets_init(&rest->tickets);
    login_init(&rest->login, options->store, &rest->guesses);
    snprintf(rest->cookie, sizeof rest->cookie, "%scommhub-%.8s", options->is_secure ? "__Host-" : "",
             store_identity(options->store)->hub_id);
}

void rest_clear(struct rest *rest)
{
    login_clear(&rest->login);
    throttle_clear(&rest->guesses);
    tickets_clear(&rest->tickets);
    rate_limit_clear(&rest->strangers);
    rate_limit_clear(&rest->rates);
    summary_cache_clear(&rest->summaries);
    pthread_mutex_destroy(&rest->write_mutex);
}

static bool is_run(int mailbox_result, const struct request *request, struct reply *reply)
{
    if (mailbox_result == 0)
        return true;
    problem_reply(reply, request, 503, "The hub is ending.");
    return false;
}

bool rest_ask(struct rest *rest, void (*run)(void *argument), void *argument, const struct request *request,
              struct reply *reply)
{
    return is_run(mailbox_run(rest->options.mailbox, run, argument), request, reply);
}

bool rest_walk(struct rest *rest, bool (*step)(void *argument), void *argument, const struct request *request,
               struct reply *reply)
{
    return is_run(mailbox_walk(rest->options.mailbox, step, argument), request, reply);
}

void rest_reply_store_fault(struct reply *reply, const struct request *request, int r, const char *why)
{
    problem_reply(reply, request, r == -ENOSPC ? 507 : 500, "%s", why);
}

void rest_announce(struct rest *rest, enum log_level level, const char *text)
{
    const struct log_field fields[] = {
        log_text("message", bytes_of_text(text)),
        log_text("level", bytes_of_text(log_level_name(level))),
        log_text_or_null("client_id", BYTES_NONE),
        log_text("server_id", bytes_of_text(rest->options.server_id)),
    };

    log_record(rest->options.log, level, LOG_LOGS, "server_log", fields, sizeof fields / sizeof *fields);
}

void rest_log(struct rest *rest, enum log_level level, const struct request *request, const char *format, ...)
{
    char what[768], text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(text, sizeof text, "%s (by REST from %s, request %s%s%s)", what, request->peer, request->id,
             *request->traceparent ? ", traceparent " : "", request->traceparent);
    rest_announce(rest, level, text);
}

bool rest_is_write(const struct request *request)
{
    return strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0 &&
           strcmp(request->method, "OPTIONS") != 0;
}

bool rest_is_dry_run(const struct request *request)
{
    const char *value = request_argument(request, "dry_run");

    return value && strcmp(value, "true") == 0;
}

/* ---- how much may they ask ---- */

/* Both buckets are asked, the address' and, where one is known, the credential's; the emptier one is told. */
static bool take_units(struct rest *rest, struct request *request, const uint8_t key[RATE_LIMIT_KEY_BYTES],
                       struct reply *reply)
{
    uint64_t units = rest_is_write(request) ? REST_WRITE_UNITS : 1;
    struct rate_limit_state state;
    bool is_taken = rate_limit_take(&rest->rates, key, units, clock_monotonic_ms(), &state);
    char wait[24];

    if (!request->has_rate || state.left < request->rate.left)
        request->rate = state;
    request->has_rate = true;
    if (is_taken)
        return true;
    problem_reply(reply, request, 429, "There were too many requests. Try again in %llu s.",
                  (unsigned long long)state.wait_s);
    snprintf(wait, sizeof wait, "%llu", (unsigned long long)state.wait_s);
    reply_add_header(reply, "Retry-After", wait);
    return false;
}

static bool take_of_credential(struct rest *rest, struct request *request, struct reply *reply)
{
    uint8_t key[RATE_LIMIT_KEY_BYTES] = {(uint8_t)request->by.kind};

    if (request->by.kind == PRINCIPAL_NOBODY)
        return true;
    memcpy(key + 1, &request->by.serial, sizeof request->by.serial);
    return take_units(rest, request, key, reply);
}

static void add_rate(struct rest *rest, const struct request *request, struct reply *reply)
{
    char text[96];

    if (!request->has_rate)
        return;
    snprintf(text, sizeof text, "\"default\";q=%llu;w=2", 2 * (unsigned long long)rest->rates.per_s);
    reply_add_header(reply, "RateLimit-Policy", text);
    snprintf(text, sizeof text, "\"default\";r=%llu;t=%llu", (unsigned long long)request->rate.left,
             (unsigned long long)request->rate.full_s);
    reply_add_header(reply, "RateLimit", text);
}

/* ---- is it what the route takes ---- */

/* @r: what request_parse() answered. */
static bool refuse_address(struct reply *reply, const struct request *request, int r)
{
    switch (r) {
    case REQUEST_E_TOO_LONG:
        problem_reply(reply, request, 404, "There is nothing here.");
        break;
    case REQUEST_E_ARGUMENTS:
        problem_reply(reply, request, 400, "The query has more than %d arguments.", REQUEST_MAX_ARGUMENTS);
        break;
    case REQUEST_E_MALFORMED:
        problem_reply(reply, request, 400,
                      "The address cannot be read: it must be percent-encoded UTF-8 without a zero byte.");
        break;
    default:
        problem_reply(reply, request, 500, "out of memory");
        break;
    }
    reply->closes_connection = true;
    return true;
}

static bool is_type(const char *content_type, const char *wanted)
{
    size_t len = content_type ? strcspn(content_type, "; \t") : 0;

    return len == strlen(wanted) && strncasecmp(content_type, wanted, len) == 0;
}

/* The length as told; a chunked body is counted as it comes. */
static bool is_too_long(const struct request *request)
{
    const char *length = request_header(request, "Content-Length");
    uint64_t value = 0;

    return length && (text_to_u64(length, 0, UINT64_MAX, &value) < 0 || value > HTTP_SERVER_BODY_BYTES);
}

static void reply_too_long(const struct request *request, struct reply *reply)
{
    problem_reply(reply, request, 413, "The body is longer than %zu bytes.", HTTP_SERVER_BODY_BYTES);
}

static bool check_body(const struct route *route, const struct request *request, struct reply *reply)
{
    bool is_patch = strcmp(route->method, "PATCH") == 0;
    const char *wanted = is_patch ? "application/merge-patch+json" : "application/json";

    if (is_too_long(request)) {
        reply_too_long(request, reply);
        reply->closes_connection = true;
        return false;
    }
    if (route->takes_body && !is_type(request_header(request, "Content-Type"), wanted)) {
        problem_reply(reply, request, 415, "The body must be JSON: Content-Type: %s.", wanted);
        reply_add_header(reply, is_patch ? "Accept-Patch" : "Accept", wanted);
        return false;
    }
    return true;
}

/* Whether @name is one of the words of @list. */
static bool is_listed(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = list; at && *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");

        if (word == len && memcmp(at, name, len) == 0)
            return true;
        at += word;
    }
    return false;
}

static void refuse_argument(const struct route *route, const struct request *request, const char *name,
                            struct reply *reply)
{
    const char *own = route->arguments ? route->arguments : route->has_dry_run ? "dry_run" : "no arguments";

    problem_reply_argument(reply, request, name, "is not known here: this takes %s%s", own,
                           route->arguments && route->has_dry_run ? " dry_run" : "");
}

static bool check_argument(const struct route *route, const struct request *request, size_t i,
                           struct reply *reply)
{
    const struct request_pair *argument = &request->arguments[i];
    bool is_dry_run = strcmp(argument->name, "dry_run") == 0;

    for (size_t k = 0; k < i; k++) {
        if (strcmp(request->arguments[k].name, argument->name) == 0) {
            problem_reply_argument(reply, request, argument->name, "stands twice");
            return false;
        }
    }
    if (is_dry_run && !route->has_dry_run)
        problem_reply_argument(reply, request, "dry_run", "is not taken: this cannot be tried");
    else if (is_dry_run && strcmp(argument->value, "true") != 0 && strcmp(argument->value, "false") != 0)
        problem_reply_argument(reply, request, "dry_run", "must be true or false");
    else if (!is_dry_run && !is_listed(route->arguments, argument->name))
        refuse_argument(route, request, argument->name, reply);
    else
        return true;
    return false;
}

/* What asks for probes and files may add to the query what it likes. */
static bool check_arguments(const struct route *route, const struct request *request, struct reply *reply)
{
    if (strncmp(route->pattern, "/api/", 5) != 0)
        return true;
    for (size_t i = 0; i < request->n_arguments; i++) {
        if (!check_argument(route, request, i, reply))
            return false;
    }
    return true;
}

/* A condition that nobody looks at would let somebody's change be written over. */
static bool check_condition(const struct route *route, const struct request *request, struct reply *reply)
{
    const char *name = request_header(request, "If-Match") ? "If-Match" : "If-None-Match";

    if (!rest_is_write(request) || route->is_conditional || !request_header(request, name))
        return true;
    problem_reply(reply, request, 412, "This has no ETag to compare: ask without %s.", name);
    return false;
}

/* ---- the course ---- */

static bool is_api(const struct request *request)
{
    return strcmp(request->segments[0], "api") == 0;
}

static bool find(const struct request *request, struct reply *reply, const struct route **out_route)
{
    char allow[ROUTES_ALLOW_SIZE];
    int r = routes_find(request, out_route, allow);

    if (r == 0)
        return true;
    if (r == ROUTES_E_METHOD && strcmp(request->method, "OPTIONS") == 0) {
        reply_set_empty(reply, 204);
        reply_add_header(reply, "Allow", allow);
    } else if (r == ROUTES_E_METHOD) {
        problem_reply(reply, request, 405, "This takes %s.", allow);
        reply_add_header(reply, "Allow", allow);
    } else if (is_api(request) || !page_files_get(request, reply)) {
        problem_reply(reply, request, 404,
                      "There is nothing here. What there is stands in /api/v1/openapi.json.");
    }
    return false;
}

/* True where @reply is filled, and audited: the head alone settles the matter. */
static bool settle(struct rest *rest, const struct route *route, struct request *request, struct reply *reply)
{
    bool is_settled = !check_arguments(route, request, reply) || !access_check(rest, route, request, reply) ||
                      !take_of_credential(rest, request, reply) || !check_body(route, request, reply) ||
                      !check_condition(route, request, reply);

    if (!is_settled && route->is_websocket) {
        route->handle(rest, request, reply);
        is_settled = true;
    }
    if (is_settled)
        audit_record(rest, route, request, reply);
    return is_settled;
}

/* The address may ask for more, of what is counted. */
static bool take_of_address(struct rest *rest, struct request *request, struct reply *reply)
{
    return !is_api(request) || take_units(rest, request, request->peer_key, reply);
}

bool rest_on_head(void *context, struct request *request, struct reply *reply)
{
    struct rest *rest = context;
    const struct route *route;
    bool is_settled;
    int r;

    r = request_parse(request);
    if (r)
        return refuse_address(reply, request, r);
    is_settled = !take_of_address(rest, request, reply) || !find(request, reply, &route) ||
                 settle(rest, route, request, reply);
    if (is_settled)
        add_rate(rest, request, reply);
    return is_settled;
}

static void carry_out(struct rest *rest, const struct route *route, struct request *request,
                      struct reply *reply)
{
    struct store_audit row;

    audit_begin(rest, request, &row);
    request->audit = &row;
    route->handle(rest, request, reply);
    request->audit = NULL;
    audit_end(rest, route, request, &row, reply);
}

/*
 * A page of few rows asks the loop for few; any other order or filter walks the whole list. A session may
 * have to be written as seen.
 */
static bool is_brief(const struct route *route, const struct request *request)
{
    const char *limit = request_argument(request, "limit");
    uint64_t n;

    if (request_header(request, "Cookie") || strcmp(route->method, request->method) != 0)
        return false;
    if (route->brief != ROUTE_BRIEF_PAGE)
        return route->brief == ROUTE_BRIEF;
    return request->n_arguments == 1 && limit && text_to_u64(limit, 1, ROUTES_BRIEF_ROWS, &n) == 0;
}

bool rest_on_brief(void *context, struct request *request, struct reply *reply)
{
    struct rest *rest = context;
    const struct route *route;
    char allow[ROUTES_ALLOW_SIZE];

    if (request_parse(request) || routes_find(request, &route, allow) || !is_brief(route, request))
        return false;
    if (take_of_address(rest, request, reply) && !settle(rest, route, request, reply))
        carry_out(rest, route, request, reply);
    add_rate(rest, request, reply);
    return true;
}

void rest_on_request(void *context, struct request *request, struct reply *reply)
{
    struct rest *rest = context;
    const struct route *route;

    /* on_head() has let it through. */
    if (find(request, reply, &route))
        carry_out(rest, route, request, reply);
    add_rate(rest, request, reply);
}

/* True: somebody may, and it is what the route takes. */
static bool is_let_in(const struct route *route, const struct request *request, struct reply *reply)
{
    if (!principal_has_role(&request->by, route->role) || !principal_has_scope(&request->by, route->scope)) {
        problem_reply(reply, request, 403, "This needs the role %s, and is not everybody's from another hub.",
                      role_name(route->role));
        return false;
    }
    return check_arguments(route, request, reply) && check_body(route, request, reply);
}

/* A hub answers for itself, and not by asking a third one. */
static bool is_not_for_hubs(const struct route *route, const struct request *request, struct reply *reply)
{
    bool is_errand = request->n_segments > 3 && strcmp(request->segments[2], "mesh") == 0;

    if (!route->is_websocket && !is_errand)
        return false;
    problem_reply(reply, request, 403, "This is not for other hubs.");
    return true;
}

void rest_carry_out(struct rest *rest, struct request *request, struct reply *reply)
{
    const struct route *route;
    int r;

    r = request_parse(request);
    if (r) {
        refuse_address(reply, request, r);
        return;
    }
    if (!is_api(request)) {
        problem_reply(reply, request, 404, "There is nothing here.");
        return;
    }
    if (!find(request, reply, &route))
        return;
    if (is_not_for_hubs(route, request, reply) || !is_let_in(route, request, reply)) {
        audit_record(rest, route, request, reply);
        return;
    }
    carry_out(rest, route, request, reply);
}

void rest_on_too_long(void *context, struct request *request, struct reply *reply)
{
    const struct route *route;

    if (!find(request, reply, &route))
        return;
    reply_too_long(request, reply);
    audit_record(context, route, request, reply);
}

void rest_on_malformed(void *context, const struct request *request, unsigned status, const char *why,
                       struct reply *reply)
{
    (void)context;
    problem_reply(reply, request, status, "%s", why);
}

void rest_on_answered(void *context, const struct request *request, unsigned status, uint64_t took_us)
{
    struct rest *rest = context;

    http_counts_note(&rest->http_counts, request, status, took_us);
}
