/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/credential.h"

#include <string.h>
#include <strings.h>

#include "hub/base/text.h"

#define TOKEN_PREFIX "bearer."
#define TICKET_PREFIX "ticket."
#define HEX_TOKEN_PREFIX "bearer-hex." /* for tokens with letters that a protocol's name may not have */

struct bytes credential_bearer(const struct request *request)
{
    const char *value = request_header(request, "Authorization");

    if (!value || strncasecmp(value, "Bearer ", 7) != 0)
        return BYTES_NONE;
    value += 7;
    value += strspn(value, " ");
    return bytes_of(value, strcspn(value, " \t"));
}

/* Decodes into @out; BYTES_NONE where it is not hex or too long. */
static struct bytes decode_hex(struct bytes hex, uint8_t out[CREDENTIAL_MOST_BYTES])
{
    if (hex.len % 2 != 0 || hex.len / 2 > CREDENTIAL_MOST_BYTES)
        return BYTES_NONE;
    for (size_t i = 0; i < hex.len / 2; i++) {
        int high = text_hex_digit((char)hex.ptr[2 * i]);
        int low = text_hex_digit((char)hex.ptr[2 * i + 1]);

        if (high < 0 || low < 0)
            return BYTES_NONE;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return bytes_of(out, hex.len / 2);
}

/* What stands behind @prefix in one header's list of protocols; no ptr: nothing. */
static struct bytes word_among(const char *protocols, struct bytes prefix)
{
    while (*protocols) {
        struct bytes word;

        protocols += strspn(protocols, " \t,");
        word = bytes_of(protocols, strcspn(protocols, " \t,"));
        if (bytes_start_with(word, prefix))
            return bytes_from(word, prefix.len);
        protocols += word.len;
    }
    return BYTES_NONE;
}

struct bytes credential_ticket(const struct request *request)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        struct bytes ticket = BYTES_NONE;

        if (strcasecmp(request->headers[i].name, "Sec-WebSocket-Protocol") == 0)
            ticket = word_among(request->headers[i].value, BYTES_LITERAL(TICKET_PREFIX));
        if (ticket.len)
            return ticket;
    }
    return BYTES_NONE;
}

/* The token in one header's list of protocols; no ptr: none is there. */
static struct bytes token_among(const char *protocols, uint8_t room[CREDENTIAL_MOST_BYTES])
{
    struct bytes word = word_among(protocols, BYTES_LITERAL(TOKEN_PREFIX));

    if (word.len)
        return word;
    word = word_among(protocols, BYTES_LITERAL(HEX_TOKEN_PREFIX));
    return word.len ? decode_hex(word, room) : BYTES_NONE;
}

struct bytes credential_protocol(const struct request *request, uint8_t room[CREDENTIAL_MOST_BYTES])
{
    for (size_t i = 0; i < request->n_headers; i++) {
        struct bytes token = BYTES_NONE;

        if (strcasecmp(request->headers[i].name, "Sec-WebSocket-Protocol") == 0)
            token = token_among(request->headers[i].value, room);
        if (token.len)
            return token;
    }
    return BYTES_NONE;
}

static struct bytes cookie_among(const char *cookies, const char *name)
{
    size_t len = strlen(name);

    while (*cookies) {
        size_t pair = strcspn(cookies, ";");

        if (pair > len && strncmp(cookies, name, len) == 0 && cookies[len] == '=')
            return bytes_of(cookies + len + 1, pair - len - 1);
        cookies += pair;
        cookies += strspn(cookies, "; ");
    }
    return BYTES_NONE;
}

struct bytes credential_cookie(const struct request *request, const char *name)
{
    struct bytes value = BYTES_NONE;

    for (size_t i = 0; !value.len && i < request->n_headers; i++) {
        if (strcasecmp(request->headers[i].name, "Cookie") == 0)
            value = cookie_among(request->headers[i].value, name);
    }
    return value;
}
