/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Two hubs prove to each other that they know the same secret
 *
 * HMAC-SHA256, keyed by the secret, over everything that both have said in the handshake and the role of the
 * one that proves; so a proof is worth nothing in another handshake, nor sent back to the one it came from.
 * The hub that dials proves first: who merely connects to a listener learns nothing to try secrets on. Any
 * thread.
 */
#ifndef COMMHUB_FEDERATION_LINK_PROOF_H
#define COMMHUB_FEDERATION_LINK_PROOF_H

#include "federation/link_wire.h"

#define LINK_PROOF_BYTES 32

enum link_role {
    LINK_ROLE_DIALER,
    LINK_ROLE_ACCEPTOR,
};

/* What both sides have said. The greetings' views must stand as long as it is used. */
struct link_proof_parties {
    struct link_greeting dialer;
    struct link_greeting acceptor;
    uint64_t cost;
    struct link_resume asked;   /* by the dialer */
    struct link_resume granted; /* by the acceptor; all 0 in the dialer's proof */
    bool is_trial;              /* its proofs are worth nothing for a session */
    struct bytes release;       /* of the acceptor, told in a trial; empty in the dialer's proof */
};

/* The proof of the side in @role: 0 or -ENOMEM. */
int link_proof_make(struct bytes secret, enum link_role role, const struct link_proof_parties *parties,
                    uint8_t out_proof[LINK_PROOF_BYTES]);

/* The number of the session, the same on both sides, never 0: 0 or -ENOMEM. */
int link_proof_session(struct bytes secret, const struct link_proof_parties *parties, uint64_t *out_session);

/* In constant time. */
bool link_proof_matches(const uint8_t expected[LINK_PROOF_BYTES], struct bytes given);

#endif
