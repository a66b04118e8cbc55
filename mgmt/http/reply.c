/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/reply.h"

#include <stdlib.h>

#include "hub/base/check.h"

void reply_clear(struct reply *reply)
{
    free(reply->own_body);
    free(reply->upgrade_head);
    later_end(reply->later);
    *reply = (struct reply){0};
}

void reply_add_header(struct reply *reply, const char *name, const char *value)
{
    size_t len = strlen(value);
    struct reply_header *header;

    check(reply->n_headers < REPLY_MAX_HEADERS);
    if (len >= REPLY_VALUE_SIZE)
        return;
    header = &reply->headers[reply->n_headers++];
    header->name = name;
    memcpy(header->value, value, len + 1);
}

void reply_set_text(struct reply *reply, unsigned status, const char *content_type, char *text)
{
    free(reply->own_body);
    if (!text) {
        reply->own_body = NULL;
        reply_set_static(reply, 500, "text/plain; charset=utf-8", BYTES_LITERAL("out of memory\n"));
        return;
    }
    reply->own_body = text;
    reply->body = bytes_of_text(text);
    reply->status = status;
    reply->content_type = content_type;
}

void reply_set_static(struct reply *reply, unsigned status, const char *content_type, struct bytes content)
{
    free(reply->own_body);
    reply->own_body = NULL;
    reply->body = content;
    reply->status = status;
    reply->content_type = content_type;
}

void reply_set_empty(struct reply *reply, unsigned status)
{
    reply_set_static(reply, status, NULL, BYTES_NONE);
}

const char *reply_status_title(unsigned status)
{
    static const struct {
        unsigned status;
        const char *title;
    } titles[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {409, "Conflict"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        if (titles[i].status == status)
            return titles[i].title;
    }
    return "Error";
}
