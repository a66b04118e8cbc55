/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/name.h"
#include "hub/base/text.h"
#include "hub/client/channel.h"
#include "hub/client/wish.h"

DEFINE_CLEANUP(struct commipc_channel *, channel_free)

static int set_key(struct commipc_channel *channel)
{
    int r;

    if (!channel->password) {
        channel->has_key = false;
        return 0;
    }
    r = signature_derive_key(bytes_of_text(channel->password), bytes_of_text(channel->name), channel->key);
    channel->has_key = r == 0;
    return r;
}

static bool is_good_password(const char *password)
{
    return !password || (*password && text_is_utf8(bytes_of_text(password)));
}

static int make(struct commipc_client *client, const char *name, const char *password,
                struct commipc_channel **out_channel)
{
    cleanup_(channel_freep) struct commipc_channel *channel = calloc(1, sizeof *channel);
    int r;

    if (!channel)
        return -ENOMEM;
    channel->client = client;
    list_init(&channel->link);
    list_init(&channel->wishes);
    list_init(&channel->listeners);
    list_init(&channel->offers);
    map_init(&channel->offer_by_name);
    channel->name = strdup(name);
    channel->password = password ? strdup(password) : NULL;
    if (!channel->name || (password && !channel->password))
        return -ENOMEM;
    r = set_key(channel);
    if (r == 0)
        r = map_insert(&client->channel_by_name, &channel->node, bytes_of_text(channel->name));
    if (r < 0) {
        channel->node.key = BYTES_NONE;
        return r;
    }
    list_append(&client->channels, &channel->link);
    *out_channel = take(channel);
    return 0;
}

struct commipc_channel *commipc_channel_find(struct commipc_client *client, const char *name)
{
    struct map_node *node = map_find(&client->channel_by_name, bytes_of_text(name));

    return node ? container_of(node, struct commipc_channel, node) : NULL;
}

int commipc_channel_open(struct commipc_client *client, const char *name, const char *password,
                         commipc_done_fn *on_done, void *user, struct commipc_channel **out_channel)
{
    struct commipc_channel *channel;
    int r;

    if (!name || !name_is_valid(bytes_of_text(name)) || !is_good_password(password))
        return -EINVAL;
    if (client->connection.state == COMMIPC_STOPPED)
        return COMMIPC_E_STOPPED;
    if (commipc_channel_find(client, name))
        return -EALREADY;
    r = make(client, name, password, &channel);
    if (r < 0)
        return r;
    channel->on_done = on_done;
    channel->user = user;
    r = channel_ask(channel);
    if (r)
        channel_free(channel);
    else
        *out_channel = channel;
    return r;
}

const char *commipc_channel_name(const struct commipc_channel *channel)
{
    return channel->name;
}

bool commipc_channel_is_open(const struct commipc_channel *channel)
{
    return channel_check(channel) == 0;
}

int commipc_channel_on_message(struct commipc_channel *channel, const char *event,
                               commipc_message_fn *on_message, void *user)
{
    struct listener_entry *entry;

    if (!on_message || (event && !name_is_valid(bytes_of_text(event))))
        return -EINVAL;
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return -ENOMEM;
    entry->event = event ? strdup(event) : NULL;
    if (event && !entry->event) {
        free(entry);
        return -ENOMEM;
    }
    entry->on_message = on_message;
    entry->user = user;
    list_append(&channel->listeners, &entry->link);
    return 0;
}

/* --- requests about the channel --- */

int commipc_channel_members(struct commipc_channel *channel, commipc_answer_fn *on_answer, void *user)
{
    struct pending *pending;
    struct draft draft;
    int r = channel_check(channel);

    if (r == 0)
        r = pending_new(channel->client, channel, CHANNEL_REQUEST_MS, &pending);
    if (r)
        return r;
    pending->settle = pending_settle_answer;
    pending->on_answer = on_answer;
    pending->user = user;
    draft_begin(&draft, "list_members");
    draft_text(&draft, "channel", bytes_of_text(channel->name));
    draft_text(&draft, "request_id", bytes_of_text(pending->id));
    return pending_send(pending, &draft, true);
}

static void settle_password(struct pending *pending, const struct settlement *settlement)
{
    struct commipc_channel *channel = pending->channel;
    struct settlement told = *settlement;

    channel->is_setting_password = false;
    if (told.outcome) {
        channel_forget_password(channel->next_password);
    } else {
        channel_forget_password(channel->password);
        channel->password = channel->next_password;
    }
    channel->next_password = NULL;
    if (told.outcome == 0 && set_key(channel) < 0) {
        told.outcome = -ENOMEM;
        told.text = "out of memory";
    }
    pending_settle_done(pending, &told);
}

static int send_password(struct commipc_channel *channel, const char *password, commipc_done_fn *on_done,
                         void *user)
{
    struct pending *pending;
    struct draft draft;
    int r = pending_new(channel->client, channel, CHANNEL_REQUEST_MS, &pending);

    if (r)
        return r;
    pending->settle = settle_password;
    pending->on_done = on_done;
    pending->user = user;
    draft_begin(&draft, "set_password");
    draft_text(&draft, "channel", bytes_of_text(channel->name));
    draft_text(&draft, "password", bytes_of_text(password));
    draft_text(&draft, "request_id", bytes_of_text(pending->id));
    return pending_send(pending, &draft, true);
}

int commipc_channel_set_password(struct commipc_channel *channel, const char *password,
                                 commipc_done_fn *on_done, void *user)
{
    int r = is_good_password(password) ? channel_check(channel) : -EINVAL;

    if (r)
        return r;
    if (channel->is_setting_password)
        return -EALREADY;
    channel->next_password = password ? strdup(password) : NULL;
    if (password && !channel->next_password)
        return -ENOMEM;
    r = send_password(channel, password, on_done, user);
    channel->is_setting_password = r == 0;
    if (r) {
        channel_forget_password(channel->next_password);
        channel->next_password = NULL;
    }
    return r;
}

int commipc_channel_provide(struct commipc_channel *channel, const struct commipc_event *event)
{
    struct commipc_event full = {0};
    struct wish sample = {.channel = channel, .kind = WISH_PROVIDE};

    if (!event || event->size < sizeof event->size || !event->size)
        return -EINVAL;
    memcpy(&full, event, event->size < sizeof full ? event->size : sizeof full);
    if (!full.on_call)
        return -EINVAL;
    sample.name = (char *)(uintptr_t)full.name; /* wish_add() copies it */
    sample.is_stream = full.is_stream;
    sample.is_group = full.is_group;
    sample.on_call = full.on_call;
    sample.on_done = full.on_done;
    sample.user = full.user;
    return wish_add(&sample, full.param_schema, full.return_schema);
}
