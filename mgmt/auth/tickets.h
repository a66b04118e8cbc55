/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Tickets: one entry to a WebSocket each, for pages that cannot send a credential
 *
 * Whoever has a credential gets one, and hands it to the page, which names it as a subprotocol; it works once
 * and for TICKETS_MS. Any thread.
 */
#ifndef COMMHUB_MGMT_AUTH_TICKETS_H
#define COMMHUB_MGMT_AUTH_TICKETS_H

#include <pthread.h>

#include "hub/base/bytes.h"
#include "mgmt/auth/principal.h"

#define TICKETS_MS 30000
#define TICKETS_MOST 256     /* at a time; the oldest makes room */
#define TICKETS_WORD_SIZE 33 /* 32 of 62 characters, 190 bits */

struct ticket {
    char word[TICKETS_WORD_SIZE]; /* "": a free place */
    uint64_t until_ms;
    struct principal by;
};

struct tickets {
    pthread_mutex_t mutex;
    struct ticket places[TICKETS_MOST];
    size_t next;
};

void tickets_init(struct tickets *tickets);
void tickets_clear(struct tickets *tickets);

void tickets_make(struct tickets *tickets, const struct principal *by, uint64_t now_ms,
                  char out_word[TICKETS_WORD_SIZE]);

/* Uses the ticket up, and says who it lets in; false: it is none, or was used, or is too old. */
bool tickets_take(struct tickets *tickets, struct bytes word, uint64_t now_ms, struct principal *out_by);

#endif
