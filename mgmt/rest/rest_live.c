/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The way to the WebSockets
 *
 * All is judged before the upgrade, as an ordinary request: the library behind it drops what it does not like
 * without a word. It gets a head of our own making, without token and without anything else the browser sent
 * but the key; its host is where the browser comes from, for the connection's record, its target what they
 * may read.
 */
#include <stdio.h>
#include <string.h>

#include "hub/base/clock.h"
#include "mgmt/live/live_session.h"
#include "mgmt/rest/access.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

/* 16 bytes in base64. */
static bool is_key(const char *key)
{
    return key && strlen(key) == 24 && strcmp(key + 22, "==") == 0 &&
           strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == 22;
}

static bool is_upgrade(const struct request *request)
{
    const char *version = request_header(request, "Sec-WebSocket-Version");

    return request_has_token(request, "Upgrade", "websocket") &&
           request_has_token(request, "Connection", "upgrade") && version && strcmp(version, "13") == 0;
}

static bool has_body(const struct request *request)
{
    const char *length = request_header(request, "Content-Length");

    return request_header(request, "Transfer-Encoding") || (length && strcmp(length, "0") != 0);
}

static void upgrade(struct rest *rest, const char *protocol, const char *target,
                    const struct request *request, struct reply *reply)
{
    const char *key = request_header(request, "Sec-WebSocket-Key");

    if (!is_upgrade(request)) {
        problem_reply(reply, request, 426, "This is a WebSocket (version 13).");
        reply_add_header(reply, "Upgrade", "websocket");
        reply_add_header(reply, "Sec-WebSocket-Version", "13");
    } else if (!is_key(key) || has_body(request)) {
        problem_reply(reply, request, 400, "The WebSocket handshake is malformed.");
    } else if (!request->has_ticket && !access_is_same_origin(rest, request)) {
        problem_reply(reply, request, 403, "Pages of other origins may not open this WebSocket.");
    } else if (!request_has_token(request, "Sec-WebSocket-Protocol", protocol)) {
        problem_reply(reply, request, 400, "The WebSocket protocol %s must be offered.", protocol);
    } else if (!rest->options.live_has_room(rest->options.live_context)) {
        problem_reply(reply, request, 503, "There are as many WebSockets open as may be.");
    } else if (asprintf(&reply->upgrade_head,
                        "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Protocol: %s\r\n\r\n",
                        target, request->peer, key, protocol) < 0) {
        reply->upgrade_head = NULL;
        problem_reply(reply, request, 500, "out of memory");
    }
}

void rest_live_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    upgrade(rest, "commhub.live.v1", access_may_audit(request) ? LIVE_SESSION_AUDIT_TARGET : "/", request,
            reply);
}

void rest_live_bus(struct rest *rest, const struct request *request, struct reply *reply)
{
    upgrade(rest, "commipc.v1", "/", request, reply);
}

void rest_live_ticket(struct rest *rest, const struct request *request, struct reply *reply)
{
    char word[TICKETS_WORD_SIZE];

    tickets_make(&rest->tickets, &request->by, clock_monotonic_ms(), word);
    json_value_reply(reply, 201, json_pack("{s:s, s:i}", "ticket", word, "seconds", TICKETS_MS / 1000));
    explicit_bzero(word, sizeof word);
}
