/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core's face to federation
 *
 * A remote hub of the mesh is a client of kind CLIENT_PEER: the services, topics and interest that its hub
 * announced are held by it, calls to it are outstanding at it. When the hub becomes unreachable,
 * hub_client_gone() gives all of that back, answers the callers and sends the last-subscriber notices, by the
 * same code as for a local client.
 *
 * Frames sent to a peer's port are `call`, `send` (to be carried out by that hub) and `response` (to a caller
 * there); what comes back from that hub is handed to hub_handle() with the peer as client: sender_id and
 * signature then stay as they are, and a call is only given to local providers. Messages for many go out once
 * through the observer and come in by peering_deliver().
 *
 * A channel with a password is shown like any other, with the word that it has one (on_guard()): that nothing
 * of it reaches a hub which does not hold the password, and that nothing from such a hub comes in here, is
 * federation's to see to. The core takes what peers bring as said by hubs that have proven it.
 */
#ifndef COMMHUB_CORE_PEERING_H
#define COMMHUB_CORE_PEERING_H

#include "hub/core/hub.h"

struct peering_service {
    bool is_group;
    bool is_stream;
    struct bytes raw_param_schema; /* MessagePack; may be empty */
    struct bytes raw_return_schema;
    struct bytes owner;   /* the id of the first provider, for channel_sync */
    uint32_t n_providers; /* > 0 */
};

struct peering_topic {
    struct bytes owner;
    struct bytes raw_schema; /* may be empty */
};

/*
 * What local clients (not peers) did. Called on the loop's thread from inside the core: an observer notes it
 * and returns, and calls nothing of the core. Views are valid during the call. NULL for @service or @topic:
 * it is gone.
 */
struct peering_observer {
    void (*on_service)(void *context, struct bytes channel, struct bytes event,
                       const struct peering_service *service);
    void (*on_topic)(void *context, struct bytes channel, struct bytes topic,
                     const struct peering_topic *declared);
    /* @topic BYTES_NONE: somebody has the channel open (broadcasts); else: somebody subscribes the topic */
    void (*on_interest)(void *context, struct bytes channel, struct bytes topic, bool is_wanted);
    void (*on_member)(void *context, struct bytes channel, struct bytes id, struct bytes mode,
                      bool has_joined);
    /*
     * A broadcast (@topic BYTES_NONE) or publish by a local client, as one frame: the `broadcast` message
     * with its envelope, or the `receive` message. Also called for channels without local members. A frame
     * may be kept by reference.
     */
    void (*on_multicast)(void *context, struct bytes channel, struct bytes topic, struct block *frame);
    /* Whether a local client may publish so many bytes now. NULL: always. */
    bool (*may_publish)(void *context, struct bytes channel, struct bytes topic, size_t n_bytes);
    /* May be NULL. Whether a local client's broadcast, whose path names hubs that it has been at, has been in
     * the mesh already and is to be dropped. */
    bool (*has_passed)(void *context, struct bytes channel, const struct message *broadcast);
    /*
     * The channel has a password now, or another one, or none any more. What was local in it has just been
     * told as gone, what peers held in it has been dropped; what is there still, or again, is told after
     * this.
     * @secret: PROOF_SECRET_BYTES for proofs among hubs; NULL: there is no password, or no memory, and then
     * nothing can be proven.
     */
    void (*on_guard)(void *context, struct bytes channel, bool is_protected, const uint8_t *secret);
};

/* One observer a hub; NULL takes it away. It is then told all that is there already (services, topics,
 * interest, members). */
void peering_observe(struct hub *hub, const struct peering_observer *observer, void *context);

/*
 * A remote hub. @server_id is shown to clients (bridge_id in list_members). Ends with hub_client_gone(). 0 or
 * -ENOMEM.
 */
int peering_add_peer(struct hub *hub, struct bytes server_id, const struct client_port *port, void *owner,
                     struct hub_time time, struct client **out_peer);

enum {
    PEERING_E_TAKEN = 1, /* a local client, or another peer, owns the topic */
    PEERING_E_BAD_NAME,  /* no name, or that of a system channel */
};

/* The peer's hub has providers for the event; again with other attributes: changed. 0, PEERING_E_* or
 * -ENOMEM. */
int peering_provide(struct hub *hub, struct client *peer, struct bytes channel, struct bytes event,
                    const struct peering_service *service, struct hub_time time);
void peering_unprovide(struct hub *hub, struct client *peer, struct bytes channel, struct bytes event,
                       struct hub_time time);

/* A client of the peer's hub has declared the topic. */
int peering_declare(struct hub *hub, struct client *peer, struct bytes channel, struct bytes topic,
                    const struct peering_topic *declared, struct hub_time time);
void peering_undeclare(struct hub *hub, struct client *peer, struct bytes channel, struct bytes topic,
                       struct hub_time time);

/* Somebody behind the peer's hub subscribes the topic: counts for the owner's first and last notices. */
int peering_want(struct hub *hub, struct client *peer, struct bytes channel, struct bytes topic,
                 struct hub_time time);
void peering_unwant(struct hub *hub, struct client *peer, struct bytes channel, struct bytes topic,
                    struct hub_time time);

/* A member at the peer's hub, for list_members and membership updates. @raw_path: MessagePack array of server
 * ids. */
int peering_join(struct hub *hub, struct client *peer, struct bytes channel, struct bytes id,
                 struct bytes mode, struct bytes raw_path, struct hub_time time);
void peering_leave(struct hub *hub, struct client *peer, struct bytes channel, struct bytes id,
                   struct hub_time time);

/*
 * Who would get a call of a local client for the event now; takes no turn. The owner of the peer; NULL:
 * nobody, or (@out_is_local) a local provider.
 */
void *peering_choose(const struct hub *hub, struct bytes channel, struct bytes event, bool *out_is_local);

/*
 * A broadcast (@topic BYTES_NONE) or publish that @peer has brought over the mesh, for the local members or
 * subscribers; it is the peer (NULL: nobody) that waits where one of them is full. 0, PEERING_E_BAD_NAME, or
 * -ENOMEM. Federation has seen to it that it comes once.
 */
int peering_deliver(struct hub *hub, struct client *peer, struct bytes channel, struct bytes topic,
                    const struct message *message, struct hub_time time);

#endif
