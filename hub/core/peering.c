/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/peering.h"

#include <errno.h>

#include "hub/base/check.h"
#include "hub/base/metrics.h"
#include "hub/base/name.h"
#include "hub/core/calls.h"
#include "hub/core/peering_notes.h"
#include "hub/core/providers.h"
#include "hub/core/pubsub.h"
#include "hub/core/remotes.h"
#include "hub/core/topics.h"
#include "hub/wire/answer.h"
#include "hub/wire/envelope.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/proof.h"

static bool is_observed(const struct hub *hub, const struct channel *channel)
{
    return hub->observer && !channel->is_system;
}

/* --- outward: what local clients did --- */

static const struct provider *first_local(const struct event *event)
{
    list_for_each (link, &event->providers) {
        const struct provider *provider = container_of(link, struct provider, in_event);

        if (provider->client->kind != CLIENT_PEER)
            return provider;
    }
    return NULL;
}

static void tell_service(struct hub *hub, struct event *event, bool is_there)
{
    const struct provider *first = is_there ? first_local(event) : NULL;
    struct peering_service service;

    if (!first) {
        hub->observer->on_service(hub->observer_context, event->channel->name, event->name, NULL);
        return;
    }
    service = (struct peering_service){
        .is_group = event->is_group,
        .is_stream = event->is_stream,
        .raw_param_schema = event->raw_param_schema,
        .raw_return_schema = event->raw_return_schema,
        .owner = first->client->id,
        .n_providers = event->n_local,
    };
    hub->observer->on_service(hub->observer_context, event->channel->name, event->name, &service);
}

static void tell_topic(struct hub *hub, struct topic *topic, bool is_there)
{
    struct peering_topic declared = {.owner = topics_owner_id(topic), .raw_schema = topic->raw_schema};
    bool is_local = topic->owner && topic->owner->kind != CLIENT_PEER;

    hub->observer->on_topic(hub->observer_context, topic->channel->name, topic->name,
                            is_there && is_local ? &declared : NULL);
}

static void tell_interest(struct hub *hub, struct channel *channel, struct topic *topic, bool is_wanted)
{
    hub->observer->on_interest(hub->observer_context, channel->name, topic ? topic->name : BYTES_NONE,
                               is_wanted);
}

static void tell_member(struct hub *hub, struct channel *channel, struct client *client, bool has_joined)
{
    hub->observer->on_member(hub->observer_context, channel->name, client->id,
                             bytes_of_text(clients_mode(client)), has_joined);
}

void peering_note_service(struct hub *hub, struct event *event)
{
    if (is_observed(hub, event->channel))
        tell_service(hub, event, event->n_local > 0);
}

void peering_note_topic(struct hub *hub, struct topic *topic)
{
    if (is_observed(hub, topic->channel))
        tell_topic(hub, topic, true);
}

void peering_note_interest(struct hub *hub, struct channel *channel, struct topic *topic, bool is_wanted)
{
    if (is_observed(hub, channel))
        tell_interest(hub, channel, topic, is_wanted);
}

void peering_note_member(struct hub *hub, struct channel *channel, struct client *client, bool has_joined)
{
    if (is_observed(hub, channel))
        tell_member(hub, channel, client, has_joined);
}

bool peering_has_listeners(const struct hub *hub, const struct channel *channel, struct bytes name)
{
    if (!hub->observer)
        return false;
    return channel ? !channel->is_system : !channels_is_system_name(name);
}

bool peering_has_passed(const struct hub *hub, struct bytes channel, const struct message *broadcast)
{
    const struct peering_observer *observer = hub->observer;
    uint32_t n_hops = 0;

    return observer && observer->has_passed && message_path_has(broadcast, BYTES_NONE, &n_hops) == 0 &&
           n_hops > 0 && observer->has_passed(hub->observer_context, channel, broadcast);
}

bool peering_may_publish(const struct hub *hub, struct bytes channel, struct bytes topic, size_t n_bytes)
{
    const struct peering_observer *observer = hub->observer;

    return !observer->may_publish || observer->may_publish(hub->observer_context, channel, topic, n_bytes);
}

void peering_note_multicast(struct hub *hub, struct bytes channel, struct bytes topic, struct block *frame)
{
    hub->observer->on_multicast(hub->observer_context, channel, topic, frame);
}

/* Everything local in the channel, as come or as gone. */
static void tell_channel(struct hub *hub, struct channel *channel, bool is_there)
{
    list_for_each (link, &channel->members)
        tell_member(hub, channel, container_of(link, struct member, in_channel)->client, is_there);
    if (channel->n_openers > 0)
        tell_interest(hub, channel, NULL, is_there);
    list_for_each (link, &channel->events) {
        struct event *event = container_of(link, struct event, in_channel);

        if (event->n_local > 0)
            tell_service(hub, event, is_there);
    }
    list_for_each (link, &channel->topics) {
        struct topic *topic = container_of(link, struct topic, in_channel);

        if (topic->owner && topic->owner->kind != CLIENT_PEER)
            tell_topic(hub, topic, is_there);
        if (topic->n_local > 0)
            tell_interest(hub, channel, topic, is_there);
    }
}

static void drop_peers_topics(struct hub *hub, struct channel *channel)
{
    list_for_each (link, &channel->topics) {
        struct topic *topic = container_of(link, struct topic, in_channel);

        if (topic->owner && topic->owner->kind == CLIENT_PEER)
            topics_undeclare(hub, topic, true);
    }
}

/* What the mesh brought into a channel came under the password that stood then. */
static void drop_peers(struct hub *hub, struct channel *channel)
{
    list_for_each (link, &hub->clients) {
        struct client *client = container_of(link, struct client, all);

        if (client->kind != CLIENT_PEER)
            continue;
        providers_remove_client(hub, client, channel);
        calls_fail_taken(hub, client, channel->name, BYTES_NONE);
        topics_remove_client(hub, client, channel);
        remotes_remove_client(hub, client, channel);
    }
    drop_peers_topics(hub, channel);
}

void peering_withdraw_channel(struct hub *hub, struct channel *channel)
{
    if (!is_observed(hub, channel))
        return;
    tell_channel(hub, channel, false);
    drop_peers(hub, channel);
}

static void tell_guard(struct hub *hub, const struct channel *channel)
{
    uint8_t secret[PROOF_SECRET_BYTES];
    bool has_secret = channel_is_protected(channel) &&
                      proof_secret_of_channel(channel->password, channel->name, secret) == 0;

    hub->observer->on_guard(hub->observer_context, channel->name, channel_is_protected(channel),
                            has_secret ? secret : NULL);
    explicit_bzero(secret, sizeof secret);
}

void peering_note_guard(struct hub *hub, struct channel *channel)
{
    if (is_observed(hub, channel))
        tell_guard(hub, channel);
}

void peering_return_channel(struct hub *hub, struct channel *channel)
{
    if (is_observed(hub, channel))
        tell_channel(hub, channel, true);
}

void peering_observe(struct hub *hub, const struct peering_observer *observer, void *context)
{
    hub->observer = observer;
    hub->observer_context = context;
    list_for_each (link, &hub->channels) {
        struct channel *channel = container_of(link, struct channel, all);

        if (!is_observed(hub, channel))
            continue;
        if (channel_is_protected(channel))
            tell_guard(hub, channel);
        tell_channel(hub, channel, true);
    }
}

/* --- inward: what remote hubs announced --- */

int peering_add_peer(struct hub *hub, struct bytes server_id, const struct client_port *port, void *owner,
                     struct hub_time time, struct client **out_peer)
{
    int r = hub_client_add(hub, server_id, CLIENT_PEER, port, owner, time, out_peer);

    return r == HUB_E_BAD_NAME ? PEERING_E_BAD_NAME : r;
}

/* The channel by name, made where it is missing, if it is one that the mesh may see. 0, PEERING_E_* or
 * -ENOMEM. */
static int shared_channel(struct hub *hub, struct bytes name, struct channel **out_channel)
{
    if (!name_is_valid(name) || channels_is_system_name(name))
        return PEERING_E_BAD_NAME;
    return channels_get(hub, name, out_channel);
}

static void tell_members_of_service(struct event *event, const struct peering_service *service)
{
    struct metadata_update update = {
        .channel = event->channel->name,
        .name = event->name,
        .owner = service->owner,
        .is_event = true,
        .is_stream = service->is_stream,
        .is_group = service->is_group,
        .raw_param_schema = service->raw_param_schema,
        .raw_return_schema = service->raw_return_schema,
    };
    cleanup_(block_unrefp) struct block *frame = NULL;

    if (event->n_local > 0 || event->channel->n_openers == 0)
        return;
    frame = answer_metadata_update(&update);
    if (frame)
        channels_send(event->channel, NULL, frame, FRAME_CONTROL);
}

int peering_provide(struct hub *hub, struct client *peer, struct bytes channel_name, struct bytes event_name,
                    const struct peering_service *service, struct hub_time time)
{
    struct event_traits traits = {
        .is_group = service->is_group,
        .is_stream = service->is_stream,
        .raw_param_schema = service->raw_param_schema,
        .raw_return_schema = service->raw_return_schema,
        .owner_name = service->owner,
    };
    struct channel *channel;
    struct event *event;
    int r;

    check(peer->kind == CLIENT_PEER && service->n_providers > 0);
    hub->time = time;
    if (!name_is_valid(event_name))
        return PEERING_E_BAD_NAME;
    r = shared_channel(hub, channel_name, &channel);
    if (r != 0)
        return r;
    r = providers_add(hub, channel, peer, event_name, &traits, service->n_providers, &event);
    if (r == 0)
        tell_members_of_service(event, service);
    channels_release(hub, channel);
    return r;
}

void peering_unprovide(struct hub *hub, struct client *peer, struct bytes channel_name,
                       struct bytes event_name, struct hub_time time)
{
    struct channel *channel = channels_find(hub, channel_name);
    struct event *event = providers_find_event(channel, event_name);
    struct provider *provider = event ? providers_find(event, peer) : NULL;

    hub->time = time;
    if (!provider)
        return;
    /* Its hub answers the calls that are on their way; only new ones must not go there. */
    providers_remove(hub, provider);
    channels_release(hub, channel);
}

int peering_declare(struct hub *hub, struct client *peer, struct bytes channel_name, struct bytes topic_name,
                    const struct peering_topic *declared, struct hub_time time)
{
    struct channel *channel;
    struct topic *topic;
    int r;

    hub->time = time;
    if (!name_is_valid(topic_name))
        return PEERING_E_BAD_NAME;
    r = shared_channel(hub, channel_name, &channel);
    if (r != 0)
        return r;
    r = topics_declare(hub, channel, peer, topic_name, declared->raw_schema, declared->owner, &topic);
    if (r == 0)
        pubsub_tell_topic(topic, NULL);
    channels_release(hub, channel);
    return r == TOPICS_E_OWNED ? PEERING_E_TAKEN : r;
}

void peering_undeclare(struct hub *hub, struct client *peer, struct bytes channel_name,
                       struct bytes topic_name, struct hub_time time)
{
    struct channel *channel = channels_find(hub, channel_name);
    struct topic *topic = topics_find(channel, topic_name);

    hub->time = time;
    if (!topic || topic->owner != peer)
        return;
    topics_undeclare(hub, topic, true);
    channels_release(hub, channel);
}

int peering_want(struct hub *hub, struct client *peer, struct bytes channel_name, struct bytes topic_name,
                 struct hub_time time)
{
    struct channel *channel;
    int r;

    hub->time = time;
    if (!name_is_valid(topic_name))
        return PEERING_E_BAD_NAME;
    r = shared_channel(hub, channel_name, &channel);
    if (r != 0)
        return r;
    r = topics_subscribe(hub, channel, peer, topic_name);
    channels_release(hub, channel);
    return r;
}

void peering_unwant(struct hub *hub, struct client *peer, struct bytes channel_name, struct bytes topic_name,
                    struct hub_time time)
{
    struct channel *channel = channels_find(hub, channel_name);
    struct topic *topic = topics_find(channel, topic_name);
    struct subscription *subscription = topic ? topics_subscription(hub, peer, topic) : NULL;

    hub->time = time;
    if (!subscription)
        return;
    topics_unsubscribe(hub, subscription);
    channels_release(hub, channel);
}

/* False: not an array. */
static bool count_hops(struct bytes raw_path, uint32_t *out_n_hops)
{
    struct msgpack_reader reader = msgpack_reader_of(raw_path);
    struct msgpack_value path;

    if (msgpack_read(&reader, &path) != 0 || path.type != MSGPACK_ARRAY)
        return false;
    *out_n_hops = path.n_items;
    return true;
}

int peering_join(struct hub *hub, struct client *peer, struct bytes channel_name, struct bytes id,
                 struct bytes mode, struct bytes raw_path, struct hub_time time)
{
    struct remote_traits traits = {.id = id, .mode = mode, .raw_path = raw_path};
    struct channel *channel;
    int r;

    hub->time = time;
    if (!name_is_valid(id) || !name_is_valid(mode) || !count_hops(raw_path, &traits.n_hops))
        return PEERING_E_BAD_NAME;
    r = shared_channel(hub, channel_name, &channel);
    if (r != 0)
        return r;
    r = remotes_add(hub, channel, peer, &traits);
    channels_release(hub, channel);
    return r < 0 ? r : 0;
}

void peering_leave(struct hub *hub, struct client *peer, struct bytes channel_name, struct bytes id,
                   struct hub_time time)
{
    struct channel *channel = channels_find(hub, channel_name);

    hub->time = time;
    if (channel)
        remotes_remove(hub, channel, peer, id);
}

void *peering_choose(const struct hub *hub, struct bytes channel_name, struct bytes event_name,
                     bool *out_is_local)
{
    const struct channel *channel = channels_find(hub, channel_name);
    const struct event *event = channel ? providers_find_event(channel, event_name) : NULL;
    const struct client *peer = event && event->n_local == 0 ? providers_pick_peer(event) : NULL;

    *out_is_local = event && event->n_local > 0;
    return peer ? peer->owner : NULL;
}

int peering_deliver(struct hub *hub, struct client *peer, struct bytes channel_name, struct bytes topic_name,
                    const struct message *message, struct hub_time time)
{
    struct envelope envelope = {.server_id = hub_id_text(hub), .timestamp_s = time.wall_s};
    struct channel *channel = channels_find(hub, channel_name);
    struct topic *topic = topic_name.ptr ? topics_find(channel, topic_name) : NULL;
    struct block *frame;

    hub->time = time;
    if (!channel || (topic_name.ptr ? !topic || topic->n_local == 0 : channel->n_openers == 0))
        return 0;
    if (channel->is_system)
        return PEERING_E_BAD_NAME;
    /* A broadcast shows the way it came; what a topic's subscribers receive bears no path. */
    frame = topic_name.ptr ? frame_of_body(message->body) : envelope_forward(message, &envelope);
    if (!frame)
        return -ENOMEM;
    hub->producer = peer;
    channels_note_deliveries(channel, topic ? topics_send(topic, frame)
                                            : channels_send(channel, NULL, frame, FRAME_TO_MANY));
    hub->producer = NULL;
    block_unref(frame);
    return 0;
}
