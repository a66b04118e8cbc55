/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who owns a channel of the Python package ends it for everybody when its connection ends, and the owner is
 * who opened it first. So a link is not the first where it can help it: it opens a channel once somebody else
 * is in it. A hub of release 0.1.15 says who is; older ones can't be asked, and there the link opens what the
 * mesh has something in. One exception stands for both: a service can only be provided by a member, and may
 * be called by anybody, so a channel in which the mesh has a service is opened in any case.
 *
 * What is provided can't be taken back while the connection lasts; calls to what the mesh has no more are
 * answered with an error (foreign_relay.c). A declared topic is kept too, for taking it back would throw its
 * subscribers out, and their programs do not subscribe again.
 */
#include "federation/foreign_wish.h"

#include <stdio.h>

#include "federation/attributes.h"
#include "federation/foreign_offer.h"
#include "hub/wire/msgpack_write.h"

#define RETRY_MS 5000U

static bool is_error_of_conflict(struct bytes error)
{
    return memmem(error.ptr, error.len, "already", strlen("already")) != NULL;
}

/* Writes a request's head; NULL: no memory, and the link ends. */
static struct foreign_request *begin(struct foreign *foreign, struct draft *draft, const char *type,
                                     enum foreign_request_kind kind, struct bytes channel, struct bytes name)
{
    struct foreign_request like = {.kind = kind, .channel = channel, .name = name};
    struct foreign_request *request = foreign_request_add(&foreign->requests, &like);

    if (!request) {
        foreign_run_dry(foreign);
        return NULL;
    }
    draft_begin(draft, type);
    draft_text(draft, "channel", channel);
    draft_text(draft, "request_id", bytes_of_text(request->id));
    return request;
}

/* --- channels ------------------------------------------------------------------------------------------- */

static void ask_to_open(struct foreign *foreign, struct foreign_channel *channel)
{
    struct draft draft;

    if (!begin(foreign, &draft, "register", FOREIGN_REQUEST_OPEN, channel->name, BYTES_NONE))
        return;
    draft_text(&draft, "client_id", bytes_of_text(foreign->client_id));
    draft_bool(&draft, "is_provider", false);
    foreign_say(foreign, draft_finish(&draft));
}

static void ask_for_members(struct foreign *foreign, struct foreign_channel *channel)
{
    struct draft draft;

    if (begin(foreign, &draft, "list_members", FOREIGN_REQUEST_MEMBERS, channel->name, BYTES_NONE))
        foreign_say(foreign, draft_finish(&draft));
}

static bool is_from_bridge(const struct foreign *foreign, const struct foreign_item *item, struct bytes owner)
{
    const struct foreign_item *member =
        foreign_table_item(&foreign->table, ROUTE_MEMBER, item->channel->name, owner);
    struct bytes mode;

    return member && attributes_read_member(foreign_table_attributes(member), &mode) == 0 &&
           bytes_equal_text(mode, "bridge");
}

bool foreign_wish_is_provided_by(const struct foreign *foreign, const struct foreign_item *service,
                                 const struct foreign_hub *hub)
{
    struct peering_service attributes;

    return attributes_read_service(block_bytes(hub->attributes), &attributes) == 0 &&
           !is_from_bridge(foreign, service, attributes.owner);
}

/* A hub whose service is to be provided there; NULL: none, or the foreign hub has its own. */
static const struct foreign_hub *provider_for_them(const struct foreign *foreign,
                                                   const struct foreign_item *item)
{
    for (size_t i = 0; item->kind == ROUTE_SERVICE && !item->is_theirs && i < item->n_hubs; i++) {
        if (foreign_wish_is_provided_by(foreign, item, &item->hubs[i]))
            return &item->hubs[i];
    }
    return NULL;
}

static bool has_service_for_them(const struct foreign *foreign, const struct foreign_channel *channel)
{
    for (const struct list *at = channel->items.next; at != &channel->items; at = at->next) {
        if (provider_for_them(foreign, container_of((struct list *)at, struct foreign_item, in_channel)))
            return true;
    }
    return false;
}

void foreign_wish_channel(struct foreign *foreign, struct foreign_channel *channel)
{
    bool is_of_interest = channel->is_named || channel->n_ours > 0;

    if (channel->state != FOREIGN_CLOSED || !foreign->outlet.lets(foreign->outlet.context, channel->name))
        return;
    if (channel->is_populated || has_service_for_them(foreign, channel) ||
        (is_of_interest && !foreign->has_members)) {
        channel->state = FOREIGN_OPENING;
        ask_to_open(foreign, channel);
    } else if (is_of_interest && !channel->was_asked) {
        channel->state = FOREIGN_ASKING;
        ask_for_members(foreign, channel);
    }
}

void foreign_wish_refresh(struct foreign *foreign, struct foreign_channel *channel)
{
    channel->wants_refresh = false;
    channel->refreshed_ms = foreign->now_ms;
    if (channel->state == FOREIGN_OPEN)
        ask_to_open(foreign, channel);
}

/* --- items ---------------------------------------------------------------------------------------------- */

static void provide(struct foreign *foreign, struct foreign_item *item)
{
    const struct foreign_hub *hub = provider_for_them(foreign, item);
    struct peering_service service;
    struct draft draft;

    if (!hub || attributes_read_service(block_bytes(hub->attributes), &service) != 0 ||
        !begin(foreign, &draft, "register", FOREIGN_REQUEST_PROVIDE, item->channel->name, item->name))
        return;
    item->standing = FOREIGN_ASKED;
    draft_text(&draft, "client_id", bytes_of_text(foreign->client_id));
    draft_bool(&draft, "is_provider", true);
    draft_text(&draft, "event", item->name);
    draft_bool(&draft, "is_stream", service.is_stream);
    draft_bool(&draft, "is_group", service.is_group);
    draft_raw(&draft, "param_schema", service.raw_param_schema);
    draft_raw(&draft, "return_schema", service.raw_return_schema);
    foreign_say(foreign, draft_finish(&draft));
}

static void declare(struct foreign *foreign, struct foreign_item *item)
{
    struct peering_topic topic;
    struct draft draft;

    if (item->n_hubs == 0 || item->is_theirs ||
        attributes_read_topic(foreign_table_attributes(item), &topic) != 0 ||
        !begin(foreign, &draft, "add_subscription", FOREIGN_REQUEST_DECLARE, item->channel->name, item->name))
        return;
    item->standing = FOREIGN_ASKED;
    draft_text(&draft, "sub_name", item->name);
    draft_raw(&draft, "return_schema", topic.raw_schema);
    foreign_say(foreign, draft_finish(&draft));
}

/* Whether the mesh publishes the topic there, so that a subscription would bring back our own. */
static bool is_declared_by_us(const struct foreign *foreign, const struct foreign_item *interest)
{
    const struct foreign_item *topic =
        foreign_table_item(&foreign->table, ROUTE_TOPIC, interest->channel->name, interest->name);

    return topic && (topic->standing == FOREIGN_ASKED || topic->standing == FOREIGN_GRANTED);
}

static void subscribe(struct foreign *foreign, struct foreign_item *item)
{
    struct draft draft;

    if (item->name.len == 0 || item->n_hubs == 0 || is_declared_by_us(foreign, item) ||
        !begin(foreign, &draft, "subscribe", FOREIGN_REQUEST_SUBSCRIBE, item->channel->name, item->name))
        return;
    item->standing = FOREIGN_ASKED;
    draft_text(&draft, "sub_name", item->name);
    foreign_say(foreign, draft_finish(&draft));
}

static void unsubscribe(struct foreign *foreign, struct foreign_item *item)
{
    struct draft draft;

    item->standing = FOREIGN_UNASKED;
    draft_begin(&draft, "unsubscribe");
    draft_text(&draft, "channel", item->channel->name);
    draft_text(&draft, "sub_name", item->name);
    foreign_say(foreign, draft_finish(&draft));
}

/* The hubs on the way by name, the member's own first. */
static void write_path(const struct foreign *foreign, const struct foreign_item *item, struct buffer *out)
{
    struct bytes path = item->path ? block_bytes(item->path) : BYTES_NONE;

    msgpack_write_array(out, (uint32_t)path_n_hops(path));
    for (size_t i = 0; i < path_n_hops(path); i++) {
        struct hop hop = path_at(path, i);
        struct bytes name = foreign->outlet.name_of(foreign->outlet.context, &hop.hub);
        char text[HUB_ID_TEXT];

        hub_id_text(&hop.hub, text);
        msgpack_write_str(out, name.len > 0 ? name : bytes_of_text(text));
    }
}

static bool is_announced_elsewhere(const struct foreign *foreign, const struct foreign_item *member)
{
    const struct list *channels = &foreign->table.all_channels;

    for (const struct list *at = channels->next; at != channels; at = at->next) {
        const struct foreign_channel *channel =
            container_of((struct list *)at, struct foreign_channel, in_table);
        const struct foreign_item *other =
            foreign_table_item(&foreign->table, ROUTE_MEMBER, channel->name, member->name);

        if (other && other != member && other->standing == FOREIGN_GRANTED)
            return true;
    }
    return false;
}

static void write_member(const struct foreign *foreign, const struct foreign_item *item, struct bytes mode,
                         bool has_path, struct buffer *out)
{
    msgpack_write_map(out, 3);
    msgpack_write_str(out, BYTES_LITERAL("id"));
    msgpack_write_str(out, item->name);
    msgpack_write_str(out, BYTES_LITERAL("mode"));
    msgpack_write_str(out, mode);
    msgpack_write_str(out, BYTES_LITERAL("path"));
    if (has_path)
        write_path(foreign, item, out);
    else
        msgpack_write_array(out, 0);
}

/* The package passes over a path that is no shorter than the one it knows, and with it a second channel of
 * the same member; so there an empty path goes ahead of the true one. */
static void announce(struct foreign *foreign, struct foreign_item *item, struct bytes mode)
{
    bool goes_ahead = is_announced_elsewhere(foreign, item);
    struct buffer clients = {0};
    struct draft draft;

    item->standing = FOREIGN_GRANTED;
    msgpack_write_array(&clients, 1U + goes_ahead);
    if (goes_ahead)
        write_member(foreign, item, mode, false, &clients);
    write_member(foreign, item, mode, true, &clients);
    draft_begin(&draft, "announce_remote");
    draft_text(&draft, "channel", item->channel->name);
    draft_raw(&draft, "clients", buffer_bytes(&clients));
    draft.out.failed = draft.out.failed || clients.failed;
    foreign_say(foreign, draft_finish(&draft));
    buffer_clear(&clients);
}

static void forget(struct foreign *foreign, struct foreign_item *item)
{
    struct draft draft;

    item->standing = FOREIGN_UNASKED;
    draft_begin(&draft, "forget_remote");
    draft_text(&draft, "id", item->name);
    draft_text(&draft, "channel", item->channel->name);
    foreign_say(foreign, draft_finish(&draft));
}

static void wish_member(struct foreign *foreign, struct foreign_item *item)
{
    bool is_wanted = foreign->has_members && item->n_hubs > 0 && !item->is_theirs;
    struct bytes mode;

    if (is_wanted && item->standing == FOREIGN_UNASKED && item->channel->state == FOREIGN_OPEN &&
        attributes_read_member(foreign_table_attributes(item), &mode) == 0)
        announce(foreign, item, mode);
    else if (!is_wanted && item->standing == FOREIGN_GRANTED)
        forget(foreign, item);
}

static bool may_ask(const struct foreign *foreign, const struct foreign_item *item)
{
    return item->standing == FOREIGN_UNASKED ||
           (item->standing == FOREIGN_REFUSED && foreign->now_ms >= item->retry_ms);
}

void foreign_wish_item(struct foreign *foreign, struct foreign_item *item)
{
    bool is_open = item->channel->state == FOREIGN_OPEN;

    switch (item->kind) {
    case ROUTE_SERVICE:
        if (is_open && may_ask(foreign, item))
            provide(foreign, item);
        return;
    case ROUTE_TOPIC:
        if (is_open && may_ask(foreign, item))
            declare(foreign, item);
        return;
    case ROUTE_INTEREST:
        if (is_open && may_ask(foreign, item))
            subscribe(foreign, item);
        else if (item->standing == FOREIGN_GRANTED && (item->n_hubs == 0 || is_declared_by_us(foreign, item)))
            unsubscribe(foreign, item);
        return;
    case ROUTE_MEMBER:
        wish_member(foreign, item);
        return;
    case ROUTE_HUB:
    case ROUTE_PROFILE:
    case ROUTE_KIND_COUNT:
        return;
    }
}

/* --- answers -------------------------------------------------------------------------------------------- */

static struct foreign_item *item_of(const struct foreign *foreign, const struct foreign_request *request)
{
    enum route_kind kind = request->kind == FOREIGN_REQUEST_PROVIDE   ? ROUTE_SERVICE
                           : request->kind == FOREIGN_REQUEST_DECLARE ? ROUTE_TOPIC
                                                                      : ROUTE_INTEREST;

    return foreign_table_item(&foreign->table, kind, request->channel, request->name);
}

/* The channel is open to us: what the mesh has in it can be asked for. */
static void enter_channel(struct foreign *foreign, struct foreign_channel *channel)
{
    struct foreign_item *interest;
    struct buffer attributes = {0};

    if (channel->state != FOREIGN_OPENING)
        return;
    channel->state = FOREIGN_OPEN;
    channel->refreshed_ms = foreign->now_ms;
    if (foreign->has_members)
        ask_for_members(foreign, channel);
    if (foreign_table_get_item(&foreign->table, ROUTE_INTEREST, channel->name, BYTES_NONE, &interest) != 0) {
        foreign_run_dry(foreign);
        return;
    }
    attributes_write_interest(&attributes);
    foreign_offer_set(foreign, interest, foreign_offer_attributes(&attributes));
    foreign_mark_items(foreign, channel);
}

static void warn(const struct foreign *foreign, const char *event, const struct foreign_request *request,
                 struct bytes error)
{
    char text[1024];

    snprintf(text, sizeof text, "hub %s refuses %.*s%s%.*s: %.*s", foreign->server_id,
             (int)request->channel.len, (const char *)request->channel.ptr, request->name.len > 0 ? ":" : "",
             (int)request->name.len, request->name.len > 0 ? (const char *)request->name.ptr : "",
             (int)(error.len < 512 ? error.len : 512), error.len > 0 ? (const char *)error.ptr : "");
    foreign->outlet.warn(foreign->outlet.context, event, text);
}

static void channel_answered(struct foreign *foreign, const struct foreign_request *request,
                             struct bytes error)
{
    struct foreign_channel *channel = foreign_table_channel(&foreign->table, request->channel);

    if (!channel)
        return;
    if (error.len == 0) {
        enter_channel(foreign, channel);
        return;
    }
    warn(foreign, "channel_refused", request, error);
    foreign_wish_lost_channel(foreign, channel);
    channel->state = FOREIGN_BARRED;
}

/* A topic that is ours to publish: whether anybody there has subscribed it before can't be asked, so we
 * publish until we are told that the last one has left. */
static void assume_subscribers(struct foreign *foreign, const struct foreign_item *topic)
{
    struct foreign_item *interest;
    struct buffer attributes = {0};

    if (foreign_table_get_item(&foreign->table, ROUTE_INTEREST, topic->channel->name, topic->name,
                               &interest) != 0) {
        foreign_run_dry(foreign);
        return;
    }
    attributes_write_interest(&attributes);
    foreign_offer_set(foreign, interest, foreign_offer_attributes(&attributes));
}

static void item_answered(struct foreign *foreign, const struct foreign_request *request, struct bytes error)
{
    struct foreign_item *item = item_of(foreign, request);

    if (!item || item->standing != FOREIGN_ASKED)
        return;
    if (error.len == 0) {
        item->standing = FOREIGN_GRANTED;
        if (item->kind == ROUTE_TOPIC)
            assume_subscribers(foreign, item);
    } else {
        item->standing = FOREIGN_REFUSED;
        if (item->retry_ms == 0)
            warn(foreign, is_error_of_conflict(error) ? "provider_conflict" : "refused_there", request,
                 error);
        item->retry_ms = foreign->now_ms + RETRY_MS;
        item->channel->wants_refresh = true;
        foreign_mark_channel(foreign, item->channel);
    }
    foreign_mark_item(foreign, item);
}

void foreign_wish_answered(struct foreign *foreign, const struct foreign_request *request, struct bytes error)
{
    switch (request->kind) {
    case FOREIGN_REQUEST_OPEN:
        channel_answered(foreign, request, error);
        return;
    case FOREIGN_REQUEST_PROVIDE:
    case FOREIGN_REQUEST_DECLARE:
    case FOREIGN_REQUEST_SUBSCRIBE:
        item_answered(foreign, request, error);
        return;
    case FOREIGN_REQUEST_MEMBERS: /* foreign_news.c */
    case FOREIGN_REQUEST_CALL:    /* foreign_relay.c */
        return;
    }
}

void foreign_wish_barred(struct foreign *foreign, const struct foreign_request *request)
{
    struct foreign_channel *channel = foreign_table_channel(&foreign->table, request->channel);

    if (!channel || channel->state == FOREIGN_BARRED)
        return;
    warn(foreign, "channel_protected", request,
         BYTES_LITERAL("the channel has a password there, and protected channels do not cross this link"));
    foreign_wish_lost_channel(foreign, channel);
    channel->state = FOREIGN_BARRED;
}

void foreign_wish_lost_channel(struct foreign *foreign, struct foreign_channel *channel)
{
    channel->state = FOREIGN_CLOSED;
    channel->is_populated = false;
    channel->was_asked = false;
    list_for_each (at, &channel->items) {
        struct foreign_item *item = container_of(at, struct foreign_item, in_channel);

        item->standing = FOREIGN_UNASKED;
        foreign_offer_withdraw(foreign, item);
    }
    foreign_mark_channel(foreign, channel);
}
