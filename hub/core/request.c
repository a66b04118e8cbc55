/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/request.h"

#include <stdio.h>

#include "hub/base/check.h"
#include "hub/base/metrics.h"
#include "hub/base/name.h"
#include "hub/core/channels.h"
#include "hub/core/system_channels.h"
#include "hub/wire/answer.h"
#include "hub/wire/msgpack_write.h"

/* A flood of faulty requests must not drown the log: so many are recorded a second, the rest is only counted.
 */
#define REPORTS_A_SECOND 100

struct bytes request_id(const struct message *message)
{
    struct bytes text;

    return message_text(message, KEY_REQUEST_ID, &text) == 0 ? message_raw(message, KEY_REQUEST_ID)
                                                             : BYTES_NONE;
}

void request_succeed(struct client *client, const struct message *message)
{
    struct bytes raw_id = request_id(message);

    if (raw_id.len)
        clients_send_new(client, answer_success(raw_id), FRAME_CONTROL);
}

static bool may_record(struct hub *hub)
{
    if (hub->reports_second != hub->time.wall_s) {
        hub->reports_second = hub->time.wall_s;
        hub->n_reports = 0;
    }
    return hub->n_reports++ < REPORTS_A_SECOND;
}

/* The reference shows others only the text up to the first colon: names of channels and events are not theirs
 * to know. */
static struct bytes public_part(struct bytes text)
{
    const uint8_t *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;

    return colon ? bytes_of(text.ptr, (size_t)(colon - text.ptr)) : text;
}

void request_report(struct hub *hub, struct client *client, struct bytes text)
{
    struct bytes shown = public_part(text);

    metrics_count(METRICS_PROTOCOL_ERRORS);
    if (client->kind == CLIENT_PEER) {
        /* The fault is some client's behind it: the policy is for its own hub to apply. */
        if (may_record(hub))
            system_channels_error(hub, text, client->id, false);
        return;
    }
    switch (hub->options.error_policy) {
    case ERROR_IGNORE:
        if (may_record(hub))
            system_channels_error(hub, text, client->id, false);
        return;
    case ERROR_RAISE:
        if (may_record(hub))
            system_channels_error(hub, text, client->id, false);
        clients_end(client, END_ERROR_POLICY);
        return;
    case ERROR_BROADCAST:
        if (may_record(hub)) {
            system_channels_log(hub, LOG_ERROR, shown, client->id);
            system_channels_error(hub, shown, client->id, true);
        }
        clients_send_new(client, answer_error(shown, BYTES_NONE), FRAME_CONTROL);
        return;
    }
    unreachable();
}

/* To a client at another hub only an answer to its call finds the way back, and only with its name. */
static void fail_behind_peer(struct hub *hub, struct client *peer, const struct message *message,
                             struct bytes text)
{
    struct call_failure failure = {
        .raw_request_id = request_id(message),
        .text = text,
        .server_id = hub_id_text(hub),
        .timestamp_s = hub->time.wall_s,
    };

    if (message->type != MESSAGE_CALL || failure.raw_request_id.len == 0)
        return;
    message_text(message, KEY_CHANNEL, &failure.channel);
    message_text(message, KEY_EVENT, &failure.event);
    message_text(message, KEY_SENDER_ID, &failure.target_id);
    metrics_count(METRICS_CALLS_FAILED);
    clients_send_new(peer, answer_call_failure(&failure), FRAME_CONTROL);
}

static void fail(struct hub *hub, struct client *client, const struct message *message, struct bytes text,
                 struct bytes channel, struct bytes event)
{
    struct bytes raw_id = request_id(message);

    if (client->kind == CLIENT_PEER)
        fail_behind_peer(hub, client, message, text);
    else if (raw_id.len)
        clients_send_new(client, answer_failure(raw_id, text, channel, event), FRAME_CONTROL);
    else if (hub->options.error_policy != ERROR_BROADCAST) /* which sends the error itself */
        clients_send_new(client, answer_error(text, BYTES_NONE), FRAME_CONTROL);
    request_report(hub, client, text);
}

void request_fail(struct hub *hub, struct client *client, const struct message *message, enum error_text text,
                  struct bytes first, struct bytes second)
{
    char sentence[ERROR_TEXT_SIZE];

    fail(hub, client, message, error_text_format(text, first, second, sentence), BYTES_NONE, BYTES_NONE);
}

void request_fail_too_many(struct hub *hub, struct client *client, const struct message *message,
                           const char *what, unsigned limit)
{
    char number[16];

    snprintf(number, sizeof number, "%u", limit);
    request_fail(hub, client, message, ERROR_TOO_MANY, bytes_of_text(what), bytes_of_text(number));
}

void request_fail_registration(struct hub *hub, struct client *client, const struct message *message,
                               enum error_text text, struct bytes channel, struct bytes event)
{
    char sentence[ERROR_TEXT_SIZE];

    fail(hub, client, message, error_text_format(text, channel, event, sentence), channel, event);
}

bool request_name(struct hub *hub, struct client *client, const struct message *message, enum message_key key,
                  struct bytes *out_name)
{
    struct bytes key_name = bytes_of_text(message_key_name(key));

    if (message_text(message, key, out_name) != 0) {
        request_fail(hub, client, message, ERROR_BAD_FIELD, key_name, BYTES_NONE);
        return false;
    }
    if (!name_is_valid(*out_name)) {
        request_fail(hub, client, message, ERROR_BAD_NAME, key_name, BYTES_NONE);
        return false;
    }
    return true;
}

bool request_flag(struct hub *hub, struct client *client, const struct message *message, enum message_key key,
                  bool *out_flag)
{
    if (message_bool(message, key, false, out_flag) == 0)
        return true;
    request_fail(hub, client, message, ERROR_BAD_FIELD, bytes_of_text(message_key_name(key)), BYTES_NONE);
    return false;
}

bool request_plain_channel(struct hub *hub, struct client *client, const struct message *message,
                           struct bytes *out_name)
{
    if (!request_name(hub, client, message, KEY_CHANNEL, out_name))
        return false;
    if (channels_is_system_name(*out_name)) {
        request_fail(hub, client, message, ERROR_SYSTEM_CHANNEL, *out_name, BYTES_NONE);
        return false;
    }
    return true;
}
