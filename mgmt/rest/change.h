/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a write changes: told to the audit log, or, where it is only tried, to who asks
 */
#ifndef COMMHUB_MGMT_REST_CHANGE_H
#define COMMHUB_MGMT_REST_CHANGE_H

#include <jansson.h>

#include "mgmt/http/reply.h"
#include "mgmt/http/request.h"

/* Compact JSON without secrets; NULL: nothing was there, nothing is left, or it was not said. */
struct change {
    char *before;
    char *after;
};

void change_clear(struct change *change);

/* For the audit log alone. @before and @after are taken; NULL is nothing. */
void change_note(const struct request *request, json_t *before, json_t *after);

/*
 * Called by a write's handler when all is checked and nothing is done yet. @before and @after are taken; NULL
 * is nothing. True: it is only tried (?dry_run=true); the reply is filled with the plan, and nothing is to be
 * done.
 * @status is what the write is going to answer.
 */
bool change_is_tried(const struct request *request, struct reply *reply, unsigned status, json_t *before,
                     json_t *after);

#endif
