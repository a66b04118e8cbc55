/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/topics.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/core/peering_notes.h"
#include "hub/wire/answer.h"
#include "hub/wire/msgpack_write.h"

struct topic *topics_find(const struct channel *channel, struct bytes name)
{
    struct map_node *node = channel ? map_find(&channel->topics_by_name, name) : NULL;

    return node ? container_of(node, struct topic, by_name) : NULL;
}

struct bytes topics_owner_id(const struct topic *topic)
{
    if (!topic->owner)
        return BYTES_NONE;
    return topic->owner_name.len ? topic->owner_name : topic->owner->id;
}

static int enter(struct channel *channel, struct topic *topic)
{
    if (map_insert(&channel->topics_by_name, &topic->by_name, topic->name) < 0)
        return -ENOMEM;
    if (roll_add(&channel->topics_by_serial, topic->serial, topic) == 0)
        return 0;
    map_remove(&channel->topics_by_name, &topic->by_name);
    return -ENOMEM;
}

static int get_topic(struct hub *hub, struct channel *channel, struct bytes name, struct topic **out_topic)
{
    const struct bytes prefix = CHANNELS_RESERVED_PREFIX;
    const struct bytes suffix = BYTES_LITERAL(".data");
    struct topic *topic = topics_find(channel, name);

    if (!topic) {
        topic = calloc(1, sizeof *topic + prefix.len + name.len + suffix.len);
        if (!topic)
            return -ENOMEM;
        memcpy(topic->event_bytes, prefix.ptr, prefix.len);
        memcpy(topic->event_bytes + prefix.len, name.ptr, name.len);
        memcpy(topic->event_bytes + prefix.len + name.len, suffix.ptr, suffix.len);
        topic->name = bytes_of(topic->event_bytes + prefix.len, name.len);
        topic->data_event = bytes_of(topic->event_bytes, prefix.len + name.len + suffix.len);
        topic->channel = channel;
        list_init(&topic->in_owner);
        list_init(&topic->subscriptions);
        topic->serial = hub_next_serial(hub);
        if (enter(channel, topic) < 0) {
            free(topic);
            return -ENOMEM;
        }
        list_append(&channel->topics, &topic->in_channel);
        hub->n_topics++;
    }
    *out_topic = topic;
    return 0;
}

static void drop_topic_if_unused(struct hub *hub, struct topic *topic)
{
    if (topic->owner || !list_is_empty(&topic->subscriptions) || topic->is_pinned)
        return;
    map_remove(&topic->channel->topics_by_name, &topic->by_name);
    roll_remove(&topic->channel->topics_by_serial, topic->serial);
    list_unlink(&topic->in_channel);
    hub->n_topics--;
    free(topic);
}

/* receive of subscription.<name>.first or .last for the owner; an owner behind a peer hears it from its own
 * hub */
static void tell_owner(struct hub *hub, struct topic *topic, const char *what)
{
    struct buffer event;
    struct buffer data;
    struct block *frame = NULL;

    if (!topic->owner || topic->owner->kind == CLIENT_PEER)
        return;
    buffer_init(&event);
    buffer_init(&data);
    buffer_append_bytes(&event, CHANNELS_RESERVED_PREFIX);
    buffer_append_bytes(&event, topic->name);
    buffer_append_text(&event, what);
    msgpack_write_map(&data, 1);
    msgpack_write_str(&data, BYTES_LITERAL("sub_name"));
    msgpack_write_str(&data, topic->name);
    if (!event.failed && !data.failed) {
        struct receive receive = {
            .channel = topic->channel->name,
            .event = buffer_bytes(&event),
            .raw_data = buffer_bytes(&data),
            .server_id = hub_id_text(hub),
            .timestamp_s = hub->time.wall_s,
        };
        frame = answer_receive(&receive);
    }
    buffer_clear(&event);
    buffer_clear(&data);
    clients_send_new(topic->owner, frame, FRAME_CONTROL);
}

void topics_tell_waiting(struct hub *hub, struct topic *topic)
{
    if (topic->n_subscriptions > 0)
        tell_owner(hub, topic, ".first");
}

static void forget_owner(struct topic *topic)
{
    if (!topic->owner)
        return;
    clients_discharge(topic->owner, topic->charged_bytes);
    topic->charged_bytes = 0;
    topic->owner->n_topics--;
    topic->owner = NULL;
    list_unlink(&topic->in_owner);
    bytes_free(&topic->raw_schema);
    bytes_free(&topic->owner_name);
}

static int take_owner(struct topic *topic, struct client *client, struct bytes raw_schema,
                      struct bytes owner_name)
{
    size_t charge = client->kind == CLIENT_PEER ? 0 : raw_schema.len;
    struct bytes schema = BYTES_NONE;
    struct bytes name = BYTES_NONE;

    if (bytes_copy(raw_schema, &schema) < 0 || bytes_copy(owner_name, &name) < 0) {
        bytes_free(&schema);
        return -ENOMEM;
    }
    if (!clients_charge(client, charge)) {
        bytes_free(&schema);
        bytes_free(&name);
        return TOPICS_E_TOO_MUCH;
    }
    forget_owner(topic);
    topic->owner = client;
    topic->owner_name = name;
    topic->raw_schema = schema;
    topic->charged_bytes = charge;
    list_append(&client->topics, &topic->in_owner);
    client->n_topics++;
    return 0;
}

int topics_declare(struct hub *hub, struct channel *channel, struct client *client, struct bytes name,
                   struct bytes raw_schema, struct bytes owner_name, struct topic **out_topic)
{
    struct topic *topic = topics_find(channel, name);
    bool is_new_owner = !topic || topic->owner != client;
    int r;

    /* A topic owned at another hub gives way to a local owner; federation settles which one the mesh
     * believes. */
    if (topic && topic->owner && topic->owner != client &&
        (topic->owner->kind != CLIENT_PEER || client->kind == CLIENT_PEER))
        return TOPICS_E_OWNED;
    if (client->kind != CLIENT_PEER && is_new_owner && client->n_topics == CLIENT_MAX_TOPICS)
        return TOPICS_E_TOO_MANY;
    r = get_topic(hub, channel, name, &topic);
    if (r < 0)
        return r;
    r = take_owner(topic, client, raw_schema, owner_name);
    if (r != 0) {
        drop_topic_if_unused(hub, topic);
        return r;
    }
    if (client->kind != CLIENT_PEER)
        peering_note_topic(hub, topic);
    *out_topic = topic;
    return 0;
}

/* What peers subscribe stays: it is their hubs' to take back. */
static void end_local_subscriptions(struct hub *hub, struct topic *topic, const struct client *except)
{
    topic->is_pinned = true;
    list_for_each (link, &topic->subscriptions) {
        struct subscription *subscription = container_of(link, struct subscription, in_topic);

        if (subscription->client->kind != CLIENT_PEER && subscription->client != except)
            topics_unsubscribe(hub, subscription);
    }
    topic->is_pinned = false;
}

void topics_undeclare(struct hub *hub, struct topic *topic, bool keeps_subscriptions)
{
    bool was_peer = topic->owner && topic->owner->kind == CLIENT_PEER;

    forget_owner(topic);
    if (!was_peer)
        peering_note_topic(hub, topic);
    if (!keeps_subscriptions)
        end_local_subscriptions(hub, topic, NULL);
    drop_topic_if_unused(hub, topic);
}

struct subscription *topics_subscription(const struct hub *hub, const struct client *client,
                                         const struct topic *topic)
{
    struct pair pair = {client, topic};
    struct map_node *node = map_find(&hub->subscriptions_by_pair, pair_bytes(&pair));

    return node ? container_of(node, struct subscription, by_pair) : NULL;
}

int topics_subscribe(struct hub *hub, struct channel *channel, struct client *client, struct bytes name)
{
    struct topic *topic = topics_find(channel, name);
    struct subscription *subscription;
    int r;

    if (topic && topics_subscription(hub, client, topic))
        return 0;
    if (client->kind != CLIENT_PEER && client->n_subscriptions == CLIENT_MAX_SUBSCRIPTIONS)
        return TOPICS_E_TOO_MANY;
    r = get_topic(hub, channel, name, &topic);
    if (r < 0)
        return r;
    subscription = calloc(1, sizeof *subscription);
    if (subscription) {
        subscription->pair = (struct pair){client, topic};
        if (map_insert(&hub->subscriptions_by_pair, &subscription->by_pair, pair_bytes(&subscription->pair)) <
            0) {
            free(subscription);
            subscription = NULL;
        }
    }
    if (!subscription) {
        drop_topic_if_unused(hub, topic);
        return -ENOMEM;
    }
    subscription->topic = topic;
    subscription->client = client;
    list_append(&topic->subscriptions, &subscription->in_topic);
    list_append(&client->subscriptions, &subscription->in_client);
    client->n_subscriptions++;
    if (client->kind != CLIENT_PEER && topic->n_local++ == 0)
        peering_note_interest(hub, channel, topic, true);
    if (topic->n_subscriptions++ == 0)
        tell_owner(hub, topic, ".first");
    return 0;
}

void topics_unsubscribe(struct hub *hub, struct subscription *subscription)
{
    struct topic *topic = subscription->topic;

    if (subscription->client->kind != CLIENT_PEER && --topic->n_local == 0)
        peering_note_interest(hub, topic->channel, topic, false);
    subscription->client->n_subscriptions--;
    list_unlink(&subscription->in_topic);
    list_unlink(&subscription->in_client);
    map_remove(&hub->subscriptions_by_pair, &subscription->by_pair);
    free(subscription);
    if (--topic->n_subscriptions == 0)
        tell_owner(hub, topic, ".last");
    drop_topic_if_unused(hub, topic);
}

void topics_remove_client(struct hub *hub, struct client *client, struct channel *channel)
{
    list_for_each (link, &client->subscriptions) {
        struct subscription *subscription = container_of(link, struct subscription, in_client);
        struct channel *its_channel = subscription->topic->channel;

        if (channel && its_channel != channel)
            continue;
        topics_unsubscribe(hub, subscription);
        if (!channel)
            channels_release(hub, its_channel);
    }
    /* A topic whose owner comes back keeps its listeners: clients do not subscribe anew when a publisher
     * reconnects. */
    list_for_each (link, &client->topics) {
        struct topic *topic = container_of(link, struct topic, in_owner);
        struct channel *its_channel = topic->channel;

        if (channel && its_channel != channel)
            continue;
        topics_undeclare(hub, topic, true);
        if (!channel)
            channels_release(hub, its_channel);
    }
}

static void send_to_non_member(const struct hub *hub, const struct channel *channel, struct client *client,
                               struct block *notice)
{
    if (notice && client->kind != CLIENT_PEER && !channels_member(hub, client, channel))
        clients_send(client, notice, FRAME_CONTROL);
}

static void take_from_others(struct hub *hub, struct topic *topic, const struct client *except,
                             struct block *notice)
{
    struct client *owner = topic->owner;

    list_for_each (link, &topic->subscriptions) {
        struct client *client = container_of(link, struct subscription, in_topic)->client;

        if (client != except && client != owner)
            send_to_non_member(hub, topic->channel, client, notice);
    }
    if (owner && owner != except && owner->kind != CLIENT_PEER) {
        send_to_non_member(hub, topic->channel, owner, notice);
        forget_owner(topic);
    }
    end_local_subscriptions(hub, topic, except);
    drop_topic_if_unused(hub, topic);
}

void topics_remove_others(struct hub *hub, struct channel *channel, const struct client *except,
                          struct block *notice)
{
    list_for_each (link, &channel->topics)
        take_from_others(hub, container_of(link, struct topic, in_channel), except, notice);
}

size_t topics_send(struct topic *topic, struct block *frame)
{
    size_t n = 0;

    list_for_each (link, &topic->subscriptions) {
        struct subscription *subscription = container_of(link, struct subscription, in_topic);

        if (subscription->client->kind == CLIENT_PEER)
            continue;
        clients_send(subscription->client, frame, FRAME_TO_MANY);
        n++;
    }
    return n;
}
