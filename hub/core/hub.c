/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/hub.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/metrics.h"
#include "hub/base/name.h"
#include "hub/core/access.h"
#include "hub/core/calls.h"
#include "hub/core/clients.h"
#include "hub/core/handlers.h"
#include "hub/core/membership.h"
#include "hub/core/passwords.h"
#include "hub/core/providers.h"
#include "hub/core/remotes.h"
#include "hub/core/system_channels.h"
#include "hub/core/topics.h"

int hub_new(struct hub **out_hub, const struct hub_options *options, const struct outlet *outlet)
{
    struct hub *hub = calloc(1, sizeof *hub);

    if (!hub)
        return -ENOMEM;
    hub->server_id = bytes_to_text(options->server_id);
    if (!hub->server_id) {
        free(hub);
        return -ENOMEM;
    }
    hub->options = *options;
    hub->options.server_id = bytes_of_text(hub->server_id);
    hub->outlet = *outlet;
    map_init(&hub->clients_by_id);
    map_init(&hub->channels_by_name);
    map_init(&hub->members_by_pair);
    map_init(&hub->subscriptions_by_pair);
    map_init(&hub->calls_by_key);
    list_init(&hub->clients);
    list_init(&hub->channels);
    list_init(&hub->calls_by_deadline);
    *out_hub = hub;
    return 0;
}

/* Nobody is told any more: what a leaving client would send goes to a port that drops it. */
static void send_nothing(void *owner, struct block *frame, enum frame_class frame_class)
{
    (void)owner;
    (void)frame;
    (void)frame_class;
}

static void end_nothing(void *owner, enum end_reason reason)
{
    (void)owner;
    (void)reason;
}

static void note_nothing(void *context, enum log_level level, enum log_stream stream, const char *event,
                         const struct log_field *fields, size_t n_fields)
{
    (void)context;
    (void)level;
    (void)stream;
    (void)event;
    (void)fields;
    (void)n_fields;
}

void hub_free(struct hub *hub)
{
    static const struct client_port silent = {.send = send_nothing, .end = end_nothing};

    if (!hub)
        return;
    hub->observer = NULL;
    hub->outlet.note = note_nothing;
    list_for_each (link, &hub->clients)
        container_of(link, struct client, all)->port = &silent;
    list_for_each (link, &hub->clients)
        hub_client_gone(hub, container_of(link, struct client, all), END_SHUTDOWN, hub->time);
    list_for_each (link, &hub->channels)
        passwords_configure(hub, container_of(link, struct channel, all)->name, BYTES_NONE, PASSWORD_NONE,
                            NULL);
    check(list_is_empty(&hub->channels));
    check(hub->clients_by_serial.n_elements == 0 && hub->channels_by_serial.n_elements == 0);
    map_clear(&hub->clients_by_id);
    map_clear(&hub->channels_by_name);
    map_clear(&hub->members_by_pair);
    map_clear(&hub->subscriptions_by_pair);
    map_clear(&hub->calls_by_key);
    free(hub->server_id);
    free(hub);
}

void hub_set_options(struct hub *hub, const struct hub_options *options)
{
    struct bytes server_id = hub->options.server_id;

    hub->options = *options;
    hub->options.server_id = server_id;
}

struct bytes hub_server_id(const struct hub *hub)
{
    return hub_id_text(hub);
}

bool hub_id_is_free(const struct hub *hub, struct bytes id)
{
    return clients_find(hub, id) == NULL;
}

int hub_client_add(struct hub *hub, struct bytes id, enum client_kind kind, const struct client_port *port,
                   void *owner, struct hub_time time, struct client **out_client)
{
    struct client *client;
    int r;

    hub->time = time;
    if (!name_is_valid(id))
        return HUB_E_BAD_NAME;
    r = clients_add(hub, id, kind, port, owner, &client);
    if (r != 0)
        return r;
    if (kind != CLIENT_GUEST)
        system_channels_log_format(hub, client->id, "%s %.*s identified",
                                   kind == CLIENT_PEER ? "Hub" : "Client", (int)id.len, (const char *)id.ptr);
    *out_client = client;
    return 0;
}

int hub_handle(struct hub *hub, struct client *client, const struct message *message, struct hub_time time)
{
    int r;

    hub->time = time;
    client->messages_in++;
    metrics_count(METRICS_MESSAGES_IN);
    hub->producer = client;
    r = handlers_run(hub, client, message);
    hub->producer = NULL;
    return r;
}

static void hold(const struct client *client, struct list *line, bool is_for_many)
{
    if (client->port->wait)
        client->port->wait(client->owner, line, is_for_many);
}

void hub_hold_producer(struct hub *hub, struct list *line, bool is_for_many)
{
    if (hub->producer)
        hold(hub->producer, line, is_for_many);
}

void hub_hold_client(struct hub *hub, struct bytes id, struct list *line)
{
    const struct client *client = clients_find(hub, id);

    if (client)
        hold(client, line, false);
}

void hub_client_gone(struct hub *hub, struct client *client, enum end_reason reason, struct hub_time time)
{
    hub->time = time;
    calls_forget_client(hub, client);
    providers_remove_client(hub, client, NULL);
    topics_remove_client(hub, client, NULL);
    membership_end(hub, client);
    remotes_remove_client(hub, client, NULL);
    access_forget_client(client);
    if (client->kind != CLIENT_GUEST)
        system_channels_log_format(hub, client->id, "%s %.*s disconnected: %s",
                                   client->kind == CLIENT_PEER ? "Hub" : "Client", (int)client->id.len,
                                   (const char *)client->id.ptr, end_reason_text(reason));
    clients_remove(hub, client);
}

uint64_t hub_tick(struct hub *hub, struct hub_time time)
{
    hub->time = time;
    return calls_expire(hub);
}

int hub_configure_password(struct hub *hub, struct bytes channel, struct bytes password,
                           enum password_origin origin, const uint8_t signing_key[SIGNATURE_KEY_BYTES],
                           struct hub_time time)
{
    hub->time = time;
    return passwords_configure(hub, channel, password, origin, signing_key);
}

void hub_log(struct hub *hub, enum log_level level, struct bytes text, struct bytes client_id,
             struct hub_time time)
{
    hub->time = time;
    system_channels_log(hub, level, text, client_id);
}

void *hub_client_owner(const struct hub *hub, struct bytes id)
{
    const struct client *client = clients_find(hub, id);

    return client && clients_is_counted(client) ? client->owner : NULL;
}

struct bytes hub_client_id(const struct client *client)
{
    return client->id;
}
