/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <errno.h>

#include "hub/base/name.h"
#include "hub/client/wish.h"

/* wish_add() copies the name. */
static char *borrowed(const char *name)
{
    return (char *)(uintptr_t)name;
}

int commipc_topic_declare(struct commipc_channel *channel, const char *topic, struct commipc_value schema,
                          commipc_done_fn *on_done, void *user)
{
    struct wish sample = {
        .channel = channel, .kind = WISH_DECLARE, .name = borrowed(topic), .on_done = on_done, .user = user};

    return wish_add(&sample, (struct commipc_value){0}, schema);
}

int commipc_topic_subscribe(struct commipc_channel *channel, const char *topic,
                            commipc_message_fn *on_message, commipc_done_fn *on_done, void *user)
{
    struct wish sample = {.channel = channel,
                          .kind = WISH_SUBSCRIBE,
                          .name = borrowed(topic),
                          .on_message = on_message,
                          .on_done = on_done,
                          .user = user};

    return on_message ? wish_add(&sample, (struct commipc_value){0}, (struct commipc_value){0}) : -EINVAL;
}

int commipc_topic_publish(struct commipc_channel *channel, const char *topic, struct commipc_value data)
{
    struct draft draft;
    int r;

    if (!topic || !name_is_valid(bytes_of_text(topic)) || !client_is_sound(data))
        return -EINVAL;
    r = channel_check(channel);
    if (r)
        return r;
    draft_begin(&draft, "publish");
    draft_text(&draft, "channel", bytes_of_text(channel->name));
    draft_text(&draft, "sub_name", bytes_of_text(topic));
    draft_raw(&draft, "data", client_raw(data));
    return connection_send(&channel->client->connection, draft_finish(&draft), false);
}

static int tell_hub(struct commipc_channel *channel, const char *type, const char *topic,
                    commipc_done_fn *on_done, void *user)
{
    struct pending *pending;
    struct draft draft;
    int r = pending_new(channel->client, channel, CHANNEL_REQUEST_MS, &pending);

    if (r)
        return r;
    pending->settle = pending_settle_done;
    pending->on_done = on_done;
    pending->user = user;
    draft_begin(&draft, type);
    draft_text(&draft, "channel", bytes_of_text(channel->name));
    draft_text(&draft, "sub_name", bytes_of_text(topic));
    draft_text(&draft, "request_id", bytes_of_text(pending->id));
    return pending_send(pending, &draft, true);
}

static int take_back(struct commipc_channel *channel, enum wish_kind kind, const char *type,
                     const char *topic, commipc_done_fn *on_done, void *user)
{
    struct commipc_client *client = channel->client;
    struct wish *wish = topic ? wish_find(channel, kind, bytes_of_text(topic)) : NULL;
    bool is_open = channel_check(channel) == 0;
    int r = 0;

    if (!wish)
        return COMMIPC_E_ABSENT;
    if (is_open)
        r = tell_hub(channel, type, topic, on_done, user);
    if (r)
        return r;
    commipc_client_enter(client);
    wish_remove(wish);
    if (!is_open && on_done)
        on_done(user, 0, "");
    commipc_client_leave(client);
    return 0;
}

int commipc_topic_undeclare(struct commipc_channel *channel, const char *topic, commipc_done_fn *on_done,
                            void *user)
{
    return take_back(channel, WISH_DECLARE, "remove_subscription", topic, on_done, user);
}

int commipc_topic_unsubscribe(struct commipc_channel *channel, const char *topic, commipc_done_fn *on_done,
                              void *user)
{
    return take_back(channel, WISH_SUBSCRIBE, "unsubscribe", topic, on_done, user);
}
