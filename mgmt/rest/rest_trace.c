/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * POST /api/v1/trace: what becomes of a call, without carrying it out
 */
#include "hub/base/name.h"
#include "mgmt/rest/json_form.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/pending.h"
#include "mgmt/rest/resources.h"

struct question {
    const char *channel;
    const char *event;
};

static void on_report(void *context, struct trace_report *report)
{
    pending_deliver(context, report);
}

static int ask_trace(struct federation *federation, void *question, struct pending *pending, uint64_t *out_id)
{
    const struct trace_asker asker = {.on_report = on_report, .context = pending};
    const struct question *asked = question;

    return federation_control_trace(federation, asked->channel, asked->event, &asker, out_id);
}

static json_t *step_json(const struct trace_step *step)
{
    return json_pack("{s:{s:o, s:o}, s:o, s:o, s:I, s:I, s:I, s:I}", "hub", "hub_id",
                     json_value_text(step->hub.id), "server_id", json_value_text_or_null(step->hub.name),
                     "decision", json_value_text(step->decision), "to", json_value_text_or_null(step->via),
                     "elapsed_us", (json_int_t)step->elapsed_us, "queued_bytes",
                     (json_int_t)step->queued_bytes, "rtt_us", (json_int_t)step->rtt_us, "queue_wait_ms",
                     (json_int_t)step->queue_wait_ms);
}

static json_t *report_json(const void *answer)
{
    const struct trace_report *report = answer;
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

static void trace(struct rest *rest, struct question *question, const struct request *request,
                  struct reply *reply)
{
    static const struct pending_kind kind = {ask_trace, federation_control_forget_trace, report_json};
    int outcome;

    if (!pending_ask(rest, &kind, question, &outcome, request, reply) || outcome == 0)
        return;
    if (outcome == FEDERATION_E_BUSY)
        problem_reply(reply, request, 503, "As many traces as may be are under way: ask again in 3 s.");
    else
        problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
}

static void check_name(struct problem_faults *faults, const char *pointer, const char *name)
{
    if (name && !name_is_valid(bytes_of_text(name)))
        problem_add(faults, pointer, "must be " NAME_RULE);
}

void rest_trace_post(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};
    struct question question;
    struct json_form form;
    json_t *root;

    if (!json_form_read(&form, &root, &faults, request, reply))
        return;
    question.channel = json_form_text(&form, "channel", true, 1, NAME_MAX_BYTES);
    question.event = json_form_text(&form, "event", true, 1, NAME_MAX_BYTES);
    json_form_finish(&form);
    check_name(&faults, "#/channel", question.channel);
    check_name(&faults, "#/event", question.event);
    if (problem_faults_are_any(&faults))
        problem_reply_faults(reply, request, &faults);
    else
        trace(rest, &question, request, reply);
    json_decref(root);
}
