/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What becomes of ways when a link somewhere is cut, goes on, or ends for good
 *
 * A link is spoken of by its session, so one message is true for every way that leads over it: while it is
 * stale they are taken only where there is no other, when it is over they die.
 */
#ifndef COMMHUB_FEDERATION_MESH_SESSION_H
#define COMMHUB_FEDERATION_MESH_SESSION_H

#include "federation/mesh_state.h"

struct session_report {
    uint64_t session;
    uint64_t cuts;
    uint64_t age_us; /* how long ago it has happened */
    enum link_session_state state;
};

/* News by @from, or (NULL) our own. What is later than what is known is carried out and passed on; what is
 * earlier is put right with @from. */
void mesh_session_hear(struct mesh *mesh, const struct session_report *report, struct mesh_link *from);

bool mesh_session_is_over(const struct mesh *mesh, uint64_t session);

/* Whether a way leads over a session that is stale; @out_since_ms (may be NULL): since when, at least. */
bool mesh_session_makes_stale(const struct mesh *mesh, struct bytes path, uint64_t *out_since_ms);

/* A new link hears of all stale sessions. */
void mesh_session_tell_all(struct mesh_link *link);

#endif
