/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/clients.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/metrics.h"

bool clients_is_counted(const struct client *client)
{
    return client->kind == CLIENT_LOCAL || client->kind == CLIENT_BRIDGE;
}

/* Into the tables that it is found by. */
static int enter(struct hub *hub, struct client *client)
{
    if (client->kind != CLIENT_PEER && map_insert(&hub->clients_by_id, &client->by_id, client->id) < 0)
        return -ENOMEM;
    if (!clients_is_counted(client) || roll_add(&hub->clients_by_serial, client->serial, client) == 0)
        return 0;
    map_remove(&hub->clients_by_id, &client->by_id);
    return -ENOMEM;
}

int clients_add(struct hub *hub, struct bytes id, enum client_kind kind, const struct client_port *port,
                void *owner, struct client **out_client)
{
    struct client *client;

    if (kind != CLIENT_PEER && clients_find(hub, id))
        return HUB_E_ID_IN_USE;
    client = calloc(1, sizeof *client + id.len);
    if (!client)
        return -ENOMEM;
    memcpy(client->id_bytes, id.ptr, id.len);
    client->id = bytes_of(client->id_bytes, id.len);
    client->serial = hub_next_serial(hub);
    client->since_s = hub->time.wall_s;
    client->kind = kind;
    if (enter(hub, client) < 0) {
        free(client);
        return -ENOMEM;
    }
    client->port = port;
    client->owner = owner;
    list_init(&client->memberships);
    list_init(&client->providers);
    list_init(&client->calls_made);
    list_init(&client->calls_taken);
    list_init(&client->topics);
    list_init(&client->subscriptions);
    list_init(&client->challenges);
    list_init(&client->remotes);
    list_append(&hub->clients, &client->all);
    *out_client = client;
    return 0;
}

struct client *clients_find(const struct hub *hub, struct bytes id)
{
    struct map_node *node = map_find(&hub->clients_by_id, id);

    return node ? container_of(node, struct client, by_id) : NULL;
}

void clients_remove(struct hub *hub, struct client *client)
{
    check(list_is_empty(&client->memberships) && list_is_empty(&client->providers) &&
          list_is_empty(&client->calls_made) && list_is_empty(&client->calls_taken) &&
          list_is_empty(&client->topics) && list_is_empty(&client->subscriptions) &&
          list_is_empty(&client->challenges) && list_is_empty(&client->remotes));
    check(client->held_bytes == 0);
    if (client->kind != CLIENT_PEER)
        map_remove(&hub->clients_by_id, &client->by_id);
    if (clients_is_counted(client))
        roll_remove(&hub->clients_by_serial, client->serial);
    list_unlink(&client->all);
    free(client);
}

static void count_out(struct client *client)
{
    client->messages_out++;
    metrics_count(METRICS_MESSAGES_OUT);
}

void clients_send(struct client *client, struct block *frame, enum frame_class frame_class)
{
    count_out(client);
    client->port->send(client->owner, frame, frame_class);
}

void clients_pass(struct client *client, struct block *frame, const struct outlet_one *one)
{
    count_out(client);
    if (client->port->pass)
        client->port->pass(client->owner, frame, one);
    else
        client->port->send(client->owner, frame, FRAME_TO_ONE);
}

void clients_send_new(struct client *client, struct block *frame, enum frame_class frame_class)
{
    if (!frame) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        clients_end(client, END_OUT_OF_MEMORY);
        return;
    }
    clients_send(client, frame, frame_class);
    block_unref(frame);
}

void clients_end(struct client *client, enum end_reason reason)
{
    client->port->end(client->owner, reason);
}

bool clients_charge(struct client *client, size_t n)
{
    if (n > CLIENT_MAX_HELD_BYTES - client->held_bytes)
        return false;
    client->held_bytes += n;
    return true;
}

void clients_discharge(struct client *client, size_t n)
{
    check(n <= client->held_bytes);
    client->held_bytes -= n;
}

const char *clients_mode(const struct client *client)
{
    switch (client->kind) {
    case CLIENT_LOCAL:
    case CLIENT_GUEST:
        return "client";
    case CLIENT_BRIDGE:
    case CLIENT_PEER:
        return "bridge";
    }
    unreachable();
}
