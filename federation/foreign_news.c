/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The Python package never says that a provider has gone. Release 0.1.15 says that a member has left, and
 * what it alone owned goes with it; of a group some may stay, so the channel is asked for again. Older
 * releases say nothing, so open channels are asked for again from time to time (foreign_tick()), and when a
 * call finds no provider.
 *
 * What is read here came from outside: what is not as it should be is passed over.
 */
#include "federation/foreign_news.h"

#include "federation/attributes.h"
#include "federation/foreign_offer.h"
#include "federation/foreign_wish.h"
#include "hub/base/name.h"
#include "hub/client/commipc.h"

static struct commipc_value field(struct commipc_value map, const char *key)
{
    struct commipc_value value = {0};

    (void)commipc_value_get(map, key, &value);
    return value;
}

static struct bytes name_field(struct commipc_value map, const char *key)
{
    struct commipc_text text;
    struct bytes name;

    if (commipc_value_text(field(map, key), &text) != 0)
        return BYTES_NONE;
    name = bytes_of(text.ptr, text.len);
    return name_is_valid(name) ? name : BYTES_NONE;
}

static bool flag_field(struct commipc_value map, const char *key)
{
    bool value = false;

    (void)commipc_value_bool(field(map, key), &value);
    return value;
}

static struct bytes raw_field(struct commipc_value map, const char *key)
{
    struct commipc_value value = field(map, key);

    return commipc_value_type(value) == COMMIPC_NIL ? BYTES_NONE : bytes_of(value.ptr, value.len);
}

static struct commipc_value whole(const struct message *message)
{
    return (struct commipc_value){.ptr = message->body.ptr, .len = message->body.len};
}

static bool is_us(const struct foreign *foreign, struct bytes id)
{
    return bytes_equal_text(id, foreign->client_id);
}

/* NULL: there are too many, or no memory, which ends the link. */
static struct foreign_item *get_item(struct foreign *foreign, enum route_kind kind, struct bytes channel,
                                     struct bytes name)
{
    struct foreign_item *item;
    int r = foreign_table_get_item(&foreign->table, kind, channel, name, &item);

    if (r < 0)
        foreign_run_dry(foreign);
    return r == 0 ? item : NULL;
}

/* --- services and topics -------------------------------------------------------------------------------- */

/* What @said (of an event or a subscription) says of the item. */
static void take_service(struct foreign *foreign, struct foreign_item *item, struct commipc_value said,
                         struct bytes owner)
{
    struct peering_service service = {
        /* Release 0.1.5 does not tell; but two providers can only share an event in a group. */
        .is_group = flag_field(said, "is_group") || item->n_owners > 1,
        .is_stream = flag_field(said, "is_stream") || item->is_stream,
        .raw_param_schema = raw_field(said, "param_schema"),
        .raw_return_schema = raw_field(said, "return_schema"),
        .owner = owner,
        .n_providers = item->n_owners > 0 ? (uint32_t)item->n_owners : 1,
    };
    struct buffer attributes = {0};

    attributes_write_service(&attributes, &service);
    foreign_offer_set(foreign, item, foreign_offer_attributes(&attributes));
}

static void take_topic(struct foreign *foreign, struct foreign_item *item, struct commipc_value said,
                       struct bytes owner)
{
    /* A channel_sync has the schema under param_schema, an update under return_schema. */
    struct bytes schema = raw_field(said, "return_schema");
    struct peering_topic topic = {.owner = owner,
                                  .raw_schema = schema.len > 0 ? schema : raw_field(said, "param_schema")};
    struct buffer attributes = {0};

    attributes_write_topic(&attributes, &topic);
    foreign_offer_set(foreign, item, foreign_offer_attributes(&attributes));
}

static void take_item(struct foreign *foreign, enum route_kind kind, struct bytes channel, struct bytes name,
                      struct commipc_value said)
{
    struct bytes owner = name_field(said, "owner");
    struct foreign_item *item;

    if (owner.len == 0)
        return;
    item = get_item(foreign, kind, channel, name);
    if (!item)
        return;
    item->is_listed = true;
    if (is_us(foreign, owner))
        return;
    if (foreign_table_add_owner(item, owner) < 0)
        foreign_run_dry(foreign);
    if (kind == ROUTE_SERVICE)
        take_service(foreign, item, said, owner);
    else
        take_topic(foreign, item, said, owner);
}

static void take_items(struct foreign *foreign, enum route_kind kind, struct bytes channel,
                       struct commipc_value items)
{
    size_t place = 0;
    struct commipc_value key;
    struct commipc_value said;

    while (commipc_value_next(items, &place, &key, &said) == 0) {
        struct commipc_text text;
        struct bytes name;

        if (commipc_value_text(key, &text) != 0)
            continue;
        name = bytes_of(text.ptr, text.len);
        if (name_is_valid(name))
            take_item(foreign, kind, channel, name, said);
    }
}

static void withdraw_unlisted(struct foreign *foreign, struct foreign_channel *channel)
{
    list_for_each (at, &channel->items) {
        struct foreign_item *item = container_of(at, struct foreign_item, in_channel);

        if ((item->kind == ROUTE_SERVICE || item->kind == ROUTE_TOPIC) && !item->is_listed && item->is_theirs)
            foreign_offer_withdraw(foreign, item);
    }
}

void foreign_news_sync(struct foreign *foreign, const struct message *message)
{
    struct commipc_value said = whole(message);
    struct bytes name = name_field(said, "channel");
    struct foreign_channel *channel = foreign_table_channel(&foreign->table, name);

    if (!channel || (channel->state != FOREIGN_OPENING && channel->state != FOREIGN_OPEN))
        return;
    list_for_each (at, &channel->items)
        container_of(at, struct foreign_item, in_channel)->is_listed = false;
    take_items(foreign, ROUTE_SERVICE, name, field(said, "events"));
    take_items(foreign, ROUTE_TOPIC, name, field(said, "subscriptions"));
    withdraw_unlisted(foreign, channel);
}

/* --- members -------------------------------------------------------------------------------------------- */

/* One that is announced there by our own mesh, over another foreign hub and a bridge, is none of theirs. */
static bool is_from_mesh(const struct foreign *foreign, struct bytes channel, struct bytes id)
{
    const struct foreign_item *member = foreign_table_item(&foreign->table, ROUTE_MEMBER, channel, id);

    return member && member->n_hubs > 0;
}

static void join(struct foreign *foreign, struct bytes channel, struct bytes id, struct bytes mode,
                 bool is_local)
{
    struct foreign_item *item;
    struct buffer attributes = {0};

    if (is_us(foreign, id) || (!is_local && is_from_mesh(foreign, channel, id)))
        return;
    item = get_item(foreign, ROUTE_MEMBER, channel, id);
    if (!item)
        return;
    item->channel->is_populated = true;
    attributes_write_member(&attributes, mode.len > 0 ? mode : BYTES_LITERAL("client"));
    foreign_offer_set(foreign, item, foreign_offer_attributes(&attributes));
}

/* What the member alone provided has gone with it. */
static void disown(struct foreign *foreign, struct foreign_item *item, struct bytes id)
{
    if (!item->is_theirs || !foreign_table_remove_owner(item, id))
        return;
    if (item->n_owners == 0)
        foreign_offer_withdraw(foreign, item);
    /* Of a group's providers only those are known that came while we listened. */
    item->channel->wants_refresh = true;
    foreign_mark_channel(foreign, item->channel);
}

static void leave(struct foreign *foreign, struct foreign_channel *channel, struct bytes id)
{
    list_for_each (at, &channel->items) {
        struct foreign_item *item = container_of(at, struct foreign_item, in_channel);

        if (item->kind == ROUTE_MEMBER && bytes_equal(item->name, id) && item->is_theirs)
            foreign_offer_withdraw(foreign, item);
        else
            disown(foreign, item, id);
    }
}

void foreign_news_members(struct foreign *foreign, struct bytes channel_name, struct bytes raw_data)
{
    struct commipc_value data = {.ptr = raw_data.ptr, .len = raw_data.len};
    struct commipc_value members = field(data, "members");
    struct foreign_channel *channel = foreign_table_channel(&foreign->table, channel_name);
    struct commipc_value member;
    size_t place = 0;

    if (!channel)
        return;
    while (commipc_value_next(members, &place, NULL, &member) == 0) {
        struct bytes id = name_field(member, "id");

        if (id.len > 0)
            join(foreign, channel_name, id, name_field(member, "mode"), flag_field(member, "is_local"));
    }
    if (channel->state == FOREIGN_ASKING) {
        channel->state = FOREIGN_CLOSED;
        channel->was_asked = true;
        foreign_mark_channel(foreign, channel);
    }
}

static void take_membership(struct foreign *foreign, struct foreign_channel *channel,
                            struct commipc_value said)
{
    struct bytes id = name_field(said, "owner");
    struct commipc_value is_local = field(said, "is_local");
    struct commipc_text action;

    if (id.len == 0 || commipc_value_text(field(said, "action"), &action) != 0)
        return;
    if (action.len == 4 && memcmp(action.ptr, "join", 4) == 0)
        join(foreign, channel->name, id, name_field(said, "mode"), is_local.len == 0);
    else if (!is_us(foreign, id))
        leave(foreign, channel, id);
}

/* --- the rest ------------------------------------------------------------------------------------------- */

void foreign_news_update(struct foreign *foreign, const struct message *message)
{
    struct commipc_value said = whole(message);
    struct foreign_channel *channel = foreign_table_channel(&foreign->table, name_field(said, "channel"));
    struct bytes type = name_field(said, "stype");
    struct bytes name = name_field(said, "name");

    if (!channel || (channel->state != FOREIGN_OPENING && channel->state != FOREIGN_OPEN))
        return;
    if (bytes_equal_text(type, "membership"))
        take_membership(foreign, channel, said);
    else if (bytes_equal_text(type, "event") && name.len > 0)
        take_item(foreign, ROUTE_SERVICE, channel->name, name, said);
    else if (bytes_equal_text(type, "subscription") && name.len > 0)
        take_item(foreign, ROUTE_TOPIC, channel->name, name, said);
}

static void take_stream(struct foreign *foreign, struct bytes channel, struct bytes event)
{
    struct foreign_item *item = foreign_table_item(&foreign->table, ROUTE_SERVICE, channel, event);
    struct peering_service service;
    struct buffer attributes = {0};

    if (!item || !item->is_theirs || item->is_stream ||
        attributes_read_service(block_bytes(item->their_attributes), &service) != 0)
        return;
    item->is_stream = true;
    service.is_stream = true;
    attributes_write_service(&attributes, &service);
    foreign_offer_set(foreign, item, foreign_offer_attributes(&attributes));
}

void foreign_news_registration(struct foreign *foreign, const struct message *message)
{
    struct bytes raw = message_raw(message, KEY_DATA);
    struct commipc_value data = {.ptr = raw.ptr, .len = raw.len};
    struct bytes name = name_field(data, "channel");
    struct bytes who = name_field(data, "client_id");
    struct foreign_channel *channel;

    if (name.len == 0 || who.len == 0 || is_us(foreign, who) ||
        !foreign->outlet.lets(foreign->outlet.context, name))
        return;
    channel = foreign_table_channel(&foreign->table, name);
    if (!channel && foreign->table.channels.n_nodes >= FOREIGN_TABLE_MAX_ITEMS)
        return;
    channel = foreign_table_get_channel(&foreign->table, name);
    if (!channel) {
        foreign_run_dry(foreign);
        return;
    }
    channel->is_populated = true;
    if (flag_field(data, "is_stream"))
        take_stream(foreign, name, name_field(data, "event"));
    /* A password may have been taken off. */
    if (channel->state == FOREIGN_BARRED)
        channel->state = FOREIGN_CLOSED;
    foreign_mark_channel(foreign, channel);
}

/* "Channel <name> owner disconnected, channel terminated" */
static struct bytes terminated_channel(struct bytes text)
{
    struct bytes before = BYTES_LITERAL("Channel ");
    struct bytes after = BYTES_LITERAL(" owner disconnected, channel terminated");

    if (text.len <= before.len + after.len || !bytes_start_with(text, before) ||
        !bytes_equal(bytes_from(text, text.len - after.len), after))
        return BYTES_NONE;
    return bytes_of(text.ptr + before.len, text.len - before.len - after.len);
}

void foreign_news_error(struct foreign *foreign, const struct message *message)
{
    struct foreign_channel *channel;
    struct bytes text;

    if (message_text(message, KEY_MESSAGE, &text) != 0)
        return;
    channel = foreign_table_channel(&foreign->table, terminated_channel(text));
    if (channel && channel->state == FOREIGN_OPEN)
        foreign_wish_lost_channel(foreign, channel);
    if (!bytes_start_with(text, BYTES_LITERAL("Channel password changed")))
        return;
    /* It does not say which channel has thrown us out. */
    list_for_each (at, &foreign->table.all_channels) {
        channel = container_of(at, struct foreign_channel, in_table);
        channel->wants_refresh = true;
        foreign_mark_channel(foreign, channel);
    }
}

void foreign_news_subscribers(struct foreign *foreign, struct bytes channel, struct bytes topic,
                              bool has_some)
{
    struct foreign_item *declared = foreign_table_item(&foreign->table, ROUTE_TOPIC, channel, topic);
    struct foreign_item *interest;
    struct buffer attributes = {0};

    if (!declared || declared->standing != FOREIGN_GRANTED)
        return;
    interest = get_item(foreign, ROUTE_INTEREST, channel, topic);
    if (!interest)
        return;
    if (!has_some) {
        foreign_offer_withdraw(foreign, interest);
        return;
    }
    attributes_write_interest(&attributes);
    foreign_offer_set(foreign, interest, foreign_offer_attributes(&attributes));
}
