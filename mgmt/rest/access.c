/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/access.h"

#include <stdio.h>
#include <strings.h>

#include "hub/base/clock.h"
#include "mgmt/rest/credential.h"
#include "mgmt/rest/problem.h"

static void refuse_throttled(const struct request *request, struct reply *reply, uint64_t wait_ms)
{
    unsigned wait_s = (unsigned)((wait_ms + 999) / 1000);
    char wait[16];

    snprintf(wait, sizeof wait, "%u", wait_s);
    problem_reply(reply, request, 429,
                  "There were too many wrong tokens from this address. Try again in %u s.", wait_s);
    reply_add_header(reply, "Retry-After", wait);
}

static void refuse_nobody(const struct request *request, struct reply *reply)
{
    problem_reply(reply, request, 401, "Sign in, or send a token: Authorization: Bearer TOKEN.");
    reply_add_header(reply, "WWW-Authenticate", "Bearer realm=\"CommHub\"");
}

static bool identify_token(struct rest *rest, struct bytes token, struct request *request,
                           struct reply *reply)
{
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t wait_ms = throttle_wait_ms(&rest->guesses, request->peer_key, now_ms);

    if (wait_ms > 0) {
        refuse_throttled(request, reply, wait_ms);
        return false;
    }
    if (tokens_find(rest->options.tokens, token, &request->by))
        return true;
    throttle_count_wrong(&rest->guesses, request->peer_key, now_ms);
    rest_log(rest, LOG_WARN, request, "Refused a wrong token");
    problem_reply(reply, request, 401, "This hub does not know the token.");
    reply_add_header(reply, "WWW-Authenticate", "Bearer realm=\"CommHub\", error=\"invalid_token\"");
    return false;
}

/*
 * A browser sends the cookie whoever made it ask. SameSite keeps other sites from that; the exact origin also
 * keeps out pages of other ports of this host.
 */
static bool identify_session(struct rest *rest, const struct route *route, struct bytes word,
                             struct request *request, struct reply *reply)
{
    if (!sessions_find(rest->options.sessions, word, clock_wall_ms(), &request->by)) {
        problem_reply(reply, request, 401, "The session is over: sign in again.");
        reply_add_header(reply, "WWW-Authenticate", "Bearer realm=\"CommHub\"");
        return false;
    }
    if ((rest_is_write(request) || route->is_websocket) &&
        !(request_header(request, "Origin") && access_is_same_origin(rest, request))) {
        problem_reply(reply, request, 403, "With a session, this takes a page of this hub (header Origin).");
        return false;
    }
    return true;
}

/* Made a moment ago for this one entry, so it is no matter whose page brings it. */
static bool identify_ticket(struct rest *rest, struct bytes ticket, struct request *request,
                            struct reply *reply)
{
    request->has_ticket = tickets_take(&rest->tickets, ticket, clock_monotonic_ms(), &request->by);
    if (!request->has_ticket)
        problem_reply(reply, request, 401, "The ticket was used, or is older than 30 s.");
    return request->has_ticket;
}

static bool identify(struct rest *rest, const struct route *route, struct request *request,
                     struct reply *reply)
{
    struct bytes ticket = route->is_websocket ? credential_ticket(request) : BYTES_NONE;
    uint8_t room[CREDENTIAL_MOST_BYTES];
    struct bytes token = route->is_websocket ? credential_protocol(request, room) : BYTES_NONE;
    struct bytes word = credential_cookie(request, rest->cookie);

    if (ticket.len)
        return identify_ticket(rest, ticket, request, reply);
    if (!token.len)
        token = credential_bearer(request);
    if (token.len)
        return identify_token(rest, token, request, reply);
    if (word.len)
        return identify_session(rest, route, word, request, reply);
    refuse_nobody(request, reply);
    return false;
}

bool access_check(struct rest *rest, const struct route *route, struct request *request, struct reply *reply)
{
    const struct principal *by = &request->by;

    if (route->role == ROLE_NONE)
        return true;
    if (!identify(rest, route, request, reply))
        return false;
    if (!principal_has_role(by, route->role)) {
        problem_reply(reply, request, 403, "This needs the role %s; %s has the role %s.",
                      role_name(route->role), by->name, role_name(by->role));
        return false;
    }
    if (!principal_has_scope(by, route->scope)) {
        problem_reply(reply, request, 403, "This needs the scope %s, which %s does not have.",
                      scope_name(route->scope), by->name);
        return false;
    }
    return true;
}

bool access_may_grant(const struct request *request, struct reply *reply)
{
    if (principal_has_scope(&request->by, (enum scope)SCOPE_ALL))
        return true;
    problem_reply(reply, request, 403, "Only a credential with all scopes may give roles; %s has some.",
                  request->by.name);
    return false;
}

/* Behind the scheme; NULL where it is another one than pages of ours have. */
static const char *authority_of(const struct rest *rest, const char *origin)
{
    if (strncasecmp(origin, "https://", 8) == 0)
        return origin + 8;
    return !rest->options.is_secure && strncasecmp(origin, "http://", 7) == 0 ? origin + 7 : NULL;
}

bool access_may_audit(const struct request *request)
{
    return principal_has_role(&request->by, ROLE_ADMIN) && principal_has_scope(&request->by, SCOPE_AUDIT);
}

bool access_is_same_origin(const struct rest *rest, const struct request *request)
{
    const char *origin = request_header(request, "Origin");
    const char *host = request_header(request, "Host");
    const char *authority;

    if (!origin)
        return true;
    authority = authority_of(rest, origin);
    return authority && host && strcasecmp(authority, host) == 0;
}
