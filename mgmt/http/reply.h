/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What is answered to a request
 *
 * Filled once by a handler; the server sends it and clears it.
 */
#ifndef COMMHUB_MGMT_HTTP_REPLY_H
#define COMMHUB_MGMT_HTTP_REPLY_H

#include "hub/base/bytes.h"
#include "mgmt/http/later.h"

#define REPLY_MAX_HEADERS 12
#define REPLY_VALUE_SIZE 256

struct reply_header {
    const char *name; /* static storage */
    char value[REPLY_VALUE_SIZE];
};

struct reply {
    unsigned status;
    const char *content_type; /* static storage; NULL: none */
    struct bytes body;
    char *own_body;         /* what body points into, for free(); NULL: static storage */
    bool may_be_cached;     /* else Cache-Control: no-store */
    bool closes_connection; /* the rest of what was sent cannot be trusted */
    struct later *later;    /* set by a handler: the answer comes in time, see later.h */
    bool is_streamed;       /* by a later's fill(): the body is what its read() gives */
    char *upgrade_head; /* set: no answer; the connection goes to the live socket, which reads this head */
    size_t n_headers;
    struct reply_header headers[REPLY_MAX_HEADERS];
};

void reply_clear(struct reply *reply);

/* Headers beyond REPLY_MAX_HEADERS are a fault of ours. A value that is too long is left out. */
void reply_add_header(struct reply *reply, const char *name, const char *value);

/* @text becomes the reply's; NULL (out of memory) makes it a bare 500. */
void reply_set_text(struct reply *reply, unsigned status, const char *content_type, char *text);

/* Content in static storage. */
void reply_set_static(struct reply *reply, unsigned status, const char *content_type, struct bytes content);

void reply_set_empty(struct reply *reply, unsigned status);

const char *reply_status_title(unsigned status);

#endif
