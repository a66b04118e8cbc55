/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What is known of the links' sessions anywhere in the mesh that are not as they always were
 *
 * Both ends of a link tell of a cut, by every way, so that news come twice, late, and in any order. What a
 * session has been through is ordered by the number of its cuts and then by the state; OVER is the last word
 * whatever the number. A session that is not in the table is fresh.
 *
 * A set of rows of four places; a session is a random number, so its own low bits choose the row. Where a row
 * is full the oldest is forgotten, one that is not stale first: then a late message could make us believe
 * again in a way that is no more, until the hub beyond it says so.
 */
#ifndef COMMHUB_FEDERATION_SESSION_TABLE_H
#define COMMHUB_FEDERATION_SESSION_TABLE_H

#include "federation/link_wire.h"

#define SESSION_TABLE_ROWS 1024U
#define SESSION_TABLE_PLACES 4U

struct session_entry {
    uint64_t session; /* 0: the place is free */
    uint64_t cuts;
    uint64_t since_ms; /* when it was heard here */
    uint64_t at_us;    /* when it happened, by our clock */
    enum link_session_state state;
};

struct session_table {
    struct session_row {
        struct session_entry places[SESSION_TABLE_PLACES];
        unsigned next;
    } rows[SESSION_TABLE_ROWS];
};

enum session_news {
    SESSION_NEWS_LATER, /* it is in the table now */
    SESSION_NEWS_SAME,
    SESSION_NEWS_EARLIER, /* something later is known */
};

enum session_news session_table_hear(struct session_table *table, uint64_t session, uint64_t cuts,
                                     enum link_session_state state, uint64_t now_ms, uint64_t at_us);

/* NULL: nothing is known, it is fresh. Valid until the next session_table_hear(). */
const struct session_entry *session_table_find(const struct session_table *table, uint64_t session);

static inline enum link_session_state session_table_state(const struct session_table *table, uint64_t session)
{
    const struct session_entry *entry = session_table_find(table, session);

    return entry ? entry->state : LINK_SESSION_FRESH;
}

#endif
