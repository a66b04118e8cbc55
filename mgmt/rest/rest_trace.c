/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * POST /api/v1/trace: what becomes of a call, without carrying it out
 *
 * The report comes on the loop's thread some time later, so request and loop share what waits for it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "hub/base/name.h"
#include "mgmt/rest/json_form.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/resources.h"

struct tracing {
    atomic_uint n_refs;
    struct rest *rest;
    struct later *later;
    const char *channel; /* while the request begins */
    const char *event;
    int result;
    uint64_t id; /* the loop's */
    pthread_mutex_t mutex;
    bool is_over;
    struct trace_report *report;
};

static void unref(struct tracing *tracing)
{
    if (atomic_fetch_sub(&tracing->n_refs, 1) != 1)
        return;
    later_unref(tracing->later);
    pthread_mutex_destroy(&tracing->mutex);
    free(tracing->report);
    free(tracing);
}

/* ---- on the loop ---- */

static void on_report(void *context, struct trace_report *report)
{
    struct tracing *tracing = context;

    pthread_mutex_lock(&tracing->mutex);
    tracing->report = report;
    tracing->is_over = true;
    pthread_mutex_unlock(&tracing->mutex);
    later_wake(tracing->later);
    unref(tracing);
}

static void run_begin(void *argument)
{
    struct tracing *tracing = argument;
    struct trace_asker asker = {.on_report = on_report, .context = tracing};

    atomic_fetch_add(&tracing->n_refs, 1);
    tracing->result = federation_control_trace(tracing->rest->options.federation, tracing->channel,
                                               tracing->event, &asker, &tracing->id);
    if (tracing->result != 0)
        unref(tracing);
}

static void run_forget(void *argument)
{
    struct tracing *tracing = argument;

    if (federation_control_forget_trace(tracing->rest->options.federation, tracing->id))
        unref(tracing);
}

/* ---- the answer ---- */

static json_t *step_json(const struct trace_step *step)
{
    return json_pack("{s:{s:o, s:o}, s:o, s:o, s:I, s:I, s:I}", "hub", "hub_id",
                     json_value_text(step->hub.id), "server_id", json_value_text_or_null(step->hub.name),
                     "decision", json_value_text(step->decision), "to", json_value_text_or_null(step->via),
                     "elapsed_us", (json_int_t)step->elapsed_us, "queued_bytes",
                     (json_int_t)step->queued_bytes, "rtt_us", (json_int_t)step->rtt_us);
}

static json_t *report_json(const struct trace_report *report)
{
    json_t *steps = json_array();

    for (size_t i = 0; i < report->n_steps; i++) {
        if (json_array_append_new(steps, step_json(&report->steps[i]))) {
            json_decref(steps);
            return NULL;
        }
    }
    return json_pack("{s:b, s:o, s:I, s:o}", "arrived", (int)report->has_arrived, "verdict",
                     json_value_text(report->verdict), "elapsed_us", (json_int_t)report->elapsed_us, "steps",
                     steps);
}

static bool fill(void *state, const struct request *request, struct reply *reply)
{
    struct tracing *tracing = state;
    bool is_over;

    pthread_mutex_lock(&tracing->mutex);
    is_over = tracing->is_over;
    pthread_mutex_unlock(&tracing->mutex);
    if (!is_over)
        return false;
    if (tracing->report)
        json_value_reply(reply, 200, report_json(tracing->report));
    else
        problem_reply(reply, request, 503, "The hub is ending, or out of memory.");
    return true;
}

/* Where the mailbox is closed the mesh has called, or will. */
static void end(void *state)
{
    struct tracing *tracing = state;

    (void)mailbox_run(tracing->rest->options.mailbox, run_forget, tracing);
    unref(tracing);
}

/* ---- the request ---- */

static struct tracing *tracing_new(struct rest *rest)
{
    static const struct later_source source = {.fill = fill, .end = end};
    struct tracing *tracing = calloc(1, sizeof *tracing);

    if (!tracing)
        return NULL;
    atomic_init(&tracing->n_refs, 1);
    pthread_mutex_init(&tracing->mutex, NULL);
    tracing->rest = rest;
    tracing->later = later_new(&source, tracing);
    if (tracing->later)
        return tracing;
    pthread_mutex_destroy(&tracing->mutex);
    free(tracing);
    return NULL;
}

static void refuse(const struct tracing *tracing, const struct request *request, struct reply *reply)
{
    if (tracing->result == FEDERATION_E_BUSY)
        problem_reply(reply, request, 503, "As many traces as may be are under way: ask again in 3 s.");
    else
        problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
}

static void trace(struct rest *rest, const char *channel, const char *event, const struct request *request,
                  struct reply *reply)
{
    struct tracing *tracing = tracing_new(rest);

    if (!tracing) {
        problem_reply(reply, request, 500, "out of memory");
        return;
    }
    tracing->channel = channel;
    tracing->event = event;
    if (!rest_ask(rest, run_begin, tracing, request, reply)) {
        unref(tracing);
    } else if (tracing->result != 0) {
        refuse(tracing, request, reply);
        unref(tracing);
    } else {
        reply->later = later_ref(tracing->later);
    }
}

static void check_name(struct problem_faults *faults, const char *pointer, const char *name)
{
    if (name && !name_is_valid(bytes_of_text(name)))
        problem_add(faults, pointer, "must be a name: 1 to 255 bytes of UTF-8 without control characters");
}

void rest_trace_post(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};
    const char *channel, *event;
    struct json_form form;
    json_t *root;

    if (!json_form_read(&form, &root, &faults, request, reply))
        return;
    channel = json_form_text(&form, "channel", true, 1, NAME_MAX_BYTES);
    event = json_form_text(&form, "event", true, 1, NAME_MAX_BYTES);
    json_form_finish(&form);
    check_name(&faults, "#/channel", channel);
    check_name(&faults, "#/event", event);
    if (problem_faults_are_any(&faults))
        problem_reply_faults(reply, request, &faults);
    else
        trace(rest, channel, event, request, reply);
    json_decref(root);
}
