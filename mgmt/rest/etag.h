/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Tags of single resources: has it changed since?
 *
 * A tag has two halves, "WISH-WHOLE": what somebody configured, and all that is shown. A bridge's state
 * changes by itself, and its whole with it; If-Match, which guards against writing over somebody else's
 * change, looks at the first half alone. If-None-Match looks at both.
 */
#ifndef COMMHUB_MGMT_REST_ETAG_H
#define COMMHUB_MGMT_REST_ETAG_H

#include <jansson.h>

#include "mgmt/http/reply.h"
#include "mgmt/http/request.h"

#define ETAG_SIZE 36

/* The tag of what is shown; the arguments are as those of etag_reply(), and borrowed. */
void etag_write(const json_t *whole, const json_t *wish, char out_tag[ETAG_SIZE]);

/* Whether a GET names the tag by If-None-Match, so that 304 will do. */
bool etag_is_known(const struct request *request, const char *tag);

/*
 * Replies @status with @whole (taken) and its tag, or 304 to a GET by one who has it already. @wish is
 * borrowed: the part that was configured; NULL: all of it was.
 */
void etag_reply(struct reply *reply, const struct request *request, unsigned status, json_t *whole,
                const json_t *wish);

/*
 * For a write: whether If-Match and If-None-Match let it be, where @wish (borrowed) is what is there now,
 * NULL: nothing. False: the reply is filled (412).
 */
bool etag_allows(const struct request *request, const json_t *wish, struct reply *reply);

#endif
