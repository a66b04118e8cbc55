/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Proofs of knowing a secret without sending it (docs/protocol.md, "Connecting" and "Protected channels")
 *
 * Any thread. Texts are lowercase hex with a closing zero. 0 or -ENOMEM (libcrypto could not do it).
 */
#ifndef COMMHUB_WIRE_PROOF_H
#define COMMHUB_WIRE_PROOF_H

#include "hub/base/bytes.h"

#define PROOF_TEXT 65 /* 64 hex characters and the zero */

/* Connection: HMAC-SHA256 over `challenge:"<challenge>"`, keyed by the 64 hex characters of SHA-256(secret).
 * -EINVAL where the challenge is not UTF-8. */
int proof_of_connection(struct bytes secret, struct bytes challenge, char out_proof[PROOF_TEXT]);

/* Channel: HMAC-SHA256 over the challenge, keyed by the password. */
int proof_of_channel(struct bytes password, struct bytes challenge, char out_proof[PROOF_TEXT]);

/*
 * What hubs that hold a channel's password prove it to each other by: HMAC-SHA256 over the password, keyed by
 * a label and the channel. The password is the text and not the key, so that no hub can have a client compute
 * it by a cunning challenge. Quick, and so as easy to guess as the password: to be stretched before use.
 */
#define PROOF_SECRET_BYTES 32
int proof_secret_of_channel(struct bytes password, struct bytes channel,
                            uint8_t out_secret[PROOF_SECRET_BYTES]);

/* Compares in constant time; @given is what the peer sent, of any length. */
bool proof_matches(const char expected[PROOF_TEXT], struct bytes given);

#endif
