/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/traffic.h"

#include <errno.h>
#include <stdio.h>

#include "hub/base/metrics.h"
#include "hub/base/name.h"
#include "hub/core/access.h"
#include "hub/core/calls.h"
#include "hub/core/peering_notes.h"
#include "hub/core/providers.h"
#include "hub/core/request.h"
#include "hub/wire/envelope.h"

/* A longer way than this is a fault of the mesh, not a mesh. */
#define MAX_HOPS 32

/* Whether the message may go on: not if it has been here before, and not if its path is faulty or too long.
 */
static bool may_pass(struct hub *hub, struct client *client, const struct message *message)
{
    uint32_t n_hops = 0;

    switch (message_path_has(message, hub_id_text(hub), &n_hops)) {
    case 0:
        if (n_hops < MAX_HOPS)
            return true;
        request_fail(hub, client, message, ERROR_TOO_MANY_HOPS, BYTES_LITERAL("32"), BYTES_NONE);
        return false;
    case MESSAGE_PATH_HAS:
        metrics_count(METRICS_LOOPS_DROPPED);
        return false;
    default:
        request_fail(hub, client, message, ERROR_BAD_FIELD, BYTES_LITERAL("path"), BYTES_NONE);
        return false;
    }
}

/* What a peer sends bears the sender that the peer's hub vouches for; anybody else's sender is its
 * connection. */
static struct block *forwarded(struct hub *hub, const struct client *client, const struct message *message)
{
    struct envelope envelope = {
        .server_id = hub_id_text(hub),
        .sender_id = client->kind == CLIENT_PEER ? BYTES_NONE : client->id,
        .timestamp_s = hub->time.wall_s,
    };

    return envelope_forward(message, &envelope);
}

static int forward_to(struct hub *hub, const struct client *client, const struct message *message,
                      struct client *receiver, const struct outlet_one *one)
{
    struct block *frame = forwarded(hub, client, message);

    if (!frame)
        return -ENOMEM;
    clients_pass(receiver, frame, one);
    block_unref(frame);
    return 0;
}

/* Channel and event of a call or send, with the right to use them; else the failure is answered: false. */
static bool read_target(struct hub *hub, struct client *client, const struct message *message,
                        struct bytes *out_channel, struct bytes *out_event, struct channel **out_found)
{
    if (!request_plain_channel(hub, client, message, out_channel) ||
        !request_name(hub, client, message, KEY_EVENT, out_event) || !may_pass(hub, client, message))
        return false;
    *out_found = channels_find(hub, *out_channel);
    if (access_is_granted(hub, client, *out_found))
        return true;
    request_fail(hub, client, message, ERROR_NOT_A_MEMBER, *out_channel, BYTES_NONE);
    return false;
}

/* Who is calling: the client itself, or whom the peer's hub says. */
static bool read_caller_name(struct hub *hub, struct client *client, const struct message *message,
                             struct bytes *out_name)
{
    if (client->kind != CLIENT_PEER) {
        *out_name = client->id;
        return true;
    }
    return request_name(hub, client, message, KEY_SENDER_ID, out_name);
}

static void refuse_call(struct hub *hub, const struct call_parties *parties, enum error_text text)
{
    char sentence[ERROR_TEXT_SIZE];

    calls_refuse(hub, parties, text);
    request_report(hub, parties->caller, error_text_format(text, parties->channel, parties->event, sentence));
}

static int record_call(struct hub *hub, const struct message *message, const struct call_parties *parties)
{
    char number[16];
    int r = calls_add(hub, parties);

    switch (r) {
    case CALLS_E_TOO_MANY:
        snprintf(number, sizeof number, "%u", CLIENT_MAX_CALLS);
        request_fail(hub, parties->caller, message, ERROR_TOO_MANY_CALLS, bytes_of_text(number), BYTES_NONE);
        return r;
    case CALLS_E_ID_IN_USE:
        request_fail(hub, parties->caller, message, ERROR_CALL_ID_IN_USE, parties->request_id, BYTES_NONE);
        return r;
    default:
        return r;
    }
}

static int forward_call(struct hub *hub, const struct message *message, const struct call_parties *parties)
{
    struct outlet_one one = {
        .type = MESSAGE_CALL,
        .channel = parties->channel,
        .event = parties->event,
        .request_id = parties->request_id,
        .caller = parties->caller_name,
    };

    return forward_to(hub, parties->caller, message, parties->provider, &one);
}

static int forward_answer(struct hub *hub, const struct message *message, const struct call *call,
                          bool is_last)
{
    struct outlet_one one = {
        .type = MESSAGE_RESPONSE,
        .request_id = call->request_id,
        .caller = call->caller_name,
        .is_last = is_last,
    };

    return forward_to(hub, call->provider, message, call->caller, &one);
}

int traffic_call(struct hub *hub, struct client *client, const struct message *message)
{
    struct call_parties parties = {.caller = client};
    struct channel *channel;
    int r;

    if (!read_target(hub, client, message, &parties.channel, &parties.event, &channel))
        return 0;
    r = message_text(message, KEY_REQUEST_ID, &parties.request_id);
    if (r == MESSAGE_E_WRONG_TYPE || (r == 0 && !name_is_valid(parties.request_id))) {
        request_fail(hub, client, message, ERROR_BAD_FIELD, BYTES_LITERAL("request_id"), BYTES_NONE);
        return 0;
    }
    if (!read_caller_name(hub, client, message, &parties.caller_name))
        return 0;
    parties.provider = providers_pick(hub, providers_find_event(channel, parties.event), client);
    if (!parties.provider) {
        refuse_call(hub, &parties, ERROR_NO_PROVIDER);
        return 0;
    }
    /* Without a request_id nothing can be answered, and nothing need be remembered. */
    if (parties.request_id.len) {
        r = record_call(hub, message, &parties);
        if (r != 0)
            return r < 0 ? r : 0;
    }
    metrics_count(METRICS_CALLS);
    channel->counters.calls++;
    r = forward_call(hub, message, &parties);
    if (r < 0 && parties.request_id.len) {
        calls_fail(hub, calls_find(hub, parties.provider, parties.request_id, parties.caller_name),
                   ERROR_OUT_OF_MEMORY);
        return 0;
    }
    return r;
}

int traffic_response(struct hub *hub, struct client *client, const struct message *message)
{
    struct bytes request;
    struct bytes target;
    struct call *call = NULL;
    bool is_last;
    int r;

    if (message_path_has(message, hub_id_text(hub), NULL) == MESSAGE_PATH_HAS) {
        metrics_count(METRICS_LOOPS_DROPPED);
        return 0;
    }
    if (message_text(message, KEY_REQUEST_ID, &request) == 0 &&
        message_text(message, KEY_TARGET_ID, &target) == 0)
        call = calls_find(hub, client, request, target);
    if (!call) {
        /* Late answers are the normal case of this: the caller has gone or was answered at the deadline. */
        metrics_count(METRICS_RESPONSES_DROPPED);
        return 0;
    }
    if (!may_pass(hub, client, message)) {
        calls_fail(hub, call, ERROR_BAD_ANSWER);
        return 0;
    }
    is_last = message_is_last(message);
    r = forward_answer(hub, message, call, is_last);
    if (r < 0)
        return r;
    if (is_last) {
        metrics_note_duration(&metrics_histograms[METRICS_DURATION_CALL],
                              (hub->time.now_ms - call->began_ms) * 1000);
        calls_finish(hub, call);
    } else {
        metrics_count(METRICS_STREAM_CHUNKS);
        calls_touch(hub, call);
    }
    return 0;
}

int traffic_send(struct hub *hub, struct client *client, const struct message *message)
{
    struct outlet_one one = {.type = MESSAGE_SEND};
    struct channel *channel;
    struct client *provider;

    if (!read_target(hub, client, message, &one.channel, &one.event, &channel))
        return 0;
    metrics_count(METRICS_SENDS);
    if (channel)
        channel->counters.sends++;
    provider = providers_pick(hub, providers_find_event(channel, one.event), client);
    /* Nobody there is no error: a send has no answer. */
    return provider ? forward_to(hub, client, message, provider, &one) : 0;
}

int traffic_broadcast(struct hub *hub, struct client *client, const struct message *message)
{
    struct bytes channel_name;
    struct bytes event;
    struct channel *channel;
    struct block *frame;

    if (!read_target(hub, client, message, &channel_name, &event, &channel))
        return 0;
    if (peering_has_passed(hub, channel_name, message)) {
        metrics_count(METRICS_DUPLICATES_DROPPED);
        return 0;
    }
    metrics_count(METRICS_BROADCASTS);
    if (channel)
        channel->counters.broadcasts++;
    if ((!channel || channel->n_openers == 0) && !peering_has_listeners(hub, channel, channel_name))
        return 0;
    frame = forwarded(hub, client, message);
    if (!frame)
        return -ENOMEM;
    if (channel)
        channels_note_deliveries(channel, channels_send(channel, client, frame, FRAME_TO_MANY));
    if (peering_has_listeners(hub, channel, channel_name))
        peering_note_multicast(hub, channel_name, BYTES_NONE, frame);
    block_unref(frame);
    return 0;
}
