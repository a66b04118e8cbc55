/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "federation/link.h"
#include "federation/link_step.h"
#include "federation/reference_link.h"
#include "hub/base/clock.h"

struct trial {
    struct list in_federation;
    struct federation *federation;
    struct bridge *bridge; /* its own, with the link */
    uint64_t id;
    struct trial_asker asker;
    struct loop_timer deadline;
    struct loop_deferred settled;
    uint64_t began_us;
    uint64_t step_us; /* when the last step began */
    size_t n_steps;
    struct trial_step_time steps[TRIAL_MOST_STEPS];
    bool is_over;
    bool has_passed;
    bool is_late;
    char reason[64];
    char release[TRIAL_RELEASE_SIZE];
};

/* --- steps ---------------------------------------------------------------------------------------------- */

static void close_step(struct trial *trial, uint64_t now_us)
{
    if (trial->n_steps > 0)
        trial->steps[trial->n_steps - 1].elapsed_us = now_us - trial->step_us;
    trial->step_us = now_us;
}

void trial_note(struct trial *trial, enum link_step step)
{
    if (!trial || trial->is_over || trial->n_steps == TRIAL_MOST_STEPS ||
        (trial->n_steps > 0 && trial->steps[trial->n_steps - 1].step >= step))
        return;
    close_step(trial, clock_monotonic_us());
    trial->steps[trial->n_steps++] = (struct trial_step_time){.step = step};
}

void trial_start_over(struct trial *trial)
{
    if (trial)
        trial->n_steps = 0;
}

/* The far side may judge an earlier step when the next is begun already (TLS 1.3). */
static void end_at(struct trial *trial, enum link_step failed)
{
    while (failed != LINK_STEP_NONE && trial->n_steps > 1 && trial->steps[trial->n_steps - 1].step > failed) {
        trial->n_steps--;
        trial->steps[trial->n_steps - 1].elapsed_us += trial->steps[trial->n_steps].elapsed_us;
    }
}

/* --- the report ----------------------------------------------------------------------------------------- */

static void describe(const struct trial *trial, struct link_status *out_status)
{
    *out_status = (struct link_status){0};
    if (trial->bridge->link)
        link_describe(trial->bridge->link, out_status);
    else if (trial->bridge->reference)
        reference_link_describe(trial->bridge->reference, out_status);
}

static void copy_status(const struct link_status *status, bool has_passed, struct trial_report *report)
{
    report->kind = status->kind;
    memcpy(report->hub_id, status->hub_id, sizeof report->hub_id);
    memcpy(report->server_id, status->server_id, sizeof report->server_id);
    if (has_passed)
        return;
    report->failed_step = status->failed_step;
    memcpy(report->last_error, status->last_error, sizeof report->last_error);
}

/* The step that was begun has not ended. */
static void tell_late(const struct trial *trial, struct trial_report *report)
{
    char detail[64];

    snprintf(detail, sizeof detail, "no answer came within %u s", TRIAL_WAIT_MS / 1000);
    report->failed_step = trial->n_steps > 0 ? trial->steps[trial->n_steps - 1].step : LINK_STEP_RESOLVE;
    link_step_explain(report->kind, report->failed_step, detail, report->last_error,
                      sizeof report->last_error);
}

static struct trial_report *report_of(struct trial *trial)
{
    struct trial_report *report = calloc(1, sizeof *report);
    struct link_status status;

    if (!report)
        return NULL;
    describe(trial, &status);
    copy_status(&status, trial->has_passed, report);
    if (trial->is_late)
        tell_late(trial, report);
    end_at(trial, report->failed_step);
    report->has_passed = trial->has_passed;
    report->elapsed_us = clock_monotonic_us() - trial->began_us;
    report->n_steps = trial->n_steps;
    memcpy(report->steps, trial->steps, sizeof report->steps);
    memcpy(report->reason, trial->reason, sizeof report->reason);
    snprintf(report->release, sizeof report->release, "%s",
             trial->release[0] ? trial->release : status.release);
    return report;
}

static void free_links(struct trial *trial)
{
    if (trial->bridge->link)
        link_free(trial->bridge->link);
    if (trial->bridge->reference)
        reference_link_free(trial->bridge->reference, NULL);
}

static void drop(struct trial *trial)
{
    struct federation *federation = trial->federation;

    list_unlink(&trial->in_federation);
    federation->n_trials--;
    loop_timer_disarm(federation->loop, &trial->deadline);
    loop_undefer(&trial->settled);
    free_links(trial);
    bridge_free(trial->bridge);
    free(trial);
}

static void finish(struct trial *trial, struct trial_report *report)
{
    struct trial_asker asker = trial->asker;

    drop(trial);
    asker.on_report(asker.context, report);
}

/* --- the end -------------------------------------------------------------------------------------------- */

static void on_settled(struct loop_deferred *deferred)
{
    struct trial *trial = container_of(deferred, struct trial, settled);

    finish(trial, report_of(trial));
}

static void end(struct trial *trial, bool has_passed, const char *reason)
{
    if (trial->is_over)
        return;
    close_step(trial, clock_monotonic_us());
    trial->is_over = true;
    trial->has_passed = has_passed;
    snprintf(trial->reason, sizeof trial->reason, "%s", reason);
    loop_defer(trial->federation->loop, &trial->settled);
}

void trial_pass(struct trial *trial, struct bytes release)
{
    snprintf(trial->release, sizeof trial->release, "%.*s", (int)release.len, (const char *)release.ptr);
    end(trial, true, "");
}

void trial_fail(struct trial *trial, const char *reason)
{
    end(trial, false, reason);
}

static void on_deadline(struct loop_timer *timer)
{
    struct trial *trial = container_of(timer, struct trial, deadline);

    trial->is_late = !trial->is_over;
    end(trial, false, "timed_out");
}

/* --- making --------------------------------------------------------------------------------------------- */

static struct trial *make(struct federation *federation, struct bridge *bridge)
{
    struct trial *trial = calloc(1, sizeof *trial);

    if (!trial)
        return NULL;
    loop_timer_init(&trial->deadline, on_deadline);
    loop_deferred_init(&trial->settled, on_settled);
    if (loop_timer_arm(federation->loop, &trial->deadline, loop_now_ms(federation->loop) + TRIAL_WAIT_MS)) {
        free(trial);
        return NULL;
    }
    trial->federation = federation;
    trial->bridge = bridge;
    trial->id = ++federation->last_trial_id;
    trial->began_us = clock_monotonic_us();
    trial->step_us = trial->began_us;
    list_append(&federation->trials, &trial->in_federation);
    federation->n_trials++;
    return trial;
}

int trial_begin(struct federation *federation, struct bridge *bridge, const struct trial_asker *asker,
                uint64_t *out_id)
{
    bool has_room = federation->n_trials < TRIAL_MOST_AT_ONCE && !federation->is_draining;
    struct trial *trial = has_room ? make(federation, bridge) : NULL;
    int r;

    if (!trial) {
        bridge_free(bridge);
        return has_room ? -ENOMEM : TRIAL_E_TOO_MANY;
    }
    bridge->trial = trial;
    bridge->is_paused = false;
    trial->asker = *asker;
    r = bridge->kind == BRIDGE_NATIVE ? link_new(federation, bridge) : reference_link_new(federation, bridge);
    if (r < 0) {
        drop(trial);
        return r;
    }
    *out_id = trial->id;
    return 0;
}

bool trial_forget(struct federation *federation, uint64_t id)
{
    list_for_each (at, &federation->trials) {
        struct trial *trial = container_of(at, struct trial, in_federation);

        if (trial->id != id)
            continue;
        drop(trial);
        return true;
    }
    return false;
}

const struct link *trial_link(struct list *in_federation)
{
    return container_of(in_federation, struct trial, in_federation)->bridge->link;
}

void trial_end_all(struct federation *federation)
{
    while (!list_is_empty(&federation->trials))
        finish(list_first_entry(&federation->trials, struct trial, in_federation), NULL);
}
