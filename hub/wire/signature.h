/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Message signatures on protected channels (docs/protocol.md, "Message signatures")
 *
 * The signed text is JSON as Python's json.dumps(value, sort_keys=True, separators=(",", ":")) writes it, of
 * the keys in signature.c that the message holds (json_text.h). Any thread.
 */
#ifndef COMMHUB_WIRE_SIGNATURE_H
#define COMMHUB_WIRE_SIGNATURE_H

#include "hub/base/buffer.h"
#include "hub/base/bytes.h"
#include "hub/wire/message.h"

#define SIGNATURE_KEY_BYTES 32
#define SIGNATURE_TEXT 65

enum {
    SIGNATURE_E_NOT_JSON = 1, /* bin, ext, or a map key that is not a str: such a value can't be signed */
};

/* PBKDF2-HMAC-SHA256, salt the channel's name, 100000 rounds: some 30 ms of work; never on the loop for a
 * peer's asking. 0 or -ENOMEM. */
int signature_derive_key(struct bytes password, struct bytes channel, uint8_t out_key[SIGNATURE_KEY_BYTES]);

/* The text that is signed, appended to @out: 0, SIGNATURE_E_NOT_JSON or -ENOMEM. */
int signature_text(const struct message *message, struct buffer *out);

/* The hex signature of @message as it stands (fields not there are not signed): 0, SIGNATURE_E_NOT_JSON or
 * -ENOMEM. */
int signature_make(const uint8_t key[SIGNATURE_KEY_BYTES], const struct message *message,
                   char out_signature[SIGNATURE_TEXT]);

#endif
