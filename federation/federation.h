/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The hub's part in a mesh: its bridges, their links, and the mesh behind them
 *
 * Belongs to the loop's thread. What an operator may ask of it is in federation_control.h.
 */
#ifndef COMMHUB_FEDERATION_FEDERATION_H
#define COMMHUB_FEDERATION_FEDERATION_H

#include "federation/federation_control.h"
#include "federation/spool.h"
#include "hub/core/peering.h"
#include "hub/io/listener.h"
#include "hub/io/mailbox.h"
#include "hub/io/stream.h"
#include "hub/io/tls.h"

struct federation_options {
    char hub_id[33];         /* 32 lowercase hex characters; the same for all of the hub's life */
    uint64_t incarnation;    /* greater than at any start before, and not 0 */
    struct bytes server_id;  /* copied */
    const char *version;     /* copied; shown to the other hubs' operators; NULL: "unknown" */
    const char *link_secret; /* copied; NULL or "": other hubs can't link to this one */
    enum bridge_management link_management; /* what operators of hubs that dial this one may do here */
    size_t max_frame_bytes;       /* of clients; 0: 16 MiB. A link takes so much and its own head. */
    struct tls_context *link_tls; /* of federation_listen(); a reference is taken; NULL: none */
    const char *const
        *link_peers;           /* copied: the certificates that link there must bear one of these names; */
    size_t n_link_peers;       /* none: they need no name, and must know the secret */
    uint32_t resume_window_ms; /* how long a link that was cut may stay away and lose nothing; 0: 30 s */
    const struct spool *spool; /* of durable topics; must outlive it; NULL: no topic is durable */
    struct outlet outlet;      /* hears of links as records `link_state` of the stream `links` */
};

/* 0, -EINVAL (hub_id or incarnation) or -ENOMEM. @loop, @mailbox and @hub must outlive it. */
int federation_new(struct federation **out_federation, struct loop *loop, struct mailbox *mailbox,
                   struct hub *hub, const struct federation_options *options);

/* Closes all links at once; the hub forgets all other hubs. NULL is fine. */
void federation_free(struct federation *federation);

/* Says goodbye on all links and dials no more. What is queued is still written as long as the loop runs. */
void federation_drain(struct federation *federation);

/*
 * An address on which other hubs link and nobody else; once there is one, links are refused on clients'
 * addresses. Behind the caller's clients' addresses. 0, or a negative errno with a sentence in @out_why.
 */
int federation_listen(struct federation *federation, const struct address *address,
                      const struct listener_options *options, char out_why[LISTENER_WHY_SIZE]);

/* The addresses as they are, one after the other; false: there is no @i-th. */
bool federation_listener_text(const struct federation *federation, size_t i,
                              char out_text[ADDRESS_TEXT_SIZE]);

/* Of handshakes from now on, links that stand stay; NULL or "": none, as at the start. Copied: 0, or -ENOMEM
 * and the former one stays. */
int federation_set_link_secret(struct federation *federation, const char *secret);

/* Connections from now on; NULL takes no TLS any more. A reference is taken. */
void federation_set_link_tls(struct federation *federation, struct tls_context *tls);

/*
 * A connection whose first frame is a link_hello; fits server_set_link_acceptor() with @federation as
 * context. 0: the stream has a new owner, also where the link is refused, which its far side is told; or
 * -ENOMEM, and the stream is the caller's still.
 */
int federation_accept_link(void *federation, struct stream *stream, struct bytes first_body,
                           const char *peer_address);

#endif
