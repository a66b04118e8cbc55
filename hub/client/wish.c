/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/client/wish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/name.h"

static void free_wish(struct wish *wish)
{
    list_unlink(&wish->link);
    buffer_clear(&wish->param_schema);
    buffer_clear(&wish->return_schema);
    free(wish->name);
    free(wish);
}

static const char *kind_text(enum wish_kind kind)
{
    switch (kind) {
    case WISH_PROVIDE:
        return "Event";
    case WISH_DECLARE:
        return "Topic";
    case WISH_SUBSCRIBE:
        return "Subscription";
    }
    return "";
}

static void tell(struct wish *wish, int outcome, const char *text)
{
    commipc_done_fn *on_done = wish->on_done;

    wish->on_done = NULL;
    if (on_done)
        on_done(wish->user, outcome, text);
    else if (outcome)
        commipc_client_complain(wish->channel->client, "%s %s of channel %s was not restored: %s",
                                kind_text(wish->kind), wish->name, wish->channel->name, text);
}

/* A wish that is refused stays: the reason may be gone at the next connect. */
static void settle(struct pending *pending, const struct settlement *settlement)
{
    struct wish *wish = pending->subject;

    wish->asking = NULL;
    if (settlement->outcome != COMMIPC_E_DISCONNECTED)
        tell(wish, settlement->outcome, settlement->text);
}

static void draft_registration(struct draft *draft, const struct wish *wish, const char *request_id)
{
    const struct commipc_client *client = wish->channel->client;

    draft_begin(draft, "register");
    draft_text(draft, "channel", bytes_of_text(wish->channel->name));
    draft_bool(draft, "is_provider", true);
    draft_text(draft, "event", bytes_of_text(wish->name));
    draft_bool(draft, "is_stream", wish->is_stream);
    draft_bool(draft, "is_group", wish->is_group);
    draft_text(draft, "client_id", bytes_of_text(client->connection.client_id));
    draft_text(draft, "request_id", bytes_of_text(request_id));
    draft_raw(draft, "param_schema", buffer_bytes(&wish->param_schema));
    draft_raw(draft, "return_schema", buffer_bytes(&wish->return_schema));
}

static void draft_topic(struct draft *draft, const struct wish *wish, const char *request_id)
{
    draft_begin(draft, wish->kind == WISH_DECLARE ? "add_subscription" : "subscribe");
    draft_text(draft, "channel", bytes_of_text(wish->channel->name));
    draft_text(draft, "sub_name", bytes_of_text(wish->name));
    draft_text(draft, "request_id", bytes_of_text(request_id));
    if (wish->kind == WISH_DECLARE)
        draft_raw(draft, "return_schema", buffer_bytes(&wish->return_schema));
}

static int ask(struct wish *wish)
{
    struct pending *pending;
    struct draft draft;
    int r = pending_new(wish->channel->client, wish->channel, CHANNEL_REQUEST_MS, &pending);

    if (r)
        return r;
    pending->settle = settle;
    pending->subject = wish;
    if (wish->kind == WISH_PROVIDE)
        draft_registration(&draft, wish, pending->id);
    else
        draft_topic(&draft, wish, pending->id);
    r = pending_send(pending, &draft, true);
    if (r == 0)
        wish->asking = pending;
    return r;
}

void wish_ask_all(struct commipc_channel *channel)
{
    list_for_each (link, &channel->wishes) {
        struct wish *wish = container_of(link, struct wish, link);
        int r;

        if (channel->client->is_freed || !channel->is_open)
            return;
        if (wish->is_gone || wish->asking)
            continue;
        r = ask(wish);
        if (r)
            tell(wish, r, commipc_outcome_text(r));
    }
}

void wish_lose_all(struct commipc_channel *channel)
{
    list_for_each (link, &channel->wishes) {
        struct wish *wish = container_of(link, struct wish, link);

        pending_cancel(wish->asking);
        wish->asking = NULL;
    }
}

void wish_free_all(struct commipc_channel *channel)
{
    list_for_each (link, &channel->wishes)
        free_wish(container_of(link, struct wish, link));
}

void wish_sweep(struct commipc_channel *channel)
{
    list_for_each (link, &channel->wishes) {
        struct wish *wish = container_of(link, struct wish, link);

        if (wish->is_gone)
            free_wish(wish);
    }
}

struct wish *wish_find(const struct commipc_channel *channel, enum wish_kind kind, struct bytes name)
{
    list_for_each (link, &channel->wishes) {
        struct wish *wish = container_of(link, struct wish, link);

        if (wish->kind == kind && !wish->is_gone && bytes_equal_text(name, wish->name))
            return wish;
    }
    return NULL;
}

static int fill(struct wish *wish, const char *name, struct commipc_value param_schema,
                struct commipc_value return_schema)
{
    wish->name = strdup(name);
    if (!wish->name || buffer_append_bytes(&wish->param_schema, client_raw(param_schema)) < 0 ||
        buffer_append_bytes(&wish->return_schema, client_raw(return_schema)) < 0)
        return -ENOMEM;
    return 0;
}

int wish_add(const struct wish *sample, struct commipc_value param_schema, struct commipc_value return_schema)
{
    struct commipc_channel *channel = sample->channel;
    struct wish *wish;
    int r;

    if (!sample->name || !name_is_valid(bytes_of_text(sample->name)) || !client_is_sound(param_schema) ||
        !client_is_sound(return_schema))
        return -EINVAL;
    if (wish_find(channel, sample->kind, bytes_of_text(sample->name)))
        return -EALREADY;
    wish = malloc(sizeof *wish);
    if (!wish)
        return -ENOMEM;
    *wish = *sample;
    list_init(&wish->link);
    buffer_init(&wish->param_schema);
    buffer_init(&wish->return_schema);
    r = fill(wish, sample->name, param_schema, return_schema);
    if (r == 0 && channel->is_open)
        r = ask(wish);
    if (r) {
        free_wish(wish);
        return r;
    }
    list_append(&channel->wishes, &wish->link);
    return 0;
}

void wish_remove(struct wish *wish)
{
    pending_cancel(wish->asking);
    wish->asking = NULL;
    wish->is_gone = true;
    wish->channel->client->has_gone_wishes = true;
}

/* The topic in "subscription.<topic>.data"; BYTES_NONE where it is no such event. */
static struct bytes topic_of(struct bytes event)
{
    static const struct bytes prefix = {(const uint8_t *)"subscription.", 13};
    static const struct bytes suffix = {(const uint8_t *)".data", 5};

    if (event.len <= prefix.len + suffix.len || !bytes_start_with(event, prefix) ||
        memcmp(event.ptr + event.len - suffix.len, suffix.ptr, suffix.len) != 0)
        return BYTES_NONE;
    return bytes_of(event.ptr + prefix.len, event.len - prefix.len - suffix.len);
}

void wish_hear(struct commipc_channel *channel, struct bytes event, const struct commipc_message *heard)
{
    struct bytes topic = topic_of(event);
    struct wish *wish = topic.len ? wish_find(channel, WISH_SUBSCRIBE, topic) : NULL;

    if (wish && wish->on_message)
        wish->on_message(wish->user, heard);
}
