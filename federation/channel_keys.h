/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Stretching the secrets of channels into the keys of their proofs, on a thread of its own
 *
 * PBKDF2-HMAC-SHA256 with 100000 rounds: some 30 ms of work for each, which makes a password that was
 * overheard in a proof dear to guess, and has no place on the loop. One at a time, in the order of asking,
 * and once for each password: the answer is kept by who asked. Loop's thread.
 */
#ifndef COMMHUB_FEDERATION_CHANNEL_KEYS_H
#define COMMHUB_FEDERATION_CHANNEL_KEYS_H

#include "federation/mesh.h"
#include "hub/io/mailbox.h"

struct channel_keys;

/* @on_key is called on the loop's thread, from the mailbox. 0 or -ENOMEM. */
int channel_keys_new(struct channel_keys **out_keys, struct mailbox *mailbox,
                     void (*on_key)(void *context, struct bytes channel, const uint8_t *secret,
                                    const uint8_t *key),
                     void *context);

/* Waits for the one that is being stretched; no answer comes any more. NULL is fine. */
void channel_keys_free(struct channel_keys *keys);

/* An answer comes later; none where there is no memory, which is counted: the channel stays unproven. */
void channel_keys_ask(struct channel_keys *keys, struct bytes channel,
                      const uint8_t secret[MESH_SECRET_BYTES]);

#endif
