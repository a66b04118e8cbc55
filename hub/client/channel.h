/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A channel inside the library
 *
 * Open is a wish that lasts: after each connect the channel is asked for again, and when the hub has granted
 * it, the wishes that hang on it are.
 */
#ifndef COMMHUB_CLIENT_CHANNEL_H
#define COMMHUB_CLIENT_CHANNEL_H

#include "hub/client/client_state.h"
#include "hub/client/pending.h"
#include "hub/wire/signature.h"

#define CHANNEL_REQUEST_MS 10000 /* how long the original waits for an answer to `register` */

struct listener_entry {
    struct list link;
    char *event; /* NULL: every event */
    commipc_message_fn *on_message;
    void *user;
};

struct commipc_channel {
    struct map_node node;
    struct list link;
    struct commipc_client *client;
    char *name;
    char *password;      /* NULL: none */
    char *next_password; /* being set */
    bool is_setting_password;
    bool has_key;
    uint8_t key[SIGNATURE_KEY_BYTES];
    bool is_open;
    struct pending *opening;  /* the register that is under way */
    commipc_done_fn *on_done; /* NULL when it has been told */
    void *user;
    struct list wishes;
    struct list listeners;
    struct list offers;
    struct map offer_by_name;
};

/* Asks for the channel, if connected: 0, or what pending_new() and pending_send() answer. */
int channel_ask(struct commipc_channel *channel);

/* The same for all channels of a new connection: what goes wrong is told by callbacks. */
void channel_restore(struct commipc_channel *channel);

/* The connection is gone. */
void channel_lose(struct commipc_channel *channel);

/* The hub has ended the channel while we are connected: asks for it again. */
void channel_reopen(struct commipc_channel *channel);

/* Wipes and frees a password. NULL is fine. */
void channel_forget_password(char *password);

/* Takes it out of the client as well. */
void channel_free(struct commipc_channel *channel);

struct commipc_channel *channel_of(struct commipc_client *client, const struct message *message);

/* receive, broadcast and send */
void channel_hear(struct commipc_channel *channel, const struct message *message);

/* auth_challenge: proves the password for the register that is pending. */
void channel_prove(struct commipc_client *client, const struct message *message);

/* 0, or why the program cannot use the channel now. */
int channel_check(const struct commipc_channel *channel);

#endif
