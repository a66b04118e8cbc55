/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/providers.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/core/peering_notes.h"

struct event *providers_find_event(const struct channel *channel, struct bytes name)
{
    struct map_node *node = channel ? map_find(&channel->events_by_name, name) : NULL;

    return node ? container_of(node, struct event, by_name) : NULL;
}

struct provider *providers_find(const struct event *event, const struct client *client)
{
    list_for_each (link, &event->providers) {
        struct provider *provider = container_of(link, struct provider, in_event);

        if (provider->client == client)
            return provider;
    }
    return NULL;
}

bool providers_is_taken(const struct channel *channel, const struct client *client, struct bytes name,
                        bool is_group)
{
    const struct event *event = providers_find_event(channel, name);

    if (!event || client->kind == CLIENT_PEER || (event->is_group && is_group))
        return false;
    list_for_each (link, &event->providers) {
        const struct provider *provider = container_of(link, struct provider, in_event);

        if (provider->client->kind != CLIENT_PEER && provider->client != client)
            return true;
    }
    return false;
}

static size_t schema_bytes(const struct event *event)
{
    return event->raw_param_schema.len + event->raw_return_schema.len;
}

static void forget_schemas(struct event *event)
{
    if (event->schema_payer)
        clients_discharge(event->schema_payer, schema_bytes(event));
    event->schema_payer = NULL;
    bytes_free(&event->raw_param_schema);
    bytes_free(&event->raw_return_schema);
}

/* The latest registration's traits stand for the event; @payer's budget is charged for the schemas. */
static int take_traits(struct event *event, const struct event_traits *traits, struct client *payer)
{
    struct bytes param = BYTES_NONE;
    struct bytes result = BYTES_NONE;
    size_t total = traits->raw_param_schema.len + traits->raw_return_schema.len;

    if (bytes_copy(traits->raw_param_schema, &param) < 0 ||
        bytes_copy(traits->raw_return_schema, &result) < 0) {
        bytes_free(&param);
        return -ENOMEM;
    }
    if (payer->kind != CLIENT_PEER && !clients_charge(payer, total)) {
        bytes_free(&param);
        bytes_free(&result);
        return PROVIDERS_E_TOO_MUCH;
    }
    forget_schemas(event);
    event->is_group = traits->is_group;
    event->is_stream = traits->is_stream;
    event->raw_param_schema = param;
    event->raw_return_schema = result;
    event->schema_payer = payer->kind != CLIENT_PEER ? payer : NULL;
    return 0;
}

static int enter(struct channel *channel, struct event *event)
{
    if (map_insert(&channel->events_by_name, &event->by_name, event->name) < 0)
        return -ENOMEM;
    if (roll_add(&channel->events_by_serial, event->serial, event) == 0)
        return 0;
    map_remove(&channel->events_by_name, &event->by_name);
    return -ENOMEM;
}

static int get_event(struct hub *hub, struct channel *channel, struct bytes name, struct event **out_event)
{
    struct event *event = providers_find_event(channel, name);

    if (!event) {
        event = calloc(1, sizeof *event + name.len);
        if (!event)
            return -ENOMEM;
        memcpy(event->name_bytes, name.ptr, name.len);
        event->name = bytes_of(event->name_bytes, name.len);
        event->channel = channel;
        list_init(&event->providers);
        event->serial = hub_next_serial(hub);
        if (enter(channel, event) < 0) {
            free(event);
            return -ENOMEM;
        }
        list_append(&channel->events, &event->in_channel);
        hub->n_events++;
    }
    *out_event = event;
    return 0;
}

static void drop_event_if_unprovided(struct hub *hub, struct event *event)
{
    if (!list_is_empty(&event->providers))
        return;
    forget_schemas(event);
    map_remove(&event->channel->events_by_name, &event->by_name);
    roll_remove(&event->channel->events_by_serial, event->serial);
    list_unlink(&event->in_channel);
    hub->n_events--;
    free(event);
}

static int take_owner_name(struct provider *provider, struct bytes name)
{
    struct bytes copy;

    if (bytes_copy(name, &copy) < 0)
        return -ENOMEM;
    bytes_free(&provider->owner_name);
    provider->owner_name = copy;
    return 0;
}

static void attach(struct provider *provider, struct event *event, struct client *client)
{
    provider->event = event;
    provider->client = client;
    list_append(&event->providers, &provider->in_event);
    list_append(&client->providers, &provider->in_client);
    client->n_providers++;
    if (client->kind == CLIENT_PEER)
        event->n_peers++;
    else
        event->n_local++;
}

int providers_add(struct hub *hub, struct channel *channel, struct client *client, struct bytes name,
                  const struct event_traits *traits, uint32_t weight, struct event **out_event)
{
    bool is_peer = client->kind == CLIENT_PEER;
    struct provider *fresh = NULL;
    struct provider *provider;
    struct event *event;
    int r;

    if (providers_is_taken(channel, client, name, traits->is_group))
        return PROVIDERS_E_TAKEN;
    if (!is_peer && client->n_providers == CLIENT_MAX_PROVIDERS)
        return PROVIDERS_E_TOO_MANY;
    r = get_event(hub, channel, name, &event);
    if (r < 0)
        return r;
    provider = providers_find(event, client);
    if (!provider) {
        provider = fresh = calloc(1, sizeof *provider);
        r = fresh ? 0 : -ENOMEM;
    }
    if (r == 0)
        r = take_owner_name(provider, traits->owner_name);
    /* What a peer says of an event counts only as long as nobody here provides it. */
    if (r == 0 && (!is_peer || event->n_local == 0))
        r = take_traits(event, traits, client);
    if (r != 0) {
        if (fresh)
            bytes_free(&fresh->owner_name);
        free(fresh);
        drop_event_if_unprovided(hub, event);
        return r;
    }
    provider->weight = weight;
    if (fresh)
        attach(fresh, event, client);
    if (!is_peer)
        peering_note_service(hub, event);
    *out_event = event;
    return 0;
}

static struct provider *first_local(const struct event *event)
{
    list_for_each (link, &event->providers) {
        struct provider *provider = container_of(link, struct provider, in_event);

        if (provider->client->kind != CLIENT_PEER)
            return provider;
    }
    return NULL;
}

/* Whoever brought the schemas has gone: the next provider answers for them, or they go too, so that none are
 * kept for nothing. */
static void pass_schemas_on(struct event *event)
{
    struct provider *next = first_local(event);

    if (!next || !clients_charge(next->client, schema_bytes(event))) {
        forget_schemas(event);
        return;
    }
    clients_discharge(event->schema_payer, schema_bytes(event));
    event->schema_payer = next->client;
}

void providers_remove(struct hub *hub, struct provider *provider)
{
    struct event *event = provider->event;
    bool is_peer = provider->client->kind == CLIENT_PEER;

    if (event->next_turn == provider) {
        struct list *next = provider->in_event.next;

        event->next_turn = next == &event->providers ? NULL : container_of(next, struct provider, in_event);
    }
    list_unlink(&provider->in_event);
    list_unlink(&provider->in_client);
    provider->client->n_providers--;
    if (event->schema_payer == provider->client)
        pass_schemas_on(event);
    bytes_free(&provider->owner_name);
    free(provider);
    if (is_peer) {
        event->n_peers--;
    } else {
        event->n_local--;
        peering_note_service(hub, event);
    }
    drop_event_if_unprovided(hub, event);
}

void providers_remove_client(struct hub *hub, struct client *client, const struct channel *channel)
{
    list_for_each (link, &client->providers) {
        struct provider *provider = container_of(link, struct provider, in_client);
        struct channel *its_channel = provider->event->channel;

        if (channel && its_channel != channel)
            continue;
        providers_remove(hub, provider);
        if (!channel)
            channels_release(hub, its_channel);
    }
}

static struct client *least_active(const struct event *event)
{
    struct client *best = NULL;

    list_for_each (link, &event->providers) {
        struct client *client = container_of(link, struct provider, in_event)->client;

        if (client->kind == CLIENT_PEER)
            continue;
        if (!best || client->n_calls_taken < best->n_calls_taken)
            best = client;
    }
    return best;
}

static struct client *in_turn(struct event *event)
{
    struct list *link = event->next_turn ? &event->next_turn->in_event : event->providers.next;

    for (;; link = link->next) {
        struct provider *provider;

        if (link == &event->providers)
            continue; /* the list's head: round to the first */
        provider = container_of(link, struct provider, in_event);
        if (provider->client->kind == CLIENT_PEER)
            continue;
        event->next_turn =
            link->next == &event->providers ? NULL : container_of(link->next, struct provider, in_event);
        return provider->client;
    }
}

struct client *providers_pick_peer(const struct event *event)
{
    const struct provider *best = NULL;

    list_for_each (link, &event->providers) {
        const struct provider *provider = container_of(link, struct provider, in_event);

        /* a / weight_a < b / weight_b, without division */
        if (!best || (uint64_t)provider->client->n_calls_taken * best->weight <
                         (uint64_t)best->client->n_calls_taken * provider->weight)
            best = provider;
    }
    return best ? best->client : NULL;
}

struct client *providers_pick(struct hub *hub, struct event *event, const struct client *asker)
{
    if (!event)
        return NULL;
    if (event->n_local > 0) {
        switch (hub->options.balance_policy) {
        case BALANCE_LEAST_ACTIVE:
            return least_active(event);
        case BALANCE_ROUND_ROBIN:
            return in_turn(event);
        }
        unreachable();
    }
    return asker->kind == CLIENT_PEER ? NULL : providers_pick_peer(event);
}

struct bytes providers_owner(const struct event *event)
{
    const struct provider *first = first_local(event);

    if (!first)
        first = container_of(event->providers.next, struct provider, in_event);
    return first->owner_name.len ? first->owner_name : first->client->id;
}
