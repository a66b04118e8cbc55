/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Errors as RFC 9457 problem+json
 *
 * {type, title, status, detail, errors: [{pointer, detail}], request_id}; errors name every member of the
 * body that is wrong, not the first alone.
 */
#ifndef COMMHUB_MGMT_REST_PROBLEM_H
#define COMMHUB_MGMT_REST_PROBLEM_H

#include <jansson.h>

#include "mgmt/http/reply.h"
#include "mgmt/http/request.h"

/* Faults of a body or a query, gathered. Starts as {0}. */
struct problem_faults {
    json_t *list; /* array; NULL: none */
    bool failed;  /* out of memory: some are missing */
};

static inline bool problem_faults_are_any(const struct problem_faults *faults)
{
    return faults->list || faults->failed;
}

/* The first one as a line for people: its pointer and its detail. */
void problem_first(const struct problem_faults *faults, char *out_text, size_t size);

/* @pointer is a JSON pointer as a fragment, "#/channels/allow/0", or names an argument of the query, "?sort".
 */
void problem_add(struct problem_faults *faults, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The problem alone, for free(), where the status is out already; NULL: out of memory. */
char *problem_text(const char *request_id, unsigned status, const char *detail);

/* Fills @reply. */
void problem_reply(struct reply *reply, const struct request *request, unsigned status, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

/* 422 with all faults, which are the reply's then. */
void problem_reply_faults(struct reply *reply, const struct request *request, struct problem_faults *faults);

/* 400: the same, of arguments of the query. */
void problem_reply_arguments(struct reply *reply, const struct request *request,
                             struct problem_faults *faults);

/* The same, of the one argument @name. */
void problem_reply_argument(struct reply *reply, const struct request *request, const char *name,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Those of a body with another status. */
void problem_reply_faults_as(struct reply *reply, const struct request *request, unsigned status,
                             struct problem_faults *faults);

#endif
