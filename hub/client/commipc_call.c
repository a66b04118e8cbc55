/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/client/commipc_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/clock.h"
#include "hub/base/text.h"
#include "hub/client/traffic.h"
#include "hub/client/wish.h"
#include "hub/wire/authenticity.h"

#define TEXT_SIZE 640

struct commipc_call {
    struct list link;
    struct commipc_channel *channel;
    bool is_one_way;
    bool is_orphan;
    bool is_stream;
    struct bytes event; /* the four stand in memory[] */
    struct bytes sender_id;
    struct bytes raw_request_id;
    struct bytes raw_data;
    uint8_t memory[];
};

static void free_call(struct commipc_call *call)
{
    call->channel->client->n_held--;
    list_unlink(&call->link);
    free(call);
}

/* --- answers --- */

static int answer_error(struct commipc_client *client, struct bytes raw_request_id, struct bytes target_id,
                        const char *text)
{
    struct draft draft;

    draft_begin(&draft, "response");
    draft_raw(&draft, "request_id", raw_request_id);
    draft_text(&draft, "target_id", target_id);
    draft_text(&draft, "error", bytes_of_text(text));
    return connection_send(&client->connection, draft_finish(&draft), true);
}

void commipc_call_refuse(struct commipc_client *client, const struct message *message, const char *text)
{
    struct bytes sender_id = BYTES_NONE;

    message_text(message, KEY_SENDER_ID, &sender_id);
    /* What cannot be sent ends with the hub's own deadline. */
    if (message->type == MESSAGE_CALL)
        (void)answer_error(client, message_raw(message, KEY_REQUEST_ID), sender_id, text);
}

static int reach(const struct commipc_call *call)
{
    if (call->is_orphan)
        return COMMIPC_E_DISCONNECTED;
    return channel_check(call->channel) == COMMIPC_E_NOT_OPEN ? 0 : channel_check(call->channel);
}

static int fail(struct commipc_call *call, const char *text)
{
    if (call->is_one_way)
        return 0;
    return answer_error(call->channel->client, call->raw_request_id, call->sender_id, text);
}

static struct bytes text_in(struct bytes raw)
{
    struct commipc_text text = {0};

    (void)commipc_value_text(client_value(raw), &text);
    return bytes_of(text.ptr, text.len);
}

static int send_chunk(struct commipc_call *call, struct bytes raw_data, bool is_final)
{
    struct traffic traffic = {.type = "response",
                              .event = call->event,
                              .raw_data = raw_data,
                              .request_id = text_in(call->raw_request_id),
                              .target_id = call->sender_id,
                              .is_stream = true,
                              .is_final = is_final};
    struct draft draft;
    int r = traffic_draft(call->channel, &traffic, &draft);

    return r ? r : connection_send(&call->channel->client->connection, draft_finish(&draft), is_final);
}

int commipc_call_chunk(struct commipc_call *call, struct commipc_value data)
{
    int r = client_is_sound(data) ? reach(call) : -EINVAL;

    return r || call->is_one_way ? r : send_chunk(call, client_raw(data), false);
}

static int end(struct commipc_call *call, int r)
{
    if (r && !call->is_orphan)
        (void)fail(call, r < 0 ? "The provider's answer cannot be sent" : commipc_outcome_text(r));
    free_call(call);
    return r;
}

static int send_reply(struct commipc_call *call, struct bytes raw_data)
{
    struct commipc_client *client = call->channel->client;
    struct draft draft;

    draft_begin(&draft, "response");
    draft_raw(&draft, "request_id", call->raw_request_id);
    draft_text(&draft, "target_id", call->sender_id);
    draft_raw(&draft, "data", raw_data);
    return connection_send(&client->connection, draft_finish(&draft), true);
}

/* A stream's caller waits for an end, so an answer is its last chunk and then the end. */
static int reply(struct commipc_call *call, struct bytes raw_data)
{
    int r;

    if (!call->is_stream)
        return send_reply(call, raw_data);
    r = send_chunk(call, raw_data, false);
    return r ? r : send_chunk(call, BYTES_NONE, true);
}

int commipc_call_reply(struct commipc_call *call, struct commipc_value data)
{
    int r = client_is_sound(data) ? reach(call) : -EINVAL;

    if (r == 0 && !call->is_one_way)
        r = reply(call, client_raw(data));
    return end(call, r);
}

int commipc_call_end(struct commipc_call *call)
{
    int r = reach(call);

    if (r == 0 && !call->is_one_way)
        r = call->is_stream ? send_chunk(call, BYTES_NONE, true) : send_reply(call, BYTES_NONE);
    return end(call, r);
}

int commipc_call_fail(struct commipc_call *call, const char *text)
{
    int r = text && text_is_utf8(bytes_of_text(text)) ? reach(call) : -EINVAL;

    if (r == 0)
        r = fail(call, text);
    return end(call, r);
}

void commipc_call_drop(struct commipc_call *call)
{
    free_call(call);
}

/* --- taking --- */

struct commipc_text commipc_call_event(const struct commipc_call *call)
{
    return client_text(call->event);
}

struct commipc_text commipc_call_sender_id(const struct commipc_call *call)
{
    return client_text(call->sender_id);
}

struct commipc_value commipc_call_data(const struct commipc_call *call)
{
    return client_value(call->raw_data);
}

bool commipc_call_is_one_way(const struct commipc_call *call)
{
    return call->is_one_way;
}

static struct bytes copy(uint8_t **at, struct bytes from)
{
    struct bytes to = bytes_of(*at, from.len);

    if (from.len)
        memcpy(*at, from.ptr, from.len);
    *at += from.len;
    return to;
}

static struct commipc_call *make(struct commipc_channel *channel, const struct message *message,
                                 struct bytes event, bool is_stream)
{
    struct bytes sender_id = BYTES_NONE;
    struct bytes raw_request_id = message_raw(message, KEY_REQUEST_ID);
    struct bytes raw_data = message_raw(message, KEY_DATA);
    struct commipc_call *call;
    uint8_t *at;

    message_text(message, KEY_SENDER_ID, &sender_id);
    call = malloc(sizeof *call + event.len + sender_id.len + raw_request_id.len + raw_data.len);
    if (!call)
        return NULL;
    *call = (struct commipc_call){
        .channel = channel, .is_one_way = message->type == MESSAGE_SEND, .is_stream = is_stream};
    at = call->memory;
    call->event = copy(&at, event);
    call->sender_id = copy(&at, sender_id);
    call->raw_request_id = copy(&at, raw_request_id);
    call->raw_data = copy(&at, raw_data);
    list_append(&channel->client->calls, &call->link);
    channel->client->n_held++;
    return call;
}

/* NULL: taken; else why not. */
static const char *give(struct commipc_channel *channel, const struct message *message, struct bytes event)
{
    struct wish *wish = wish_find(channel, WISH_PROVIDE, event);
    struct commipc_call *call;
    bool is_stream = false;

    if (!wish)
        return "is not provided here";
    if (channel->client->n_held >= channel->client->max_held)
        return "has as many calls as its provider takes at once";
    message_bool(message, KEY_IS_STREAM, false, &is_stream);
    call = make(channel, message, event, is_stream || wish->is_stream);
    if (!call)
        return "has a provider without memory";
    wish->on_call(wish->user, call);
    return NULL;
}

void commipc_call_take(struct commipc_channel *channel, const struct message *message)
{
    struct bytes event = BYTES_NONE;
    char text[TEXT_SIZE];
    const char *why;

    message_text(message, KEY_EVENT, &event);
    if (message->type == MESSAGE_CALL && channel->has_key &&
        authenticity_check(message, channel->key, clock_wall_ms() / 1000) != 0) {
        snprintf(text, sizeof text, "Invalid signature for channel %s", channel->name);
        commipc_call_refuse(channel->client, message, text);
        return;
    }
    why = give(channel, message, event);
    if (!why)
        return;
    snprintf(text, sizeof text, "Event %.*s %s", event.len > 255 ? 255 : (int)event.len,
             event.len ? (const char *)event.ptr : "", why);
    commipc_call_refuse(channel->client, message, text);
}

void commipc_call_orphan_all(struct commipc_client *client)
{
    list_for_each (link, &client->calls)
        container_of(link, struct commipc_call, link)->is_orphan = true;
}

void commipc_call_free_all(struct commipc_client *client)
{
    list_for_each (link, &client->calls)
        free_call(container_of(link, struct commipc_call, link));
}
