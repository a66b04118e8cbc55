/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Whether a message that came bears the signature of someone who knows the channel's password
 *
 * The signed text is that of the message as the protocol's message object holds it: with the defaults of all
 * fields that are absent (docs/protocol.md, "Message signatures"). Any thread.
 */
#ifndef COMMHUB_WIRE_AUTHENTICITY_H
#define COMMHUB_WIRE_AUTHENTICITY_H

#include "hub/wire/signature.h"

enum {
    AUTHENTICITY_E_UNSIGNED = 1,
    AUTHENTICITY_E_FORGED, /* the signature is not that of the message, or the message can't be signed */
};

/* 0, AUTHENTICITY_E_* or -ENOMEM. @now_s stands for an absent timestamp. */
int authenticity_check(const struct message *message, const uint8_t key[SIGNATURE_KEY_BYTES], uint64_t now_s);

#endif
