/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The translator's insides, for the files of this folder that are the translator
 */
#ifndef COMMHUB_FEDERATION_FOREIGN_STATE_H
#define COMMHUB_FEDERATION_FOREIGN_STATE_H

#include "federation/foreign.h"
#include "federation/foreign_call.h"
#include "federation/foreign_request.h"
#include "federation/foreign_table.h"
#include "hub/client/draft.h"

struct foreign {
    struct foreign_outlet outlet;
    struct hub_id hub_id;
    uint64_t incarnation;
    bool has_members;
    char *client_id;
    char *server_id;
    uint8_t path[PATH_HOP_BYTES]; /* of all its entries: itself, and the link's session */
    uint64_t now_ms;

    struct foreign_table table;
    struct foreign_requests requests;
    struct foreign_calls calls;
    struct list unsettled_channels;
    struct list unsettled_items;
    bool is_awake; /* wake() was called and foreign_settle() has not come yet */

    struct map windows;          /* foreign_seen.h */
    uint64_t counter;            /* of its entries */
    uint64_t sequence;           /* of its messages */
    struct link_entries entries; /* waiting to be told */
};

void foreign_wake(struct foreign *foreign);
void foreign_mark_channel(struct foreign *foreign, struct foreign_channel *channel);
void foreign_mark_item(struct foreign *foreign, struct foreign_item *item);

/* Every item of the channel. */
void foreign_mark_items(struct foreign *foreign, struct foreign_channel *channel);

/* The link can't go on. */
static inline void foreign_run_dry(struct foreign *foreign)
{
    foreign->outlet.say(foreign->outlet.context, NULL);
}

static inline void foreign_say(struct foreign *foreign, struct block *frame)
{
    foreign->outlet.say(foreign->outlet.context, frame);
}

#endif
