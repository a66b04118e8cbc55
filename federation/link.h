/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One link to one hub: dialing, handshake, hello, back-off
 *
 * An outgoing link lives as long as its bridge and dials again and again; an incoming one lives as long as
 * its session, which outlasts a connection for a while. link_enter() is the only place where the state
 * changes, and tells everyone.
 */
#ifndef COMMHUB_FEDERATION_LINK_H
#define COMMHUB_FEDERATION_LINK_H

#include "federation/federation_state.h"
#include "federation/link_proof.h"

enum link_refusal_reason {
#define X(id, name, text) LINK_REFUSAL_##id,
#include "federation/link_refusals.def"
#undef X
    LINK_REFUSAL_COUNT
};

struct link;

/* What an incoming connection has shown before the handshake. */
enum link_trust {
    LINK_TRUST_SECRET,      /* nothing: it must know the link secret */
    LINK_TRUST_CERTIFICATE, /* a certificate that may link: it need not know a secret */
    LINK_TRUST_NONE,        /* no certificate that may link, where one is asked for */
    LINK_TRUST_ELSEWHERE,   /* it has come to an address for clients, and there are others for links */
};

/* The bridge's link; begins to dial unless it is paused. 0 or -ENOMEM. */
int link_new(struct federation *federation, struct bridge *bridge);

/* A link that another hub has dialed; see federation_accept_link(). */
int link_accept(struct federation *federation, struct stream *stream, struct bytes first_body,
                const char *peer_address, enum link_trust trust);

/* Says goodbye and forgets the bridge; the link frees itself when that is written. */
void link_close(struct link *link, enum link_refusal_reason reason);

/* Says goodbye and waits until the operator wants it again. */
void link_pause(struct link *link);
void link_unpause(struct link *link);

/* At once, without a word to anybody. */
void link_free(struct link *link);

void link_describe(const struct link *link, struct link_status *out_status);

/* The links of a federation, in order of their making; NULL ends. */
struct link *link_first(const struct federation *federation);
struct link *link_next(const struct federation *federation, const struct link *link);

/* For the mesh's outlet. */
void link_send(struct link *link, struct block *frame);
void link_end_session(struct link *link, const char *reason, const char *detail);

#endif
