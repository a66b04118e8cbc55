/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/session_table.h"

const struct session_entry *session_table_find(const struct session_table *table, uint64_t session)
{
    const struct session_row *row = &table->rows[session % SESSION_TABLE_ROWS];

    for (size_t i = 0; i < SESSION_TABLE_PLACES; i++) {
        if (row->places[i].session == session)
            return &row->places[i];
    }
    return NULL;
}

static struct session_entry *place_for(struct session_row *row)
{
    struct session_entry *place = &row->places[row->next];

    for (size_t i = 0; i < SESSION_TABLE_PLACES; i++) {
        place = &row->places[(row->next + i) % SESSION_TABLE_PLACES];
        if (place->session == 0 || place->state != LINK_SESSION_STALE)
            break;
    }
    row->next = ((unsigned)(place - row->places) + 1) % SESSION_TABLE_PLACES;
    return place;
}

/* <0: earlier, 0: the same, >0: later than what is known */
static int compare(uint64_t cuts, enum link_session_state state, const struct session_entry *known)
{
    if (state == LINK_SESSION_OVER || known->state == LINK_SESSION_OVER)
        return (state == LINK_SESSION_OVER) - (known->state == LINK_SESSION_OVER);
    if (cuts != known->cuts)
        return cuts > known->cuts ? 1 : -1;
    return (int)state - (int)known->state;
}

enum session_news session_table_hear(struct session_table *table, uint64_t session, uint64_t cuts,
                                     enum link_session_state state, uint64_t now_ms, uint64_t at_us)
{
    struct session_row *row = &table->rows[session % SESSION_TABLE_ROWS];
    struct session_entry *known = (struct session_entry *)session_table_find(table, session);
    int order = known ? compare(cuts, state, known) : 1;

    if (order <= 0)
        return order == 0 ? SESSION_NEWS_SAME : SESSION_NEWS_EARLIER;
    if (!known)
        known = place_for(row);
    *known = (struct session_entry){session, cuts, now_ms, at_us, state};
    return SESSION_NEWS_LATER;
}
