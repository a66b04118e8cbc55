/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <stdlib.h>

#include "mgmt/rest/json_value.h"
#include "mgmt/rest/page.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

struct asking {
    struct rest *rest;
    struct link_status *links;
    size_t n;
    int result;
};

static void run_ask(void *argument)
{
    struct asking *asking = argument;

    asking->result = federation_control_links(asking->rest->options.federation, &asking->links, &asking->n);
}

static json_t *session_json(const struct link_status *link)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "cuts", (json_int_t)link->cuts, "frames_resent",
                     (json_int_t)link->frames_resent, "messages_rerouted",
                     (json_int_t)link->messages_rerouted, "duplicates", (json_int_t)link->duplicates,
                     "updates_held", (json_int_t)link->updates_held, "unacknowledged_bytes",
                     (json_int_t)link->unacknowledged_bytes);
}

/* Those that have a password. */
static json_t *channels_json(const struct link_status *link)
{
    return json_pack("{s:I, s:I, s:I}", "proven", (json_int_t)link->channels_proven, "unproven",
                     (json_int_t)link->channels_unproven, "foreign", (json_int_t)link->channels_foreign);
}

static json_t *link_json(const struct link_status *link)
{
    return json_pack(
        "{s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o, "
        "s:o}",
        "bridge", json_value_text_or_null(link->bridge), "kind",
        link->kind == BRIDGE_REFERENCE ? "reference" : "native", "release",
        json_value_text_or_null(link->release), "direction", link->is_outgoing ? "out" : "in", "address",
        json_value_text(link->address), "hub_id", json_value_text_or_null(link->hub_id), "server_id",
        json_value_text_or_null(link->server_id), "state", link_state_name(link->state), "since",
        json_value_time(link->since_ms), "reason", json_value_text_or_null(link->reason), "last_error",
        json_value_text_or_null(link->last_error), "rtt_ms",
        link->rtt_us < 0 ? json_null() : json_real((double)link->rtt_us / 1000.0), "messages_in",
        (json_int_t)link->messages_in, "messages_out", (json_int_t)link->messages_out, "bytes_in",
        (json_int_t)link->bytes_in, "bytes_out", (json_int_t)link->bytes_out, "queued_bytes",
        (json_int_t)link->queued_bytes, "session", session_json(link), "protected_channels",
        channels_json(link), "failed_step", json_value_text_or_null(link_step_name(link->failed_step)));
}

static json_t *link_at(const void *rows, size_t place)
{
    const struct link_status *links = rows;

    return link_json(&links[place]);
}

void rest_links_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct asking asking = {.rest = rest};
    struct page page;

    if (!page_parse(&page, request, reply) || !rest_ask(rest, run_ask, &asking, request, reply))
        return;
    if (asking.result < 0)
        problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
    else
        json_value_reply(reply, 200, page_of_places(&page, asking.n, link_at, asking.links));
    free(asking.links);
}
