/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/answer.h"

#include <time.h>

#define DATE_SIZE 40

void answer_headers(const struct answer_policy *policy, const struct request *request,
                    const struct reply *reply, void (*add)(void *to, const char *name, const char *value),
                    void *to)
{
    add(to, "X-Content-Type-Options", "nosniff");
    add(to, "X-Frame-Options", "DENY");
    add(to, "Referrer-Policy", "no-referrer");
    add(to, "Cross-Origin-Opener-Policy", "same-origin");
    add(to, "Cross-Origin-Resource-Policy", "same-origin");
    add(to, "Content-Security-Policy", policy->content_security_policy);
    if (policy->is_secure)
        add(to, "Strict-Transport-Security", "max-age=31536000");
    add(to, "X-Request-Id", request->id);
    add(to, "traceparent", request->traceparent);
    if (!reply->may_be_cached)
        add(to, "Cache-Control", "no-store");
    if (reply->content_type)
        add(to, "Content-Type", reply->content_type);
    if (reply->closes_connection)
        add(to, "Connection", "close");
    for (size_t i = 0; i < reply->n_headers; i++)
        add(to, reply->headers[i].name, reply->headers[i].value);
}

static void add_to_text(void *text, const char *name, const char *value)
{
    buffer_append_text(text, name);
    buffer_append_bytes(text, BYTES_LITERAL(": "));
    buffer_append_text(text, value);
    buffer_append_bytes(text, BYTES_LITERAL("\r\n"));
}

static void add_date(struct buffer *text)
{
    static _Thread_local time_t said;
    static _Thread_local char date[DATE_SIZE];
    time_t now = time(NULL);
    struct tm parts;

    /* Its words are those of the C locale, which the program never leaves. */
    if (now != said && gmtime_r(&now, &parts) &&
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts))
        said = now;
    add_to_text(text, "Date", date);
}

void answer_write(const struct answer_policy *policy, const struct request *request,
                  const struct reply *reply, struct buffer *out_answer)
{
    buffer_append_format(out_answer, "HTTP/1.1 %u %s\r\n", reply->status, reply_status_title(reply->status));
    add_date(out_answer);
    answer_headers(policy, request, reply, add_to_text, out_answer);
    buffer_append_format(out_answer, "Content-Length: %zu\r\n\r\n", reply->body.len);
    buffer_append_bytes(out_answer, reply->body);
}
