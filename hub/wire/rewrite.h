/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Other values for some keys of a message
 *
 * What is named is taken out of the body and written anew at its end; everything else goes through byte for
 * byte, as in envelope.h. Pure, any thread.
 */
#ifndef COMMHUB_WIRE_REWRITE_H
#define COMMHUB_WIRE_REWRITE_H

#include "hub/base/block.h"
#include "hub/wire/message.h"

#define REWRITE_MAX_CHANGES 8

struct rewrite {
    enum message_key key;
    struct bytes raw; /* MessagePack; empty: the key is left out */
};

/* The message as one frame with other values for @n (at most REWRITE_MAX_CHANGES) different keys. NULL: out
 * of memory. */
struct block *rewrite_message(const struct message *message, size_t n, const struct rewrite *changes);

#endif
