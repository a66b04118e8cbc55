/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Bridges, links and channels of another hub of the mesh: /api/v1/mesh/hubs/{hub_id}/...
 *
 * What is behind the hub's id is asked of that hub as if it had been asked there, and its answer is ours. A
 * read and a write need the right that each link on the way grants (federation/errand.h). Both hubs' audit
 * logs have the write.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/http/later.h"
#include "mgmt/rest/audit.h"
#include "mgmt/rest/errand_form.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

#define HUB_SEGMENT 4 /* api, v1, mesh, hubs, {hub} */
#define TARGET_SIZE 2048
#define PREFIX "/api/v1"

/* Shared by the HTTP request and the answer that is awaited; whoever is last frees it. */
struct remote {
    atomic_int n_owners;
    struct rest *rest;
    struct later *later; /* a reference until the answer is there */
    char hub_id[33];
    bool may_write;
    char *text; /* that is sent */
    int asked;  /* what federation_control_ask() said */
    atomic_bool has_answer;
    enum federation_outcome outcome;
    char *answer;
    size_t n_bytes;
};

static void release(struct remote *remote)
{
    if (atomic_fetch_sub(&remote->n_owners, 1) > 1)
        return;
    free(remote->text);
    free(remote->answer);
    free(remote);
}

/* ---- on the loop's thread ---- */

static void on_answer(void *context, enum federation_outcome outcome, struct bytes body)
{
    struct remote *remote = context;

    remote->outcome = outcome;
    remote->answer = malloc(body.len + 1);
    if (remote->answer) {
        if (body.len > 0)
            memcpy(remote->answer, body.ptr, body.len);
        remote->answer[body.len] = '\0';
        remote->n_bytes = body.len;
    }
    atomic_store(&remote->has_answer, true);
    later_wake(remote->later);
    later_unref(remote->later);
    release(remote);
}

static void run_ask(void *argument)
{
    struct remote *remote = argument;

    remote->asked = federation_control_ask(remote->rest->options.federation, remote->hub_id,
                                           remote->may_write, bytes_of_text(remote->text), on_answer, remote);
}

/* ---- on HTTP threads ---- */

static void fill_answer(struct remote *remote, const struct request *request, struct reply *reply)
{
    if (!remote->answer)
        problem_reply(reply, request, 500, "out of memory");
    else if (remote->outcome == FEDERATION_REFUSED)
        problem_reply(reply, request, 403, "%s", remote->answer);
    else if (remote->outcome == FEDERATION_UNANSWERED)
        problem_reply(reply, request, 504,
                      "Hub %s has not answered in time. Whether it has carried this out is not known.",
                      remote->hub_id);
    else if (!errand_form_read_answer(bytes_of(remote->answer, remote->n_bytes), reply))
        problem_reply(reply, request, 502, "The answer of hub %s cannot be read.", remote->hub_id);
}

static void record(struct remote *remote, const struct request *request, const struct reply *reply)
{
    struct reply seen = {.status = reply->status};
    char allow[ROUTES_ALLOW_SIZE];
    const struct route *route;

    if (routes_find(request, &route, allow) == 0)
        audit_record(remote->rest, route, request, &seen);
}

static bool fill(void *state, const struct request *request, struct reply *reply)
{
    struct remote *remote = state;

    if (!atomic_load(&remote->has_answer))
        return false;
    fill_answer(remote, request, reply);
    record(remote, request, reply);
    return true;
}

static void end(void *state)
{
    release(state);
}

/* What stands behind the hub's id, query and all, below the other hub's own prefix. */
static bool write_target(const struct request *request, char out[TARGET_SIZE])
{
    const char *at = request->target;
    int len;

    for (int i = 0; at && i <= HUB_SEGMENT; i++)
        at = strchr(at + 1, '/');
    len = at ? snprintf(out, TARGET_SIZE, PREFIX "%s", at) : -1;
    return len > 0 && len < TARGET_SIZE;
}

static struct remote *prepare(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct remote *remote = NULL;
    char target[TARGET_SIZE];
    const char *fault;

    if (strlen(request->segments[HUB_SEGMENT]) != 32) {
        problem_reply(reply, request, 404, "A hub's id has 32 hex digits. GET /api/v1/mesh lists the hubs.");
        return NULL;
    }
    if (!write_target(request, target)) {
        problem_reply(reply, request, 414, "The address is longer than %d bytes.", TARGET_SIZE);
        return NULL;
    }
    fault = errand_form_fault(request);
    if (fault) {
        problem_reply(reply, request, 400, "%s", fault);
        return NULL;
    }
    remote = calloc(1, sizeof *remote);
    if (remote)
        remote->text = errand_form_write_request(request, target);
    if (!remote || !remote->text) {
        free(remote);
        problem_reply(reply, request, 500, "out of memory");
        return NULL;
    }
    atomic_init(&remote->n_owners, 1);
    remote->rest = rest;
    remote->may_write = rest_is_write(request);
    memcpy(remote->hub_id, request->segments[HUB_SEGMENT], sizeof remote->hub_id);
    return remote;
}

/* Undoes what was made for the answer that will not come. */
static void refuse(struct remote *remote, const struct request *request, struct reply *reply)
{
    if (remote->asked == FEDERATION_E_UNKNOWN)
        problem_reply(reply, request, 404,
                      "No other hub of this id can be reached. GET /api/v1/mesh lists those that can.");
    else if (remote->asked == FEDERATION_E_BUSY)
        problem_reply(reply, request, 503, "Too many requests to other hubs are under way. Try again later.");
    else if (remote->asked < 0)
        problem_reply(reply, request, 500, "out of memory");
    later_unref(remote->later);
    release(remote);
}

void rest_remote_forward(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct later_source source = {.fill = fill, .end = end};
    struct remote *remote = prepare(rest, request, reply);
    struct later *later;

    if (!remote)
        return;
    later = later_new(&source, remote);
    if (!later) {
        release(remote);
        problem_reply(reply, request, 500, "out of memory");
        return;
    }
    remote->later = later_ref(later);
    atomic_fetch_add(&remote->n_owners, 1);
    if (rest_ask(rest, run_ask, remote, request, reply) && remote->asked == 0) {
        reply->later = later;
        return;
    }
    refuse(remote, request, reply);
    later_end(later);
}
