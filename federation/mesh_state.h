/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The mesh's tables, for the files of this folder that are the mesh: intake, advertise, relay, offering
 */
#ifndef COMMHUB_FEDERATION_MESH_STATE_H
#define COMMHUB_FEDERATION_MESH_STATE_H

#include "federation/digest.h"
#include "federation/mesh.h"
#include "federation/refusal_log.h"
#include "federation/route_table.h"
#include "federation/seen_window.h"
#include "federation/session_table.h"
#include "federation/stream_order.h"

/* How many messages may pass now: a bucket that the time fills. */
struct mesh_rate {
    uint64_t thousandths;
    uint64_t at_ms;
};

/* One class of a link's messages (credit.h). */
struct credit {
    uint64_t granted;   /* by the far side */
    struct list line;   /* producers that wait */
    uint64_t since_ms;  /* the first of them */
    bool is_stalled;    /* they have waited for too long, and nobody does until there is room again */
    uint64_t full_ms;   /* when one was last refused because the link was full; 0: none was */
    uint64_t n_waits;   /* how often it was used up and somebody had to wait */
    uint64_t n_refused; /* messages that it had no room for */
};

/* What a link brings us in a millisecond, of late. */
struct link_pace {
    uint64_t bytes_per_ms;
    uint64_t bytes; /* since then: */
    uint64_t since_ms;
};

/* Who waits for a receiver at another hub (holds.h). */
struct holds {
    struct map far;  /* producers elsewhere that wait for somebody here */
    struct map near; /* our clients that wait for somebody elsewhere */
};

/* How long news take, in whole milliseconds (hop_time.h). */
struct hop_time {
    uint32_t told_ms;    /* of our slowest link, as our own entry says */
    uint64_t true_ms;    /* when that was last so */
    uint32_t slowest_ms; /* of all that we reach, and ours */
    uint64_t blow_ms;    /* when the latest cuts have begun */
    bool is_known;       /* it need not be looked for anew */
};

struct mesh_link {
    struct mesh *mesh;
    void *owner; /* NULL once it lingers */
    unsigned slot;
    struct hub_id peer;
    uint64_t peer_run;
    uint64_t peer_max_frame; /* 0: not known */
    uint64_t peer_incarnation;
    uint64_t session;
    uint64_t cuts; /* that the session has had */
    uint32_t cost;
    struct bridge_policy *policy; /* may be NULL */
    enum bridge_management management;
    struct link_session frames;
    struct credit credits[LINK_CLASS_COUNT];
    struct link_pace pace;
    uint64_t rtt_us;                /* the shortest round trip; 0: not known */
    uint64_t progress_ms;           /* the far side has last acknowledged something */
    struct waiter overdraft;        /* on the line of a link that this one's messages have overdrawn */
    struct mesh_link_counts counts; /* those that are counted, not asked for */
    bool is_cut;                    /* no connection: what is sent is only kept */
    size_t cut_bytes;               /* that were kept when it was cut */
    bool lingers;                   /* the shell knows it no more */
    bool is_stale;                  /* cut here or, as the far side says, there */
    bool is_ending;                 /* the shell was asked to end it */
    bool is_synced;                 /* the far side's first table is complete */
    bool has_told_nearly_full;      /* of entries: once, until there are markedly fewer */
    bool has_told_limit;
    bool has_told_rate;
    bool has_told_size;
    bool has_told_renamed;
    struct mesh_rate rates[BRIDGE_DIRECTION_COUNT];
    struct list candidates;
    size_t n_candidates;
    struct digest_state digests;
    struct link_entries entries; /* waiting to be told */
    struct buffer to;            /* destinations of the message for many that is being passed on */
    struct map expected_proofs;  /* of channels: see guards.c */
    struct map heard_proofs;
};

struct origin {
    struct map_node node; /* keyed by id */
    struct mesh *mesh;
    struct hub_id id;
    uint64_t incarnation; /* the highest that was seen */
    struct list routes;
    struct route *hub_route; /* of kind HUB, NULL where there is none */
    uint64_t rtt_ms;         /* of its slowest link, as it says */
    struct seen_window *window;
    struct list unsettled; /* in mesh->unsettled: peer to be made, ended or made anew */
    void *peer;            /* the core's; NULL: none */
    char *server_id;       /* under which the core knows it */
    bool wants_end;
    enum end_reason end_reason;
    bool is_given_up;        /* not shown to the core: only a stale way has led to it for a while */
    struct list lost_calls;  /* answers that wait for mesh_settle() */
    struct list outstanding; /* calls to and from it */
};

/* Messages that wait for a way (parked.c), the oldest first. */
struct parked_list {
    struct list messages;
    uint64_t n_bytes;
    bool is_due; /* the routes of some have changed */
};

struct mesh {
    struct hub_id id;
    uint64_t incarnation;
    uint64_t run; /* drawn at the start: two runs of the same hub id at the same incarnation differ in it */
    char *server_id;
    struct mesh_outlet outlet;
    struct mesh_durable durable;
    struct mesh_core core;
    struct hub_time time; /* the latest that was handed in */
    uint64_t counter;     /* of our own entries */
    uint64_t sequence;    /* of our own messages */
    struct route_table table;
    struct map origins;
    struct map outstanding;
    struct list outstanding_by_age;
    struct origin *self;
    struct holds holds;
    struct mesh_link *bringing; /* the link whose message is being passed on; NULL: none */
    struct bytes delivering;    /* the message of another hub that the core is given; else BYTES_NONE */
    struct mesh_link *links[MESH_MAX_LINKS];
    unsigned n_slots; /* slots that were ever used */
    struct list untold;
    bool has_entries; /* some link has entries that wait to be told */
    struct pacer pacer;
    uint64_t paced_ms;  /* for when wake_at() was last called */
    uint64_t joined_ms; /* when a link of our own last came up */
    struct hop_time hop_time;
    struct list unoffered;
    struct list refused; /* routes that the core did not want; asked again when something local changes */
    struct list unsettled;
    struct map guards;   /* channels with a password */
    bool has_review;     /* some of them wait for review */
    bool lacks_guard;    /* there was no memory for one */
    bool is_awake;       /* wake() was called and mesh_settle() has not come yet */
    uint64_t look_ms;    /* when it is looked again at what waits */
    uint64_t digests_ms; /* when it is looked again whether a digest is due */
    bool has_given_up;   /* some hub, see origin */
    bool is_incomplete;
    bool has_told_conflict;
    struct session_table sessions;
    bool is_reroute_due; /* what stale links keep may have found another way */
    struct parked_list parked;
    struct stream_orders orders;
    struct buffer trail; /* of the message that is being passed on */
    struct buffer shown; /* trail_show()'s names for the message that the core is being given */
    struct refusal_log refusals;
    struct list probes; /* of ours, that wait for their answers; the oldest first */
    unsigned n_probes;
    uint64_t last_probe;
    struct mesh_counts counts;
};

void mesh_wake(struct mesh *mesh);
/* Takes a way out that is good no more, though who told it has not taken it back. */
void mesh_drop_way(struct mesh *mesh, struct candidate *candidate);

/* Gives the core a message of another hub's client. */
void mesh_hand_over(struct origin *from, const struct message *message);

void mesh_refuse(struct mesh *mesh, enum mesh_refusal refusal);
void mesh_end_link(struct mesh_link *link, const char *reason);

/* @link NULL: only the time. */
struct mesh_link_facts mesh_facts(const struct mesh *mesh, const struct mesh_link *link);

/* Tells the operator something of a link; the text goes behind the far hub's name. */
void mesh_warn_of_link(const struct mesh_link *link, const char *event, const char *text);

/* Chooses anew; the route is told and offered where that changed something. */
void mesh_route_changed(struct mesh *mesh, struct route *route);
void mesh_mark_untold(struct mesh *mesh, struct route *route);
void mesh_mark_unoffered(struct mesh *mesh, struct route *route);

/* Sets our own entry; < 0: -ENOMEM. */
int mesh_local_hub(struct mesh *mesh);

/* Forgets it, whatever it holds. */
void mesh_link_free(struct mesh_link *link);

/* Finishes the links that the shell no longer knows and that have been stale for long enough. */
void mesh_link_finish_lingering(struct mesh *mesh);

/* The link's next frame, kept until the far side has it. */
void mesh_send(struct mesh_link *link, const struct link_message *message);

#endif
