/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/remotes.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/wire/answer.h"

static struct remote *find(struct channel *channel, const struct client *via, struct bytes id)
{
    list_for_each (link, &channel->remotes) {
        struct remote *remote = container_of(link, struct remote, in_channel);

        if ((!via || remote->via == via) && bytes_equal(remote->id, id))
            return remote;
    }
    return NULL;
}

static void tell(struct channel *channel, const struct remote *remote, bool has_joined)
{
    struct membership_update update = {
        .channel = channel->name,
        .client_id = remote->id,
        .mode = remote->mode,
        .has_joined = has_joined,
        .raw_path = remote->raw_path,
    };
    cleanup_(block_unrefp) struct block *frame = NULL;

    if (channel->n_openers == 0)
        return;
    frame = answer_membership_update(&update);
    if (frame)
        channels_send(channel, remote->via, frame, FRAME_CONTROL);
}

static void unlink_and_free(struct remote *remote)
{
    list_unlink(&remote->in_channel);
    list_unlink(&remote->in_via);
    remote->via->n_remotes--;
    free(remote);
}

static struct bytes store(uint8_t **place, struct bytes bytes)
{
    struct bytes copy = bytes_of(*place, bytes.len);

    if (bytes.len)
        memcpy(*place, bytes.ptr, bytes.len);
    *place += bytes.len;
    return copy;
}

static struct remote *make(struct channel *channel, struct client *via, const struct remote_traits *traits)
{
    struct remote *remote = malloc(sizeof *remote + traits->id.len + traits->mode.len + traits->raw_path.len);
    uint8_t *place;

    if (!remote)
        return NULL;
    place = remote->storage;
    remote->id = store(&place, traits->id);
    remote->mode = store(&place, traits->mode);
    remote->raw_path = store(&place, traits->raw_path);
    remote->n_hops = traits->n_hops;
    remote->channel = channel;
    remote->via = via;
    return remote;
}

/* Behind all with a path as short: the first to tell of a path keeps it. */
static void insert_by_path(struct channel *channel, struct remote *remote)
{
    struct list *place = &channel->remotes;

    list_for_each (link, &channel->remotes) {
        if (container_of(link, struct remote, in_channel)->n_hops > remote->n_hops) {
            place = link;
            break;
        }
    }
    list_insert_before(place, &remote->in_channel);
}

int remotes_add(struct hub *hub, struct channel *channel, struct client *via,
                const struct remote_traits *traits)
{
    struct remote *standing = find(channel, via, traits->id);
    struct remote *best = find(channel, NULL, traits->id);
    bool is_news = !best || traits->n_hops < best->n_hops;
    struct remote *remote;

    (void)hub;
    if (standing && standing->n_hops <= traits->n_hops)
        return 0;
    if (!standing && via->n_remotes == CLIENT_MAX_REMOTES)
        return REMOTES_E_TOO_MANY;
    remote = make(channel, via, traits);
    if (!remote)
        return -ENOMEM;
    if (standing)
        unlink_and_free(standing);
    insert_by_path(channel, remote);
    list_append(&via->remotes, &remote->in_via);
    via->n_remotes++;
    if (is_news)
        tell(channel, remote, true);
    return 0;
}

static void take_back(struct remote *remote)
{
    struct channel *channel = remote->channel;
    bool was_shadowed = remotes_is_shadowed(remote);
    struct remote *next;

    list_unlink(&remote->in_channel);
    next = find(channel, NULL, remote->id);
    if (!next)
        tell(channel, remote, false);
    else if (!was_shadowed)
        tell(channel, next, true);
    unlink_and_free(remote);
}

void remotes_remove(struct hub *hub, struct channel *channel, const struct client *via, struct bytes id)
{
    struct remote *remote = find(channel, via, id);

    if (!remote)
        return;
    take_back(remote);
    channels_release(hub, channel);
}

void remotes_remove_client(struct hub *hub, struct client *via, const struct channel *channel)
{
    list_for_each (link, &via->remotes) {
        struct remote *remote = container_of(link, struct remote, in_via);
        struct channel *its_channel = remote->channel;

        if (channel && its_channel != channel)
            continue;
        take_back(remote);
        if (!channel)
            channels_release(hub, its_channel);
    }
}

bool remotes_is_shadowed(const struct remote *remote)
{
    return find(remote->channel, NULL, remote->id) != remote;
}
