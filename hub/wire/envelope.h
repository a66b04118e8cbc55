/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Rewriting the envelope of a message that is passed on (docs/protocol.md, "Forwarding rules")
 *
 * The keys that the hub answers for are taken out of the body and written anew at its end; everything else,
 * `data` above all, goes through byte for byte. The order of keys carries no meaning.
 */
#ifndef COMMHUB_WIRE_ENVELOPE_H
#define COMMHUB_WIRE_ENVELOPE_H

#include "hub/base/block.h"
#include "hub/wire/message.h"

struct envelope {
    struct bytes server_id; /* this hub: appended to `path`, `origin_server_id` where that is absent;
                             * BYTES_NONE: no hub is named, `path` grows by what the message has passed */
    struct bytes sender_id; /* replaces `sender_id`; BYTES_NONE keeps what stands there */
    struct bytes target_id; /* replaces `target_id`; BYTES_NONE keeps what stands there */
    uint64_t timestamp_s;   /* Unix seconds, where `timestamp` is absent */
};

/* The message as one frame to pass on, the hubs that it has passed in its `path`; NULL: out of memory.
 * message_path_has() must have found `path` sound. */
struct block *envelope_forward(const struct message *message, const struct envelope *envelope);

#endif
