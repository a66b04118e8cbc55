/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <stdlib.h>

#include "hub/base/clock.h"
#include "mgmt/live/keeper.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

struct asking {
    struct rest *rest;
    struct server_status status;
    struct federation_identity identity;
    struct summary summary;
    json_t *settings;
    int result;
};

static json_t *settings_json(const struct rest *rest)
{
    json_t *settings = json_object();

    for (size_t i = 0; i < rest->options.n_settings; i++)
        json_object_set_new(settings, rest->options.settings[i].name,
                            json_value_text(rest->options.settings[i].value));
    return settings;
}

static void run_ask(void *argument)
{
    struct asking *asking = argument;

    asking->identity = federation_control_identity(asking->rest->options.federation);
    asking->settings = settings_json(asking->rest);
    summary_take(asking->rest, &asking->summary);
    asking->result = server_control_status(asking->rest->options.server, &asking->status);
}

static json_t *listeners_json(const struct server_status *status)
{
    json_t *array = json_array();

    for (size_t i = 0; i < status->n_listeners; i++)
        json_array_append_new(array, json_value_text(status->listeners[i]));
    return array;
}

/* null while the store can be written. */
static json_t *store_fault_json(struct rest *rest)
{
    struct store_watch_state state = store_watch_state(rest->options.store_watch);

    if (state.kind == STORE_WATCH_NONE)
        return json_null();
    return json_pack("{s:s, s:s, s:o}", "kind", store_watch_name(state.kind), "detail",
                     store_watch_text(state.kind), "since", json_value_time(state.since_ms));
}

/* null where none are kept. */
static json_t *records_json(struct rest *rest)
{
    struct keeper_figures figures = keeper_figures(rest->options.keeper);

    if (figures.bounds.most == 0)
        return json_null();
    return json_pack("{s:I, s:I, s:o}", "kept", (json_int_t)figures.n, "bytes", (json_int_t)figures.bytes,
                     "oldest", figures.n ? json_value_time(figures.oldest_ms) : json_null());
}

void rest_hub_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct asking asking = {.rest = rest};

    if (!rest_ask(rest, run_ask, &asking, request, reply))
        return;
    if (asking.result < 0) {
        problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
        json_decref(asking.settings);
        return;
    }
    json_value_reply(reply, 200,
                     json_pack("{s:o, s:o, s:I, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "server_id",
                               json_value_text(rest->options.server_id), "hub_id",
                               json_value_text(asking.identity.hub_id), "incarnation",
                               (json_int_t)asking.identity.incarnation, "version",
                               json_value_text(rest->options.version), "started_at",
                               json_value_time(rest->started_wall_ms), "uptime_s",
                               (json_int_t)((clock_monotonic_ms() - rest->started_ms) / 1000), "listeners",
                               listeners_json(&asking.status), "settings", asking.settings, "counts",
                               summary_counts_json(&asking.summary), "counters", summary_counters_json(),
                               "store_fault", store_fault_json(rest), "records", records_json(rest)));
    free(asking.status.listeners);
}
