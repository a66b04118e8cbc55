/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/request.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "hub/base/random.h"
#include "hub/base/text.h"

void request_clear(struct request *request)
{
    free(request->path);
    request->path = NULL;
}

/* ---- the head ---- */

/* The next line, closed by a zero where it ended; NULL: none is whole. */
static char *take_line(char **at, const char *end)
{
    char *line = *at;
    char *feed = memchr(line, '\n', (size_t)(end - line));

    if (!feed)
        return NULL;
    *at = feed + 1;
    if (feed > line && feed[-1] == '\r')
        feed--;
    *feed = '\0';
    return line;
}

static bool read_request_line(struct request *request, char *line)
{
    request->method = strsep(&line, " ");
    request->target = strsep(&line, " ");
    return line && strcmp(line, "HTTP/1.1") == 0;
}

static bool read_header(struct request *request, char *line)
{
    char *name = strsep(&line, ":");
    size_t len;

    if (!line || request->n_headers == HEAD_SCAN_HEADERS)
        return false;
    line += strspn(line, " \t");
    len = strlen(line);
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
        line[--len] = '\0';
    request->headers[request->n_headers++] = (struct request_pair){name, line};
    return true;
}

bool request_read_head(struct request *request, char *head, size_t len)
{
    const char *end = head + len;
    char *line = take_line(&head, end);

    while (line && !*line) /* empty lines before a request do not count */
        line = take_line(&head, end);
    if (!line || !read_request_line(request, line))
        return false;
    while ((line = take_line(&head, end)) && *line)
        if (!read_header(request, line))
            return false;
    return line && head == end;
}

/* ---- the target ---- */

/* In place, for the decoded is never longer. */
static int decode(char *text, bool plus_is_space)
{
    char *out = text;

    for (const char *in = text; *in; in++) {
        if (*in == '%') {
            int high = text_hex_digit(in[1]);
            int low = high < 0 ? -1 : text_hex_digit(in[2]);

            if (low < 0 || (high == 0 && low == 0))
                return REQUEST_E_MALFORMED;
            *out++ = (char)(high * 16 + low);
            in += 2;
        } else {
            *out++ = *in == '+' && plus_is_space ? ' ' : *in;
        }
    }
    *out = '\0';
    return text_is_utf8(bytes_of_text(text)) ? 0 : REQUEST_E_MALFORMED;
}

static int parse_segments(struct request *request, char *path)
{
    while (path) {
        char *segment = strsep(&path, "/");
        int r;

        if (request->n_segments == REQUEST_MAX_SEGMENTS)
            return REQUEST_E_TOO_LONG;
        r = decode(segment, false);
        if (r)
            return r;
        request->segments[request->n_segments++] = segment;
    }
    return 0;
}

static int parse_arguments(struct request *request, char *query)
{
    while (query) {
        char *value = strsep(&query, "&");
        char *name = strsep(&value, "=");
        int r;

        if (*name == '\0' && !value)
            continue;
        if (request->n_arguments == REQUEST_MAX_ARGUMENTS)
            return REQUEST_E_ARGUMENTS;
        r = decode(name, true);
        if (r == 0 && value)
            r = decode(value, true);
        if (r)
            return r;
        request->arguments[request->n_arguments++] = (struct request_pair){name, value ? value : ""};
    }
    return 0;
}

int request_parse(struct request *request)
{
    char *path, *query;
    int r;

    request->path = strdup(request->target);
    if (!request->path)
        return -ENOMEM;
    query = request->path;
    path = strsep(&query, "?");
    if (*path != '/')
        return REQUEST_E_MALFORMED;
    r = parse_segments(request, path + 1);
    return r ? r : parse_arguments(request, query);
}

/* ---- what it says ---- */

const char *request_header(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    }
    return NULL;
}

const char *request_argument(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->n_arguments; i++) {
        if (strcmp(request->arguments[i].name, name) == 0)
            return request->arguments[i].value;
    }
    return NULL;
}

/*
 * Names of requests and spans must be unlike each other, no more: many are drawn at once, for each draw is a
 * system call.
 */
static void draw_hex(char *out_text, size_t n_bytes)
{
    static _Thread_local struct {
        uint8_t bytes[512];
        size_t left;
    } drawn;

    if (drawn.left < n_bytes) {
        random_fill(drawn.bytes, sizeof drawn.bytes);
        drawn.left = sizeof drawn.bytes;
    }
    drawn.left -= n_bytes;
    text_hex(drawn.bytes + drawn.left, n_bytes, out_text);
}

void request_set_id(struct request *request)
{
    static const char usable[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    const char *given = request_header(request, "X-Request-Id");
    size_t len = given ? strlen(given) : 0;

    if (len > 0 && len < REQUEST_ID_SIZE && strspn(given, usable) == len)
        memcpy(request->id, given, len + 1);
    else
        draw_hex(request->id, 8);
}

#define TRACE_AT 3U
#define TRACE_DIGITS 32U
#define SPAN_AT 36U
#define SPAN_DIGITS 16U
#define FLAGS_AT 53U

/* @n lowercase hexadecimal digits. */
static bool is_hex(const char *text, size_t n)
{
    return strspn(text, "0123456789abcdef") >= n;
}

static bool is_zero(const char *text, size_t n)
{
    return strspn(text, "0") >= n;
}

/* A later version may say more behind what version 00 says. */
static bool is_traceparent(const char *text)
{
    size_t len = strlen(text);
    bool is_first_version = strncmp(text, "00", 2) == 0;

    if (len < REQUEST_TRACE_SIZE - 1 || (is_first_version && len != REQUEST_TRACE_SIZE - 1) ||
        (len > REQUEST_TRACE_SIZE - 1 && text[REQUEST_TRACE_SIZE - 1] != '-'))
        return false;
    return is_hex(text, 2) && strncmp(text, "ff", 2) != 0 && text[2] == '-' &&
           is_hex(text + TRACE_AT, TRACE_DIGITS) && !is_zero(text + TRACE_AT, TRACE_DIGITS) &&
           text[SPAN_AT - 1] == '-' && is_hex(text + SPAN_AT, SPAN_DIGITS) &&
           !is_zero(text + SPAN_AT, SPAN_DIGITS) && text[FLAGS_AT - 1] == '-' && is_hex(text + FLAGS_AT, 2);
}

void request_set_trace(struct request *request)
{
    const char *given = request_header(request, "traceparent");
    char *out = request->traceparent;

    memcpy(out, "00-", TRACE_AT);
    if (given && is_traceparent(given)) {
        memcpy(out + TRACE_AT, given + TRACE_AT, TRACE_DIGITS);
        memcpy(out + FLAGS_AT - 1, given + FLAGS_AT - 1, 3);
    } else {
        draw_hex(out + TRACE_AT, TRACE_DIGITS / 2);
        memcpy(out + FLAGS_AT - 1, "-00", 3);
    }
    out[SPAN_AT - 1] = '-';
    draw_hex(out + SPAN_AT, SPAN_DIGITS / 2);
    out[FLAGS_AT - 1] = '-'; /* where the digits before have put their zero */
    out[REQUEST_TRACE_SIZE - 1] = '\0';
}

bool request_has_token(const struct request *request, const char *name, const char *token)
{
    size_t len = strlen(token);

    for (size_t i = 0; i < request->n_headers; i++) {
        const char *at = request->headers[i].value;

        if (strcasecmp(request->headers[i].name, name) != 0)
            continue;
        while (*at) {
            at += strspn(at, " \t,");
            if (strncasecmp(at, token, len) == 0 && (at[len] == '\0' || strchr(" \t,;", at[len])))
                return true;
            at += strcspn(at, ",");
        }
    }
    return false;
}
