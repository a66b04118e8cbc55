/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/remotes.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/wire/answer.h"

static struct remote *first_with(const struct channel *channel, struct bytes id)
{
    struct map_node *node = map_find(&channel->remotes_by_id, id);

    return node ? container_of(node, struct remote, by_id) : NULL;
}

static struct remote *next_with_same_id(const struct remote *remote)
{
    struct map_node *node = map_next_equal(&remote->by_id);

    return node ? container_of(node, struct remote, by_id) : NULL;
}

static struct remote *find(const struct channel *channel, const struct client *via, struct bytes id)
{
    struct remote *remote = first_with(channel, id);

    while (remote && remote->via != via)
        remote = next_with_same_id(remote);
    return remote;
}

/* The one that is shown: the shortest path, of those the first. */
static struct remote *best(const struct channel *channel, struct bytes id)
{
    struct remote *chosen = first_with(channel, id);

    for (struct remote *remote = chosen; remote; remote = next_with_same_id(remote))
        if (remote->n_hops < chosen->n_hops ||
            (remote->n_hops == chosen->n_hops && remote->serial < chosen->serial))
            chosen = remote;
    return chosen;
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

static void detach(struct remote *remote)
{
    struct channel *channel = remote->channel;

    map_remove(&channel->remotes_by_id, &remote->by_id);
    roll_remove(&channel->remotes_by_serial, remote->serial);
    channel->n_remote_ids -= !first_with(channel, remote->id);
    list_unlink(&remote->in_channel);
    list_unlink(&remote->in_via);
    remote->via->n_remotes--;
    clients_discharge(remote->via, remote->charged_bytes);
}

static void forget(struct remote *remote)
{
    detach(remote);
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

static int enter(struct channel *channel, struct remote *remote)
{
    bool is_first = !first_with(channel, remote->id);

    if (map_insert(&channel->remotes_by_id, &remote->by_id, remote->id) < 0)
        return -ENOMEM;
    if (roll_add(&channel->remotes_by_serial, remote->serial, remote) < 0) {
        map_remove(&channel->remotes_by_id, &remote->by_id);
        return -ENOMEM;
    }
    channel->n_remote_ids += is_first;
    return 0;
}

static int insert(struct hub *hub, struct channel *channel, struct client *via,
                  const struct remote_traits *traits)
{
    size_t charge = via->kind == CLIENT_PEER
                        ? 0
                        : sizeof(struct remote) + traits->id.len + traits->mode.len + traits->raw_path.len;
    struct remote *remote;

    if (via->n_remotes == CLIENT_MAX_REMOTES)
        return REMOTES_E_TOO_MANY;
    if (!clients_charge(via, charge))
        return REMOTES_E_TOO_MUCH;
    remote = make(channel, via, traits);
    if (remote)
        remote->serial = hub_next_serial(hub);
    if (!remote || enter(channel, remote) < 0) {
        clients_discharge(via, charge);
        free(remote);
        return -ENOMEM;
    }
    remote->charged_bytes = charge;
    list_append(&channel->remotes, &remote->in_channel);
    list_append(&via->remotes, &remote->in_via);
    via->n_remotes++;
    return 0;
}

/* Whether what @via tells now replaces what it told before. */
static bool is_change(const struct remote *standing, const struct remote_traits *traits)
{
    if (standing->via->kind == CLIENT_PEER)
        return !bytes_equal(standing->raw_path, traits->raw_path) ||
               !bytes_equal(standing->mode, traits->mode);
    return traits->n_hops < standing->n_hops;
}

int remotes_add(struct hub *hub, struct channel *channel, struct client *via,
                const struct remote_traits *traits)
{
    struct remote *standing = find(channel, via, traits->id);
    struct remote *shown = best(channel, traits->id);
    struct remote *shown_now;
    int r;

    if (standing && !is_change(standing, traits))
        return 0;
    if (standing) {
        shown = shown == standing ? NULL : shown;
        forget(standing);
    }
    r = insert(hub, channel, via, traits);
    if (r != 0)
        return r;
    shown_now = best(channel, traits->id);
    if (shown_now != shown)
        tell(channel, shown_now, true);
    return 0;
}

static void take_back(struct remote *remote)
{
    bool was_shown = !remotes_is_shadowed(remote);
    struct remote *next;

    detach(remote);
    next = best(remote->channel, remote->id);
    if (!next)
        tell(remote->channel, remote, false);
    else if (was_shown)
        tell(remote->channel, next, true);
    free(remote);
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

void remotes_remove_others(struct channel *channel, const struct client *except)
{
    list_for_each (link, &channel->remotes) {
        struct remote *remote = container_of(link, struct remote, in_channel);

        if (remote->via != except && remote->via->kind != CLIENT_PEER)
            forget(remote);
    }
}

bool remotes_is_shadowed(const struct remote *remote)
{
    return best(remote->channel, remote->id) != remote;
}
