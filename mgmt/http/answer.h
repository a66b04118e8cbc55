/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * An answer in the words of HTTP: the headers that each has, and, where no library writes it, all of it
 */
#ifndef COMMHUB_MGMT_HTTP_ANSWER_H
#define COMMHUB_MGMT_HTTP_ANSWER_H

#include "hub/base/buffer.h"
#include "mgmt/http/reply.h"
#include "mgmt/http/request.h"

struct answer_policy {
    const char *content_security_policy; /* static storage */
    bool is_secure;                      /* over TLS: browsers are told to stay with it */
};

/* Tells each header, Date and Content-Length apart. */
void answer_headers(const struct answer_policy *policy, const struct request *request,
                    const struct reply *reply, void (*add)(void *to, const char *name, const char *value),
                    void *to);

/* Appends an answer whose body is there, from its first line to its last byte; check @out_answer->failed. */
void answer_write(const struct answer_policy *policy, const struct request *request,
                  const struct reply *reply, struct buffer *out_answer);

#endif
