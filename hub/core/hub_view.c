/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/hub_view.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/core/providers.h"
#include "hub/core/remotes.h"
#include "hub/core/topics.h"
#include "hub/wire/msgpack_read.h"

#define CHUNK_BYTES 16384

/* Memory that is given back in one go. */
struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    _Alignas(16) uint8_t bytes[];
};

struct view {
    struct chunk *chunks;
    bool failed;
};

static void *take_memory(struct view *view, size_t len)
{
    struct chunk *chunk = view->chunks;
    void *memory;

    len = (len + 15) & ~(size_t)15;
    if (!chunk || chunk->size - chunk->used < len) {
        size_t size = len > CHUNK_BYTES ? len : CHUNK_BYTES;

        chunk = malloc(sizeof *chunk + size);
        if (!chunk) {
            view->failed = true;
            return NULL;
        }
        *chunk = (struct chunk){.next = view->chunks, .size = size};
        view->chunks = chunk;
    }
    memory = chunk->bytes + chunk->used;
    chunk->used += len;
    return memory;
}

/* Zeroed rows; where memory fails, n is set to 0 so that nobody walks them. */
static void *take_rows(struct view *view, size_t row_bytes, size_t *n)
{
    void *rows = *n ? take_memory(view, row_bytes * *n) : NULL;

    if (rows)
        memset(rows, 0, row_bytes * *n);
    else
        *n = 0;
    return rows;
}

static const char *copy_text(struct view *view, struct bytes text)
{
    char *copy = take_memory(view, text.len + 1);

    if (!copy)
        return "";
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static struct bytes copy_raw(struct view *view, struct bytes raw)
{
    void *copy = raw.len ? take_memory(view, raw.len) : NULL;

    if (!copy)
        return BYTES_NONE;
    memcpy(copy, raw.ptr, raw.len);
    return bytes_of(copy, raw.len);
}

const char *hub_view_text(struct view *view, const char *text)
{
    const char *copy = copy_text(view, bytes_of_text(text));

    return view->failed ? NULL : copy;
}

void hub_view_free(struct view *view)
{
    if (!view)
        return;
    while (view->chunks) {
        struct chunk *next = view->chunks->next;

        free(view->chunks);
        view->chunks = next;
    }
    free(view);
}

struct view_counts hub_view_counts(const struct hub *hub)
{
    return (struct view_counts){
        .n_clients = hub->n_clients,
        .n_channels = hub->n_channels,
        .n_events = hub->n_events,
        .n_topics = hub->n_topics,
        .n_calls = hub->calls_by_key.n_nodes,
    };
}

static void copy_client(struct view *view, struct client *client, struct view_client *out)
{
    size_t n = client->n_memberships;

    out->serial = client->serial;
    out->id = copy_text(view, client->id);
    out->mode = clients_mode(client);
    out->since_s = client->since_s;
    out->messages_in = client->messages_in;
    out->messages_out = client->messages_out;
    out->owner = client->owner;
    out->channels = take_rows(view, sizeof *out->channels, &n);
    if (!n)
        return;
    list_for_each (link, &client->memberships)
        out->channels[out->n_channels++] =
            copy_text(view, container_of(link, struct member, in_client)->channel->name);
}

int hub_view_clients(const struct hub *hub, uint64_t after, size_t limit, struct view_clients *out_clients)
{
    struct view *view = calloc(1, sizeof *view);
    struct view_clients page = {.view = view};

    if (!view)
        return -ENOMEM;
    page.clients = take_rows(view, sizeof *page.clients, &limit);
    list_for_each (link, &hub->clients) {
        struct client *client = container_of(link, struct client, all);

        if (client->serial <= after || client->kind == CLIENT_PEER || client->kind == CLIENT_GUEST)
            continue;
        page.has_more = page.n_clients == limit;
        if (page.has_more)
            break;
        copy_client(view, client, &page.clients[page.n_clients++]);
    }
    if (view->failed) {
        hub_view_free(view);
        return -ENOMEM;
    }
    *out_clients = page;
    return 0;
}

static void copy_path(struct view *view, struct bytes raw_path, struct view_member *out)
{
    struct msgpack_reader reader = msgpack_reader_of(raw_path);
    struct msgpack_value value;
    size_t n;

    if (msgpack_read(&reader, &value) != 0 || value.type != MSGPACK_ARRAY)
        return;
    n = value.n_items;
    out->path = take_rows(view, sizeof *out->path, &n);
    for (; out->n_path < n && msgpack_read(&reader, &value) == 0 && value.type == MSGPACK_STR; out->n_path++)
        out->path[out->n_path] = copy_text(view, value.raw);
}

static void copy_members(struct view *view, struct channel *channel, struct view_channel *out)
{
    size_t n = channel->n_members;

    list_for_each (link, &channel->remotes)
        n += !remotes_is_shadowed(container_of(link, struct remote, in_channel));
    out->members = take_rows(view, sizeof *out->members, &n);
    if (!n)
        return;
    list_for_each (link, &channel->members) {
        const struct client *client = container_of(link, struct member, in_channel)->client;

        out->members[out->n_members++] = (struct view_member){
            .id = copy_text(view, client->id),
            .mode = clients_mode(client),
            .is_local = true,
        };
    }
    list_for_each (link, &channel->remotes) {
        const struct remote *remote = container_of(link, struct remote, in_channel);
        struct view_member *member = &out->members[out->n_members];

        if (remotes_is_shadowed(remote))
            continue;
        member->id = copy_text(view, remote->id);
        member->mode = copy_text(view, remote->mode);
        copy_path(view, remote->raw_path, member);
        out->n_members++;
    }
}

static void copy_event(struct view *view, struct event *event, struct view_event *out)
{
    size_t n = event->n_local + event->n_peers;

    out->name = copy_text(view, event->name);
    out->is_group = event->is_group;
    out->is_stream = event->is_stream;
    out->raw_param_schema = copy_raw(view, event->raw_param_schema);
    out->raw_return_schema = copy_raw(view, event->raw_return_schema);
    out->providers = take_rows(view, sizeof *out->providers, &n);
    if (!n)
        return;
    list_for_each (link, &event->providers)
        out->providers[out->n_providers++] =
            copy_text(view, container_of(link, struct provider, in_event)->client->id);
}

static void copy_channel(struct view *view, struct channel *channel, struct view_channel *out)
{
    const struct client *owner = channels_owner(channel);
    size_t n_events = channel->events_by_name.n_nodes;
    size_t n_topics = channel->topics_by_name.n_nodes;

    out->serial = channel->serial;
    out->name = copy_text(view, channel->name);
    out->password_origin = channel->password_origin;
    out->owner = owner && !channel->is_system ? copy_text(view, owner->id) : NULL;
    copy_members(view, channel, out);
    out->events = take_rows(view, sizeof *out->events, &n_events);
    out->topics = take_rows(view, sizeof *out->topics, &n_topics);
    list_for_each (link, &channel->events) {
        if (out->n_events == n_events)
            break;
        copy_event(view, container_of(link, struct event, in_channel), &out->events[out->n_events++]);
    }
    list_for_each (link, &channel->topics) {
        const struct topic *topic = container_of(link, struct topic, in_channel);
        struct bytes topic_owner = topics_owner_id(topic);

        if (out->n_topics == n_topics)
            break;
        out->topics[out->n_topics++] = (struct view_topic){
            .name = copy_text(view, topic->name),
            .owner = topic_owner.ptr ? copy_text(view, topic_owner) : NULL,
            .n_subscribers = topic->n_subscriptions,
        };
    }
}

int hub_view_channels(const struct hub *hub, uint64_t after, size_t limit, struct view_channels *out_channels)
{
    struct view *view = calloc(1, sizeof *view);
    struct view_channels page = {.view = view};

    if (!view)
        return -ENOMEM;
    page.channels = take_rows(view, sizeof *page.channels, &limit);
    list_for_each (link, &hub->channels) {
        struct channel *channel = container_of(link, struct channel, all);

        if (channel->serial <= after)
            continue;
        page.has_more = page.n_channels == limit;
        if (page.has_more)
            break;
        copy_channel(view, channel, &page.channels[page.n_channels++]);
    }
    if (view->failed) {
        hub_view_free(view);
        return -ENOMEM;
    }
    *out_channels = page;
    return 0;
}

int hub_view_channel(const struct hub *hub, struct bytes name, struct view_channels *out_channels)
{
    struct view *view = calloc(1, sizeof *view);
    struct channel *channel = channels_find(hub, name);
    struct view_channels page = {.view = view, .n_channels = channel != NULL};

    if (!view)
        return -ENOMEM;
    page.channels = take_rows(view, sizeof *page.channels, &page.n_channels);
    if (page.n_channels)
        copy_channel(view, channel, page.channels);
    if (view->failed) {
        hub_view_free(view);
        return -ENOMEM;
    }
    *out_channels = page;
    return 0;
}
