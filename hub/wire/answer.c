/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/answer.h"

#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"

#define KEY(name) BYTES_LITERAL(name)

/* Opens a frame around a map of @n_pairs, the first of which is the type. */
static void begin(struct buffer *out, uint32_t n_pairs, struct bytes type)
{
    frame_begin(out);
    msgpack_write_map(out, n_pairs);
    msgpack_write_str(out, KEY("type"));
    msgpack_write_str(out, type);
}

static void add_str(struct buffer *out, struct bytes key, struct bytes text)
{
    msgpack_write_str(out, key);
    msgpack_write_str(out, text);
}

static void add_str_or_nil(struct buffer *out, struct bytes key, struct bytes text)
{
    msgpack_write_str(out, key);
    msgpack_write_str_or_nil(out, text);
}

static void add_raw_or_nil(struct buffer *out, struct bytes key, struct bytes raw)
{
    msgpack_write_str(out, key);
    msgpack_write_raw_or_nil(out, raw);
}

static void add_bool(struct buffer *out, struct bytes key, bool value)
{
    msgpack_write_str(out, key);
    msgpack_write_bool(out, value);
}

static void begin_response(struct buffer *out, uint32_t n_pairs, struct bytes raw_request_id)
{
    begin(out, n_pairs, BYTES_LITERAL("response"));
    add_raw_or_nil(out, KEY("request_id"), raw_request_id);
}

struct block *answer_pong(void)
{
    struct buffer out = {0};

    begin(&out, 1, BYTES_LITERAL("pong"));
    return frame_finish(&out);
}

struct block *answer_identified(struct bytes client_id, struct bytes server_id)
{
    struct buffer out = {0};

    begin(&out, 3, BYTES_LITERAL("identified"));
    add_str(&out, KEY("client_id"), client_id);
    add_str(&out, KEY("server_id"), server_id);
    return frame_finish(&out);
}

struct block *answer_conn_challenge(struct bytes challenge, struct bytes server_id)
{
    struct buffer out = {0};

    begin(&out, 3, BYTES_LITERAL("conn_challenge"));
    add_str(&out, KEY("challenge"), challenge);
    add_str(&out, KEY("server_id"), server_id);
    return frame_finish(&out);
}

struct block *answer_auth_challenge(struct bytes channel, struct bytes challenge, struct bytes challenge_id,
                                    struct bytes raw_request_id)
{
    struct buffer out = {0};

    begin(&out, 5, BYTES_LITERAL("auth_challenge"));
    add_str(&out, KEY("channel"), channel);
    add_str(&out, KEY("challenge"), challenge);
    add_str(&out, KEY("challenge_id"), challenge_id);
    add_raw_or_nil(&out, KEY("request_id"), raw_request_id);
    return frame_finish(&out);
}

struct block *answer_error(struct bytes text, struct bytes raw_request_id)
{
    struct buffer out = {0};

    begin(&out, raw_request_id.len ? 3 : 2, BYTES_LITERAL("error"));
    add_str(&out, KEY("message"), text);
    if (raw_request_id.len)
        add_raw_or_nil(&out, KEY("request_id"), raw_request_id);
    return frame_finish(&out);
}

struct block *answer_failure(struct bytes raw_request_id, struct bytes text, struct bytes channel,
                             struct bytes event)
{
    struct buffer out = {0};

    begin_response(&out, 3U + (channel.len > 0) + (event.len > 0), raw_request_id);
    add_str(&out, KEY("error"), text);
    if (channel.len)
        add_str(&out, KEY("channel"), channel);
    if (event.len)
        add_str(&out, KEY("event"), event);
    return frame_finish(&out);
}

struct block *answer_success(struct bytes raw_request_id)
{
    struct buffer out = {0};

    begin_response(&out, 4, raw_request_id);
    add_bool(&out, KEY("success"), true);
    msgpack_write_str(&out, KEY("data"));
    msgpack_write_map(&out, 1);
    add_bool(&out, KEY("success"), true);
    return frame_finish(&out);
}

struct block *answer_registered(struct bytes raw_request_id, struct bytes channel, struct bytes event,
                                bool is_authenticated)
{
    struct buffer out = {0};

    begin_response(&out, 6, raw_request_id);
    add_bool(&out, KEY("success"), true);
    add_str(&out, KEY("channel"), channel);
    add_str_or_nil(&out, KEY("event"), event);
    msgpack_write_str(&out, KEY("data"));
    msgpack_write_map(&out, 3);
    add_str(&out, KEY("channel"), channel);
    add_str_or_nil(&out, KEY("event"), event);
    add_bool(&out, KEY("authenticated"), is_authenticated);
    return frame_finish(&out);
}

struct block *answer_data(struct bytes raw_request_id, struct bytes raw_data)
{
    struct buffer out = {0};

    begin_response(&out, 3, raw_request_id);
    add_raw_or_nil(&out, KEY("data"), raw_data);
    return frame_finish(&out);
}

struct block *answer_call_failure(const struct call_failure *failure)
{
    struct buffer out = {0};

    begin_response(&out, 12, failure->raw_request_id);
    add_str(&out, KEY("error"), failure->text);
    add_str_or_nil(&out, KEY("channel"), failure->channel);
    add_str_or_nil(&out, KEY("event"), failure->event);
    add_str(&out, KEY("sender_id"), BYTES_LITERAL("server"));
    add_str(&out, KEY("server_id"), failure->server_id);
    add_str(&out, KEY("origin_server_id"), failure->server_id);
    msgpack_write_str(&out, KEY("timestamp"));
    msgpack_write_u64(&out, failure->timestamp_s);
    add_str_or_nil(&out, KEY("target_id"), failure->target_id);
    add_bool(&out, KEY("is_stream"), false);
    add_bool(&out, KEY("is_final"), false);
    return frame_finish(&out);
}

/* Room for the keys, heads and numbers of a receive. */
#define RECEIVE_BYTES 160

struct block *answer_receive(const struct receive *receive)
{
    bool has_sender = receive->sender_id.ptr;
    bool has_signature = receive->signature.ptr;
    struct buffer out = {0};

    frame_begin_sized(&out, receive->channel.len + receive->event.len + receive->raw_data.len +
                                receive->sender_id.len + receive->server_id.len + receive->signature.len +
                                RECEIVE_BYTES);
    msgpack_write_map(&out, 6U + has_sender + has_signature);
    msgpack_write_raw(&out, BYTES_LITERAL("\xa4type\xa7receive\xa7"
                                          "channel"));
    msgpack_write_str(&out, receive->channel);
    msgpack_write_raw(&out, BYTES_LITERAL("\xa5"
                                          "event"));
    msgpack_write_str(&out, receive->event);
    msgpack_write_raw(&out, BYTES_LITERAL("\xa4"
                                          "data"));
    msgpack_write_raw_or_nil(&out, receive->raw_data);
    if (has_sender) {
        msgpack_write_raw(&out, BYTES_LITERAL("\xa9sender_id"));
        msgpack_write_str(&out, receive->sender_id);
    }
    msgpack_write_raw(&out, BYTES_LITERAL("\xa9server_id"));
    msgpack_write_str(&out, receive->server_id);
    msgpack_write_raw(&out, BYTES_LITERAL("\xa9timestamp"));
    msgpack_write_u64(&out, receive->timestamp_s);
    if (has_signature)
        add_str(&out, KEY("signature"), receive->signature);
    return frame_finish(&out);
}

struct block *answer_metadata_update(const struct metadata_update *update)
{
    struct buffer out = {0};

    begin(&out, update->is_event ? 9 : 7, BYTES_LITERAL("metadata_update"));
    add_str(&out, KEY("channel"), update->channel);
    add_str(&out, KEY("name"), update->name);
    add_str(&out, KEY("stype"), update->is_event ? BYTES_LITERAL("event") : BYTES_LITERAL("subscription"));
    add_str(&out, KEY("owner"), update->owner);
    add_raw_or_nil(&out, KEY("param_schema"), update->raw_param_schema);
    add_raw_or_nil(&out, KEY("return_schema"), update->raw_return_schema);
    if (update->is_event) {
        add_bool(&out, KEY("is_stream"), update->is_stream);
        add_bool(&out, KEY("is_group"), update->is_group);
    }
    return frame_finish(&out);
}

struct block *answer_membership_update(const struct membership_update *update)
{
    struct buffer out = {0};

    begin(&out, update->is_local ? 7 : 9, BYTES_LITERAL("metadata_update"));
    add_str(&out, KEY("channel"), update->channel);
    add_str(&out, KEY("name"), update->client_id);
    add_str(&out, KEY("stype"), BYTES_LITERAL("membership"));
    add_str(&out, KEY("owner"), update->client_id);
    add_str(&out, KEY("mode"), update->mode);
    add_str(&out, KEY("action"), update->has_joined ? BYTES_LITERAL("join") : BYTES_LITERAL("leave"));
    if (!update->is_local) {
        add_bool(&out, KEY("is_local"), false);
        msgpack_write_str(&out, KEY("path"));
        if (update->raw_path.len)
            msgpack_write_raw(&out, update->raw_path);
        else
            msgpack_write_array(&out, 0);
    }
    return frame_finish(&out);
}
