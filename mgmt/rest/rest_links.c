/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/listing.h"
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
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "cuts", (json_int_t)link->cuts, "frames_resent",
                     (json_int_t)link->frames_resent, "messages_rerouted",
                     (json_int_t)link->messages_rerouted, "duplicates", (json_int_t)link->duplicates,
                     "updates_held", (json_int_t)link->updates_held, "digest_mismatches",
                     (json_int_t)link->digest_mismatches, "unacknowledged_bytes",
                     (json_int_t)link->unacknowledged_bytes);
}

static json_t *flow_json(const struct link_flow *flow)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "credit_bytes", (json_int_t)flow->credit_bytes,
                     "under_way_bytes", (json_int_t)flow->under_way_bytes, "producers_waiting",
                     (json_int_t)flow->n_waiting, "waits", (json_int_t)flow->n_waits, "refused",
                     (json_int_t)flow->n_refused, "stalled", flow->is_stalled);
}

static json_t *flows_json(const struct link_status *link)
{
    return json_pack("{s:o, s:o}", "one", flow_json(&link->one), "many", flow_json(&link->many));
}

/* Those that have a password. */
static json_t *channels_json(const struct link_status *link)
{
    return json_pack("{s:I, s:I, s:I}", "proven", (json_int_t)link->channels_proven, "unproven",
                     (json_int_t)link->channels_unproven, "foreign", (json_int_t)link->channels_foreign);
}

static const char *kind_name(const struct link_status *link)
{
    return link->kind == BRIDGE_REFERENCE ? "reference" : "native";
}

static const char *direction_name(const struct link_status *link)
{
    return link->is_outgoing ? "out" : "in";
}

static json_t *link_json(const struct link_status *link)
{
    return json_pack(
        "{s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o, "
        "s:o, s:o}",
        "bridge", json_value_text_or_null(link->bridge), "kind", kind_name(link), "release",
        json_value_text_or_null(link->release), "direction", direction_name(link), "address",
        json_value_text(link->address), "hub_id", json_value_text_or_null(link->hub_id), "server_id",
        json_value_text_or_null(link->server_id), "state", link_state_name(link->state), "since",
        json_value_time(link->since_ms), "reason", json_value_text_or_null(link->reason), "last_error",
        json_value_text_or_null(link->last_error), "rtt_ms",
        link->rtt_us < 0 ? json_null() : json_real((double)link->rtt_us / 1000.0), "messages_in",
        (json_int_t)link->messages_in, "messages_out", (json_int_t)link->messages_out, "bytes_in",
        (json_int_t)link->bytes_in, "bytes_out", (json_int_t)link->bytes_out, "queued_bytes",
        (json_int_t)link->queued_bytes, "session", session_json(link), "flow", flows_json(link),
        "protected_channels", channels_json(link), "failed_step",
        json_value_text_or_null(link_step_name(link->failed_step)));
}

LISTING_COLUMN(link_status, bridge, text)
LISTING_COLUMN(link_status, address, text)
LISTING_COLUMN(link_status, hub_id, text)
LISTING_COLUMN(link_status, server_id, text)
LISTING_COLUMN(link_status, messages_in, number)
LISTING_COLUMN(link_status, messages_out, number)
LISTING_COLUMN(link_status, queued_bytes, number)

static struct listing_value column_kind(const void *row)
{
    const struct link_status *link = row;

    return (struct listing_value){.text = kind_name(link)};
}

static struct listing_value column_direction(const void *row)
{
    const struct link_status *link = row;

    return (struct listing_value){.text = direction_name(link)};
}

static struct listing_value column_state(const void *row)
{
    const struct link_status *link = row;

    return (struct listing_value){.text = link_state_name(link->state)};
}

/* What is not known yet comes first. */
static struct listing_value column_rtt(const void *row)
{
    const struct link_status *link = row;

    return (struct listing_value){.number = link->rtt_us < 0 ? 0 : (uint64_t)link->rtt_us + 1};
}

static json_t *row_json(const struct request *request, const void *row)
{
    (void)request;
    return link_json(row);
}

static bool read_rows(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct asking asking = {.rest = ask->rest};

    if (!rest_ask(ask->rest, run_ask, &asking, ask->request, ask->reply))
        return false;
    *out_chunk = listing_rows(asking.links, asking.n, asking.n, false);
    if (asking.result < 0)
        problem_reply(ask->reply, ask->request, 500, "The hub could not answer: out of memory.");
    return asking.result == 0;
}

void rest_links_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {
        {"bridge", column_bridge, .sorts = true, LISTING_PART},
        {"kind", column_kind, .sorts = true, LISTING_WORD, "native reference"},
        {"direction", column_direction, .sorts = true, LISTING_WORD, "in out"},
        {"address", column_address, .sorts = true, LISTING_PART},
        {"hub_id", column_hub_id, .sorts = true, LISTING_WHOLE},
        {"server_id", column_server_id, .sorts = true, LISTING_PART},
        {"state", column_state, .sorts = true, LISTING_WORD, RESOURCES_LINK_STATES},
        {"rtt_ms", column_rtt, .sorts = true},
        {"messages_in", column_messages_in, .sorts = true},
        {"messages_out", column_messages_out, .sorts = true},
        {"queued_bytes", column_queued_bytes, .sorts = true},
    };
    static const struct listing listing = {
        .name = "links",
        .order = "made",
        .row_bytes = sizeof(struct link_status),
        .columns = columns,
        .n_columns = sizeof columns / sizeof *columns,
        .row_json = row_json,
        .read = read_rows,
    };

    listing_reply(&listing, rest, request, reply);
}
