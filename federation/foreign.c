/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/foreign.h"

#include <errno.h>
#include <stdlib.h>

#include "federation/bridge_policy.h"
#include "federation/foreign_news.h"
#include "federation/foreign_offer.h"
#include "federation/foreign_relay.h"
#include "federation/foreign_seen.h"
#include "federation/foreign_wish.h"

#define SYSTEM_CHANNEL BYTES_LITERAL("__comm_ipc_system")
#define TOPIC_EVENT BYTES_LITERAL("subscription.")

/* How old what we know of a channel may get where the foreign hub does not tell what has gone. */
#define REFRESH_MS 5000U

void foreign_wake(struct foreign *foreign)
{
    if (foreign->is_awake)
        return;
    foreign->is_awake = true;
    foreign->outlet.wake(foreign->outlet.context);
}

void foreign_mark_channel(struct foreign *foreign, struct foreign_channel *channel)
{
    if (list_is_empty(&channel->unsettled))
        list_append(&foreign->unsettled_channels, &channel->unsettled);
    foreign_wake(foreign);
}

void foreign_mark_item(struct foreign *foreign, struct foreign_item *item)
{
    if (list_is_empty(&item->unsettled))
        list_append(&foreign->unsettled_items, &item->unsettled);
    foreign_mark_channel(foreign, item->channel);
}

void foreign_mark_items(struct foreign *foreign, struct foreign_channel *channel)
{
    list_for_each (at, &channel->items)
        foreign_mark_item(foreign, container_of(at, struct foreign_item, in_channel));
}

/* --- making and unmaking -------------------------------------------------------------------------------- */

static int name_channels(struct foreign *foreign, const struct foreign_options *options)
{
    for (size_t i = 0; i < options->n_names; i++) {
        struct foreign_channel *channel =
            foreign_table_get_channel(&foreign->table, bytes_of_text(options->names[i]));

        if (!channel)
            return -ENOMEM;
        channel->is_named = true;
        foreign_mark_channel(foreign, channel);
    }
    return 0;
}

/* Whoever opens or provides is told of there. */
static void open_system_channel(struct foreign *foreign)
{
    struct draft draft;

    draft_begin(&draft, "register");
    draft_text(&draft, "channel", SYSTEM_CHANNEL);
    draft_text(&draft, "client_id", bytes_of_text(foreign->client_id));
    draft_bool(&draft, "is_provider", false);
    foreign_say(foreign, draft_finish(&draft));
}

static int begin(struct foreign *foreign, const struct foreign_options *options)
{
    struct hop hop = {.hub = options->hub_id, .session = options->session};
    struct buffer path = {0};

    foreign->client_id = bytes_to_text(options->client_id);
    foreign->server_id = bytes_to_text(options->server_id);
    if (!foreign->client_id || !foreign->server_id || path_append(&path, &hop) < 0) {
        buffer_clear(&path);
        return -ENOMEM;
    }
    memcpy(foreign->path, path.ptr, sizeof foreign->path);
    buffer_clear(&path);
    return name_channels(foreign, options);
}

int foreign_new(struct foreign **out_foreign, const struct foreign_options *options,
                const struct foreign_outlet *outlet, uint64_t now_ms)
{
    struct foreign *foreign = calloc(1, sizeof *foreign);
    int r;

    if (!foreign)
        return -ENOMEM;
    foreign->outlet = *outlet;
    foreign->hub_id = options->hub_id;
    foreign->incarnation = options->incarnation;
    foreign->has_members = options->has_members;
    foreign->now_ms = now_ms;
    foreign_table_init(&foreign->table);
    foreign_request_init(&foreign->requests);
    foreign_call_init(&foreign->calls);
    map_init(&foreign->windows);
    list_init(&foreign->unsettled_channels);
    list_init(&foreign->unsettled_items);
    r = begin(foreign, options);
    if (r < 0) {
        foreign_free(foreign);
        return r;
    }
    foreign_offer_hub(foreign);
    open_system_channel(foreign);
    *out_foreign = foreign;
    return 0;
}

void foreign_free(struct foreign *foreign)
{
    if (!foreign)
        return;
    foreign_table_clear(&foreign->table);
    foreign_request_clear(&foreign->requests);
    foreign_call_clear(&foreign->calls);
    foreign_seen_clear(&foreign->windows);
    link_wire_clear_entries(&foreign->entries);
    free(foreign->client_id);
    free(foreign->server_id);
    free(foreign);
}

/* --- the foreign hub speaks ----------------------------------------------------------------------------- */

static struct foreign_request *request_of(struct foreign *foreign, const struct message *message)
{
    struct bytes id;

    if (message_text(message, KEY_REQUEST_ID, &id) != 0)
        return NULL;
    return foreign_request_find(&foreign->requests, id);
}

static void hear_response(struct foreign *foreign, const struct message *response)
{
    struct foreign_request *request = request_of(foreign, response);
    struct bytes error = BYTES_NONE;

    /* What comes late, and the second of two answers to one request. */
    if (!request)
        return;
    if (request->kind == FOREIGN_REQUEST_CALL) {
        foreign_relay_answer(foreign, request, response);
        return;
    }
    if (message_text(response, KEY_ERROR, &error) == 0 && error.len == 0)
        error = BYTES_LITERAL("refused");
    if (request->kind == FOREIGN_REQUEST_MEMBERS)
        foreign_news_members(foreign, request->channel, message_raw(response, KEY_DATA));
    else
        foreign_wish_answered(foreign, request, error);
    foreign_request_free(&foreign->requests, request);
}

static void hear_challenge(struct foreign *foreign, const struct message *challenge)
{
    struct foreign_request *request = request_of(foreign, challenge);

    if (!request)
        return;
    foreign_wish_barred(foreign, request);
    foreign_request_free(&foreign->requests, request);
}

/* "subscription.<topic>.data", and the owner's notices ".first" and ".last" */
static void hear_topic(struct foreign *foreign, struct bytes channel, struct bytes event,
                       const struct message *receive)
{
    struct bytes rest = bytes_from(event, TOPIC_EVENT.len);
    const uint8_t *dot = rest.len > 0 ? memrchr(rest.ptr, '.', rest.len) : NULL;
    struct bytes topic;
    struct bytes what;

    if (!dot || dot == rest.ptr)
        return;
    topic = bytes_of(rest.ptr, (size_t)(dot - rest.ptr));
    what = bytes_from(rest, topic.len + 1);
    if (bytes_equal_text(what, "data"))
        foreign_relay_publish(foreign, channel, topic, receive);
    else if (bytes_equal_text(what, "first") || bytes_equal_text(what, "last"))
        foreign_news_subscribers(foreign, channel, topic, bytes_equal_text(what, "first"));
}

static void hear_receive(struct foreign *foreign, const struct message *receive)
{
    struct bytes channel;
    struct bytes event;

    if (message_text(receive, KEY_CHANNEL, &channel) != 0 || message_text(receive, KEY_EVENT, &event) != 0 ||
        channel.len > 255)
        return;
    if (bytes_equal(channel, SYSTEM_CHANNEL) && bytes_equal_text(event, "new_registration"))
        foreign_news_registration(foreign, receive);
    else if (!bridge_policy_is_system(channel) && bytes_start_with(event, TOPIC_EVENT) && event.len <= 255)
        hear_topic(foreign, channel, event, receive);
}

void foreign_hear(struct foreign *foreign, const struct message *message)
{
    if (message->type == MESSAGE_RESPONSE)
        hear_response(foreign, message);
    else if (message->type == MESSAGE_CALL || message->type == MESSAGE_SEND)
        foreign_relay_call(foreign, message);
    else if (message->type == MESSAGE_BROADCAST)
        foreign_relay_broadcast(foreign, message);
    else if (message->type == MESSAGE_RECEIVE)
        hear_receive(foreign, message);
    else if (message->type == MESSAGE_CHANNEL_SYNC)
        foreign_news_sync(foreign, message);
    else if (message->type == MESSAGE_METADATA_UPDATE)
        foreign_news_update(foreign, message);
    else if (message->type == MESSAGE_AUTH_CHALLENGE)
        hear_challenge(foreign, message);
    else if (message->type == MESSAGE_ERROR)
        foreign_news_error(foreign, message);
}

/* --- the mesh speaks ------------------------------------------------------------------------------------ */

static struct block *copied(struct bytes bytes)
{
    struct block *block = block_new(bytes.len);

    if (block && bytes.len > 0)
        memcpy(block->ptr, bytes.ptr, bytes.len);
    return block;
}

/* False: there was no memory. */
static bool add_hub(struct foreign_item *item, const struct link_entry *entry)
{
    struct block *attributes = copied(entry->raw_attributes);
    bool is_added =
        attributes && foreign_table_add_hub(item, &entry->origin, entry->incarnation, attributes) == 0;

    block_unref(attributes);
    if (item->kind != ROUTE_MEMBER)
        return is_added;
    block_unref(item->path);
    item->path = copied(entry->path);
    return is_added && item->path;
}

static void take_set(struct foreign *foreign, const struct link_entry *entry)
{
    struct foreign_item *item;
    int r = foreign_table_get_item(&foreign->table, (enum route_kind)entry->kind, entry->channel, entry->name,
                                   &item);

    if (r == FOREIGN_TABLE_E_FULL)
        return;
    if (r < 0 || !add_hub(item, entry))
        foreign_run_dry(foreign);
    if (r == 0)
        foreign_mark_item(foreign, item);
}

static void take_gone(struct foreign *foreign, const struct link_entry *entry)
{
    struct foreign_item *item =
        foreign_table_item(&foreign->table, (enum route_kind)entry->kind, entry->channel, entry->name);

    if (!item)
        return;
    foreign_table_remove_hub(item, &entry->origin);
    foreign_mark_item(foreign, item);
}

static void take_item(struct foreign *foreign, const struct link_entry *entry)
{
    if (entry->change == LINK_ENTRY_SET)
        take_set(foreign, entry);
    else
        take_gone(foreign, entry);
}

/* A hub that was lost, or has started anew, answers none of the calls that it had. */
static void take_hub(struct foreign *foreign, const struct link_entry *entry)
{
    foreign_call_lose(foreign, &entry->origin,
                      entry->change == LINK_ENTRY_SET ? entry->incarnation : UINT64_MAX);
}

static void take_entries(struct foreign *foreign, uint32_t n, struct bytes raw)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);
    struct link_entry entry = {0};

    for (uint32_t i = 0; i < n && link_wire_next_entry(&reader, &entry) == 0; i++) {
        if (entry.kind >= ROUTE_KIND_COUNT || hub_id_equal(&entry.origin, &foreign->hub_id))
            continue;
        if (entry.kind == ROUTE_HUB)
            take_hub(foreign, &entry);
        else if (route_kind_has_channel((enum route_kind)entry.kind))
            take_item(foreign, &entry);
    }
}

/* The mesh has refused what we told of the channel, and would take it now. */
static void take_again(struct foreign *foreign, struct bytes name)
{
    struct foreign_channel *channel = foreign_table_channel(&foreign->table, name);

    if (!channel)
        return;
    list_for_each (at, &channel->items)
        container_of(at, struct foreign_item, in_channel)->is_told = false;
    foreign_mark_items(foreign, channel);
}

static void take_one(struct foreign *foreign, const struct link_one *one)
{
    if (foreign_seen_is_first(&foreign->windows, &one->from, one->incarnation, one->seq))
        foreign_relay_one(foreign, one);
}

static void take_many(struct foreign *foreign, const struct link_many *many)
{
    if (foreign_seen_is_first(&foreign->windows, &many->origin, many->incarnation, many->seq))
        foreign_relay_many(foreign, many);
}

void foreign_take(struct foreign *foreign, const struct link_message *message)
{
    if (message->type == LINK_MESSAGE_ENTRIES)
        take_entries(foreign, message->entries.n, message->entries.raw);
    else if (message->type == LINK_MESSAGE_AGAIN)
        take_again(foreign, message->channel);
    else if (message->type == LINK_MESSAGE_ONE)
        take_one(foreign, &message->one);
    else if (message->type == LINK_MESSAGE_MANY)
        take_many(foreign, &message->many);
}

/* --- settling ------------------------------------------------------------------------------------------- */

static void settle_items(struct foreign *foreign)
{
    while (!list_is_empty(&foreign->unsettled_items)) {
        struct foreign_item *item =
            list_first_entry(&foreign->unsettled_items, struct foreign_item, unsettled);

        list_unlink(&item->unsettled);
        foreign_offer_item(foreign, item);
        foreign_wish_item(foreign, item);
        foreign_table_release_item(&foreign->table, item);
    }
}

static void settle_channels(struct foreign *foreign)
{
    while (!list_is_empty(&foreign->unsettled_channels)) {
        struct foreign_channel *channel =
            list_first_entry(&foreign->unsettled_channels, struct foreign_channel, unsettled);

        list_unlink(&channel->unsettled);
        if (channel->wants_refresh)
            foreign_wish_refresh(foreign, channel);
        foreign_wish_channel(foreign, channel);
        foreign_table_release_channel(&foreign->table, channel);
    }
}

void foreign_settle(struct foreign *foreign)
{
    foreign->is_awake = true;
    do {
        settle_items(foreign);
        settle_channels(foreign);
        foreign_offer_flush(foreign);
    } while (!list_is_empty(&foreign->unsettled_items) || !list_is_empty(&foreign->unsettled_channels));
    foreign->is_awake = false;
}

static bool has_theirs(const struct foreign_channel *channel)
{
    for (const struct list *at = channel->items.next; at != &channel->items; at = at->next) {
        const struct foreign_item *item = container_of((struct list *)at, struct foreign_item, in_channel);

        if (item->is_theirs && (item->kind == ROUTE_SERVICE || item->kind == ROUTE_TOPIC))
            return true;
    }
    return false;
}

static void tick_channel(struct foreign *foreign, struct foreign_channel *channel)
{
    list_for_each (at, &channel->items) {
        struct foreign_item *item = container_of(at, struct foreign_item, in_channel);

        if (item->standing == FOREIGN_REFUSED && foreign->now_ms >= item->retry_ms)
            foreign_mark_item(foreign, item);
    }
    if (foreign->has_members || channel->state != FOREIGN_OPEN ||
        foreign->now_ms - channel->refreshed_ms < REFRESH_MS || !has_theirs(channel))
        return;
    channel->wants_refresh = true;
    foreign_mark_channel(foreign, channel);
}

void foreign_tick(struct foreign *foreign, uint64_t now_ms)
{
    foreign->now_ms = now_ms;
    foreign_call_expire(foreign);
    list_for_each (at, &foreign->table.all_channels)
        tick_channel(foreign, container_of(at, struct foreign_channel, in_table));
}
