/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the program wants on a channel as long as it lives: events provided, topics declared, topics
 * subscribed. Asked for whenever the channel has been opened.
 */
#ifndef COMMHUB_CLIENT_WISH_H
#define COMMHUB_CLIENT_WISH_H

#include "hub/client/channel.h"

enum wish_kind { WISH_PROVIDE, WISH_DECLARE, WISH_SUBSCRIBE };

struct wish {
    struct list link;
    struct commipc_channel *channel;
    enum wish_kind kind;
    char *name;
    bool is_stream;
    bool is_group;
    bool is_gone; /* taken back inside a callback; freed when that has returned */
    struct buffer param_schema;
    struct buffer return_schema;
    struct pending *asking;
    commipc_call_fn *on_call;
    commipc_message_fn *on_message;
    commipc_done_fn *on_done; /* NULL when it has been told */
    void *user;
};

/* Copies @sample with its name and the schemas given, hangs it on the channel and asks for it if the channel
 * is open: 0, -EALREADY, -EINVAL or -ENOMEM. */
int wish_add(const struct wish *sample, struct commipc_value param_schema,
             struct commipc_value return_schema);

struct wish *wish_find(const struct commipc_channel *channel, enum wish_kind kind, struct bytes name);

/* Nothing is told to the hub. */
void wish_remove(struct wish *wish);

void wish_ask_all(struct commipc_channel *channel);
void wish_lose_all(struct commipc_channel *channel);
void wish_free_all(struct commipc_channel *channel);

/* Frees those that were taken back; not inside a callback. */
void wish_sweep(struct commipc_channel *channel);

/* Gives what was published to whom has subscribed to it. */
void wish_hear(struct commipc_channel *channel, struct bytes event, const struct commipc_message *heard);

#endif
