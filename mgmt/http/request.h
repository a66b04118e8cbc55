/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One HTTP request, free of the library that read it
 *
 * Belongs to the thread that serves it. Headers, method and target are borrowed from the server for the time
 * of the request.
 */
#ifndef COMMHUB_MGMT_HTTP_REQUEST_H
#define COMMHUB_MGMT_HTTP_REQUEST_H

#include "hub/base/bytes.h"
#include "mgmt/auth/principal.h"
#include "mgmt/auth/rate_limit.h"
#include "mgmt/http/head_scan.h"

#define REQUEST_MAX_SEGMENTS 8   /* as the deepest route has */
#define REQUEST_MAX_ARGUMENTS 16 /* of the query */
#define REQUEST_PEER_KEY_BYTES 16
#define REQUEST_PEER_TEXT 64
#define REQUEST_ID_SIZE 65
#define REQUEST_TRACE_SIZE 56 /* "00-", 32 digits, "-", 16 digits, "-", 2 digits */

struct store_audit; /* mgmt/store/store_audit.h */

struct request_pair {
    const char *name;
    const char *value;
};

struct request {
    char id[REQUEST_ID_SIZE];             /* names the request in answers, logs and the audit log */
    char traceparent[REQUEST_TRACE_SIZE]; /* the request as a span of a trace; "": it has come by no HTTP */
    const char *method;
    const char *target; /* as sent: path and query, escaped */
    size_t n_headers;
    struct request_pair headers[HEAD_SCAN_HEADERS];
    uint8_t peer_key[REQUEST_PEER_KEY_BYTES]; /* IPv4 mapped into IPv6; of IPv6 the network (/64) */
    char peer[REQUEST_PEER_TEXT];             /* "192.0.2.1:4711" */
    struct bytes body;

    /* Filled on the way, by what judges the request (mgmt/rest). */
    struct principal by;
    bool has_ticket; /* of a WebSocket: the page may be of another origin */
    bool has_rate;
    struct rate_limit_state rate; /* how much more they may ask */
    struct store_audit *audit;    /* where a write says what it changes; NULL: nobody wants to know */

    /* Filled by request_parse(). */
    char *path; /* own memory that the following points into */
    size_t n_segments;
    const char *segments[REQUEST_MAX_SEGMENTS]; /* decoded */
    size_t n_arguments;
    struct request_pair arguments[REQUEST_MAX_ARGUMENTS];
};

void request_clear(struct request *request);

/*
 * Takes a head apart that head_scan.h has let through: method, target and headers are then parts of @head,
 * which is changed. False: it is not of HTTP/1.1, or is not all of these @len bytes.
 */
bool request_read_head(struct request *request, char *head, size_t len);

enum {
    REQUEST_E_MALFORMED = 1, /* an escape that is none, a zero byte, text that is not UTF-8 */
    REQUEST_E_TOO_LONG,      /* more segments than any route has */
    REQUEST_E_ARGUMENTS,     /* more than REQUEST_MAX_ARGUMENTS */
};

/* Splits and decodes the target: 0, REQUEST_E_* or -ENOMEM. */
int request_parse(struct request *request);

/* The value of the header (names are equal in any case), of the query's argument; NULL if there is none. */
const char *request_header(const struct request *request, const char *name);
const char *request_argument(const struct request *request, const char *name);

/*
 * Names the request: as X-Request-Id says, where that is one word of 1 to 64 letters, digits and -._; else by
 * chance.
 */
void request_set_id(struct request *request);

/*
 * Makes the request a span of the trace that its header traceparent names (W3C Trace Context); of a new trace
 * where there is none, or none that is well-formed.
 */
void request_set_trace(struct request *request);

/* True if a comma-separated header (any number of lines) has the token. */
bool request_has_token(const struct request *request, const char *name, const char *token);

#endif
