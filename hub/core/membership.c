/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/membership.h"

#include <errno.h>

#include "hub/base/name.h"
#include "hub/core/access.h"
#include "hub/core/calls.h"
#include "hub/core/providers.h"
#include "hub/core/remotes.h"
#include "hub/core/request.h"
#include "hub/core/topics.h"
#include "hub/wire/answer.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"

#define EMPTY_ARRAY BYTES_LITERAL("\x90")

static void write_local(struct buffer *out, const struct client *client)
{
    msgpack_write_map(out, 4);
    msgpack_write_str(out, BYTES_LITERAL("id"));
    msgpack_write_str(out, client->id);
    msgpack_write_str(out, BYTES_LITERAL("mode"));
    msgpack_write_str(out, bytes_of_text(clients_mode(client)));
    msgpack_write_str(out, BYTES_LITERAL("is_local"));
    msgpack_write_bool(out, true);
    msgpack_write_str(out, BYTES_LITERAL("path"));
    msgpack_write_array(out, 0);
}

static void write_remote(struct buffer *out, const struct remote *remote)
{
    msgpack_write_map(out, 5);
    msgpack_write_str(out, BYTES_LITERAL("id"));
    msgpack_write_str(out, remote->id);
    msgpack_write_str(out, BYTES_LITERAL("mode"));
    msgpack_write_str(out, remote->mode);
    msgpack_write_str(out, BYTES_LITERAL("is_local"));
    msgpack_write_bool(out, false);
    msgpack_write_str(out, BYTES_LITERAL("bridge_id"));
    msgpack_write_str(out, remote->via->id);
    msgpack_write_str(out, BYTES_LITERAL("path"));
    msgpack_write_raw(out, remote->raw_path);
}

static void write_members(struct buffer *out, struct channel *channel)
{
    msgpack_write_map(out, 1);
    msgpack_write_str(out, BYTES_LITERAL("members"));
    if (!channel) {
        msgpack_write_array(out, 0);
        return;
    }
    msgpack_write_array(out, channel->n_members + channel->n_remote_ids);
    list_for_each (link, &channel->members)
        write_local(out, container_of(link, struct member, in_channel)->client);
    list_for_each (link, &channel->remotes) {
        const struct remote *remote = container_of(link, struct remote, in_channel);

        if (!remotes_is_shadowed(remote))
            write_remote(out, remote);
    }
}

int membership_list(struct hub *hub, struct client *client, const struct message *message)
{
    struct bytes name;
    struct channel *channel;
    struct buffer data;

    if (!request_name(hub, client, message, KEY_CHANNEL, &name))
        return 0;
    channel = channels_find(hub, name);
    if (!access_is_granted(hub, client, channel)) {
        request_fail(hub, client, message, ERROR_NOT_A_MEMBER, name, BYTES_NONE);
        return 0;
    }
    buffer_init(&data);
    write_members(&data, channel);
    if (data.failed) {
        buffer_clear(&data);
        return -ENOMEM;
    }
    clients_send_new(client, answer_data(request_id(message), buffer_bytes(&data)), FRAME_CONTROL);
    buffer_clear(&data);
    return 0;
}

/* Whether the path is an array of names, how long it is, and whether this hub is in it. */
static bool read_path(const struct hub *hub, struct bytes raw, uint32_t *out_n_hops, bool *out_has_us)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);
    struct msgpack_value value;

    *out_has_us = false;
    if (msgpack_read(&reader, &value) != 0 || value.type != MSGPACK_ARRAY || value.n_items > REMOTES_MAX_HOPS)
        return false;
    *out_n_hops = value.n_items;
    for (uint32_t i = 0; i < *out_n_hops; i++) {
        if (msgpack_read(&reader, &value) != 0 || value.type != MSGPACK_STR || !name_is_valid(value.raw))
            return false;
        *out_has_us = *out_has_us || bytes_equal(value.raw, hub_id_text(hub));
    }
    return true;
}

/* One element of `clients`: a map {id, mode, path}, or a bare id. False: it is neither. */
static bool read_announced(struct bytes raw, struct remote_traits *out_traits)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);
    struct msgpack_value value;
    struct message map;

    *out_traits = (struct remote_traits){.mode = BYTES_LITERAL("client"), .raw_path = EMPTY_ARRAY};
    if (msgpack_read(&reader, &value) != 0)
        return false;
    if (value.type == MSGPACK_STR) {
        out_traits->id = value.raw;
    } else {
        struct bytes mode;

        if (message_parse_nested(raw, MESSAGE_ANNOUNCE_REMOTE, &map) != 0 ||
            message_text(&map, KEY_ID, &out_traits->id) != 0)
            return false;
        if (message_text(&map, KEY_MODE, &mode) == 0)
            out_traits->mode = mode;
        if (message_has(&map, KEY_PATH))
            out_traits->raw_path = message_raw(&map, KEY_PATH);
    }
    return name_is_valid(out_traits->id) && name_is_valid(out_traits->mode);
}

static int announce_one(struct hub *hub, struct client *client, struct channel *channel, struct bytes raw)
{
    struct remote_traits traits;
    bool has_us;

    if (!read_announced(raw, &traits) || !read_path(hub, traits.raw_path, &traits.n_hops, &has_us))
        return 0; /* one odd entry does not spoil the others */
    /* Known here already, or seen through ourselves: a detour is no news. */
    if (has_us || clients_find(hub, traits.id))
        return 0;
    return remotes_add(hub, channel, client, &traits);
}

static int announce_all(struct hub *hub, struct client *client, const struct message *message,
                        struct channel *channel)
{
    struct msgpack_reader reader = msgpack_reader_of(message_raw(message, KEY_CLIENTS));
    struct msgpack_value list;
    int r = 0;

    if (msgpack_read(&reader, &list) != 0 || list.type != MSGPACK_ARRAY) {
        request_fail(hub, client, message, ERROR_BAD_FIELD, BYTES_LITERAL("clients"), BYTES_NONE);
        return 0;
    }
    for (uint32_t i = 0; i < list.n_items && r == 0; i++) {
        struct bytes raw;

        if (msgpack_skip(&reader, &raw) != 0)
            break;
        r = announce_one(hub, client, channel, raw);
    }
    if (r == REMOTES_E_TOO_MANY) {
        request_fail_too_many(hub, client, message, "remote clients", CLIENT_MAX_REMOTES);
        return 0;
    }
    if (r == REMOTES_E_TOO_MUCH) {
        request_fail_too_many(hub, client, message, "bytes of remote clients", CLIENT_MAX_HELD_BYTES);
        return 0;
    }
    return r;
}

int membership_announce(struct hub *hub, struct client *client, const struct message *message)
{
    struct bytes name;
    struct channel *channel;
    int r;

    if (client->kind != CLIENT_BRIDGE)
        return 0; /* the reference ignores it from others, and so its clients may send it */
    if (!request_plain_channel(hub, client, message, &name))
        return 0;
    if (!access_is_granted(hub, client, channels_find(hub, name))) {
        request_fail(hub, client, message, ERROR_NOT_A_MEMBER, name, BYTES_NONE);
        return 0;
    }
    r = channels_get(hub, name, &channel);
    if (r < 0)
        return r;
    r = announce_all(hub, client, message, channel);
    channels_release(hub, channel);
    return r;
}

static void forget_everywhere(struct hub *hub, struct client *client, struct bytes id)
{
    list_for_each (link, &client->remotes) {
        struct remote *remote = container_of(link, struct remote, in_via);

        if (bytes_equal(remote->id, id))
            remotes_remove(hub, remote->channel, client, remote->id);
    }
}

int membership_forget(struct hub *hub, struct client *client, const struct message *message)
{
    struct bytes id;
    struct bytes name;
    struct channel *channel;

    if (client->kind != CLIENT_BRIDGE || message_text(message, KEY_ID, &id) != 0)
        return 0;
    if (message_text(message, KEY_CHANNEL, &name) != 0) {
        forget_everywhere(hub, client, id);
        return 0;
    }
    channel = channels_find(hub, name);
    if (channel)
        remotes_remove(hub, channel, client, id);
    return 0;
}

static void expel_one(struct hub *hub, struct member *member, struct block *notice)
{
    struct channel *channel = member->channel;
    struct client *client = member->client;

    if (notice)
        clients_send(client, notice, FRAME_CONTROL);
    else
        clients_end(client, END_OUT_OF_MEMORY); /* rather than leave it in the belief that it is a member */
    channels_leave(hub, member);
    channels_tell_membership(hub, channel, client, false);
    providers_remove_client(hub, client, channel);
    calls_fail_taken(hub, client, channel->name, BYTES_NONE);
}

static struct block *notice_for(const struct channel *channel, enum error_text text)
{
    char buffer[ERROR_TEXT_SIZE];

    return answer_error(error_text_format(text, channel->name, BYTES_NONE, buffer), BYTES_NONE);
}

static void expel(struct hub *hub, struct channel *channel, const struct client *except, struct block *notice)
{
    /* First nobody of them listens any more: each would be told of every other's leaving. */
    list_for_each (link, &channel->members) {
        struct member *member = container_of(link, struct member, in_channel);

        if (member->client != except)
            channels_close(hub, member);
    }
    list_for_each (link, &channel->members) {
        struct member *member = container_of(link, struct member, in_channel);

        if (member->client != except)
            expel_one(hub, member, notice);
    }
}

void membership_expel(struct hub *hub, struct channel *channel, const struct client *except,
                      enum error_text text)
{
    cleanup_(block_unrefp) struct block *notice = notice_for(channel, text);

    expel(hub, channel, except, notice);
}

void membership_expel_all(struct hub *hub, struct channel *channel, const struct client *except,
                          enum error_text text)
{
    cleanup_(block_unrefp) struct block *notice = notice_for(channel, text);

    topics_remove_others(hub, channel, except, notice);
    remotes_remove_others(channel, except);
    expel(hub, channel, except, notice);
}

/* The password goes with the members: what was said under it must not be heard without it. */
static void terminate(struct hub *hub, struct channel *channel, const struct client *owner)
{
    if (channel_is_protected(channel))
        membership_expel_all(hub, channel, owner, ERROR_OWNER_DISCONNECTED);
    else
        membership_expel(hub, channel, owner, ERROR_OWNER_DISCONNECTED);
}

static void end_membership(struct hub *hub, struct member *member)
{
    struct channel *channel = member->channel;
    struct client *client = member->client;
    bool was_owner = channels_owner(channel) == client;

    channels_leave(hub, member);
    channels_tell_membership(hub, channel, client, false);
    /* With promote nothing is to be done: the owner is whoever joined earliest of those who are left. */
    if (was_owner && hub->options.channel_policy == CHANNEL_TERMINATE)
        terminate(hub, channel, client);
    channels_release(hub, channel);
}

void membership_end(struct hub *hub, struct client *client)
{
    list_for_each (link, &client->memberships)
        end_membership(hub, container_of(link, struct member, in_client));
}
