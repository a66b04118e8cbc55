/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A link to one hub of the Python package, of which we are a client
 *
 * Lives as long as its bridge and connects again and again; the states are those of any link. One hub of the
 * mesh at a time speaks for a foreign hub: a link that finds it in the mesh already is up, but stands by
 * until it can't be reached by the mesh any more.
 */
#ifndef COMMHUB_FEDERATION_REFERENCE_LINK_H
#define COMMHUB_FEDERATION_REFERENCE_LINK_H

#include "federation/federation_state.h"

struct reference_link;

/* The bridge's link; begins to connect unless it is paused. 0 or -ENOMEM. */
int reference_link_new(struct federation *federation, struct bridge *bridge);

/* At once; the mesh is told, the foreign hub sees the connection end. @reason NULL: nobody else is told. */
void reference_link_free(struct reference_link *link, const char *reason);

/* Connects now if it waits to. */
void reference_link_retry(struct reference_link *link);

void reference_link_describe(const struct reference_link *link, struct link_status *out_status);

/* In order of their making; NULL ends. */
struct reference_link *reference_link_first(const struct federation *federation);
struct reference_link *reference_link_next(const struct federation *federation,
                                           const struct reference_link *link);

#endif
