/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/hub_view.h"

#include <errno.h>

#include "hub/core/channels.h"

struct view_counts hub_view_counts(const struct hub *hub)
{
    return (struct view_counts){
        .n_clients = hub->clients_by_serial.n_elements,
        .n_channels = hub->channels_by_serial.n_elements,
        .n_events = hub->n_events,
        .n_topics = hub->n_topics,
        .n_calls = hub->calls_by_key.n_nodes,
    };
}

/* ---- clients ---- */

static void copy_channels(struct view *view, struct client *client, size_t most, struct view_client *out)
{
    size_t n = client->n_memberships < most ? client->n_memberships : most;

    out->n_channels = client->n_memberships;
    out->channels = view_rows(view, sizeof *out->channels, &n);
    list_for_each (link, &client->memberships) {
        if (out->n_named == n)
            return;
        out->channels[out->n_named++] =
            view_text(view, container_of(link, struct member, in_client)->channel->name);
    }
}

static void describe_client(struct view *view, struct client *client, size_t most_channels,
                            struct view_client *out)
{
    *out = (struct view_client){
        .serial = client->serial,
        .id = view_text(view, client->id),
        .mode = clients_mode(client),
        .since_s = client->since_s,
        .messages_in = client->messages_in,
        .messages_out = client->messages_out,
        .owner = client->owner,
    };
    copy_channels(view, client, most_channels, out);
}

static void copy_client(struct view *view, void *element, void *out_row)
{
    describe_client(view, element, HUB_VIEW_FEW_CHANNELS, out_row);
}

/* What a list of the members of a channel, or of the channels of a client, looks up for each row. */
struct membership {
    const struct hub *hub;
    const struct channel *channel;
    const struct client *client;
};

static bool is_in_channel(const void *context, void *element)
{
    const struct membership *wanted = context;

    return channels_member(wanted->hub, element, wanted->channel) != NULL;
}

int hub_view_clients(const struct hub *hub, struct view_list *list)
{
    static const struct view_kind all = {sizeof(struct view_client), .copy = copy_client};
    static const struct view_kind members = {sizeof(struct view_client), .wants = is_in_channel,
                                             .copy = copy_client};
    struct membership wanted = {.hub = hub};

    if (!list->channel.ptr)
        return view_step(list, &all, &hub->clients_by_serial, NULL);
    wanted.channel = channels_find(hub, list->channel);
    if (!wanted.channel)
        return view_give_up(list, VIEW_E_UNKNOWN);
    return view_step(list, &members, &hub->clients_by_serial, &wanted);
}

static struct client *find_client(const struct hub *hub, struct bytes id)
{
    struct client *client = clients_find(hub, id);

    return client && clients_is_counted(client) ? client : NULL;
}

int hub_view_client(const struct hub *hub, struct bytes id, struct view *view, struct view_client *out_client,
                    struct view_holdings *out_holdings)
{
    struct client *client = find_client(hub, id);

    if (!client)
        return VIEW_E_UNKNOWN;
    describe_client(view, client, HUB_VIEW_MANY_CHANNELS, out_client);
    *out_holdings = (struct view_holdings){
        .n_events = client->n_providers,
        .n_topics = client->n_topics,
        .n_subscriptions = client->n_subscriptions,
        .n_remotes = client->n_remotes,
        .n_calls_made = client->n_calls_made,
        .n_calls_taken = client->n_calls_taken,
        .held_bytes = client->held_bytes,
    };
    return view_has_failed(view) ? -ENOMEM : 0;
}

/* ---- channels ---- */

static void copy_channel(struct view *view, void *element, void *out_row)
{
    const struct channel *channel = element;
    const struct client *owner = channels_owner(channel);
    struct view_channel *out = out_row;

    *out = (struct view_channel){
        .serial = channel->serial,
        .name = view_text(view, channel->name),
        .password_origin = channel->password_origin,
        .owner = owner ? view_text(view, owner->id) : NULL,
        .n_members = channel->n_members + channel->n_remote_ids,
        .n_events = channel->events_by_serial.n_elements,
        .n_topics = channel->topics_by_serial.n_elements,
        .counters = channel->counters,
    };
}

static bool is_of_client(const void *context, void *element)
{
    const struct membership *wanted = context;

    return wanted->client && channels_member(wanted->hub, wanted->client, element);
}

int hub_view_channels(const struct hub *hub, struct view_list *list)
{
    static const struct view_kind all = {sizeof(struct view_channel), .copy = copy_channel};
    static const struct view_kind joined = {sizeof(struct view_channel), .wants = is_of_client,
                                            .copy = copy_channel};
    struct membership wanted = {.hub = hub};

    if (!list->member.ptr)
        return view_step(list, &all, &hub->channels_by_serial, NULL);
    wanted.client = find_client(hub, list->member);
    return view_step(list, &joined, &hub->channels_by_serial, &wanted);
}

int hub_view_channel(const struct hub *hub, struct bytes name, struct view *view,
                     struct view_channel *out_channel)
{
    struct channel *channel = channels_find(hub, name);

    if (!channel)
        return VIEW_E_UNKNOWN;
    copy_channel(view, channel, out_channel);
    return view_has_failed(view) ? -ENOMEM : 0;
}
