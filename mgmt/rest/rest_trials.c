/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Trying bridges: one that is stored, or a wish that is not
 *
 * Nothing is stored and no link is touched, so no lock is held and the audit log has only what is refused;
 * the log tells who has made the hub dial where.
 */
#include "mgmt/rest/bridge_form.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/pending.h"
#include "mgmt/rest/resources.h"
#include "mgmt/store/store_bridge.h"

/* A wish that is for no stored bridge. */
#define NAMELESS "trial"

struct question {
    const struct bridge_spec *spec;
    struct bridge_fault fault;
};

/* ---- on the loop ---- */

static void on_report(void *context, struct trial_report *report)
{
    pending_deliver(context, report);
}

static int ask_trial(struct federation *federation, void *question, struct pending *pending, uint64_t *out_id)
{
    const struct trial_asker asker = {.on_report = on_report, .context = pending};
    struct question *asked = question;

    return federation_control_try_bridge(federation, asked->spec, &asker, out_id, &asked->fault);
}

/* ---- the answer ---- */

static json_t *steps_json(const struct trial_report *report)
{
    json_t *steps = json_array();

    for (size_t i = 0; i < report->n_steps; i++) {
        const struct trial_step_time *step = &report->steps[i];

        if (json_array_append_new(steps, json_pack("{s:s, s:b, s:I}", "step", link_step_name(step->step),
                                                   "passed", step->step != report->failed_step, "elapsed_us",
                                                   (json_int_t)step->elapsed_us))) {
            json_decref(steps);
            return NULL;
        }
    }
    return steps;
}

static json_t *peer_json(const struct trial_report *report)
{
    return json_pack("{s:o, s:o, s:s, s:o}", "hub_id", json_value_text(report->hub_id), "server_id",
                     json_value_text(report->server_id), "kind",
                     report->kind == BRIDGE_REFERENCE ? "reference" : "native", "release",
                     json_value_text_or_null(report->release));
}

static json_t *report_json(const void *answer)
{
    const struct trial_report *report = answer;

    return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:I}", "passed", (int)report->has_passed, "failed_step",
                     json_value_text_or_null(link_step_name(report->failed_step)), "reason",
                     json_value_text_or_null(report->reason), "last_error",
                     json_value_text_or_null(report->last_error), "peer",
                     *report->hub_id ? peer_json(report) : json_null(), "steps", steps_json(report),
                     "elapsed_us", (json_int_t)report->elapsed_us);
}

/* ---- the request ---- */

static void refuse(int outcome, const struct bridge_fault *fault, const struct request *request,
                   struct reply *reply)
{
    if (outcome == FEDERATION_E_INVALID)
        bridge_form_refuse(fault, request, reply);
    else if (outcome == FEDERATION_E_BUSY)
        problem_reply(reply, request, 503, "As many bridges as may be are being tried: try again in 10 s.");
    else
        problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
}

static void try_spec(struct rest *rest, const struct bridge_spec *spec, const struct request *request,
                     struct reply *reply)
{
    static const struct pending_kind kind = {ask_trial, federation_control_forget_trial, report_json};
    struct question question = {.spec = spec};
    int outcome;

    if (!pending_ask(rest, &kind, &question, &outcome, request, reply))
        return;
    if (outcome)
        refuse(outcome, &question.fault, request, reply);
    else
        rest_log(rest, LOG_INFO, request, "The bridge %s to %s is being tried", spec->name, spec->address);
}

void rest_trials_stored(struct rest *rest, const struct request *request, struct reply *reply)
{
    cleanup_(store_bridge_freep) struct store_bridge *bridge = NULL;
    char why[STORE_WHY_SIZE];
    int r = store_bridge_find(rest->options.store, request->segments[RESOURCES_NAME_SEGMENT], &bridge, why);

    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else if (r == STORE_E_UNKNOWN)
        problem_reply(reply, request, 404, "There is no bridge of that name.");
    else
        try_spec(rest, &bridge->spec, request, reply);
}

/* With the secrets of the stored bridge of that name, where the wish says none. */
static void try_wish(struct rest *rest, struct bridge_form *wish, const struct request *request,
                     struct reply *reply)
{
    cleanup_(store_bridge_freep) struct store_bridge *stored = NULL;
    char why[STORE_WHY_SIZE];
    int r = store_bridge_find(rest->options.store, wish->spec.name, &stored, why);

    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    bridge_form_keep_secrets(wish, stored ? &stored->spec : NULL);
    try_spec(rest, &wish->spec, request, reply);
}

void rest_trials_wish(struct rest *rest, const struct request *request, struct reply *reply)
{
    const char *name = request_argument(request, "name");
    cleanup_(bridge_form_clear) struct bridge_form wish = {.spec.name = name ? name : NAMELESS};
    struct problem_faults faults = {0};
    struct json_form form;
    json_t *root;

    if (name && !name_is_valid(bytes_of_text(name))) {
        problem_reply_argument(reply, request, "name", "must be " NAME_RULE);
        return;
    }
    if (!json_form_read(&form, &root, &faults, request, reply))
        return;
    bridge_form_read(&wish, &form);
    if (problem_faults_are_any(&faults))
        problem_reply_faults(reply, request, &faults);
    else
        try_wish(rest, &wish, request, reply);
    json_decref(root);
}
