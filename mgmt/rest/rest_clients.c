/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/clock.h"
#include "mgmt/rest/change.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/listing.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

static json_t *client_json(const struct view_client *client)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:I, s:I}", "id", json_value_text(client->id), "mode",
        json_value_text(client->mode), "address", json_value_text_or_null(client->address), "since",
        json_value_time(client->since_s * 1000), "n_channels", (json_int_t)client->n_channels, "channels",
        json_value_texts(client->channels, client->n_named), "queued_bytes", (json_int_t)client->queued_bytes,
        "messages_in", (json_int_t)client->messages_in, "messages_out", (json_int_t)client->messages_out);
}

/* ---- the list ---- */

LISTING_COLUMN(view_client, id, text)
LISTING_COLUMN(view_client, mode, text)
LISTING_COLUMN(view_client, address, text)
LISTING_COLUMN(view_client, n_channels, number)
LISTING_COLUMN(view_client, queued_bytes, number)
LISTING_COLUMN(view_client, messages_in, number)
LISTING_COLUMN(view_client, messages_out, number)

static const struct listing_column columns[] = {
    {"id", column_id, .sorts = true, LISTING_PART},
    {"mode", column_mode, .sorts = true, LISTING_WORD, "client bridge"},
    {"address", column_address, .sorts = true, LISTING_PART},
    {"channel", .match = LISTING_BY_SOURCE},
    {"n_channels", column_n_channels, .sorts = true},
    {"queued_bytes", column_queued_bytes, .sorts = true},
    {"messages_in", column_messages_in, .sorts = true},
    {"messages_out", column_messages_out, .sorts = true},
};

static uint64_t place_of(const void *row)
{
    return ((const struct view_client *)row)->serial;
}

static json_t *row_json(const struct request *request, const void *row)
{
    (void)request;
    return client_json(row);
}

static bool read_rows(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct view_list list = {.channel = bytes_of_text(listing_argument(ask, "channel"))};

    return listing_read_view(ask, server_control_clients, &list, out_chunk);
}

void rest_clients_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing listing = {
        .name = "clients",
        .order = "since",
        .row_bytes = sizeof(struct view_client),
        .columns = columns,
        .n_columns = sizeof columns / sizeof *columns,
        .place = place_of,
        .row_json = row_json,
        .read = read_rows,
    };

    listing_reply(&listing, rest, request, reply);
}

/* ---- one of them ---- */

struct asking {
    struct rest *rest;
    struct bytes id;
    struct server_client client;
    int result;
};

static void run_ask(void *argument)
{
    struct asking *asking = argument;

    asking->result = server_control_client(asking->rest->options.server, asking->id, &asking->client);
}

static json_t *holds_json(const struct view_holdings *holds)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "events", (json_int_t)holds->n_events, "topics",
                     (json_int_t)holds->n_topics, "subscriptions", (json_int_t)holds->n_subscriptions,
                     "remote_members", (json_int_t)holds->n_remotes, "calls_made",
                     (json_int_t)holds->n_calls_made, "calls_taken", (json_int_t)holds->n_calls_taken,
                     "bytes", (json_int_t)holds->held_bytes);
}

/* Since it came; a client that has just come counts as one second old. */
static json_t *rates_json(const struct server_client *client, uint64_t now_ms)
{
    uint64_t since_ms = client->client.since_s * 1000;
    double seconds = now_ms > since_ms + 1000 ? (double)(now_ms - since_ms) / 1000.0 : 1.0;

    return json_pack("{s:f, s:f, s:f, s:f}", "messages_in", (double)client->client.messages_in / seconds,
                     "messages_out", (double)client->client.messages_out / seconds, "bytes_in",
                     (double)client->bytes_in / seconds, "bytes_out", (double)client->bytes_out / seconds);
}

static json_t *detail_json(const struct server_client *client)
{
    uint64_t now_ms = clock_wall_ms();
    json_t *detail = client_json(&client->client);
    json_t *more =
        json_pack("{s:b, s:b, s:I, s:I, s:o, s:o, s:o}", "tls", (int)client->is_tls, "held_up",
                  (int)client->is_held_up, "bytes_in", (json_int_t)client->bytes_in, "bytes_out",
                  (json_int_t)client->bytes_out, "heard_at", json_value_time(now_ms - client->silent_ms),
                  "holds", holds_json(&client->holds), "mean_rates", rates_json(client, now_ms));

    if (json_object_update(detail, more)) {
        json_decref(detail);
        detail = NULL;
    }
    json_decref(more);
    return detail;
}

static void reply_unless_found(int result, const struct request *request, struct reply *reply)
{
    if (result == VIEW_E_UNKNOWN)
        problem_reply(reply, request, 404, "There is no client of that id (any more).");
    else if (result < 0)
        problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
}

void rest_clients_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct asking asking = {.rest = rest, .id = bytes_of_text(request->segments[RESOURCES_NAME_SEGMENT])};

    if (!rest_ask(rest, run_ask, &asking, request, reply))
        return;
    reply_unless_found(asking.result, request, reply);
    if (asking.result == 0)
        json_value_reply(reply, 200, detail_json(&asking.client));
    view_free(asking.client.view);
}

/* ---- ending one ---- */

struct kicking {
    struct rest *rest;
    struct bytes id;
    int result;
};

static void run_kick(void *argument)
{
    struct kicking *kicking = argument;

    kicking->result = server_control_kick(kicking->rest->options.server, kicking->id);
}

/* True: it is only tried. */
static bool kick_is_tried(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct asking asking = {.rest = rest, .id = bytes_of_text(request->segments[RESOURCES_NAME_SEGMENT])};

    if (!rest_is_dry_run(request) || !rest_ask(rest, run_ask, &asking, request, reply))
        return rest_is_dry_run(request);
    if (asking.result == 0)
        change_is_tried(request, reply, 204, client_json(&asking.client.client), NULL);
    reply_unless_found(asking.result, request, reply);
    view_free(asking.client.view);
    return true;
}

void rest_clients_delete(struct rest *rest, const struct request *request, struct reply *reply)
{
    const char *id = request->segments[RESOURCES_NAME_SEGMENT];
    struct kicking kicking = {.rest = rest, .id = bytes_of_text(id)};

    if (kick_is_tried(rest, request, reply))
        return;
    change_note(request, json_pack("{s:o}", "id", json_value_text(id)), NULL);
    if (!rest_ask(rest, run_kick, &kicking, request, reply))
        return;
    if (kicking.result) {
        problem_reply(reply, request, 404, "There is no client of that id (any more).");
        return;
    }
    rest_log(rest, LOG_INFO, request, "The client %s was disconnected", id);
    reply_set_empty(reply, 204);
}
