/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who is connected, and what each client holds
 */
#ifndef COMMHUB_CORE_CLIENTS_H
#define COMMHUB_CORE_CLIENTS_H

#include "hub/core/hub_state.h"

struct client {
    struct map_node by_id;
    struct list all;
    uint64_t serial;
    uint64_t since_s;
    enum client_kind kind;
    const struct client_port *port;
    void *owner;

    struct list memberships;
    struct list providers;
    struct list calls_made;
    struct list calls_taken;
    struct list topics;
    struct list subscriptions;
    struct list challenges;
    struct list remotes; /* remote members that this bridge or peer announced */

    uint32_t n_memberships;
    uint32_t n_providers;
    uint32_t n_calls_made;
    uint32_t n_calls_taken; /* outstanding at this provider: what least-active compares */
    uint32_t n_topics;
    uint32_t n_subscriptions;
    uint32_t n_challenges;
    uint32_t n_remotes;
    size_t held_bytes;

    uint64_t messages_in;
    uint64_t messages_out;
    struct bytes id;
    uint8_t id_bytes[];
};

/* Takes in a client; a peer goes by no name. 0, HUB_E_ID_IN_USE or -ENOMEM. */
int clients_add(struct hub *hub, struct bytes id, enum client_kind kind, const struct client_port *port,
                void *owner, struct client **out_client);

struct client *clients_find(const struct hub *hub, struct bytes id);

/* As a client that operators see: no peer, no guest. */
bool clients_is_counted(const struct client *client);

/* The client must hold nothing any more. */
void clients_remove(struct hub *hub, struct client *client);

/* Queues a borrowed frame. */
void clients_send(struct client *client, struct block *frame, enum frame_class frame_class);

/* Queues the borrowed frame of another client's call, send or answer. */
void clients_pass(struct client *client, struct block *frame, const struct outlet_one *one);

/* Queues a fresh frame and gives it up; NULL, the sign of no memory, ends the client: better than a silent
 * gap. */
void clients_send_new(struct client *client, struct block *frame, enum frame_class frame_class);

void clients_end(struct client *client, enum end_reason reason);

/* Accounts for @n bytes kept on the client's behalf: false where that would be too many. */
bool clients_charge(struct client *client, size_t n);
void clients_discharge(struct client *client, size_t n);

const char *clients_mode(const struct client *client);

#endif
