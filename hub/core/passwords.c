/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/passwords.h"

#include <errno.h>
#include <stdio.h>

#include "hub/core/access.h"
#include "hub/core/membership.h"
#include "hub/core/peering_notes.h"
#include "hub/core/remotes.h"
#include "hub/core/request.h"
#include "hub/core/system_channels.h"

/* The new password stands; whoever got in by the old one, or by none, is out. */
static int change(struct hub *hub, struct channel *channel, const struct client *setter,
                  struct bytes password, enum password_origin origin)
{
    int r;

    peering_withdraw_channel(hub, channel);
    r = channels_set_password(channel, password, origin);
    if (r == 0) {
        access_forget_channel(channel);
        peering_note_guard(hub, channel);
        membership_expel_all(hub, channel, setter, ERROR_PASSWORD_CHANGED);
    }
    peering_return_channel(hub, channel);
    return r;
}

/* nil takes the password away; an empty one is refused: it would protect nothing. */
static bool read_password(struct hub *hub, struct client *client, const struct message *message,
                          struct bytes *out_password)
{
    int r = message_text(message, KEY_PASSWORD, out_password);

    if (r == MESSAGE_E_ABSENT && message_has(message, KEY_PASSWORD))
        return true;
    if (r == 0 && out_password->len > 0)
        return true;
    request_fail(hub, client, message, ERROR_BAD_FIELD, BYTES_LITERAL("password"), BYTES_NONE);
    return false;
}

static int set_as_owner(struct hub *hub, struct client *client, const struct message *message,
                        struct channel *channel, struct bytes password)
{
    const struct client *owner = channels_owner(channel);
    struct member *member;
    bool is_new;
    int r;

    if (owner && owner != client) {
        request_fail(hub, client, message, ERROR_NOT_CHANNEL_OWNER, BYTES_NONE, BYTES_NONE);
        return 0;
    }
    /* Nobody owns it, but it may have a configured password, which is not for strangers to replace. */
    if (!access_is_granted(hub, client, channel)) {
        request_fail(hub, client, message, ERROR_NOT_A_MEMBER, channel->name, BYTES_NONE);
        return 0;
    }
    r = channels_join(hub, channel, client, &member, &is_new);
    if (r == CHANNELS_E_TOO_MANY) {
        request_fail_too_many(hub, client, message, "channels", CLIENT_MAX_MEMBERSHIPS);
        return 0;
    }
    if (r < 0)
        return r;
    if (is_new)
        channels_tell_membership(hub, channel, client, true);
    if (!bytes_equal(channel->password, password)) {
        system_channels_log_format(hub, client->id, "Channel %.*s password set/changed",
                                   (int)channel->name.len, (const char *)channel->name.ptr);
        r = change(hub, channel, client, password, PASSWORD_BY_CLIENT);
        if (r < 0)
            return r;
    }
    member->is_authenticated = true;
    request_succeed(client, message);
    return 0;
}

int passwords_set(struct hub *hub, struct client *client, const struct message *message)
{
    struct bytes name;
    struct bytes password = BYTES_NONE;
    struct channel *channel;
    int r;

    if (!request_plain_channel(hub, client, message, &name) ||
        !read_password(hub, client, message, &password))
        return 0;
    r = channels_get(hub, name, &channel);
    if (r < 0)
        return r;
    r = set_as_owner(hub, client, message, channel, password);
    channels_release(hub, channel);
    return r;
}

int passwords_configure(struct hub *hub, struct bytes name, struct bytes password,
                        enum password_origin origin, const uint8_t signing_key[SIGNATURE_KEY_BYTES])
{
    struct channel *channel;
    struct bytes copy;
    int r = channels_get(hub, name, &channel);

    if (r < 0)
        return r;
    r = bytes_copy(password, &copy);
    if (r == 0 && !bytes_equal(channel->password, password)) {
        r = change(hub, channel, NULL, password, origin);
        if (r < 0)
            bytes_free_secret(&copy);
    }
    if (r == 0) {
        bytes_free_secret(&channel->configured_password);
        channel->configured_password = copy;
        channel->configured_origin = password.len ? origin : PASSWORD_NONE;
        channel->password_origin = channel->configured_origin;
        channel->has_signing_key = signing_key != NULL;
        if (signing_key)
            memcpy(channel->signing_key, signing_key, SIGNATURE_KEY_BYTES);
    }
    channels_release(hub, channel);
    return r;
}
