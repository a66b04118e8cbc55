/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A table in 64 bits
 *
 * Every entry has a digest of all that it says; a table has the sum of those of its entries, which does not
 * depend on their order and is kept as entries come and go.
 */
#ifndef COMMHUB_FEDERATION_DIGEST_H
#define COMMHUB_FEDERATION_DIGEST_H

#include "federation/link_wire.h"

/*
 * Of a SET that is told by whoever has the entry by @way, its path up to there: the hub that tells and its
 * session, the last hop on the wire, are the same for the whole table. The channel counts under the name that
 * its origin has for it. Never 0. Part of the protocol: both sides must come to the same.
 */
uint64_t digest_of_entry(const struct link_entry *entry, struct bytes way);

#endif
