/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/access.h"

#include <stdio.h>
#include <strings.h>

#include "mgmt/rest/problem.h"

struct bytes access_bearer(const struct request *request)
{
    const char *value = request_header(request, "Authorization");

    if (!value || strncasecmp(value, "Bearer ", 7) != 0)
        return BYTES_NONE;
    value += 7;
    value += strspn(value, " ");
    return bytes_of(value, strcspn(value, " \t"));
}

bool access_check_token(struct rest *rest, struct bytes token, const struct request *request,
                        struct reply *reply)
{
    char wait[16];
    unsigned wait_s;
    int r = tokens_check(rest->options.tokens, token, request->peer_key, &wait_s);

    if (r == 0)
        return true;
    if (r == TOKENS_E_THROTTLED) {
        snprintf(wait, sizeof wait, "%u", wait_s);
        problem_reply(reply, request, 429,
                      "There were too many wrong tokens from this address. Try again in %u s.", wait_s);
        reply_add_header(reply, "Retry-After", wait);
        return false;
    }
    if (r == TOKENS_E_WRONG) {
        rest_log(rest, LOG_WARN, request, "Refused a wrong token");
        problem_reply(reply, request, 401, "This hub does not know the token.");
        reply_add_header(reply, "WWW-Authenticate", "Bearer realm=\"CommHub\", error=\"invalid_token\"");
    } else {
        problem_reply(reply, request, 401, "A token is needed: Authorization: Bearer TOKEN.");
        reply_add_header(reply, "WWW-Authenticate", "Bearer realm=\"CommHub\"");
    }
    return false;
}

bool access_check_bearer(struct rest *rest, const struct request *request, struct reply *reply)
{
    return access_check_token(rest, access_bearer(request), request, reply);
}

bool access_is_same_origin(const struct request *request)
{
    const char *origin = request_header(request, "Origin");
    const char *host = request_header(request, "Host");
    const char *authority;

    if (!origin)
        return true;
    authority = strstr(origin, "://");
    return authority && host && strcasecmp(authority + 3, host) == 0;
}
