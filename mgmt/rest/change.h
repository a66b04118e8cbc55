/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a write changes: told to the audit log, or, where it is only tried, to who asks
 *
 * In the audit log a change is compact JSON without secrets. @before and @after are taken; NULL is nothing.
 */
#ifndef COMMHUB_MGMT_REST_CHANGE_H
#define COMMHUB_MGMT_REST_CHANGE_H

#include <jansson.h>

#include "mgmt/http/reply.h"
#include "mgmt/http/request.h"

struct store_audit; /* mgmt/store/store_audit.h */

/* Fills in what @row says of the change. */
void change_write(struct store_audit *row, json_t *before, json_t *after);

/* For the row of the request, whatever becomes of it. */
void change_note(const struct request *request, json_t *before, json_t *after);

/*
 * The same for a write that is about to be stored: the row is committed together with what the thread stores
 * next. @status is what is going to be answered; where it is another one in the end, a row says that besides.
 */
void change_stage(const struct request *request, unsigned status, json_t *before, json_t *after);

/*
 * Called by a write's handler when all is checked and nothing is done yet. True: it is only tried
 * (?dry_run=true); the reply is filled with the plan, and nothing is to be done. Else the change is staged.
 */
bool change_is_tried(const struct request *request, struct reply *reply, unsigned status, json_t *before,
                     json_t *after);

#endif
