/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a link has told, in 64 bits: whether the far side has heard just that
 *
 * Every entry has a digest of all that it says, and what a link was told has the sum of those of its entries,
 * which does not depend on their order and is kept as they come and go. Every 30 s each side tells its sum, a
 * frame among the numbered others, so that both speak of the same moment whatever is under way. The far side
 * has come to its own sum: over the ways that are in its table by this link, and over what it was told and
 * does not have as a way, because it was refused, or is superseded by what another link told. Where the two
 * differ one of them has a fault: it is counted, the operator is warned, and the table is told anew.
 *
 * So that no table of refused entries is needed, every entry says what it replaces.
 */
#ifndef COMMHUB_FEDERATION_DIGEST_H
#define COMMHUB_FEDERATION_DIGEST_H

#include "federation/link_wire.h"

struct mesh;
struct mesh_link;

#define DIGEST_EVERY_MS 30000U

/* In every link. The sums wrap around. */
struct digest_state {
    uint64_t told;     /* by us, and not taken back */
    uint64_t ways;     /* told by the far side: what are ways in the table */
    uint64_t absent;   /* and what are not */
    uint64_t due_ms;   /* when the sum is told next */
    bool may_be_asked; /* for the table: not more than once for each sum that was told */
    bool has_asked;    /* the far side for its table */
    bool is_retold;    /* it has begun to tell it */
};

/*
 * Of a SET that is told by whoever has the entry by a way, its path up to there: the hub that tells and its
 * session, the last hop on the wire, are the same for the whole table. The channel counts under the name that
 * its origin has for it. What bridges on the way hold back does not count by itself: the sessions of the path
 * decide it, for a bridge with another rule begins another session. Never 0. Part of the protocol: both sides
 * must come to the same.
 * @way and @attributes are the digests of those bytes, for many entries have them in common.
 */
uint64_t digest_of_entry(const struct link_entry *entry, uint64_t way, uint64_t attributes);
uint64_t digest_of_bytes(struct bytes bytes);

/* What was last read from a message, whose entries in a row have it in common. Starts as {0}. */
struct digest_row {
    struct bytes path;
    struct bytes attributes;
    uint64_t way_digest;
    uint64_t attributes_digest;
};

/* Of what the far side tells by @entry; 0 of a withdrawal. The bytes of the entry before are still there. */
uint64_t digest_of_next(struct digest_row *row, const struct link_entry *entry);

/* Tells the sums that are due; when nothing is about to be told. */
void digest_tell_due(struct mesh *mesh);

/* DIGEST: compares it, and asks for the table where it differs. */
void digest_hear(struct mesh_link *link, uint64_t told);

/* TELL_ALL: tells the table anew. 0 or MESH_E_BAD_MESSAGE. */
int digest_asked(struct mesh_link *link);

/* BEGIN: the far side's table begins anew; every way that it has told so far is doubtful. 0 or
 * MESH_E_BAD_MESSAGE. */
int digest_begin(struct mesh_link *link);

/* END: what is still doubtful is dropped. */
void digest_end(struct mesh_link *link);

#endif
