/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What an errand between two management planes carries: one REST request, or its answer, as JSON
 *
 * A request names who asks at the hub that sends it and what role they have there; the hub that carries it
 * out believes that as far as its link's grant goes.
 */
#ifndef COMMHUB_MGMT_REST_ERRAND_FORM_H
#define COMMHUB_MGMT_REST_ERRAND_FORM_H

#include <jansson.h>

#include "mgmt/http/reply.h"
#include "mgmt/http/request.h"

/* Why the request can't be told to another hub, in a sentence; NULL: it can. */
const char *errand_form_fault(const struct request *request);

/* Compact JSON for free(), of @request as if it were for @target; NULL: out of memory. */
char *errand_form_write_request(const struct request *request, const char *target);

/*
 * Fills @out_request (method, target, headers, body, id, by), which borrows from *@out_root, for the caller
 * to json_decref() after request_clear(). False: it is none.
 */
bool errand_form_read_request(struct bytes raw, json_t **out_root, struct request *out_request);

char *errand_form_write_answer(const struct reply *reply);

/* False: it is none, and @reply is as it was. */
bool errand_form_read_answer(struct bytes raw, struct reply *reply);

#endif
