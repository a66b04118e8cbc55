/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/system_channels.h"

#include <stdarg.h>
#include <stdio.h>

#include "hub/base/check.h"
#include "hub/core/channels.h"
#include "hub/wire/answer.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"

#define N(fields) (sizeof(fields) / sizeof(fields)[0])

/* The fields as a map; the same fields go to the log. */
static void write_fields(struct buffer *out, const struct log_field *fields, size_t n_fields)
{
    msgpack_write_map(out, (uint32_t)n_fields);
    for (size_t i = 0; i < n_fields; i++) {
        msgpack_write_str(out, bytes_of_text(fields[i].name));
        switch (fields[i].type) {
        case LOG_FIELD_TEXT:
            msgpack_write_str(out, fields[i].text);
            break;
        case LOG_FIELD_BOOL:
            msgpack_write_bool(out, fields[i].is_true);
            break;
        case LOG_FIELD_NUMBER:
            msgpack_write_i64(out, fields[i].number);
            break;
        case LOG_FIELD_NULL:
            msgpack_write_nil(out);
            break;
        }
    }
}

/*
 * What a receiver computes a signature over is the message with the defaults filled in (docs/protocol.md,
 * "Message signatures"), so a signed post holds all of these. The order of keys carries no meaning.
 */
static void write_signed_body(struct buffer *out, const struct receive *receive)
{
    bool has_signature = receive->signature.ptr != NULL;

    msgpack_write_map(out, has_signature ? 14 : 13);
    msgpack_write_str(out, BYTES_LITERAL("type"));
    msgpack_write_str(out, BYTES_LITERAL("receive"));
    msgpack_write_str(out, BYTES_LITERAL("channel"));
    msgpack_write_str(out, receive->channel);
    msgpack_write_str(out, BYTES_LITERAL("event"));
    msgpack_write_str(out, receive->event);
    msgpack_write_str(out, BYTES_LITERAL("data"));
    msgpack_write_raw(out, receive->raw_data);
    msgpack_write_str(out, BYTES_LITERAL("sender_id"));
    msgpack_write_str(out, receive->sender_id);
    msgpack_write_str(out, BYTES_LITERAL("server_id"));
    msgpack_write_str(out, receive->server_id);
    msgpack_write_str(out, BYTES_LITERAL("timestamp"));
    msgpack_write_u64(out, receive->timestamp_s);
    msgpack_write_str(out, BYTES_LITERAL("is_stream"));
    msgpack_write_bool(out, false);
    msgpack_write_str(out, BYTES_LITERAL("is_final"));
    msgpack_write_bool(out, true);
    msgpack_write_str(out, BYTES_LITERAL("request_id"));
    msgpack_write_nil(out);
    msgpack_write_str(out, BYTES_LITERAL("target_id"));
    msgpack_write_nil(out);
    msgpack_write_str(out, BYTES_LITERAL("origin_server_id"));
    msgpack_write_nil(out);
    msgpack_write_str(out, BYTES_LITERAL("sub_name"));
    msgpack_write_nil(out);
    if (has_signature) {
        msgpack_write_str(out, BYTES_LITERAL("signature"));
        msgpack_write_str(out, receive->signature);
    }
}

static struct block *signed_frame(const struct channel *channel, struct receive *receive)
{
    char signature[SIGNATURE_TEXT];
    struct message message;
    struct buffer body;
    struct block *frame;

    buffer_init(&body);
    write_signed_body(&body, receive);
    if (body.failed || message_parse(buffer_bytes(&body), &message) != 0 ||
        signature_make(channel->signing_key, &message, signature) != 0) {
        buffer_clear(&body);
        return NULL;
    }
    buffer_clear(&body);
    receive->signature = bytes_of_text(signature);
    frame_begin(&body);
    write_signed_body(&body, receive);
    frame = frame_finish(&body);
    receive->signature = BYTES_NONE;
    return frame;
}

static void post(struct hub *hub, struct bytes channel_name, const char *event,
                 const struct log_field *fields, size_t n_fields)
{
    struct channel *channel = channels_find(hub, channel_name);
    cleanup_(block_unrefp) struct block *frame = NULL;
    struct receive receive;
    struct buffer data;

    if (!channel || channel->n_openers == 0)
        return;
    buffer_init(&data);
    write_fields(&data, fields, n_fields);
    receive = (struct receive){
        .channel = channel_name,
        .event = bytes_of_text(event),
        .raw_data = buffer_bytes(&data),
        .sender_id = BYTES_LITERAL("system"),
        .server_id = hub_id_text(hub),
        .timestamp_s = hub->time.wall_s,
    };
    if (!data.failed)
        frame = channel_is_protected(channel) && channel->has_signing_key ? signed_frame(channel, &receive)
                                                                          : answer_receive(&receive);
    buffer_clear(&data);
    if (frame)
        channels_send(channel, NULL, frame, FRAME_TO_MANY);
}

static void note(struct hub *hub, enum log_level level, enum log_stream stream, const char *event,
                 const struct log_field *fields, size_t n_fields)
{
    hub->outlet.note(hub->outlet.context, level, stream, event, fields, n_fields);
}

void system_channels_log(struct hub *hub, enum log_level level, struct bytes text, struct bytes client_id)
{
    struct log_field fields[] = {
        log_text("message", text),
        log_text("level", bytes_of_text(log_level_name(level))),
        log_text_or_null("client_id", client_id),
        log_text("server_id", hub_id_text(hub)),
    };

    note(hub, level, LOG_LOGS, "server_log", fields, N(fields));
    post(hub, BYTES_LITERAL("__comm_ipc_logs"), "server_log", fields, N(fields));
}

void system_channels_log_format(struct hub *hub, struct bytes client_id, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    check(len >= 0);
    system_channels_log(hub, LOG_INFO, bytes_of_text(text), client_id);
}

void system_channels_error(struct hub *hub, struct bytes text, struct bytes client_id, bool is_posted)
{
    struct log_field fields[] = {
        log_text("error", text),
        log_text_or_null("client_id", client_id),
        log_text("server_id", hub_id_text(hub)),
    };

    note(hub, LOG_WARN, LOG_ERRORS, "server_error", fields, N(fields));
    if (is_posted)
        post(hub, BYTES_LITERAL("__comm_ipc_errors"), "server_error", fields, N(fields));
}

void system_channels_registration(struct hub *hub, const struct registration *registration)
{
    struct log_field fields[] = {
        log_text("channel", registration->channel),         log_text_or_null("event", registration->event),
        log_bool("is_provider", registration->is_provider), log_bool("is_stream", registration->is_stream),
        log_text("client_id", registration->client_id),
    };

    note(hub, LOG_INFO, LOG_SYSTEM, "new_registration", fields, N(fields));
    post(hub, BYTES_LITERAL("__comm_ipc_system"), "new_registration", fields, N(fields));
}
