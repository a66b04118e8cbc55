/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Challenges of protected channels, and who may act on one
 *
 * A register on a protected channel is put aside with a challenge; the proof brings it back. A challenge
 * works once and for 60 s, belongs to the client it was made for, and dies with the password it asks for.
 */
#ifndef COMMHUB_CORE_ACCESS_H
#define COMMHUB_CORE_ACCESS_H

#include "hub/core/channels.h"

struct challenge;

/* Whether @client may use @channel (which may be NULL: not there): open to all unless protected. A remote
 * hub's members have proven themselves there, and federation brings nothing from hubs that have not. */
bool access_is_granted(const struct hub *hub, const struct client *client, const struct channel *channel);

/* Puts the register @message aside and sends auth_challenge. 0, ACCESS_E_TOO_MUCH or -ENOMEM. */
enum {
    ACCESS_E_TOO_MUCH = 1, /* the client holds too many bytes */
    ACCESS_E_UNKNOWN,
    ACCESS_E_EXPIRED,
    ACCESS_E_WRONG,
};
int access_challenge(struct hub *hub, struct client *client, struct channel *channel,
                     const struct message *message);

/*
 * Checks @proof. 0: @out_challenge holds the register that was put aside, for the caller to carry out and
 * access_free(); else ACCESS_E_* or -ENOMEM.
 */
int access_prove(struct hub *hub, struct client *client, struct channel *channel, struct bytes challenge_id,
                 struct bytes proof, struct challenge **out_challenge);

/* The register that was put aside, as message_parse() took it in. */
struct bytes access_request(const struct challenge *challenge);

void access_free(struct challenge *challenge);
void access_forget_client(struct client *client);
void access_forget_channel(struct channel *channel);

#endif
