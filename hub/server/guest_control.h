/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Guests: what a request over HTTP is to the hub
 *
 * A guest is a client of the core without a connection. It does one thing (a call, a subscription, ...) and
 * hears what comes of it through its events, under the same rules as any client: protected channels ask for
 * the proof, calls have their deadline, and who brings more than somebody takes waits: the end of a send,
 * broadcast or publish is told when there is room again, or after its timeout. It never owns a channel, and
 * its coming and going is not logged.
 *
 * Every function runs on the loop's thread; events come from there too, also from inside
 * guest_control_begin(), and must not call back.
 */
#ifndef COMMHUB_SERVER_GUEST_CONTROL_H
#define COMMHUB_SERVER_GUEST_CONTROL_H

#include <stdint.h>

#include "hub/base/bytes.h"

struct server;
struct guest;

enum guest_verb {
    GUEST_CALL,
    GUEST_STREAM, /* a call whose answer comes in chunks */
    GUEST_SEND,
    GUEST_BROADCAST,
    GUEST_PUBLISH,   /* declares the topic, publishes; the topic is its own as long as that takes */
    GUEST_SUBSCRIBE, /* a topic */
    GUEST_LISTEN,    /* the channel's broadcasts */
};

/* Why it is over. */
enum guest_end {
    GUEST_DONE,
    GUEST_FAILED, /* the provider's error: its text */
    GUEST_NO_PROVIDER,
    GUEST_PROVIDER_LOST,
    GUEST_TIMED_OUT,
    GUEST_REFUSED, /* the hub's error: its text */
    GUEST_PROTECTED,
    GUEST_WRONG_PASSWORD,
    GUEST_UNPROTECTED, /* a password for a channel that has none */
    GUEST_CHANNEL_LOST,
    GUEST_TOO_SLOW, /* its owner has not gone on in time */
    GUEST_HUB_ENDING,
    GUEST_OUT_OF_MEMORY,
};

/* Borrowed. */
struct guest_wish {
    enum guest_verb verb;
    struct bytes id; /* what others see as the sender */
    struct bytes channel;
    struct bytes name;          /* event or topic; none for GUEST_LISTEN */
    struct bytes raw_data;      /* MessagePack; empty: nil */
    struct bytes password;      /* of a protected channel; empty: none */
    const uint8_t *signing_key; /* signature_derive_key() of the password; NULL without one */
    struct bytes traceparent;   /* told in the metadata of a call, send or broadcast; empty: none */
    uint64_t timeout_ms;        /* to the answer, to a stream's next chunk, or of waiting for who is full; 0:
                                   the hub's deadline alone */
    uint64_t patience_ms;       /* for how long its owner may hold back who sends to it; 0: not at all */
};

struct guest_data {
    struct bytes event;
    struct bytes raw_data; /* MessagePack; may be empty */
    struct bytes sender_id;
    struct bytes server_id;
    struct bytes raw_timestamp; /* MessagePack; may be empty */
    bool is_chunk;              /* of a stream: more follows */
    struct bytes signed_body;   /* the whole message, where the wish had a signing key; else empty */
};

/* What the owner makes of data. */
enum guest_verdict {
    GUEST_GO_ON,
    GUEST_HOLD,   /* taken; whoever has sent it shall wait until guest_control_go_on(), where it can */
    GUEST_ENOUGH, /* nothing more is told */
};

struct guest_events {
    /* Views are valid during the call. */
    enum guest_verdict (*on_data)(void *owner, const struct guest_data *data);
    /* Once, unless on_data() said enough or the guest is freed before. */
    void (*on_end)(void *owner, enum guest_end end, struct bytes text);
    /* The last call: the guest is gone, by guest_control_free() or with the server. */
    void (*on_gone)(void *owner);
};

/* 0, or -ENOMEM: @owner hears nothing then. */
int guest_control_begin(struct server *server, const struct guest_wish *wish,
                        const struct guest_events *events, void *owner, struct guest **out_guest);

/* The owner takes data again, after it said GUEST_HOLD. */
void guest_control_go_on(struct guest *guest);

void guest_control_free(struct guest *guest);

/* For the server: tells all guests that the hub ends; frees all. */
void guest_control_end_all(struct server *server);
void guest_control_free_all(struct server *server);

#endif
