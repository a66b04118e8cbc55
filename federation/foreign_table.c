/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/foreign_table.h"

#include <errno.h>
#include <stdlib.h>

/* kind, length of the channel, channel, name */
#define KEY_HEAD_BYTES 2
#define KEY_BYTES (KEY_HEAD_BYTES + 2 * 255)

void foreign_table_init(struct foreign_table *table)
{
    map_init(&table->channels);
    list_init(&table->all_channels);
    map_init(&table->items);
}

static void free_channel(struct foreign_table *table, struct foreign_channel *channel)
{
    map_remove(&table->channels, &channel->by_name);
    list_unlink(&channel->in_table);
    list_unlink(&channel->unsettled);
    free(channel);
}

static void free_item(struct foreign_table *table, struct foreign_item *item)
{
    map_remove(&table->items, &item->by_key);
    list_unlink(&item->in_channel);
    list_unlink(&item->unsettled);
    foreign_table_remove_owners(item);
    block_unref(item->their_attributes);
    block_unref(item->told_attributes);
    block_unref(item->path);
    for (size_t i = 0; i < item->n_hubs; i++)
        block_unref(item->hubs[i].attributes);
    free(item->hubs);
    free(item);
}

void foreign_table_clear(struct foreign_table *table)
{
    list_for_each (at, &table->all_channels) {
        struct foreign_channel *channel = container_of(at, struct foreign_channel, in_table);

        while (!list_is_empty(&channel->items))
            free_item(table, list_first_entry(&channel->items, struct foreign_item, in_channel));
        free_channel(table, channel);
    }
    map_clear(&table->channels);
    map_clear(&table->items);
}

struct foreign_channel *foreign_table_channel(const struct foreign_table *table, struct bytes name)
{
    struct map_node *node = map_find(&table->channels, name);

    return node ? container_of(node, struct foreign_channel, by_name) : NULL;
}

struct foreign_channel *foreign_table_get_channel(struct foreign_table *table, struct bytes name)
{
    struct foreign_channel *channel = foreign_table_channel(table, name);

    if (channel)
        return channel;
    channel = calloc(1, sizeof *channel + name.len);
    if (!channel)
        return NULL;
    memcpy(channel->storage, name.ptr, name.len);
    channel->name = bytes_of(channel->storage, name.len);
    list_init(&channel->in_table);
    list_init(&channel->unsettled);
    list_init(&channel->items);
    if (map_insert(&table->channels, &channel->by_name, channel->name) < 0) {
        free(channel);
        return NULL;
    }
    list_append(&table->all_channels, &channel->in_table);
    return channel;
}

/* Names have at most 255 bytes: whoever brings them has seen to that. */
static struct bytes write_key(enum route_kind kind, struct bytes channel, struct bytes name,
                              uint8_t out_key[KEY_BYTES])
{
    out_key[0] = (uint8_t)kind;
    out_key[1] = (uint8_t)channel.len;
    memcpy(out_key + KEY_HEAD_BYTES, channel.ptr, channel.len);
    if (name.len > 0)
        memcpy(out_key + KEY_HEAD_BYTES + channel.len, name.ptr, name.len);
    return bytes_of(out_key, KEY_HEAD_BYTES + channel.len + name.len);
}

struct foreign_item *foreign_table_item(const struct foreign_table *table, enum route_kind kind,
                                        struct bytes channel, struct bytes name)
{
    uint8_t key[KEY_BYTES];
    struct map_node *node = map_find(&table->items, write_key(kind, channel, name, key));

    return node ? container_of(node, struct foreign_item, by_key) : NULL;
}

static struct foreign_item *make_item(struct foreign_table *table, struct foreign_channel *channel,
                                      enum route_kind kind, struct bytes name)
{
    uint8_t key[KEY_BYTES];
    struct bytes written = write_key(kind, channel->name, name, key);
    struct foreign_item *item = calloc(1, sizeof *item + written.len);

    if (!item)
        return NULL;
    memcpy(item->key, written.ptr, written.len);
    item->kind = kind;
    item->channel = channel;
    item->name = bytes_of(item->key + KEY_HEAD_BYTES + channel->name.len, name.len);
    list_init(&item->unsettled);
    list_init(&item->owners);
    list_init(&item->in_channel);
    if (map_insert(&table->items, &item->by_key, bytes_of(item->key, written.len)) < 0) {
        free(item);
        return NULL;
    }
    list_append(&channel->items, &item->in_channel);
    return item;
}

int foreign_table_get_item(struct foreign_table *table, enum route_kind kind, struct bytes channel_name,
                           struct bytes name, struct foreign_item **out_item)
{
    struct foreign_channel *channel;

    *out_item = foreign_table_item(table, kind, channel_name, name);
    if (*out_item)
        return 0;
    if (table->items.n_nodes >= FOREIGN_TABLE_MAX_ITEMS)
        return FOREIGN_TABLE_E_FULL;
    channel = foreign_table_get_channel(table, channel_name);
    if (!channel)
        return -ENOMEM;
    *out_item = make_item(table, channel, kind, name);
    if (*out_item)
        return 0;
    foreign_table_release_channel(table, channel);
    return -ENOMEM;
}

struct foreign_hub *foreign_table_hub(const struct foreign_item *item, const struct hub_id *hub)
{
    for (size_t i = 0; i < item->n_hubs; i++) {
        if (hub_id_equal(&item->hubs[i].id, hub))
            return &item->hubs[i];
    }
    return NULL;
}

static void renew(struct foreign_hub *hub, uint64_t life, struct block *attributes)
{
    hub->life = life;
    block_unref(hub->attributes);
    hub->attributes = block_ref(attributes);
}

int foreign_table_add_hub(struct foreign_item *item, const struct hub_id *hub, uint64_t life,
                          struct block *attributes)
{
    struct foreign_hub *known = foreign_table_hub(item, hub);

    if (known) {
        renew(known, life, attributes);
        return 0;
    }
    if (item->n_hubs == item->max_hubs) {
        size_t more = item->max_hubs ? 2 * item->max_hubs : 2;
        struct foreign_hub *hubs = realloc(item->hubs, more * sizeof *hubs);

        if (!hubs)
            return -ENOMEM;
        item->hubs = hubs;
        item->max_hubs = more;
    }
    item->channel->n_ours += item->n_hubs == 0;
    item->hubs[item->n_hubs] = (struct foreign_hub){.id = *hub};
    renew(&item->hubs[item->n_hubs++], life, attributes);
    return 0;
}

struct bytes foreign_table_attributes(const struct foreign_item *item)
{
    return item->n_hubs > 0 ? block_bytes(item->hubs[0].attributes) : BYTES_NONE;
}

void foreign_table_remove_hub(struct foreign_item *item, const struct hub_id *hub)
{
    struct foreign_hub *found = foreign_table_hub(item, hub);

    if (!found)
        return;
    block_unref(found->attributes);
    *found = item->hubs[--item->n_hubs];
    item->channel->n_ours -= item->n_hubs == 0;
}

static struct foreign_owner *find_owner(struct foreign_item *item, struct bytes id)
{
    list_for_each (at, &item->owners) {
        struct foreign_owner *owner = container_of(at, struct foreign_owner, in_item);

        if (bytes_equal(owner->id, id))
            return owner;
    }
    return NULL;
}

int foreign_table_add_owner(struct foreign_item *item, struct bytes id)
{
    struct foreign_owner *owner;

    if (find_owner(item, id))
        return 0;
    if (item->n_owners >= FOREIGN_TABLE_MAX_OWNERS)
        return FOREIGN_TABLE_E_FULL;
    owner = malloc(sizeof *owner + id.len);
    if (!owner)
        return -ENOMEM;
    memcpy(owner->storage, id.ptr, id.len);
    owner->id = bytes_of(owner->storage, id.len);
    list_append(&item->owners, &owner->in_item);
    item->n_owners++;
    return 0;
}

static void free_owner(struct foreign_item *item, struct foreign_owner *owner)
{
    list_unlink(&owner->in_item);
    item->n_owners--;
    free(owner);
}

bool foreign_table_remove_owner(struct foreign_item *item, struct bytes id)
{
    struct foreign_owner *owner = find_owner(item, id);

    if (!owner)
        return false;
    free_owner(item, owner);
    return true;
}

void foreign_table_remove_owners(struct foreign_item *item)
{
    while (!list_is_empty(&item->owners))
        free_owner(item, list_first_entry(&item->owners, struct foreign_owner, in_item));
}

void foreign_table_release_channel(struct foreign_table *table, struct foreign_channel *channel)
{
    if (channel->state == FOREIGN_CLOSED && !channel->is_named && !channel->is_populated &&
        list_is_empty(&channel->items) && list_is_empty(&channel->unsettled))
        free_channel(table, channel);
}

void foreign_table_release_item(struct foreign_table *table, struct foreign_item *item)
{
    struct foreign_channel *channel = item->channel;

    if (item->is_theirs || item->is_told || item->n_hubs > 0 || item->standing != FOREIGN_UNASKED ||
        !list_is_empty(&item->unsettled))
        return;
    free_item(table, item);
    foreign_table_release_channel(table, channel);
}
