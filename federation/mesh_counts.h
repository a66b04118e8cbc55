/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a mesh has done and refused since it was made; a copy is the reader's own
 */
#ifndef COMMHUB_FEDERATION_MESH_COUNTS_H
#define COMMHUB_FEDERATION_MESH_COUNTS_H

#include <stdint.h>

#include "federation/link_class.h"

/* Why something that a link brought was not taken; the names are for metrics and the API. */
#define MESH_REFUSALS(X)                                                                                     \
    X(LOOP, "loop", "this hub is in its path already")                                                       \
    X(TOO_LONG, "too_long", "its path is longer than 32 hubs")                                               \
    X(FILTERED, "filtered", "the bridge's filter does not let the channel through")                          \
    X(UNPROVEN, "unproven", "the far hub has not proven that it holds the channel's password")               \
    X(OLD, "old", "something newer of the same origin is known")                                             \
    X(OVER_LIMIT, "over_limit", "the link brought more entries than a link may")                             \
    X(DEAD_SESSION, "dead_session", "its path leads over a link that is gone")                               \
    X(UNKNOWN_KIND, "unknown_kind", "a kind of entry that this version does not know")                       \
    X(RENAMED, "renamed", "its channel has no name on this side, or had another one by another way")         \
    X(TOO_FAST, "too_fast", "more messages than the bridge's limit lets pass")                               \
    X(TOO_LARGE, "too_large", "a message larger than the far hub takes (its --max-frame)")                   \
    X(NO_ROUTE, "no_route", "a message for a hub that no link leads to")                                     \
    X(HELD_TOO_MUCH, "held_too_much", "the link is cut and keeps all that it may")                           \
    X(LINK_FULL, "link_full", "the far hub does not keep up, and the link keeps all that it may")            \
    X(RESTARTED, "restarted", "it was meant for a hub that has started anew")                                \
    X(DUPLICATE, "duplicate", "a message that had come by another way")                                      \
    X(LATE, "late", "a message older than the window of seen ones")                                          \
    X(GAP, "gap", "a part of a stream of answers that could not be put in order")                            \
    X(NOT_GRANTED, "not_granted", "a request to manage this hub over a link that does not grant it")

enum mesh_refusal {
#define X(id, name, text) MESH_REFUSED_##id,
    MESH_REFUSALS(X)
#undef X
        MESH_REFUSAL_COUNT
};

const char *mesh_refusal_name(enum mesh_refusal refusal);

/* For people. */
const char *mesh_refusal_text(enum mesh_refusal refusal);

struct mesh_counts {
    uint64_t refused[MESH_REFUSAL_COUNT];
    uint64_t entries_in;
    uint64_t entries_out;
    uint64_t updates_held;      /* changes that were told to a link later, with those after them */
    uint64_t digest_mismatches; /* tables of links that were not what the far side had told */
    uint64_t ones_out;          /* calls, sends and answers of our own clients */
    uint64_t manys_out;         /* broadcasts and publishes of our own clients that had receivers elsewhere */
    uint64_t
        link_waits[LINK_CLASS_COUNT]; /* how often a link's credit was used up and producers had to wait */
    uint64_t relayed;                 /* frames passed on for others */
    uint64_t delivered;               /* messages for many that were given to the core */
    uint64_t resent;                  /* frames sent again over a link that went on */
    uint64_t rerouted;                /* messages that a cut link kept, sent another way */
    uint64_t parked;                  /* messages that had to wait for a way */
    uint64_t answers_held;            /* parts of streams that came before their turn */
    uint64_t calls_lost;              /* calls that the mesh answered with an error */
    uint64_t n_routes;
    uint64_t n_candidates;
    uint64_t n_origins; /* without us */
};

#endif
