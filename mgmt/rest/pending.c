/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/pending.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "mgmt/http/later.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/problem.h"

struct pending {
    atomic_uint n_refs;
    struct rest *rest;
    const struct pending_kind *kind;
    struct later *later;
    void *question; /* while the request begins */
    int outcome;
    uint64_t id; /* the loop's */
    pthread_mutex_t mutex;
    bool is_over;
    void *answer;
};

static void unref(struct pending *pending)
{
    if (atomic_fetch_sub(&pending->n_refs, 1) != 1)
        return;
    later_unref(pending->later);
    pthread_mutex_destroy(&pending->mutex);
    free(pending->answer);
    free(pending);
}

/* ---- on the loop ---- */

void pending_deliver(struct pending *pending, void *answer)
{
    pthread_mutex_lock(&pending->mutex);
    pending->answer = answer;
    pending->is_over = true;
    pthread_mutex_unlock(&pending->mutex);
    later_wake(pending->later);
    unref(pending);
}

static void run_ask(void *argument)
{
    struct pending *pending = argument;

    atomic_fetch_add(&pending->n_refs, 1);
    pending->outcome =
        pending->kind->ask(pending->rest->options.federation, pending->question, pending, &pending->id);
    if (pending->outcome != 0)
        unref(pending);
}

static void run_forget(void *argument)
{
    struct pending *pending = argument;

    if (pending->kind->forget(pending->rest->options.federation, pending->id))
        unref(pending);
}

/* ---- the answer ---- */

static bool fill(void *state, const struct request *request, struct reply *reply)
{
    struct pending *pending = state;
    bool is_over;

    pthread_mutex_lock(&pending->mutex);
    is_over = pending->is_over;
    pthread_mutex_unlock(&pending->mutex);
    if (!is_over)
        return false;
    if (pending->answer)
        json_value_reply(reply, 200, pending->kind->show(pending->answer));
    else
        problem_reply(reply, request, 503, "The hub is ending, or out of memory.");
    return true;
}

/* Where the mailbox is closed the hub has delivered, or will. */
static void end(void *state)
{
    struct pending *pending = state;

    (void)mailbox_run(pending->rest->options.mailbox, run_forget, pending);
    unref(pending);
}

/* ---- the request ---- */

static struct pending *pending_new(struct rest *rest, const struct pending_kind *kind)
{
    static const struct later_source source = {.fill = fill, .end = end};
    struct pending *pending = calloc(1, sizeof *pending);

    if (!pending)
        return NULL;
    atomic_init(&pending->n_refs, 1);
    pthread_mutex_init(&pending->mutex, NULL);
    pending->rest = rest;
    pending->kind = kind;
    pending->later = later_new(&source, pending);
    if (pending->later)
        return pending;
    pthread_mutex_destroy(&pending->mutex);
    free(pending);
    return NULL;
}

bool pending_ask(struct rest *rest, const struct pending_kind *kind, void *question, int *out_outcome,
                 const struct request *request, struct reply *reply)
{
    struct pending *pending = pending_new(rest, kind);

    if (!pending) {
        problem_reply(reply, request, 500, "out of memory");
        return false;
    }
    pending->question = question;
    if (!rest_ask(rest, run_ask, pending, request, reply)) {
        unref(pending);
        return false;
    }
    *out_outcome = pending->outcome;
    if (pending->outcome == 0)
        reply->later = later_ref(pending->later);
    else
        unref(pending);
    return true;
}
