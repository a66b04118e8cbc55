/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the management plane may ask of federation and tell it
 *
 * Every function runs on the loop's thread: other threads send it there with mailbox_run(). Nothing here
 * blocks or touches the store: wishes are stored by the management plane, which tells them here at start and
 * on every change.
 */
#ifndef COMMHUB_FEDERATION_FEDERATION_CONTROL_H
#define COMMHUB_FEDERATION_FEDERATION_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/base/bytes.h"
#include "federation/bridge_spec.h"
#include "federation/link_flow.h"
#include "federation/mesh_counts.h"
#include "federation/route_report.h"

struct federation;

enum link_state {
    LINK_PAUSED,
    LINK_DIALING,
    LINK_HANDSHAKE,
    LINK_SYNCING,
    LINK_UP,
    LINK_DEGRADED,
    LINK_BACKOFF,
    LINK_REFUSED,
    LINK_ENDED, /* for good; only in the link's last record, never in a list */
};

const char *link_state_name(enum link_state state);

/* The steps to a link that is up; the names are for metrics and the API. */
#define LINK_STEPS(X)                                                                                        \
    X(NONE, "")                                                                                              \
    X(RESOLVE, "resolve")     /* the host's name */                                                          \
    X(CONNECT, "connect")     /* to what listens there */                                                    \
    X(TLS, "tls")             /* with certificates as both want them */                                      \
    X(HANDSHAKE, "handshake") /* two hubs that may link */                                                   \
    X(PROOF, "proof")         /* that both know the secret */                                                \
    X(SYNC, "sync")           /* the tables are told */

enum link_step {
#define X(id, name) LINK_STEP_##id,
    LINK_STEPS(X)
#undef X
};

const char *link_step_name(enum link_step step);

#define FEDERATION_WHY_SIZE 512

enum {
    FEDERATION_E_INVALID = 1, /* out_why says what and what to do */
    FEDERATION_E_UNKNOWN,
    FEDERATION_E_BUSY,     /* too much of it is under way: later */
    FEDERATION_E_GOES_ON,  /* call again: there is more to do */
    FEDERATION_E_BAD_NAME, /* names have 1 to 255 bytes of UTF-8 without control characters */
};

#define FEDERATION_MEMBER_SIZE 64

/* What is wrong with a bridge, and what to do. */
struct bridge_fault {
    char member[FEDERATION_MEMBER_SIZE]; /* of the spec: "tls/cert_file", "remap/out/0"; "": the whole */
    char why[FEDERATION_WHY_SIZE];
};

/* Checks a bridge without changing anything: 0 or FEDERATION_E_INVALID. Any thread. */
int federation_control_check_bridge(const struct bridge_spec *spec, struct bridge_fault *out_fault);

/*
 * Whether this hub would take the bridge: what federation_control_check_bridge() sees, and beside it the
 * files of its TLS and the hub's own secret. Changes nothing. 0, FEDERATION_E_INVALID with the fault, or
 * -ENOMEM.
 */
int federation_control_judge_bridge(const struct federation *federation, const struct bridge_spec *spec,
                                    struct bridge_fault *out_fault);

/* Creates or replaces the bridge of that name and starts dialing. 0, FEDERATION_E_INVALID with the fault, or
 * -ENOMEM. */
int federation_control_put_bridge(struct federation *federation, const struct bridge_spec *spec,
                                  struct bridge_fault *out_fault);

/* Says goodbye and dials no more, or dials again. 0, FEDERATION_E_UNKNOWN or -ENOMEM. */
int federation_control_pause_bridge(struct federation *federation, const char *name, bool is_paused);

/* A link that waits to dial does so now. 0 or FEDERATION_E_UNKNOWN. */
int federation_control_retry_bridge(struct federation *federation, const char *name);

#define TRIAL_MOST_STEPS 6U
#define TRIAL_RELEASE_SIZE 64

struct trial_step_time {
    enum link_step step;
    uint64_t elapsed_us;
};

/* What came of trying a bridge. */
struct trial_report {
    bool has_passed;
    char hub_id[33]; /* of who answered; "": nobody has told */
    char server_id[256];
    enum bridge_kind kind;            /* NATIVE or REFERENCE, where somebody has answered */
    char release[TRIAL_RELEASE_SIZE]; /* of CommHub, or of the Python package; "": not told */
    enum link_step failed_step;       /* NONE where it has passed */
    char reason[64];                  /* for machines, as in struct link_status */
    char last_error[256];             /* what is wrong and what to do */
    uint64_t elapsed_us;
    size_t n_steps;
    struct trial_step_time steps[TRIAL_MOST_STEPS]; /* that were begun, in order; the last is the one that
                                                       failed, if one has */
};

/* Who waits for a report. */
struct trial_asker {
    /* On the loop's thread, once. The report is the asker's for free(); NULL: the hub is ending, or has no
     * memory. */
    void (*on_report)(void *context, struct trial_report *report);
    void *context;
};

/*
 * Tries what @spec wishes, paused or not: dials, secures, greets and proves, and leaves it at that; links,
 * routes and bridges stay as they are. 0 and its id, and the asker is called once, at the latest 9 s later;
 * FEDERATION_E_INVALID with the fault; FEDERATION_E_BUSY (8 trials are under way); or -ENOMEM.
 */
int federation_control_try_bridge(struct federation *federation, const struct bridge_spec *spec,
                                  const struct trial_asker *asker, uint64_t *out_id,
                                  struct bridge_fault *out_fault);

/* The asker is not called any more. False: it has been. */
bool federation_control_forget_trial(struct federation *federation, uint64_t id);

/* 0 or FEDERATION_E_UNKNOWN */
int federation_control_remove_bridge(struct federation *federation, const char *name);

#define FEDERATION_NAME_SIZE 256
#define FEDERATION_DETAIL_SIZE 256

/* What waits on disk for the far hub of a bridge, and what became of the rest since the hub started. */
struct durable_status {
    uint64_t n_messages;
    uint64_t n_bytes;
    uint64_t n_stored;
    uint64_t n_delivered;
    uint64_t n_evicted;     /* lost: the oldest, for want of room */
    uint64_t n_expired;     /* lost: too old */
    uint64_t n_turned_away; /* not stored: there was no room, or the disk failed */
};

/* One running link, either of a bridge of ours (outgoing) or dialed by another hub (incoming). */
struct link_status {
    char bridge[FEDERATION_NAME_SIZE]; /* "" for an incoming link */
    enum bridge_kind kind;             /* NATIVE or REFERENCE */
    char release[16];                  /* of the Python package; "": none, or not known yet */
    bool is_outgoing;
    char address[300];
    char hub_id[33]; /* "" before the handshake */
    char server_id[FEDERATION_NAME_SIZE];
    enum link_state state;
    uint64_t since_ms; /* wall clock */
    char reason[64];   /* why it entered the state, for machines: "connected", "hello_missed", ... */
    enum link_step
        failed_step; /* at which the last error came; LINK_STEP_NONE: the link was up, or no error */
    char last_error[FEDERATION_DETAIL_SIZE];
    int64_t rtt_us; /* -1: not known yet */
    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t queued_bytes;
    uint64_t queue_wait_ms; /* of what leaves it */
    /* Since the session has begun; 0 where there is none, or the other hub is no CommHub. */
    uint64_t cuts;
    uint64_t frames_resent;        /* after a cut */
    uint64_t messages_rerouted;    /* that a cut link kept, by another way */
    uint64_t duplicates;           /* messages that it brought and that had come by another way */
    uint64_t updates_held;         /* changes of entries that were told later, with those after them */
    uint64_t digest_mismatches;    /* what it had told was not what was known of it here */
    uint64_t unacknowledged_bytes; /* now */
    struct link_flow one;          /* calls, sends and answers */
    struct link_flow many;         /* broadcasts and publishes */
    /* Channels with a password: crossing; held here and not proven there; proven there and none of ours. */
    uint64_t channels_proven;
    uint64_t channels_unproven;
    uint64_t channels_foreign;
    struct durable_status durable; /* of the bridge */
};

/* A copy of all links for the caller to free(). 0 or -ENOMEM. */
int federation_control_links(struct federation *federation, struct link_status **out_links, size_t *out_n);

/* A link as the hub at one of its ends tells it. */
struct mesh_hub_link {
    char hub_id[33];                   /* "": the far side is not known yet */
    char bridge[FEDERATION_NAME_SIZE]; /* "": the other hub has dialed */
    bool is_outgoing;
    char state[16]; /* link_state_name() */
};

/* A hub of the mesh as this one knows it. */
struct mesh_hub {
    char hub_id[33];
    char server_id[FEDERATION_NAME_SIZE];
    uint64_t incarnation;
    bool is_self;
    uint64_t cost;    /* of the best way to it */
    size_t n_hops;    /* its hubs, this one not counted: 0 for itself, 1 for a neighbour */
    char via[33];     /* the neighbour it is reached by; "": itself */
    bool has_profile; /* the rest is known: a hub of an earlier release does not tell it */
    char version[64];
    uint64_t started_s; /* Unix seconds */
    uint32_t n_links;   /* in all; of many links some are not named */
    uint32_t n_named;
    struct mesh_hub_link *links; /* own memory */
};

/* Zero at first. */
struct mesh_hub_list {
    struct mesh_hub *hubs; /* this one first, the others by their ids */
    size_t n;
    uint8_t (*ids)[16]; /* of those that could be reached at the first step */
    size_t n_ids;
    size_t n_seen; /* of them */
};

/*
 * A step of a list of all hubs that can be reached, of some tens of microseconds: 0 where it is complete,
 * FEDERATION_E_GOES_ON or -ENOMEM. Each shows its hub as it is at its step; one that is gone by then is left
 * out. The list is the caller's to clear, whatever came of it.
 */
int federation_control_hubs(struct federation *federation, struct mesh_hub_list *list);
void federation_control_clear_hubs(struct mesh_hub_list *list);

/* See route_why(). 0, FEDERATION_E_BAD_NAME or -ENOMEM. */
int federation_control_why(struct federation *federation, const struct route_question *question,
                           struct route_why **out_why);
void federation_control_free_why(struct route_why *why);

/*
 * Sends a probe the way that a call would go, see probe.h. 0 and its id, and the asker is called once, at the
 * latest 3 s later; FEDERATION_E_BAD_NAME; FEDERATION_E_BUSY (64 probes are under way); or -ENOMEM.
 */
int federation_control_trace(struct federation *federation, const char *channel, const char *event,
                             const struct trace_asker *asker, uint64_t *out_id);

/* The asker is not called any more. False: it has been. */
bool federation_control_forget_trace(struct federation *federation, uint64_t id);

/* A step of a page, see route_why_list(). 0, FEDERATION_E_GOES_ON or -ENOMEM. */
int federation_control_routes(struct federation *federation, const struct route_filter *filter,
                              struct route_page *page);

/*
 * Errands: asking the management plane of another hub (errand.h)
 *
 * What is in a body is the management planes' own. The answer comes on the loop's thread, exactly once, and
 * after the call has returned 0: within 10 s, or when federation ends.
 */
enum federation_outcome {
    FEDERATION_ANSWERED,
    FEDERATION_REFUSED,    /* by the hub or one on the way; the body is a sentence for people */
    FEDERATION_UNANSWERED, /* in time: whether it was carried out is not known */
};

typedef void federation_answer_handler(void *context, enum federation_outcome outcome, struct bytes body);

/* 0, FEDERATION_E_UNKNOWN (no such hub, or no way to it; itself), FEDERATION_E_BUSY or -ENOMEM. */
int federation_control_ask(struct federation *federation, const char *hub_id, bool may_write,
                           struct bytes body, federation_answer_handler *handle, void *context);

/* A request of another hub, let in by every link on its way; borrowed. */
struct federation_errand {
    char from[33];
    bool may_write;
    uint64_t serial;
    struct bytes body;
};

typedef void federation_errand_handler(void *context, const struct federation_errand *errand);

/* Who carries requests of other hubs out: called on the loop's thread, must not block. NULL: nobody, and who
 * asks waits in vain. */
void federation_control_serve_errands(struct federation *federation, federation_errand_handler *serve,
                                      void *context);

/* 0, FEDERATION_E_UNKNOWN (no way back) or -ENOMEM. */
int federation_control_answer(struct federation *federation, const char *hub_id, uint64_t serial,
                              struct bytes body);

/* Messages and entries of the mesh, over all links; counted from the start of the hub. */
struct mesh_counts federation_control_counts(const struct federation *federation);

struct federation_identity {
    char hub_id[33]; /* 128 bits in hex */
    uint64_t incarnation;
};

struct federation_identity federation_control_identity(const struct federation *federation);

#endif
