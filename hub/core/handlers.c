/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/handlers.h"

#include "hub/base/text.h"
#include "hub/core/membership.h"
#include "hub/core/passwords.h"
#include "hub/core/pubsub.h"
#include "hub/core/register.h"
#include "hub/core/request.h"
#include "hub/core/traffic.h"
#include "hub/wire/answer.h"

static int answer_ping(struct hub *hub, struct client *client, const struct message *message)
{
    (void)hub;
    (void)message;
    clients_send_new(client, answer_pong(), FRAME_CONTROL);
    return 0;
}

struct handler {
    int (*run)(struct hub *hub, struct client *client, const struct message *message);
    bool is_for_peers; /* may come from a remote hub of the mesh */
};

static const struct handler handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_PING] = {answer_ping, false},
    [MESSAGE_REGISTER] = {register_handle, false},
    [MESSAGE_CALL] = {traffic_call, true},
    [MESSAGE_RESPONSE] = {traffic_response, true},
    [MESSAGE_SEND] = {traffic_send, true},
    [MESSAGE_BROADCAST] = {traffic_broadcast, false},
    [MESSAGE_SET_PASSWORD] = {passwords_set, false},
    [MESSAGE_ADD_SUBSCRIPTION] = {pubsub_declare, false},
    [MESSAGE_REMOVE_SUBSCRIPTION] = {pubsub_undeclare, false},
    [MESSAGE_SUBSCRIBE] = {pubsub_subscribe, false},
    [MESSAGE_UNSUBSCRIBE] = {pubsub_unsubscribe, false},
    [MESSAGE_PUBLISH] = {pubsub_publish, false},
    [MESSAGE_LIST_MEMBERS] = {membership_list, false},
    [MESSAGE_ANNOUNCE_REMOTE] = {membership_announce, false},
    [MESSAGE_FORGET_REMOTE] = {membership_forget, false},
};

static int refuse_type(struct hub *hub, struct client *client, const struct message *message)
{
    struct bytes type;
    char shown[64];

    message_text(message, KEY_TYPE, &type);
    text_escape(type, shown, sizeof shown);
    request_fail(hub, client, message, ERROR_UNKNOWN_TYPE, bytes_of_text(shown), BYTES_NONE);
    return 0;
}

int handlers_run(struct hub *hub, struct client *client, const struct message *message)
{
    const struct handler *handler = &handlers[message->type];

    if (!handler->run || (client->kind == CLIENT_PEER && !handler->is_for_peers))
        return refuse_type(hub, client, message);
    return handler->run(hub, client, message);
}
