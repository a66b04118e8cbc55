/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One publisher, many subscribers: topics and broadcasts alike
 *
 * At most --inflight messages are under way, that is, not yet with every subscriber: the slowest one sets the
 * pace, so that no server has a reason to drop anything and every system is held to the same rule. Messages
 * bear a sequence number, and each subscriber must see each number once and in order.
 */
#include <errno.h>
#include <stdlib.h>

#include "hub/bench/load.h"
#include "hub/bench/run.h"

/* The number of messages of the rehearsal, of which some come to nobody. */
#define REHEARSED UINT64_MAX

/* A message under way. */
struct sent {
    uint64_t start_ns;
    uint32_t n_missing; /* subscribers that do not have it yet */
};

struct fanout {
    struct sent *window; /* by sequence number, a ring */
    uint64_t n_published;
    uint64_t n_complete; /* all before this one are with everybody */
    uint64_t *next;      /* by subscriber: the number that it must see next */
    bool *is_reached;    /* by subscriber: saw a message of the rehearsal */
    uint32_t n_reached;
};

static int prepare(struct run *run)
{
    struct fanout *fanout = (struct fanout *)calloc(1, sizeof *fanout);
    int r;

    run->load_state = fanout;
    if (!fanout)
        return -ENOMEM;
    fanout->window = (struct sent *)calloc(run->options->n_inflight, sizeof *fanout->window);
    fanout->next = (uint64_t *)calloc(run->options->n_clients, sizeof *fanout->next);
    fanout->is_reached = (bool *)calloc(run->options->n_clients, sizeof *fanout->is_reached);
    if (!fanout->window || !fanout->next || !fanout->is_reached)
        return -ENOMEM;
    r = run_add(run, ROLE_PUBLISHER, 0);
    for (uint32_t i = 0; i < run->options->n_clients && r == 0; i++)
        r = run_add(run, ROLE_SUBSCRIBER, i);
    return r;
}

static void release(struct run *run)
{
    struct fanout *fanout = (struct fanout *)run->load_state;

    if (fanout) {
        free(fanout->window);
        free(fanout->next);
        free(fanout->is_reached);
    }
    free(fanout);
}

static bool rehearse(struct run *run)
{
    struct fanout *fanout = (struct fanout *)run->load_state;

    if (fanout->n_reached == run->options->n_clients)
        return true;
    run->dialect->put_message(run, &run->conduits[0], REHEARSED);
    return false;
}

static void reached(struct fanout *fanout, uint32_t subscriber)
{
    if (!fanout->is_reached[subscriber])
        fanout->n_reached++;
    fanout->is_reached[subscriber] = true;
}

static void pump(struct run *run)
{
    struct fanout *fanout = (struct fanout *)run->load_state;
    uint32_t n_inflight = run->options->n_inflight;
    uint64_t start_ns;
    uint32_t n;

    while ((n = run_start(run, n_inflight - (uint32_t)(fanout->n_published - fanout->n_complete),
                          &start_ns)) > 0) {
        for (; n > 0; n--) {
            fanout->window[fanout->n_published % n_inflight] =
                (struct sent){.start_ns = start_ns, .n_missing = run->options->n_clients};
            run->dialect->put_message(run, &run->conduits[0], fanout->n_published++);
        }
    }
}

static void on_message(struct run *run, struct conduit *conduit, uint64_t sequence)
{
    struct fanout *fanout = (struct fanout *)run->load_state;
    uint32_t n_inflight = run->options->n_inflight;
    uint64_t *next = &fanout->next[conduit->role_index];
    struct sent *sent = &fanout->window[sequence % n_inflight];

    if (sequence == REHEARSED) {
        reached(fanout, conduit->role_index);
        return;
    }
    if (sequence != *next || sequence >= fanout->n_published) {
        run_failed(run, "subscriber %u was sent message %llu where %llu was to come: %s", conduit->role_index,
                   (unsigned long long)sequence, (unsigned long long)*next,
                   sequence < *next ? "it came twice" : "one is lost");
        return;
    }
    ++*next;
    run_done(run, sent->start_ns);
    sent->n_missing--;
    while (fanout->n_complete < fanout->n_published &&
           fanout->window[fanout->n_complete % n_inflight].n_missing == 0)
        fanout->n_complete++;
}

static bool is_quiet(const struct run *run)
{
    const struct fanout *fanout = (const struct fanout *)run->load_state;

    return fanout->n_complete == fanout->n_published;
}

static void verify(struct run *run)
{
    const struct fanout *fanout = (const struct fanout *)run->load_state;

    for (uint32_t i = 0; i < run->options->n_clients; i++) {
        if (fanout->next[i] != fanout->n_published)
            run_failed(run, "%llu messages were sent, and subscriber %u has %llu",
                       (unsigned long long)fanout->n_published, i, (unsigned long long)fanout->next[i]);
    }
    if (run->n_done != fanout->n_published * run->options->n_clients)
        run_failed(run, "%llu messages to %u subscribers made %llu deliveries",
                   (unsigned long long)fanout->n_published, run->options->n_clients,
                   (unsigned long long)run->n_done);
}

const struct load fanout_load = {
    .prepare = prepare,
    .release = release,
    .rehearse = rehearse,
    .pump = pump,
    .is_quiet = is_quiet,
    .verify = verify,
    .on_message = on_message,
};
