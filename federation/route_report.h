/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What routes look like from outside: plain copies that any thread may keep
 */
#ifndef COMMHUB_FEDERATION_ROUTE_REPORT_H
#define COMMHUB_FEDERATION_ROUTE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROUTE_REPORT_NAME_SIZE 256

struct route_hub {
    char id[33];
    char name[ROUTE_REPORT_NAME_SIZE]; /* the server id; "": not known */
};

/* One entry of the table, by its best way. */
struct route_row {
    uint64_t serial;  /* grows in the order in which the hub has heard of them */
    const char *kind; /* "service", "topic", "interest", "member", "hub", "profile" */
    char channel[ROUTE_REPORT_NAME_SIZE];
    char name[ROUTE_REPORT_NAME_SIZE]; /* of the event, topic or member; "" where there is none */
    struct route_hub origin;
    bool is_own;
    struct route_hub via; /* the neighbour; empty for an own entry */
    uint64_t cost;
    size_t n_hops;
    size_t n_ways;      /* that are known, this one too */
    uint32_t held_back; /* set of 1 << enum bridge_class: what a bridge on the way holds back */
};

/* One page of a list. Starts with after and limit, the rest 0. */
struct route_page {
    uint64_t after;         /* moves on to the last route that was looked at */
    size_t limit;           /* at least 1 */
    struct route_row *rows; /* for free(), whatever the outcome */
    size_t n;
    bool has_more; /* there may be rows after `after` */
};

/* Which rows a list wants; NULL: all. */
struct route_filter {
    const char *kind;
    const char *channel;
    const char *name;
    const char *origin; /* hub id or server id */
};

/* One way to one hub that has what was asked for. */
struct route_way {
    struct route_hub origin;
    bool is_own;
    struct route_hub via;
    uint64_t cost;
    uint32_t held_back; /* as in route_row */
    size_t n_hops;
    struct route_hub *hops; /* own memory: the origin first, the neighbour last */
    uint32_t n_providers;   /* SERVICE: at the origin */
    uint64_t n_outstanding; /* SERVICE: calls of this hub that wait for the origin's answer */
    bool is_best;           /* of the ways to this origin */
    bool is_chosen;         /* taken now */
    const char *reason;     /* why it is taken or not, for people */
};

/* Whether a link of ours lets messages for the channel pass, now. */
struct route_border {
    struct route_hub peer;
    const char *reason_out; /* NULL: they may go out */
    const char *reason_in;  /* NULL: they may come in */
};

/* Something that was refused lately. */
struct route_refusal {
    uint64_t at_ms; /* wall clock */
    struct route_hub peer;
    struct route_hub origin;
    const char *kind;
    char channel[ROUTE_REPORT_NAME_SIZE];
    char name[ROUTE_REPORT_NAME_SIZE];
    const char *reason; /* mesh_refusal_name() */
    const char *text;
};

/* What is asked: an event, a topic, or (neither) who has the channel open. */
struct route_question {
    const char *channel;
    const char *event;
    const char *topic;
};

struct route_why {
    bool is_local;       /* a provider of this hub's own is taken */
    const char *verdict; /* a sentence */
    struct route_way *ways;
    size_t n_ways;
    bool has_more_ways; /* than are told */
    struct route_border *borders;
    size_t n_borders;
    struct route_refusal *refusals; /* the latest first */
    size_t n_refusals;
};

#define TRACE_REPORT_MAX_STEPS 34U

/* What one hub did with a probe. */
struct trace_step {
    struct route_hub hub;
    char decision[32]; /* "sent_on", "arrived", or why it went no further: "filtered", "no_route", ... */
    char via[ROUTE_REPORT_NAME_SIZE]; /* the next hub's server id */
    uint64_t elapsed_us;              /* from sending it on until the answer came by */
    uint64_t queued_bytes;            /* of the link, before the probe */
    uint64_t queue_wait_ms;           /* what left the link's queue last had waited in it */
    uint64_t rtt_us;                  /* of the link by its last hello; 0: not known */
};

struct trace_report {
    bool has_arrived;
    char verdict[640]; /* a sentence */
    uint64_t elapsed_us;
    size_t n_steps;
    struct trace_step steps[TRACE_REPORT_MAX_STEPS];
};

/* Who waits for a report. */
struct trace_asker {
    /* On the loop's thread, once, perhaps before the beginning returns. The report is the asker's for free();
     * NULL: the mesh has ended, or has no memory. */
    void (*on_report)(void *context, struct trace_report *report);
    void *context;
};

#endif
