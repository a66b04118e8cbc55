/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/pubsub.h"

#include <errno.h>

#include "hub/base/metrics.h"
#include "hub/core/access.h"
#include "hub/core/peering_notes.h"
#include "hub/core/request.h"
#include "hub/core/system_channels.h"
#include "hub/core/topics.h"
#include "hub/wire/answer.h"

struct target {
    struct bytes channel_name;
    struct bytes name;
    struct channel *channel; /* NULL: not there */
};

/* Channel and topic of a request, with the right to use them; else the failure is answered: false. */
static bool read_target(struct hub *hub, struct client *client, const struct message *message,
                        struct target *out)
{
    struct bytes text;

    if (message_text(message, KEY_CHANNEL, &text) == MESSAGE_E_ABSENT ||
        message_text(message, KEY_SUB_NAME, &text) == MESSAGE_E_ABSENT) {
        request_fail(hub, client, message, ERROR_CHANNEL_AND_NAME_REQUIRED, BYTES_NONE, BYTES_NONE);
        return false;
    }
    if (!request_plain_channel(hub, client, message, &out->channel_name) ||
        !request_name(hub, client, message, KEY_SUB_NAME, &out->name))
        return false;
    out->channel = channels_find(hub, out->channel_name);
    if (access_is_granted(hub, client, out->channel))
        return true;
    request_fail(hub, client, message, ERROR_NOT_A_MEMBER, out->channel_name, BYTES_NONE);
    return false;
}

void pubsub_tell_topic(struct topic *topic, const struct client *except)
{
    struct metadata_update update = {
        .channel = topic->channel->name,
        .name = topic->name,
        .owner = topics_owner_id(topic),
        .raw_return_schema = topic->raw_schema,
    };
    cleanup_(block_unrefp) struct block *frame = NULL;

    if (topic->channel->n_openers == 0)
        return;
    frame = answer_metadata_update(&update);
    if (frame)
        channels_send(topic->channel, except, frame, FRAME_CONTROL);
}

static int declare(struct hub *hub, struct client *client, const struct message *message,
                   const struct target *target, struct channel *channel)
{
    struct topic *topic = topics_find(channel, target->name);
    bool was_owner = topic && topic->owner == client;
    int r = topics_declare(hub, channel, client, target->name, message_raw(message, KEY_RETURN_SCHEMA),
                           BYTES_NONE, &topic);

    switch (r) {
    case TOPICS_E_OWNED:
        request_fail(hub, client, message, ERROR_SUBSCRIPTION_OWNED, target->name, BYTES_NONE);
        return 0;
    case TOPICS_E_TOO_MANY:
        request_fail_too_many(hub, client, message, "topics", CLIENT_MAX_TOPICS);
        return 0;
    case TOPICS_E_TOO_MUCH:
        request_fail_too_many(hub, client, message, "bytes of schemas", CLIENT_MAX_HELD_BYTES);
        return 0;
    case 0:
        break;
    default:
        return r;
    }
    pubsub_tell_topic(topic, client);
    system_channels_log_format(hub, client->id, "Client %.*s added subscription %.*s on channel %.*s",
                               (int)client->id.len, (const char *)client->id.ptr, (int)topic->name.len,
                               (const char *)topic->name.ptr, (int)channel->name.len,
                               (const char *)channel->name.ptr);
    request_succeed(client, message);
    if (!was_owner)
        topics_tell_waiting(hub, topic);
    return 0;
}

int pubsub_declare(struct hub *hub, struct client *client, const struct message *message)
{
    struct target target;
    struct channel *channel;
    int r;

    if (!read_target(hub, client, message, &target))
        return 0;
    if (bytes_equal(target.channel_name, CHANNELS_RESERVED_NAME)) {
        request_fail(hub, client, message, ERROR_CHANNEL_RESERVED, target.channel_name, BYTES_NONE);
        return 0;
    }
    if (bytes_start_with(target.name, CHANNELS_RESERVED_PREFIX)) {
        request_fail(hub, client, message, ERROR_SUBSCRIPTION_RESERVED, target.name, BYTES_NONE);
        return 0;
    }
    r = channels_get(hub, target.channel_name, &channel);
    if (r < 0)
        return r;
    r = declare(hub, client, message, &target, channel);
    channels_release(hub, channel);
    return r;
}

int pubsub_undeclare(struct hub *hub, struct client *client, const struct message *message)
{
    struct target target;
    struct topic *topic;

    if (!read_target(hub, client, message, &target))
        return 0;
    topic = topics_find(target.channel, target.name);
    if (!topic || topic->owner != client) {
        request_fail(hub, client, message, ERROR_SUBSCRIPTION_NOT_OWNED, BYTES_NONE, BYTES_NONE);
        return 0;
    }
    system_channels_log_format(hub, client->id, "Subscription %.*s on channel %.*s removed",
                               (int)target.name.len, (const char *)target.name.ptr,
                               (int)target.channel_name.len, (const char *)target.channel_name.ptr);
    topics_undeclare(hub, topic, false);
    channels_release(hub, target.channel);
    request_succeed(client, message);
    return 0;
}

int pubsub_subscribe(struct hub *hub, struct client *client, const struct message *message)
{
    struct target target;
    struct channel *channel;
    int r;

    if (!read_target(hub, client, message, &target))
        return 0;
    r = channels_get(hub, target.channel_name, &channel);
    if (r < 0)
        return r;
    r = topics_subscribe(hub, channel, client, target.name);
    channels_release(hub, channel);
    if (r == TOPICS_E_TOO_MANY) {
        request_fail_too_many(hub, client, message, "subscriptions", CLIENT_MAX_SUBSCRIPTIONS);
        return 0;
    }
    if (r == 0)
        request_succeed(client, message);
    return r;
}

int pubsub_unsubscribe(struct hub *hub, struct client *client, const struct message *message)
{
    struct subscription *subscription = NULL;
    struct target target;
    struct topic *topic;

    if (!read_target(hub, client, message, &target))
        return 0;
    topic = topics_find(target.channel, target.name);
    if (topic)
        subscription = topics_subscription(hub, client, topic);
    if (subscription) {
        topics_unsubscribe(hub, subscription);
        channels_release(hub, target.channel);
    }
    /* Not subscribed is as good: the client has what it asked for. */
    request_succeed(client, message);
    return 0;
}

static struct block *published(struct hub *hub, const struct client *client, const struct message *message,
                               const struct topic *topic)
{
    struct receive receive = {
        .channel = topic->channel->name,
        .event = topic->data_event,
        .raw_data = message_raw(message, KEY_DATA),
        .sender_id = client->id,
        .server_id = hub_id_text(hub),
        .timestamp_s = hub->time.wall_s,
    };

    return answer_receive(&receive);
}

int pubsub_publish(struct hub *hub, struct client *client, const struct message *message)
{
    struct target target;
    struct topic *topic;
    struct block *frame;
    bool has_listeners;

    if (!read_target(hub, client, message, &target))
        return 0;
    topic = topics_find(target.channel, target.name);
    if (!topic || topic->owner != client) {
        request_fail(hub, client, message, ERROR_NOT_TOPIC_OWNER, target.channel_name, target.name);
        return 0;
    }
    metrics_count(METRICS_PUBLISHES);
    target.channel->counters.publishes++;
    has_listeners = peering_has_listeners(hub, target.channel, target.channel_name);
    if (topic->n_local == 0 && !has_listeners)
        return 0;
    frame = published(hub, client, message, topic);
    if (!frame)
        return -ENOMEM;
    if (has_listeners && !peering_may_publish(hub, target.channel_name, topic->name, frame->len)) {
        block_unref(frame);
        request_fail(hub, client, message, ERROR_SPOOL_FULL, target.channel_name, target.name);
        return 0;
    }
    channels_note_deliveries(target.channel, topics_send(topic, frame));
    if (has_listeners)
        peering_note_multicast(hub, target.channel_name, topic->name, frame);
    block_unref(frame);
    return 0;
}
