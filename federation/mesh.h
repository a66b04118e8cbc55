/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One hub's part of the mesh: routes in, routes out, messages on
 *
 * Pure: it knows no sockets and no clocks, time is handed in, and it speaks through an outlet; so a test runs
 * many hubs in virtual time with the very code that the product runs. One thread owns it. The ideas stand in
 * docs/federation.md.
 *
 * Three parties call it: the shell's links (mesh_link_*), the observer of the local core (mesh_local_*) and
 * the ports of the remote hubs in the core (mesh_peer_*). The last two come from inside the core: they tell
 * the links at once, but what must be told to the core waits for mesh_settle(), which the shell calls at the
 * end of the turn when the outlet's wake() has asked for it.
 */
#ifndef COMMHUB_FEDERATION_MESH_H
#define COMMHUB_FEDERATION_MESH_H

#include "federation/bridge_policy.h"
#include "federation/link_flow.h"
#include "federation/link_session.h"
#include "federation/link_set.h"
#include "federation/link_wire.h"
#include "federation/mesh_counts.h"
#include "federation/spool_stamp.h"
#include "hub/core/peering.h"

struct mesh;
struct mesh_link;
struct origin; /* one hub of the mesh, us or another */

#define MESH_MAX_LINKS LINK_SET_SLOTS
#define MESH_MAX_ORIGINS 1024U
/* So long a call may wait for a link on its only way to return, and a hub behind it is shown to clients.
 * Routes stay for as long as it may return (the resume window), for what is no call still gets through then.
 */
#define MESH_STALE_HOLD_MS 10000U
/* So long a link that is over is stale first: other hubs keep their own ways from a hub that they go through,
 * and tell them when they hear of this. */
#define MESH_LINGER_MS 2000U
#define MESH_SECRET_BYTES 32

/* What the mesh shows the core of a remote hub: one entry of it. */
struct mesh_offer {
    uint8_t kind; /* enum route_kind: SERVICE, TOPIC, INTEREST or MEMBER */
    struct bytes channel;
    struct bytes name;
    struct peering_service service; /* SERVICE */
    struct peering_topic topic;     /* TOPIC */
    struct bytes mode;              /* MEMBER */
    struct bytes raw_path;          /* MEMBER: MessagePack array of server ids, the origin's first */
};

/* What becomes of a channel with a password on a link. */
enum mesh_channel_word {
    MESH_CHANNEL_PROVEN,   /* both hubs hold its password: it crosses */
    MESH_CHANNEL_UNPROVEN, /* the far hub has not proven that it holds it, or not any more: nothing crosses */
    MESH_CHANNEL_RENAMED,  /* it has another name on the other side, which its signatures do not cover */
    MESH_CHANNEL_REFUSED,  /* something of it came without a proof */
};

/* How many channels with a password do or do not cross a link. */
struct mesh_link_guards {
    size_t n_proven;
    size_t n_unproven; /* guarded here, not proven by the far hub */
    size_t n_foreign;  /* proven by the far hub, and none of ours */
};

/* What a probe notes of a link. */
struct mesh_link_facts {
    uint64_t now_us; /* monotonic */
    uint64_t queued_bytes;
    uint64_t queue_wait_ms;
    uint64_t rtt_us; /* 0: not known */
    bool is_foreign; /* its far side is no hub of ours, and knows no probes */
};

/* The ways out to the links, each named by its owner's pointer. None of these may call back into the mesh; a
 * link ends later, from the loop, through mesh_link_down(). */
struct mesh_outlet {
    /* Queues the link's next frame; borrowed. */
    void (*send)(void *context, void *link, struct block *frame);
    void (*end_link)(void *context, void *link, const char *reason);
    /* The far side's table is complete. */
    void (*on_synced)(void *context, void *link);
    /* mesh_settle() has something to do. */
    void (*wake)(void *context);
    /* It will have at that time; the last call counts. */
    void (*wake_at)(void *context, uint64_t at_ms);
    /* A request of another hub's management plane, or an answer to one of ours; borrowed. */
    void (*errand)(void *context, const struct link_errand *errand);
    /* Something that an operator should know; @event is for machines, @text for people. */
    void (*warn)(void *context, const char *event, const char *text);
    /* Asks for the key that stretching a channel's secret (MESH_SECRET_BYTES) gives: mesh_channel_key()
     * answers, some time later. Only if the same key comes out of the same secret at every hub can they prove
     * anything to each other. Borrowed. */
    void (*stretch)(void *context, struct bytes channel, const uint8_t *secret);
    void (*on_channel)(void *context, void *link, struct bytes channel, enum mesh_channel_word word);
    /* Tells the far side anew what has come and what it is granted. May be NULL: it is told by and by. */
    void (*acknowledge)(void *context, void *link);
    /* How a link is doing; @link NULL: only the time. May be NULL: nothing is known. */
    void (*facts)(void *context, void *link, struct mesh_link_facts *out_facts);
    void *context;
};

/* The ways into the core. Called from mesh_link_*() and mesh_settle() only; what they call may call
 * mesh_local_*() and mesh_peer_*(). */
struct mesh_core {
    /* A remote hub came, or became unreachable. 0 or -ENOMEM. */
    int (*add_peer)(void *context, struct origin *origin, struct bytes server_id, void **out_peer);
    void (*peer_gone)(void *context, void *peer, enum end_reason reason);
    /* 0, PEERING_E_* or -ENOMEM; again with other attributes where they have changed. */
    int (*offer)(void *context, void *peer, const struct mesh_offer *offer);
    void (*retract)(void *context, void *peer, const struct mesh_offer *offer);
    /* A `call`, `send` or `response` of that hub; borrowed. */
    void (*handle)(void *context, void *peer, const struct message *message);
    /* A broadcast or what a topic's subscribers receive, its body still unread. @peer is the origin's; NULL:
     * it is no peer of the core. */
    void (*deliver)(void *context, void *peer, const struct link_many *many);
    /* The client whose message is being carried out waits on @line, or the one of that id (hub.h). */
    void (*hold)(void *context, struct list *line, bool is_for_many);
    void (*hold_client)(void *context, struct bytes id, struct list *line);
    /* The hub that a call of a local client for the event would go to now; NULL: none, or (@out_is_local) a
     * local provider. */
    struct origin *(*choose)(void *context, struct bytes channel, struct bytes event, bool *out_is_local);
    void *context;
};

/* Where messages of durable topics wait. None of these may call back into the mesh but by relay.h. */
struct mesh_durable {
    /* A local client's publish: keeps it for all whom keeps_for() names. NULL: nothing is kept. */
    void (*keep)(void *context, struct bytes channel, struct bytes topic, struct bytes body);
    /* Whether there is no room, and the publisher is to hear of it. */
    bool (*refuses)(void *context, struct bytes channel, struct bytes topic, size_t n_bytes);
    /* Whether the hub gets the topic's messages that way and no other. */
    bool (*keeps_for)(void *context, const struct hub_id *hub, struct bytes channel, struct bytes topic);
    /* A message that another hub has kept for us: whether it is to be delivered. NULL: none is. */
    bool (*is_new)(void *context, const struct hub_id *from, const struct spool_stamp *stamp);
    /* Another hub has taken it, and all before it. */
    void (*on_taken)(void *context, const struct spool_stamp *stamp);
    void *context;
};

struct mesh_options {
    struct hub_id hub_id;
    uint64_t incarnation;
    struct bytes server_id; /* copied */
    uint64_t run;           /* a random number; 0: another hub with this hub id is not recognised by it */
};

/* Why a link is ended when another hub of the mesh turns out to bear this one's hub id. */
#define MESH_END_DUPLICATE_HUB_ID "duplicate_hub_id"

/* 0 or -ENOMEM. @outlet and @core are copied. */
int mesh_new(struct mesh **out_mesh, const struct mesh_options *options, const struct mesh_outlet *outlet,
             const struct mesh_core *core, struct hub_time time);

/* @durable is copied. */
void mesh_set_durable(struct mesh *mesh, const struct mesh_durable *durable);

/* Whether somebody at that hub subscribes the topic and there is a way to it. */
bool mesh_wants(const struct mesh *mesh, const struct hub_id *hub, struct bytes channel, struct bytes topic);

/* Tells nobody anything: neither links nor core. NULL is fine. */
void mesh_free(struct mesh *mesh);

struct mesh_link_options {
    void *owner; /* for the outlet */
    struct hub_id peer;
    uint64_t peer_incarnation;
    uint64_t peer_run;                 /* that it has greeted with; 0: none */
    uint64_t peer_max_frame;           /* longest message that it takes, in bytes; 0: not known */
    uint64_t session;                  /* the same on both sides, never used again */
    uint32_t cost;                     /* the same on both sides */
    uint64_t rtt_us;                   /* as far as it is known now; 0: it is not */
    struct bridge_policy *policy;      /* NULL: the default; the link takes a reference */
    enum bridge_management management; /* what operators behind the link may do here, and through here */
};

enum {
    MESH_E_FULL = 1,    /* all slots for links are taken */
    MESH_E_BAD_MESSAGE, /* the far side broke the rules of the link; it should be ended */
};

/* A hub has proven who it is: if it has started anew, all that is known of its earlier life is over. Before
 * the link of that life goes down. */
void mesh_meet(struct mesh *mesh, const struct hub_id *hub, uint64_t incarnation, struct hub_time time);

/* A link that is proven; the table is sent at once. 0, MESH_E_FULL or -ENOMEM. */
int mesh_link_up(struct mesh *mesh, const struct mesh_link_options *options, struct hub_time time,
                 struct mesh_link **out_link);

/*
 * The connection is lost, the session is not: ways over it are stale, and what the far side has not
 * acknowledged goes other ways where there are any. What is sent meanwhile is kept.
 */
void mesh_link_cut(struct mesh_link *link, struct hub_time time);

/* What is said of the session when its link connects again. */
struct link_resume mesh_link_offer(const struct mesh_link *link);

/* A cut link goes on, by another connection: sends all that the far side has not received. @far is what it
 * says; link_session_may_resume() must allow it. */
void mesh_link_resume(struct mesh_link *link, const struct link_resume *far, struct hub_time time);

/* The session is over, @link belongs to the mesh. It lingers as a stale one while other ways come about; then
 * what it keeps goes by them, and calls that have none are answered. */
void mesh_link_down(struct mesh_link *link, struct hub_time time);

/* The far side has acknowledged frames and grants credit. False: it can't have got so many. */
bool mesh_link_acknowledged(struct mesh_link *link, const struct link_ack *ack, struct hub_time time);

/* What it is told of ours; @rtt_us: the shortest round trip of the link. It is being sent. */
struct link_ack mesh_link_acknowledge(struct mesh_link *link, uint64_t rtt_us);

/* The numbers of its frames: the shell checks what comes, and acknowledges. */
struct link_session *mesh_link_frames(struct mesh_link *link);

/* Since the session has begun. */
struct mesh_link_counts {
    uint64_t cuts;
    uint64_t resent;            /* frames, after a cut */
    uint64_t rerouted;          /* messages that went another way instead */
    uint64_t duplicates;        /* messages that it brought and that had come by another way */
    uint64_t updates_held;      /* changes of entries that were told later, with those after them */
    uint64_t digest_mismatches; /* its table was not the one that the far side had told */
    uint64_t kept_bytes;        /* now: sent, and not acknowledged */
};

struct mesh_link_counts mesh_link_counts(const struct mesh_link *link);

struct link_flow mesh_link_flow(const struct mesh_link *link, enum link_class class);

/* Whether the mesh reaches a hub of this id that is not the run which greets with @incarnation and @run, nor
 * an earlier one that it has replaced. */
bool mesh_has_other_run(const struct mesh *mesh, const struct hub_id *hub, uint64_t incarnation,
                        uint64_t run);

struct mesh_link_guards mesh_link_guards(const struct mesh_link *link);

/* ENTRIES, END, SESSION, VOID, ONE, MANY, PROVE, UNPROVE, AGAIN, HOLD or ERRAND. 0, MESH_E_BAD_MESSAGE or
 * -ENOMEM (it has not been taken in, and is to come again). */
int mesh_link_receive(struct mesh_link *link, const struct link_message *message, struct hub_time time);

/* What the core's observer says. */
void mesh_local_service(struct mesh *mesh, struct bytes channel, struct bytes event,
                        const struct peering_service *service);
void mesh_local_topic(struct mesh *mesh, struct bytes channel, struct bytes topic,
                      const struct peering_topic *declared);
void mesh_local_interest(struct mesh *mesh, struct bytes channel, struct bytes topic, bool is_wanted);
void mesh_local_member(struct mesh *mesh, struct bytes channel, struct bytes id, struct bytes mode,
                       bool has_joined);
/* What this hub tells about itself (profile.h); copied. */
void mesh_local_profile(struct mesh *mesh, struct bytes raw);
void mesh_local_multicast(struct mesh *mesh, struct bytes channel, struct bytes topic, struct block *frame);

/* The channel has a password (or another one), or none any more; peering.h says when. */
void mesh_local_guard(struct mesh *mesh, struct bytes channel, bool is_protected, const uint8_t *secret);

/* The key that the outlet's stretch() asked for. */
void mesh_channel_key(struct mesh *mesh, struct bytes channel, const uint8_t secret[MESH_SECRET_BYTES],
                      const uint8_t key[MESH_SECRET_BYTES], struct hub_time time);

/* Whether a local client's broadcast has been in the mesh already. */
bool mesh_local_has_passed(const struct mesh *mesh, struct bytes channel, const struct message *broadcast);

bool mesh_may_publish(const struct mesh *mesh, struct bytes channel, struct bytes topic, size_t n_bytes);

/* What the core does with a remote hub's port. */
void mesh_peer_send(struct origin *peer, struct block *frame);
void mesh_peer_pass(struct origin *peer, struct block *frame, const struct outlet_one *one);
void mesh_peer_end(struct origin *peer, enum end_reason reason);
void mesh_peer_wait(struct origin *peer, struct list *line, bool is_for_many);

/* Tells the core what has changed, answers lost calls, forgets old tombstones. */
void mesh_settle(struct mesh *mesh, struct hub_time time);

/* The core loses all remote hubs; for the end, or before another core. */
void mesh_leave_core(struct mesh *mesh);

/* Whether a change could not be kept or shown for want of memory: the core should be observed anew and
 * mesh_settle() called. Asking clears it. */
bool mesh_take_incomplete(struct mesh *mesh);

/* Whether the hub can be reached, other than by a link of ours that is over; @out_incarnation (may be NULL):
 * of its entries. */
bool mesh_reaches(const struct mesh *mesh, const struct hub_id *hub, uint64_t *out_incarnation);

/* The name that clients see of a hub, us among them; BYTES_NONE: it can't be reached. */
struct bytes mesh_name_of(const struct mesh *mesh, const struct hub_id *hub);

/* Whether any hub but @except, us among them, bears the name. */
bool mesh_has_name(const struct mesh *mesh, struct bytes server_id, const struct hub_id *except);

/* The latest time that was handed in. */
struct hub_time mesh_time(const struct mesh *mesh);

struct mesh_counts mesh_counts(const struct mesh *mesh);

/*
 * The tables as text, sorted, one line a route: kind, channel, name, origin, cost, path, number of ways.
 * Without sequence numbers and sessions, so that two hubs with the same mesh around them say the same. 0 or
 * -ENOMEM.
 */
int mesh_dump(const struct mesh *mesh, struct buffer *out);

#endif
