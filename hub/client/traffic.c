/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/client/traffic.h"

#include <errno.h>

#include "hub/base/clock.h"
#include "hub/base/name.h"

int traffic_draft(const struct commipc_channel *channel, const struct traffic *traffic,
                  struct draft *out_draft)
{
    const struct connection *connection = &channel->client->connection;
    struct bytes server_id = bytes_of_text(connection->server_id);
    int r = 0;

    draft_begin(out_draft, traffic->type);
    draft_text(out_draft, "channel", bytes_of_text(channel->name));
    draft_text(out_draft, "event", traffic->event);
    draft_raw(out_draft, "data", traffic->raw_data);
    draft_text(out_draft, "sender_id", bytes_of_text(connection->client_id));
    draft_text(out_draft, "server_id", server_id);
    draft_text(out_draft, "origin_server_id", server_id);
    draft_u64(out_draft, "timestamp", clock_wall_ms() / 1000);
    draft_text(out_draft, "request_id", traffic->request_id);
    draft_text(out_draft, "target_id", traffic->target_id);
    draft_bool(out_draft, "is_stream", traffic->is_stream);
    draft_bool(out_draft, "is_final", traffic->is_final);
    draft_text(out_draft, "sub_name", BYTES_NONE);
    if (channel->has_key)
        r = draft_sign(out_draft, channel->key);
    if (r)
        draft_drop(out_draft);
    return r;
}

static int check_args(const struct commipc_channel *channel, const char *event, struct commipc_value data)
{
    if (!event || !name_is_valid(bytes_of_text(event)) || !client_is_sound(data))
        return -EINVAL;
    return channel_check(channel);
}

static bool is_full(const struct commipc_channel *channel)
{
    return stream_is_full(channel->client->connection.stream);
}

static int ask(struct commipc_channel *channel, const struct traffic *traffic, uint32_t timeout_ms,
               struct pending **out_pending)
{
    struct traffic with_id = *traffic;
    struct pending *pending;
    struct draft draft;
    int r;

    if (is_full(channel))
        return COMMIPC_E_FULL;
    r = pending_new(channel->client, channel, timeout_ms, &pending);
    if (r)
        return r;
    pending->settle = pending_settle_answer;
    pending->is_stream = traffic->is_stream;
    with_id.request_id = bytes_of_text(pending->id);
    r = traffic_draft(channel, &with_id, &draft);
    if (r)
        pending_cancel(pending);
    else
        r = pending_send(pending, &draft, false);
    if (r == 0)
        *out_pending = pending;
    return r;
}

static int call(struct commipc_channel *channel, const char *event, struct commipc_value data,
                uint32_t timeout_ms, commipc_answer_fn *on_answer, void *user, uint64_t *out_call,
                bool is_stream)
{
    struct traffic traffic = {.type = "call",
                              .event = bytes_of_text(event),
                              .raw_data = client_raw(data),
                              .is_stream = is_stream,
                              .is_final = !is_stream};
    struct pending *pending;
    int r = check_args(channel, event, data);

    if (r == 0)
        r = ask(channel, &traffic, timeout_ms, &pending);
    if (r)
        return r;
    pending->on_answer = on_answer;
    pending->user = user;
    if (out_call)
        *out_call = pending->number;
    return 0;
}

int commipc_channel_call(struct commipc_channel *channel, const char *event, struct commipc_value data,
                         uint32_t timeout_ms, commipc_answer_fn *on_answer, void *user, uint64_t *out_call)
{
    return call(channel, event, data, timeout_ms, on_answer, user, out_call, false);
}

int commipc_channel_stream(struct commipc_channel *channel, const char *event, struct commipc_value data,
                           uint32_t timeout_ms, commipc_answer_fn *on_answer, void *user, uint64_t *out_call)
{
    return call(channel, event, data, timeout_ms, on_answer, user, out_call, true);
}

void commipc_call_cancel(struct commipc_client *client, uint64_t call)
{
    struct pending *pending = pending_find_number(client, call);

    /* A request of the library's own is none of the program's. */
    if (pending && pending->settle == pending_settle_answer)
        pending_cancel(pending);
}

static int say(struct commipc_channel *channel, const char *type, const char *event,
               struct commipc_value data)
{
    struct traffic traffic = {
        .type = type, .event = bytes_of_text(event), .raw_data = client_raw(data), .is_final = true};
    struct draft draft;
    int r = check_args(channel, event, data);

    if (r == 0)
        r = traffic_draft(channel, &traffic, &draft);
    return r ? r : connection_send(&channel->client->connection, draft_finish(&draft), false);
}

int commipc_channel_send(struct commipc_channel *channel, const char *event, struct commipc_value data)
{
    return say(channel, "send", event, data);
}

int commipc_channel_broadcast(struct commipc_channel *channel, const char *event, struct commipc_value data)
{
    return say(channel, "broadcast", event, data);
}
