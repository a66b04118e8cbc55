/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One outgoing message while it is written
 *
 * A frame of one map, whose pairs are counted as they come: a message has at most DRAFT_MOST_PAIRS of them,
 * so that the map's head is one byte, which is set at the end. A failed allocation sticks and shows at the
 * end. Used in place: begin, write, maybe sign, then finish or drop.
 */
#ifndef COMMHUB_CLIENT_DRAFT_H
#define COMMHUB_CLIENT_DRAFT_H

#include "hub/base/block.h"
#include "hub/base/buffer.h"
#include "hub/wire/signature.h"

#define DRAFT_MOST_PAIRS 15

struct draft {
    struct buffer out;
    size_t body_at; /* where the map begins */
    uint8_t n_pairs;
};

void draft_begin(struct draft *draft, const char *type);

/* nil where @text.ptr is NULL, and where @raw is empty */
void draft_text(struct draft *draft, const char *key, struct bytes text);
void draft_raw(struct draft *draft, const char *key, struct bytes raw);
void draft_bool(struct draft *draft, const char *key, bool value);
void draft_u64(struct draft *draft, const char *key, uint64_t value);

/* Adds the signature of all that is there: 0, COMMIPC_E_UNSIGNABLE or -ENOMEM. */
int draft_sign(struct draft *draft, const uint8_t key[SIGNATURE_KEY_BYTES]);

/* The frame with one reference; NULL: out of memory. The draft is empty then. */
struct block *draft_finish(struct draft *draft);

void draft_drop(struct draft *draft);

#endif
