/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/channels.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/metrics.h"
#include "hub/core/access.h"
#include "hub/core/peering_notes.h"
#include "hub/core/topics.h"
#include "hub/wire/answer.h"

#define SYSTEM_PREFIX BYTES_LITERAL("__comm_ipc_")

bool channels_is_system_name(struct bytes name)
{
    return bytes_start_with(name, SYSTEM_PREFIX);
}

struct channel *channels_find(const struct hub *hub, struct bytes name)
{
    struct map_node *node = map_find(&hub->channels_by_name, name);

    return node ? container_of(node, struct channel, by_name) : NULL;
}

static int enter(struct hub *hub, struct channel *channel)
{
    if (map_insert(&hub->channels_by_name, &channel->by_name, channel->name) < 0)
        return -ENOMEM;
    if (roll_add(&hub->channels_by_serial, channel->serial, channel) == 0)
        return 0;
    map_remove(&hub->channels_by_name, &channel->by_name);
    return -ENOMEM;
}

int channels_get(struct hub *hub, struct bytes name, struct channel **out_channel)
{
    struct channel *channel = channels_find(hub, name);

    if (channel) {
        *out_channel = channel;
        return 0;
    }
    channel = calloc(1, sizeof *channel + name.len);
    if (!channel)
        return -ENOMEM;
    memcpy(channel->name_bytes, name.ptr, name.len);
    channel->name = bytes_of(channel->name_bytes, name.len);
    channel->serial = hub_next_serial(hub);
    if (enter(hub, channel) < 0) {
        free(channel);
        return -ENOMEM;
    }
    channel->is_system = channels_is_system_name(name);
    list_init(&channel->members);
    map_init(&channel->events_by_name);
    list_init(&channel->events);
    map_init(&channel->topics_by_name);
    list_init(&channel->topics);
    map_init(&channel->remotes_by_id);
    list_init(&channel->remotes);
    list_init(&channel->challenges);
    list_append(&hub->channels, &channel->all);
    *out_channel = channel;
    return 0;
}

int channels_set_password(struct channel *channel, struct bytes password, enum password_origin origin)
{
    struct bytes copy;

    if (bytes_copy(password, &copy) < 0)
        return -ENOMEM;
    bytes_free_secret(&channel->password);
    channel->password = copy;
    channel->password_origin = copy.ptr ? origin : PASSWORD_NONE;
    return 0;
}

/* What clients did to the password ends with the last member; the configured one, if any, stands again. */
static void restore_password(struct hub *hub, struct channel *channel)
{
    if (channel->password_origin == channel->configured_origin)
        return;
    peering_withdraw_channel(hub, channel);
    /* No memory for the configured one: better the client's than none. */
    if (channels_set_password(channel, channel->configured_password, channel->configured_origin) == 0) {
        access_forget_channel(channel);
        peering_note_guard(hub, channel);
        if (channel_is_protected(channel))
            topics_remove_others(hub, channel, NULL, NULL);
    }
    peering_return_channel(hub, channel);
}

static bool is_used(const struct channel *channel)
{
    return !list_is_empty(&channel->members) || !list_is_empty(&channel->events) ||
           !list_is_empty(&channel->topics) || !list_is_empty(&channel->remotes) ||
           channel_is_protected(channel) || channel->configured_password.ptr;
}

void channels_release(struct hub *hub, struct channel *channel)
{
    if (list_is_empty(&channel->members))
        restore_password(hub, channel);
    if (is_used(channel))
        return;
    access_forget_channel(channel);
    bytes_free_secret(&channel->password);
    bytes_free_secret(&channel->configured_password);
    explicit_bzero(channel->signing_key, sizeof channel->signing_key);
    map_clear(&channel->events_by_name);
    map_clear(&channel->topics_by_name);
    map_clear(&channel->remotes_by_id);
    map_remove(&hub->channels_by_name, &channel->by_name);
    roll_remove(&hub->channels_by_serial, channel->serial);
    list_unlink(&channel->all);
    free(channel);
}

struct member *channels_member(const struct hub *hub, const struct client *client,
                               const struct channel *channel)
{
    struct pair pair = {client, channel};
    struct map_node *node = map_find(&hub->members_by_pair, pair_bytes(&pair));

    return node ? container_of(node, struct member, by_pair) : NULL;
}

static int enter_member(struct hub *hub, struct channel *channel, struct member *member)
{
    if (map_insert(&hub->members_by_pair, &member->by_pair, pair_bytes(&member->pair)) < 0)
        return -ENOMEM;
    if (roll_add(&channel->members_by_serial, member->serial, member) == 0)
        return 0;
    map_remove(&hub->members_by_pair, &member->by_pair);
    return -ENOMEM;
}

int channels_join(struct hub *hub, struct channel *channel, struct client *client, struct member **out_member,
                  bool *out_is_new)
{
    struct member *member = channels_member(hub, client, channel);

    *out_is_new = false;
    if (member) {
        *out_member = member;
        return 0;
    }
    if (client->n_memberships == CLIENT_MAX_MEMBERSHIPS)
        return CHANNELS_E_TOO_MANY;
    member = calloc(1, sizeof *member);
    if (!member)
        return -ENOMEM;
    member->pair = (struct pair){client, channel};
    member->serial = hub_next_serial(hub);
    if (enter_member(hub, channel, member) < 0) {
        free(member);
        return -ENOMEM;
    }
    member->channel = channel;
    member->client = client;
    list_append(&channel->members, &member->in_channel);
    list_append(&client->memberships, &member->in_client);
    channel->n_members++;
    client->n_memberships++;
    *out_member = member;
    *out_is_new = true;
    return 0;
}

void channels_open(struct hub *hub, struct member *member)
{
    if (member->has_opened)
        return;
    member->has_opened = true;
    if (member->channel->n_openers++ == 0)
        peering_note_interest(hub, member->channel, NULL, true);
}

void channels_close(struct hub *hub, struct member *member)
{
    if (member->has_opened && --member->channel->n_openers == 0)
        peering_note_interest(hub, member->channel, NULL, false);
    member->has_opened = false;
}

void channels_leave(struct hub *hub, struct member *member)
{
    struct channel *channel = member->channel;

    channels_close(hub, member);
    channel->n_members--;
    member->client->n_memberships--;
    list_unlink(&member->in_channel);
    list_unlink(&member->in_client);
    map_remove(&hub->members_by_pair, &member->by_pair);
    roll_remove(&channel->members_by_serial, member->serial);
    free(member);
}

struct client *channels_owner(const struct channel *channel)
{
    if (channel->is_system)
        return NULL;
    list_for_each (link, &channel->members) {
        struct member *member = container_of(link, struct member, in_channel);

        if (member->client->kind == CLIENT_LOCAL)
            return member->client;
    }
    return NULL;
}

size_t channels_send(struct channel *channel, const struct client *except, struct block *frame,
                     enum frame_class frame_class)
{
    size_t n = 0;

    list_for_each (link, &channel->members) {
        struct member *member = container_of(link, struct member, in_channel);

        if (!member->has_opened || member->client == except)
            continue;
        clients_send(member->client, frame, frame_class);
        n++;
    }
    return n;
}

void channels_note_deliveries(struct channel *channel, size_t n)
{
    metrics_add(METRICS_DELIVERIES, n);
    channel->counters.deliveries += n;
}

void channels_tell_membership(struct hub *hub, struct channel *channel, struct client *client,
                              bool has_joined)
{
    struct membership_update update = {
        .channel = channel->name,
        .client_id = client->id,
        .mode = bytes_of_text(clients_mode(client)),
        .has_joined = has_joined,
        .is_local = true,
    };
    cleanup_(block_unrefp) struct block *frame = NULL;

    peering_note_member(hub, channel, client, has_joined);
    if (channel->n_openers == 0)
        return;
    frame = answer_membership_update(&update);
    if (frame)
        channels_send(channel, client, frame, FRAME_CONTROL);
}
