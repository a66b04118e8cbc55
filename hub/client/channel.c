/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/client/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/clock.h"
#include "hub/client/commipc_call.h"
#include "hub/client/offers.h"
#include "hub/client/wish.h"
#include "hub/wire/authenticity.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/proof.h"

#define TOPIC_PREFIX BYTES_LITERAL("subscription.")

int channel_check(const struct commipc_channel *channel)
{
    if (channel->client->connection.state == COMMIPC_STOPPED)
        return COMMIPC_E_STOPPED;
    if (channel->client->connection.state != COMMIPC_READY)
        return COMMIPC_E_NOT_CONNECTED;
    return channel->is_open ? 0 : COMMIPC_E_NOT_OPEN;
}

struct commipc_channel *channel_of(struct commipc_client *client, const struct message *message)
{
    struct bytes name;
    struct map_node *node;

    if (message_text(message, KEY_CHANNEL, &name) != 0)
        return NULL;
    node = map_find(&client->channel_by_name, name);
    return node ? container_of(node, struct commipc_channel, node) : NULL;
}

/* --- opening --- */

/* The first outcome is the program's who asked, later failures are on_error()'s. */
static void tell(struct commipc_channel *channel, int outcome, const char *text)
{
    commipc_done_fn *on_done = channel->on_done;

    channel->on_done = NULL;
    if (on_done)
        on_done(channel->user, outcome, text);
    else if (outcome)
        commipc_client_complain(channel->client, "Channel %s is not open: %s", channel->name, text);
}

/* Whether the hub says that the channel has a password. */
static bool is_protected(const struct settlement *settlement)
{
    struct commipc_value data = client_value(settlement->raw_data);
    struct commipc_value value;
    bool is_authenticated = false;

    if (commipc_value_get(data, "authenticated", &value) == 0)
        (void)commipc_value_bool(value, &is_authenticated);
    return is_authenticated;
}

static void settle_open(struct pending *pending, const struct settlement *settlement)
{
    struct commipc_channel *channel = pending->channel;

    channel->opening = NULL;
    if (settlement->outcome) {
        /* The end of the connection is no answer: the wish stands, and so does the program's question. */
        if (settlement->outcome != COMMIPC_E_DISCONNECTED)
            tell(channel, settlement->outcome, settlement->text);
        return;
    }
    if (channel->password && !is_protected(settlement)) {
        tell(channel, COMMIPC_E_UNPROTECTED, "the channel is unprotected, but a password was provided");
        return;
    }
    channel->is_open = true;
    tell(channel, 0, "");
    if (!channel->client->is_freed && channel->is_open)
        wish_ask_all(channel);
}

int channel_ask(struct commipc_channel *channel)
{
    struct commipc_client *client = channel->client;
    struct pending *pending;
    struct draft draft;
    int r;

    if (client->connection.state != COMMIPC_READY || channel->opening)
        return 0;
    r = pending_new(client, channel, CHANNEL_REQUEST_MS, &pending);
    if (r == 0) {
        pending->settle = settle_open;
        draft_begin(&draft, "register");
        draft_text(&draft, "channel", bytes_of_text(channel->name));
        draft_bool(&draft, "is_provider", false);
        draft_text(&draft, "client_id", bytes_of_text(client->connection.client_id));
        draft_text(&draft, "request_id", bytes_of_text(pending->id));
        r = pending_send(pending, &draft, true);
    }
    if (r == 0)
        channel->opening = pending;
    return r;
}

void channel_restore(struct commipc_channel *channel)
{
    int r = channel_ask(channel);

    if (r)
        tell(channel, r, commipc_outcome_text(r));
}

void channel_lose(struct commipc_channel *channel)
{
    channel->is_open = false;
    offers_forget(channel);
    wish_lose_all(channel);
}

void channel_reopen(struct commipc_channel *channel)
{
    channel_lose(channel);
    channel_restore(channel);
}

static void fail_without_password(struct pending *pending)
{
    pending_fail(pending, COMMIPC_E_REFUSED,
                 "the channel requires authentication, but no password was provided");
}

void channel_prove(struct commipc_client *client, const struct message *message)
{
    struct commipc_channel *channel = channel_of(client, message);
    struct pending *pending;
    struct bytes challenge;
    struct bytes id;
    char proof[PROOF_TEXT];
    struct draft draft;

    if (!channel || message_text(message, KEY_REQUEST_ID, &id) != 0 ||
        message_text(message, KEY_CHALLENGE, &challenge) != 0)
        return;
    pending = pending_find(client, id);
    if (!pending || pending->channel != channel)
        return;
    if (!channel->password) {
        fail_without_password(pending);
        return;
    }
    if (proof_of_channel(bytes_of_text(channel->password), challenge, proof) < 0) {
        pending_fail(pending, -ENOMEM, "out of memory");
        return;
    }
    draft_begin(&draft, "register");
    draft_text(&draft, "request_id", id);
    draft_text(&draft, "client_id", bytes_of_text(client->connection.client_id));
    draft_text(&draft, "channel", bytes_of_text(channel->name));
    draft_text(&draft, "proof", bytes_of(proof, PROOF_TEXT - 1));
    draft_raw(&draft, "challenge_id", message_raw(message, KEY_CHALLENGE_ID));
    if (connection_send(&client->connection, draft_finish(&draft), true) != 0)
        pending_fail(pending, -ENOMEM, "out of memory");
}

/* --- hearing --- */

static int64_t timestamp_of(const struct message *message)
{
    int64_t value = 0;

    (void)commipc_value_i64(client_value(message_raw(message, KEY_TIMESTAMP)), &value);
    return value;
}

static struct commipc_text text_of(const struct message *message, enum message_key key)
{
    struct bytes text = BYTES_NONE;

    message_text(message, key, &text);
    return client_text(text);
}

static void tell_listeners(struct commipc_channel *channel, struct bytes event,
                           const struct commipc_message *heard)
{
    list_for_each (link, &channel->listeners) {
        struct listener_entry *entry = container_of(link, struct listener_entry, link);

        if (channel->client->is_freed)
            return;
        if (!entry->event || bytes_equal_text(event, entry->event))
            entry->on_message(entry->user, heard);
    }
}

/* Topics: the hub lets only their owner publish, and writes the message itself, without a signature. */
static bool is_trusted(const struct commipc_channel *channel, const struct message *message,
                       struct bytes event)
{
    if (!channel->has_key || bytes_start_with(event, TOPIC_PREFIX))
        return true;
    return authenticity_check(message, channel->key, clock_wall_ms() / 1000) == 0;
}

void channel_hear(struct commipc_channel *channel, const struct message *message)
{
    struct commipc_message heard = {
        .channel = text_of(message, KEY_CHANNEL),
        .event = text_of(message, KEY_EVENT),
        .sender_id = text_of(message, KEY_SENDER_ID),
        .server_id = text_of(message, KEY_SERVER_ID),
        .data = client_value(message_raw(message, KEY_DATA)),
        .timestamp_s = timestamp_of(message),
    };
    struct bytes event = bytes_of(heard.event.ptr, heard.event.len);

    if (!is_trusted(channel, message, event)) {
        commipc_client_complain(channel->client, "Dropped a message on channel %s: its signature is wrong",
                                channel->name);
        return;
    }
    wish_hear(channel, event, &heard);
    if (!channel->client->is_freed)
        tell_listeners(channel, event, &heard);
    if (!channel->client->is_freed && message->type == MESSAGE_SEND)
        commipc_call_take(channel, message);
}

/* --- the end --- */

static void free_listeners(struct commipc_channel *channel)
{
    list_for_each (link, &channel->listeners) {
        struct listener_entry *entry = container_of(link, struct listener_entry, link);

        list_unlink(&entry->link);
        free(entry->event);
        free(entry);
    }
}

void channel_forget_password(char *password)
{
    if (password)
        explicit_bzero(password, strlen(password));
    free(password);
}

void channel_free(struct commipc_channel *channel)
{
    if (channel->node.key.ptr)
        map_remove(&channel->client->channel_by_name, &channel->node);
    list_unlink(&channel->link);
    free_listeners(channel);
    wish_free_all(channel);
    offers_forget(channel);
    map_clear(&channel->offer_by_name);
    channel_forget_password(channel->password);
    channel_forget_password(channel->next_password);
    explicit_bzero(channel->key, sizeof channel->key);
    free(channel->name);
    free(channel);
}
