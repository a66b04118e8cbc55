/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Two hubs tell each other who they are and prove that they know the link's secret, or that they are the hubs
 * whose certificates the operators have named
 *
 * The dialer greets, is challenged, proves, and gets the other side's proof (link_proof.h); then
 * link_proven() is called. Whatever is wrong ends the link with a refusal that both sides hear.
 */
#ifndef COMMHUB_FEDERATION_LINK_HANDSHAKE_H
#define COMMHUB_FEDERATION_LINK_HANDSHAKE_H

#include "federation/link_wire.h"

struct link;

/* For a stream that has just been connected; sends nothing yet. */
void link_handshake_begin(struct link *link);

/* The dialer's first word. */
void link_handshake_greet(struct link *link);

/* TLS is done: greets if the far certificate is the one that the bridge wants. */
void link_handshake_secured(struct link *link);

/* The acceptor's answer to it. */
void link_handshake_challenge(struct link *link, const struct link_greeting *greeting);

/* What comes before both sides are proven. */
void link_handshake_handle(struct link *link, const struct link_message *message);

#endif
