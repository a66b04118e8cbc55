/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/client/offers.h"

#include <stdlib.h>
#include <string.h>

struct offer {
    struct map_node node;
    struct list link;
    bool is_topic;
    bool is_stream;
    bool is_group;
    struct bytes name; /* these four stand behind each other in memory[] */
    struct bytes owner;
    struct bytes param_schema;
    struct bytes return_schema;
    uint8_t memory[];
};

static void free_offer(struct commipc_channel *channel, struct offer *offer)
{
    map_remove(&channel->offer_by_name, &offer->node);
    list_unlink(&offer->link);
    free(offer);
}

void offers_forget(struct commipc_channel *channel)
{
    list_for_each (link, &channel->offers)
        free_offer(channel, container_of(link, struct offer, link));
}

/* An event and a topic may have one name. */
static struct offer *find(struct commipc_channel *channel, struct bytes name, bool is_topic)
{
    struct map_node *node = map_find(&channel->offer_by_name, name);

    while (node && container_of(node, struct offer, node)->is_topic != is_topic)
        node = map_next_equal(node);
    return node ? container_of(node, struct offer, node) : NULL;
}

static struct bytes copy(uint8_t **at, struct bytes from)
{
    struct bytes to = bytes_of(*at, from.len);

    if (from.len)
        memcpy(*at, from.ptr, from.len);
    *at += from.len;
    return to;
}

static void keep(struct commipc_channel *channel, const struct offer *sample)
{
    size_t len = sample->name.len + sample->owner.len + sample->param_schema.len + sample->return_schema.len;
    struct offer *old = find(channel, sample->name, sample->is_topic);
    struct offer *offer;
    uint8_t *at;

    if (old)
        free_offer(channel, old);
    /* Without memory the offer is not known; nothing else depends on it. */
    if (channel->offer_by_name.n_nodes >= OFFERS_MOST || !(offer = malloc(sizeof *offer + len)))
        return;
    memcpy(offer, sample, sizeof *offer);
    at = offer->memory;
    offer->name = copy(&at, sample->name);
    offer->owner = copy(&at, sample->owner);
    offer->param_schema = copy(&at, sample->param_schema);
    offer->return_schema = copy(&at, sample->return_schema);
    if (map_insert(&channel->offer_by_name, &offer->node, offer->name) < 0)
        free(offer);
    else
        list_append(&channel->offers, &offer->link);
}

static struct bytes raw_at(struct commipc_value map, const char *key)
{
    struct commipc_value value = {0};

    (void)commipc_value_get(map, key, &value);
    return client_raw(value);
}

static struct bytes text_at(struct commipc_value map, const char *key)
{
    struct commipc_text text = {0};

    (void)commipc_value_text(client_value(raw_at(map, key)), &text);
    return bytes_of(text.ptr, text.len);
}

static bool bool_at(struct commipc_value map, const char *key)
{
    bool value = false;

    (void)commipc_value_bool(client_value(raw_at(map, key)), &value);
    return value;
}

/* In a channel_sync a topic's schema stands under param_schema, in a metadata_update under return_schema. */
static void take_traits(struct commipc_value traits, struct offer *offer)
{
    offer->owner = text_at(traits, "owner");
    offer->is_stream = bool_at(traits, "is_stream");
    offer->is_group = bool_at(traits, "is_group");
    offer->param_schema = raw_at(traits, "param_schema");
    offer->return_schema = raw_at(traits, "return_schema");
    if (offer->is_topic && offer->return_schema.len <= 1) {
        offer->return_schema = offer->param_schema;
        offer->param_schema = BYTES_NONE;
    }
}

static void take_all(struct commipc_channel *channel, struct commipc_value offers, bool is_topic)
{
    struct commipc_value name;
    struct commipc_value traits;
    struct commipc_text text;
    size_t place = 0;

    while (commipc_value_next(offers, &place, &name, &traits) == 0) {
        struct offer sample = {.is_topic = is_topic};

        if (commipc_value_text(name, &text) != 0)
            continue;
        sample.name = bytes_of(text.ptr, text.len);
        take_traits(traits, &sample);
        keep(channel, &sample);
    }
}

void offers_sync(struct commipc_channel *channel, const struct message *message)
{
    struct commipc_value body = client_value(message->body);

    offers_forget(channel);
    take_all(channel, client_value(raw_at(body, "events")), false);
    take_all(channel, client_value(raw_at(body, "subscriptions")), true);
}

void offers_update(struct commipc_channel *channel, const struct message *message)
{
    struct commipc_value body = client_value(message->body);
    struct bytes stype = text_at(body, "stype");
    struct offer sample = {.is_topic = bytes_equal_text(stype, "subscription"),
                           .name = text_at(body, "name")};

    if (sample.name.len == 0 || bytes_equal_text(stype, "membership"))
        return;
    take_traits(body, &sample);
    keep(channel, &sample);
}

void commipc_channel_explore(const struct commipc_channel *channel, commipc_offer_fn *visit, void *user)
{
    list_for_each (link, &channel->offers) {
        const struct offer *offer = container_of(link, struct offer, link);
        struct commipc_offer shown = {
            .name = client_text(offer->name),
            .owner = client_text(offer->owner),
            .is_topic = offer->is_topic,
            .is_stream = offer->is_stream,
            .is_group = offer->is_group,
            .param_schema = client_value(offer->param_schema),
            .return_schema = client_value(offer->return_schema),
        };

        visit(user, &shown);
    }
}
