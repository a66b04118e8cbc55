/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The messages between two hubs (docs/federation.md, "On the wire")
 *
 * Each is one MessagePack map in the same 4-byte frames as everything else; keys that are not known are
 * passed over, so that later versions may say more. Hub ids, paths and trails are packed into `bin` and read
 * in place. Reading allocates nothing; the view borrows the body. Pure, any thread; fuzzed.
 */
#ifndef COMMHUB_FEDERATION_LINK_WIRE_H
#define COMMHUB_FEDERATION_LINK_WIRE_H

#include "federation/link_class.h"
#include "federation/hub_id.h"
#include "hub/base/block.h"
#include "hub/base/buffer.h"
#include "hub/wire/msgpack_read.h"

#define LINK_WIRE_VERSION 4

/* What may stand in one frame before both sides are proven, and after: a frame of a client, and our head. */
#define LINK_WIRE_MAX_HANDSHAKE_BYTES 4096U
#define LINK_WIRE_NONCE_BYTES 32
#define LINK_WIRE_CHANNEL_PROOF_BYTES 32

enum link_message_type {
#define NEEDS(key) 0
#define X(id, name, needs) LINK_MESSAGE_##id,
#include "federation/link_message.def"
#undef X
#undef NEEDS
    LINK_MESSAGE_TYPE_COUNT
};

/* Who speaks: GREETING from the hub that dials, CHALLENGE from the hub that was called. */
struct link_greeting {
    uint64_t version;
    struct hub_id hub_id;
    uint64_t incarnation;
    struct bytes server_id;
    struct bytes nonce; /* LINK_WIRE_NONCE_BYTES */
    uint64_t run;       /* drawn at the hub's start; 0: not told */
    uint64_t max_frame; /* longest message that it takes, in bytes; 0: not told */
};

/*
 * What a side says of the session that the link had before: PROOF with `session` asks to go on with it,
 * without `is_wanted` it is over; ACCEPT with `is_wanted` agrees.
 */
struct link_resume {
    uint64_t session; /* PROOF only; 0: none */
    bool is_wanted;
    uint64_t received; /* where it is wanted: the last frame that has come */
    uint64_t cuts;     /* how often it has been cut */
    uint64_t window_s; /* PROOF only: how long a session of this link may wait for its return; 0: as the hub
                          likes */
};

struct link_proven {
    struct bytes proof;   /* 32 bytes */
    uint64_t cost;        /* PROOF only: the cost of the link, for both directions */
    bool is_trial;        /* no session begins: the handshake was all that was wanted */
    struct bytes release; /* ACCEPT of a trial: which CommHub it is; else empty */
    struct link_resume resume;
};

struct link_refusal {
    struct bytes reason; /* for machines */
    struct bytes text;   /* for people */
};

/* What two hubs may say of a session of a link, in the order in which it comes about; more cuts are a later
 * word. */
enum link_session_state {
    LINK_SESSION_STALE, /* cut, and may go on */
    LINK_SESSION_FRESH,
    LINK_SESSION_OVER, /* for good */
};

/* For one hub: a `call`, `send` or `response` of the protocol. */
struct link_one {
    struct hub_id to;
    uint64_t life; /* incarnation of `to` that is meant; 0: any */
    struct hub_id from;
    uint64_t incarnation; /* of `from`; with seq the id of the message */
    uint64_t seq;         /* 0: it has no id */
    struct bytes trail;   /* list of the hubs that have passed it on, the first one first */
    uint64_t detour;      /* how many of them may be passed again */
    struct bytes back;    /* response: list of the hubs by which its call came, the next hop last */
    /* call, send: the service that was chosen; response: the channel of its call if that has a password, and
     * no event */
    struct bytes channel;
    struct bytes event;
    uint64_t part;      /* response: which one of its call, from 1; 0: not numbered */
    struct bytes taken; /* a spool's stamp: its message was taken; else empty */
    struct bytes body;
};

/* For many hubs: a `broadcast` or `receive`. */
struct link_many {
    struct hub_id origin;
    uint64_t incarnation;
    uint64_t seq;
    struct bytes to; /* list of the hubs that get it by this link */
    struct bytes trail;
    uint64_t detour;
    struct bytes channel;
    struct bytes topic; /* BYTES_NONE: a broadcast */
    struct bytes stamp; /* of the spool that it waits in (spool_stamp.h); else empty */
    struct bytes body;
};

/* From one hub's management plane to another's (errand.h). */
enum errand_kind {
    ERRAND_READ,    /* a request that only looks */
    ERRAND_WRITE,   /* a request that may change something */
    ERRAND_ANSWER,  /* to either */
    ERRAND_REFUSED, /* to either; the body is a sentence for people */
    ERRAND_KIND_COUNT
};

struct link_errand {
    struct hub_id to;
    struct hub_id from;
    struct bytes trail; /* as in link_one */
    uint64_t serial;    /* of the request, at the hub that asked */
    enum errand_kind kind;
    struct bytes body;
};

/* A client is to bring nothing more, or may again (holds.h). */
struct link_hold {
    struct hub_id to;   /* the client's hub */
    struct hub_id from; /* the hub at which something is full */
    struct bytes trail; /* as in link_one */
    struct bytes client;
    bool is_held;
};

/* What an acknowledgement says. */
struct link_ack {
    uint64_t received; /* all frames up to this number have come */
    uint64_t one; /* so many bytes of messages for one may be under way; UINT64_MAX: as many as there are */
    uint64_t many;
};

struct link_message {
    enum link_message_type type;
    uint64_t number; /* counts the frames of a session from 1; 0: not counted, not sent again */
    union {
        struct link_greeting greeting; /* GREETING, CHALLENGE */
        struct link_proven proven;     /* PROOF, ACCEPT */
        struct link_refusal refusal;
        uint64_t at_us; /* HELLO: the sender's clock; ECHO: what the hello said */
        struct {
            uint32_t n;
            struct bytes raw; /* that many values for link_wire_next_entry() */
        } entries;
        struct link_ack ack;
        uint64_t digest; /* DIGEST: the sum over what the sender has told and not taken back (digest.h) */
        struct {
            uint64_t number;
            uint64_t cuts;   /* that it has had */
            uint64_t age_us; /* how long ago it has come to that, as far as the sender knows; 0: just now */
            enum link_session_state state;
        } session;
        struct bytes channel_proofs; /* PROVE, UNPROVE: LINK_WIRE_CHANNEL_PROOF_BYTES each, in a row */
        struct bytes channel;        /* AGAIN */
        struct link_one one;         /* ONE, PROBE, PROBED */
        struct link_many many;
        struct link_errand errand;
        struct link_hold hold;
    };
};

static inline enum link_class link_wire_class(const struct link_message *message)
{
    if (message->type == LINK_MESSAGE_ONE)
        return LINK_CLASS_ONE;
    return message->type == LINK_MESSAGE_MANY ? LINK_CLASS_MANY : LINK_CLASS_CONTROL;
}

enum {
    LINK_WIRE_E_MALFORMED = 1, /* no sound MessagePack map */
    LINK_WIRE_E_UNKNOWN_TYPE,
    LINK_WIRE_E_BAD_FIELD, /* a key is missing, of the wrong type, or out of its bounds */
};

/* 0 or LINK_WIRE_E_*. */
int link_wire_read(struct bytes body, struct link_message *out_message);

/* One frame with one reference; NULL: out of memory. */
struct block *link_wire_write(const struct link_message *message, uint64_t number);

/* What an entry says. */
enum link_entry_change {
    LINK_ENTRY_SET,  /* reachable by this path */
    LINK_ENTRY_LOST, /* the sender has no path any more that it may tell */
    LINK_ENTRY_DEAD, /* the origin has withdrawn it: no older one is true anywhere */
};

struct link_entry {
    uint8_t kind; /* enum route_kind */
    enum link_entry_change change;
    struct hub_id origin;
    struct bytes channel;       /* as the far side names it */
    struct bytes first_channel; /* as the origin names it, where that differs; else empty */
    struct bytes name;
    uint64_t incarnation; /* with the counter: set by the origin alone */
    uint64_t counter;
    uint64_t replaced; /* digest of what the sender has told of it before; 0: nothing, or no more */
    uint64_t cost;
    uint32_t held_back; /* SET only: set of 1 << enum bridge_class that bridges on the way hold back */
    struct bytes path;  /* SET only, and never empty there */
    struct bytes raw_attributes; /* MessagePack, the origin's own; SET only, and never empty there */
};

/* What an entry has in common with the one before it is not said again, but of attributes only so many bytes:
 * what a hub keeps of a message is bounded by the length of the message. */
#define LINK_WIRE_MAX_REPEATED_BYTES 512U

enum link_entry_part {
    LINK_ENTRY_ORIGIN,
    LINK_ENTRY_CHANNEL,
    LINK_ENTRY_PATH,
    LINK_ENTRY_ATTRIBUTES,
    LINK_ENTRY_PART_COUNT
};

/* Entries for one message. Starts as {0}. */
struct link_entries {
    struct buffer raw; /* a failed allocation stays in it */
    uint32_t n;
    struct {
        size_t at;
        size_t len;
    } said[LINK_ENTRY_PART_COUNT]; /* where the latest of each part stands in @raw */
};

void link_wire_append_entry(struct link_entries *entries, const struct link_entry *entry);

/* Begins anew, with the same memory. */
void link_wire_begin_entries(struct link_entries *entries);
void link_wire_clear_entries(struct link_entries *entries);

/* The next of the entries of a message: 0 or LINK_WIRE_E_BAD_FIELD. @entry is the one before it, untouched,
 * or {0} at the first. */
int link_wire_next_entry(struct msgpack_reader *reader, struct link_entry *entry);

const char *link_wire_type_name(enum link_message_type type);

#endif
