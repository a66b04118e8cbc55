/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The broker
 *
 * Pure: messages of clients go in, frames come out through the clients' ports. It knows no sockets, clocks,
 * files or threads; time is handed in, so that many hubs run in one test in virtual time. One thread owns it.
 */
#ifndef COMMHUB_CORE_HUB_H
#define COMMHUB_CORE_HUB_H

#include "hub/core/outlet.h"
#include "hub/wire/message.h"
#include "hub/wire/signature.h"

struct hub;
struct client;

enum channel_policy { CHANNEL_TERMINATE, CHANNEL_PROMOTE };
enum balance_policy { BALANCE_LEAST_ACTIVE, BALANCE_ROUND_ROBIN };
enum error_policy { ERROR_IGNORE, ERROR_RAISE, ERROR_BROADCAST };

struct hub_options {
    struct bytes server_id; /* copied */
    enum channel_policy channel_policy;
    enum balance_policy balance_policy;
    enum error_policy error_policy;
    uint64_t call_deadline_ms; /* from the call, or from a stream's last chunk, to the error; 0: none */
};

struct hub_time {
    uint64_t now_ms; /* monotonic */
    uint64_t wall_s; /* Unix seconds, for timestamps */
};

/* What a client says it is, and what it is to us. */
enum client_kind {
    CLIENT_LOCAL,  /* mode "client" or none */
    CLIENT_BRIDGE, /* mode "bridge": may announce remote clients; never owns a channel */
    CLIENT_PEER,   /* a remote hub of the mesh, brought by federation (peering.h) */
    CLIENT_GUEST,  /* a request of the management plane: never owns a channel, comes and goes untold */
};

/* 0 or -ENOMEM. @outlet is copied. */
int hub_new(struct hub **out_hub, const struct hub_options *options, const struct outlet *outlet);

/* Forgets all clients without telling their ports, and everything else. NULL is fine. */
void hub_free(struct hub *hub);

/* Goes on with other policies and another deadline; the name stays. */
void hub_set_options(struct hub *hub, const struct hub_options *options);

struct bytes hub_server_id(const struct hub *hub);

enum {
    HUB_E_ID_IN_USE = 1,
    HUB_E_BAD_NAME,
};

/* An identified client. @port must outlive it. 0, HUB_E_* or -ENOMEM. */
int hub_client_add(struct hub *hub, struct bytes id, enum client_kind kind, const struct client_port *port,
                   void *owner, struct hub_time time, struct client **out_client);

bool hub_id_is_free(const struct hub *hub, struct bytes id);

/*
 * One message of an identified client. What is wrong with it is answered to the client; nothing is left to
 * the caller, but -ENOMEM: the message was not or only partly carried out and the client should be ended.
 */
int hub_handle(struct hub *hub, struct client *client, const struct message *message, struct hub_time time);

/* A message that is being carried out has met a full receiver: whoever brought it waits on @line, if it can
 * (outlet.h). Also from inside a port's send(). */
void hub_hold_producer(struct hub *hub, struct list *line, bool is_for_many);

/* The client of that id waits on @line, if there is one and it can. */
void hub_hold_client(struct hub *hub, struct bytes id, struct list *line);

/* The client's connection has ended: everything it held is given back, everyone concerned is told, @client is
 * freed. */
void hub_client_gone(struct hub *hub, struct client *client, enum end_reason reason, struct hub_time time);

/* Carries out what has become due (call deadlines, challenges) and answers when to come again; UINT64_MAX:
 * not needed. */
uint64_t hub_tick(struct hub *hub, struct hub_time time);

/* Where a password comes from. */
enum password_origin { PASSWORD_NONE, PASSWORD_BY_CLIENT, PASSWORD_BY_OPERATOR, PASSWORD_BY_CONFIGURATION };

/*
 * Sets (or with an empty @password removes) the password that a channel has beyond its members' lifetime. On
 * a change all members are told and lose the channel, as with set_password. @signing_key
 * (signature_derive_key()) is needed for system channels, which the hub signs, and may be NULL for others. 0
 * or -ENOMEM.
 */
int hub_configure_password(struct hub *hub, struct bytes channel, struct bytes password,
                           enum password_origin origin, const uint8_t signing_key[SIGNATURE_KEY_BYTES],
                           struct hub_time time);

/* A line for the logs channel and the log: what server and federation have to say. @client_id may be
 * BYTES_NONE. */
void hub_log(struct hub *hub, enum log_level level, struct bytes text, struct bytes client_id,
             struct hub_time time);

/* The owner of the port of the local client or bridge with that id; NULL: there is none. */
void *hub_client_owner(const struct hub *hub, struct bytes id);

struct bytes hub_client_id(const struct client *client);

#endif
