/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The way to the live socket
 *
 * All is judged here, as an ordinary request: the library behind the upgrade drops what it does not like
 * without a word. It gets a head of our own making, without token and without anything else the browser sent
 * but the key.
 */
#include <stdio.h>
#include <strings.h>

#include "mgmt/rest/access.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

#define PROTOCOL "commhub.live.v1"
#define TOKEN_PREFIX "bearer."
#define HEX_TOKEN_PREFIX "bearer-hex." /* for tokens with letters that a protocol's name may not have */
#define MAX_TOKEN_BYTES 1024

/* 16 bytes in base64. */
static bool is_key(const char *key)
{
    return key && strlen(key) == 24 && strcmp(key + 22, "==") == 0 &&
           strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == 22;
}

static int hex_digit(uint8_t letter)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = letter ? strchr(digits, letter) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* Decodes into @out; BYTES_NONE where it is not hex or too long. */
static struct bytes decode_hex(struct bytes hex, uint8_t out[MAX_TOKEN_BYTES])
{
    if (hex.len % 2 != 0 || hex.len / 2 > MAX_TOKEN_BYTES)
        return BYTES_NONE;
    for (size_t i = 0; i < hex.len / 2; i++) {
        int high = hex_digit(hex.ptr[2 * i]);
        int low = hex_digit(hex.ptr[2 * i + 1]);

        if (high < 0 || low < 0)
            return BYTES_NONE;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return bytes_of(out, hex.len / 2);
}

/* Browsers cannot set Authorization here: they name the token as a protocol, as it is or in hex (decoded into
 * @room). */
static struct bytes token_of(const struct request *request, uint8_t room[MAX_TOKEN_BYTES])
{
    for (size_t i = 0; i < request->n_headers; i++) {
        const char *at = request->headers[i].value;

        if (strcasecmp(request->headers[i].name, "Sec-WebSocket-Protocol") != 0)
            continue;
        while (*at) {
            struct bytes word;

            at += strspn(at, " \t,");
            word = bytes_of(at, strcspn(at, " \t,"));
            if (bytes_start_with(word, BYTES_LITERAL(TOKEN_PREFIX)))
                return bytes_from(word, strlen(TOKEN_PREFIX));
            if (bytes_start_with(word, BYTES_LITERAL(HEX_TOKEN_PREFIX)))
                return decode_hex(bytes_from(word, strlen(HEX_TOKEN_PREFIX)), room);
            at += word.len;
        }
    }
    return access_bearer(request);
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

void rest_live_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    const char *key = request_header(request, "Sec-WebSocket-Key");
    uint8_t room[MAX_TOKEN_BYTES];

    if (!is_upgrade(request)) {
        problem_reply(reply, request, 426, "This is a WebSocket (version 13).");
        reply_add_header(reply, "Upgrade", "websocket");
        reply_add_header(reply, "Sec-WebSocket-Version", "13");
    } else if (!is_key(key) || has_body(request)) {
        problem_reply(reply, request, 400, "The WebSocket handshake is malformed.");
    } else if (!access_is_same_origin(request)) {
        problem_reply(reply, request, 403, "Pages of other origins may not open the live socket.");
    } else if (!access_check_token(rest, token_of(request, room), request, reply)) {
        return;
    } else if (!request_has_token(request, "Sec-WebSocket-Protocol", PROTOCOL)) {
        problem_reply(reply, request, 400, "The WebSocket protocol " PROTOCOL " must be offered.");
    } else if (!rest->options.live_has_room(rest->options.live_context)) {
        problem_reply(reply, request, 503, "There are as many live sockets open as may be.");
    } else if (asprintf(&reply->upgrade_head,
                        "GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Protocol: " PROTOCOL "\r\n\r\n",
                        key) < 0) {
        reply->upgrade_head = NULL;
        problem_reply(reply, request, 500, "out of memory");
    }
}
