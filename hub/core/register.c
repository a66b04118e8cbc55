/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/register.h"

#include "hub/base/check.h"
#include "hub/core/access.h"
#include "hub/core/channel_sync.h"
#include "hub/core/providers.h"
#include "hub/core/request.h"
#include "hub/core/system_channels.h"
#include "hub/wire/answer.h"

/* One registration, read and checked. */
struct wish {
    struct hub *hub;
    struct client *client;
    const struct message *message;
    struct bytes channel_name;
    struct bytes event; /* of a provider */
    bool is_provider;
    bool is_authenticated;
    struct event_traits traits;
};

static bool read_provider_fields(struct wish *wish)
{
    struct bytes text;

    if (message_text(wish->message, KEY_EVENT, &text) == MESSAGE_E_ABSENT || text.len == 0) {
        request_fail(wish->hub, wish->client, wish->message, ERROR_EVENT_NAME_REQUIRED, BYTES_NONE,
                     BYTES_NONE);
        return false;
    }
    if (!request_name(wish->hub, wish->client, wish->message, KEY_EVENT, &wish->event) ||
        !request_flag(wish->hub, wish->client, wish->message, KEY_IS_GROUP, &wish->traits.is_group) ||
        !request_flag(wish->hub, wish->client, wish->message, KEY_IS_STREAM, &wish->traits.is_stream))
        return false;
    if (bytes_start_with(wish->event, CHANNELS_RESERVED_PREFIX)) {
        request_fail(wish->hub, wish->client, wish->message, ERROR_EVENT_RESERVED, wish->event, BYTES_NONE);
        return false;
    }
    if (channels_is_system_name(wish->channel_name)) {
        request_fail(wish->hub, wish->client, wish->message, ERROR_SYSTEM_CHANNEL, wish->channel_name,
                     BYTES_NONE);
        return false;
    }
    wish->traits.raw_param_schema = message_raw(wish->message, KEY_PARAM_SCHEMA);
    wish->traits.raw_return_schema = message_raw(wish->message, KEY_RETURN_SCHEMA);
    return true;
}

static bool read_wish(struct wish *wish)
{
    if (!request_name(wish->hub, wish->client, wish->message, KEY_CHANNEL, &wish->channel_name))
        return false;
    if (bytes_equal(wish->channel_name, CHANNELS_RESERVED_NAME)) {
        request_fail(wish->hub, wish->client, wish->message, ERROR_CHANNEL_RESERVED, wish->channel_name,
                     BYTES_NONE);
        return false;
    }
    if (!request_flag(wish->hub, wish->client, wish->message, KEY_IS_PROVIDER, &wish->is_provider))
        return false;
    return !wish->is_provider || read_provider_fields(wish);
}

static void tell_event(struct wish *wish, struct channel *channel, const struct event *event)
{
    struct metadata_update update = {
        .channel = channel->name,
        .name = event->name,
        .owner = wish->client->id,
        .is_event = true,
        .is_stream = event->is_stream,
        .is_group = event->is_group,
        .raw_param_schema = event->raw_param_schema,
        .raw_return_schema = event->raw_return_schema,
    };
    cleanup_(block_unrefp) struct block *frame = NULL;

    if (channel->n_openers == 0)
        return;
    frame = answer_metadata_update(&update);
    if (frame)
        channels_send(channel, wish->client, frame, FRAME_CONTROL);
}

/* 0: the client provides the event; > 0: it was refused and told so. */
static int provide(struct wish *wish, struct channel *channel)
{
    struct event *event;
    int r = providers_add(wish->hub, channel, wish->client, wish->event, &wish->traits, 1, &event);

    switch (r) {
    case 0:
        tell_event(wish, channel, event);
        return 0;
    case PROVIDERS_E_TAKEN:
        request_fail_registration(wish->hub, wish->client, wish->message, ERROR_PROVIDER_EXISTS,
                                  channel->name, wish->event);
        return r;
    case PROVIDERS_E_TOO_MANY:
        request_fail_too_many(wish->hub, wish->client, wish->message, "providers", CLIENT_MAX_PROVIDERS);
        return r;
    case PROVIDERS_E_TOO_MUCH:
        request_fail_too_many(wish->hub, wish->client, wish->message, "bytes of schemas",
                              CLIENT_MAX_HELD_BYTES);
        return r;
    default:
        return r;
    }
}

static void announce(struct wish *wish, struct channel *channel, bool is_new_member)
{
    struct registration registration = {
        .channel = channel->name,
        .event = wish->event,
        .is_provider = wish->is_provider,
        .is_stream = wish->traits.is_stream,
        .client_id = wish->client->id,
    };

    if (is_new_member)
        channels_tell_membership(wish->hub, channel, wish->client, true);
    system_channels_registration(wish->hub, &registration);
    clients_send_new(wish->client,
                     answer_registered(request_id(wish->message), channel->name, wish->event,
                                       channel_is_protected(channel)),
                     FRAME_CONTROL);
}

static int join(struct wish *wish, struct channel *channel)
{
    struct member *member;
    bool is_new;
    int r;

    /* A refused provider must not become a member, so the wish is checked before it joins ... */
    if (wish->is_provider && providers_is_taken(channel, wish->client, wish->event, wish->traits.is_group)) {
        request_fail_registration(wish->hub, wish->client, wish->message, ERROR_PROVIDER_EXISTS,
                                  channel->name, wish->event);
        return 0;
    }
    r = channels_join(wish->hub, channel, wish->client, &member, &is_new);
    if (r == CHANNELS_E_TOO_MANY) {
        request_fail_too_many(wish->hub, wish->client, wish->message, "channels", CLIENT_MAX_MEMBERSHIPS);
        return 0;
    }
    if (r < 0)
        return r;
    member->is_authenticated = member->is_authenticated || wish->is_authenticated;
    if (wish->is_provider) {
        r = provide(wish, channel);
        if (r != 0 && is_new) /* ... and leaves again where memory or a cap ends it. */
            channels_leave(wish->hub, member);
        if (r != 0)
            return r < 0 ? r : 0;
    } else {
        channels_open(wish->hub, member);
        clients_send_new(wish->client, channel_sync_frame(channel), FRAME_CONTROL);
    }
    announce(wish, channel, is_new);
    return 0;
}

static int carry_out(struct wish *wish)
{
    struct channel *channel;
    int r = channels_get(wish->hub, wish->channel_name, &channel);

    if (r < 0)
        return r;
    r = join(wish, channel);
    channels_release(wish->hub, channel);
    return r;
}

static int challenge(struct wish *wish, struct channel *channel)
{
    int r = access_challenge(wish->hub, wish->client, channel, wish->message);

    if (r == ACCESS_E_TOO_MUCH) {
        request_fail_too_many(wish->hub, wish->client, wish->message, "bytes of requests",
                              CLIENT_MAX_HELD_BYTES);
        return 0;
    }
    return r;
}

static int read_register(struct hub *hub, struct client *client, const struct message *message,
                         bool has_proven);

static int answer_wrong_proof(struct wish *wish, int why)
{
    switch (why) {
    case ACCESS_E_UNKNOWN:
        request_fail(wish->hub, wish->client, wish->message, ERROR_CHALLENGE_UNKNOWN, BYTES_NONE, BYTES_NONE);
        return 0;
    case ACCESS_E_EXPIRED:
        request_fail(wish->hub, wish->client, wish->message, ERROR_CHALLENGE_EXPIRED, BYTES_NONE, BYTES_NONE);
        return 0;
    case ACCESS_E_WRONG:
        request_fail(wish->hub, wish->client, wish->message, ERROR_WRONG_PASSWORD, BYTES_NONE, BYTES_NONE);
        return 0;
    default:
        return why;
    }
}

/* The proof brings back the register that was put aside, for the repeat lacks its fields. */
static int prove(struct wish *wish, struct channel *channel, struct bytes proof)
{
    struct challenge *challenge;
    struct message request;
    struct bytes id;
    int r;

    message_text(wish->message, KEY_CHALLENGE_ID, &id);
    r = access_prove(wish->hub, wish->client, channel, id, proof, &challenge);
    if (r != 0)
        return answer_wrong_proof(wish, r);
    r = message_parse_nested(access_request(challenge), MESSAGE_REGISTER, &request);
    check(r == 0);
    r = read_register(wish->hub, wish->client, &request, true);
    access_free(challenge);
    return r;
}

static int read_register(struct hub *hub, struct client *client, const struct message *message,
                         bool has_proven)
{
    struct wish wish = {.hub = hub, .client = client, .message = message, .is_authenticated = has_proven};
    struct channel *channel;
    struct bytes proof;

    if (message_text(message, KEY_CHANNEL, &wish.channel_name) == 0) {
        channel = channels_find(hub, wish.channel_name);
        if (channel_is_protected(channel) && !has_proven) {
            if (message_text(message, KEY_PROOF, &proof) == 0 && proof.len)
                return prove(&wish, channel, proof);
            return read_wish(&wish) ? challenge(&wish, channel) : 0;
        }
    }
    return read_wish(&wish) ? carry_out(&wish) : 0;
}

int register_handle(struct hub *hub, struct client *client, const struct message *message)
{
    struct message nested;

    if (!message_has(message, KEY_REG))
        return read_register(hub, client, message, false);
    if (message_parse_nested(message_raw(message, KEY_REG), MESSAGE_REGISTER, &nested) != 0) {
        request_fail(hub, client, message, ERROR_BAD_FIELD, BYTES_LITERAL("reg"), BYTES_NONE);
        return 0;
    }
    return read_register(hub, client, &nested, false);
}
