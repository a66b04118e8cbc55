/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A request's guest at the hub, and what it has heard that was not yet read
 *
 * Shared by the loop, which fills it, and the HTTP thread of the request, which empties it. What waits is
 * bounded (VISIT_MOST_BYTES): a reader that does not keep up is ended with VISIT_TOO_SLOW, as a slow client
 * is.
 */
#ifndef COMMHUB_MGMT_REST_VISIT_H
#define COMMHUB_MGMT_REST_VISIT_H

#include "hub/server/guest_control.h"
#include "mgmt/rest/rest.h"

#define VISIT_HIGH_BYTES ((size_t)1024 * 1024)     /* a stream's provider waits beyond it */
#define VISIT_MOST_BYTES ((size_t)4 * 1024 * 1024) /* a single message may be longer */
#define VISIT_TEXT_SIZE 512

struct visit;

/* Whether a message is from somebody who knows the channel's password. */
enum visit_signature {
    VISIT_UNASKED, /* the asker has given no password */
    VISIT_SIGNED,
    VISIT_UNSIGNED,
    VISIT_FORGED,
};

struct visit_message {
    struct bytes event;
    struct bytes raw_data; /* MessagePack, as the next but one */
    struct bytes sender_id;
    struct bytes server_id;
    struct bytes raw_timestamp;
    bool is_chunk;
    enum visit_signature signature;
};

enum visit_news {
    VISIT_NOTHING, /* yet; wait for the later's wake */
    VISIT_MESSAGE,
    VISIT_OVER, /* see visit_end_of() */
    VISIT_TOO_SLOW,
};

/*
 * Carries out @wish (its id is made here) as far as it goes at once; what comes after wakes @later. 0 and the
 * visit, or -1 and @reply is filled.
 */
int visit_begin(struct visit **out_visit, struct rest *rest, const struct guest_wish *wish,
                struct later *later, const struct request *request, struct reply *reply);

/* The guest leaves. NULL is fine. */
void visit_leave(struct visit *visit);

/* The next message, in order. Views are valid until the next call. */
enum visit_news visit_next(struct visit *visit, struct visit_message *out_message);

/* Why it is over, with a sentence where there is one. After VISIT_OVER. */
enum guest_end visit_end_of(const struct visit *visit, const char **out_text);

#endif
