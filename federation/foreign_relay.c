/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A broadcast goes out with the mesh's id in its metadata and comes in with a new one, or with the one that
 * it bears: then the hubs' windows know whether they have had it. What bears none and has been at another hub
 * of the mesh on its way (a bridge of the Python package has brought it here) has come in there, and is
 * dropped.
 */
#include "federation/foreign_relay.h"

#include <stdio.h>

#include "federation/foreign_wish.h"
#include "federation/outstanding.h"
#include "hub/base/metrics.h"
#include "hub/base/name.h"
#include "hub/wire/answer.h"
#include "hub/wire/error_text.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"
#include "hub/wire/rewrite.h"

/* --- from the mesh -------------------------------------------------------------------------------------- */

static void write_text(struct buffer *out, struct bytes text)
{
    msgpack_write_str(out, text);
}

static void call_there(struct foreign *foreign, const struct link_one *one, const struct message *call)
{
    struct foreign_request like = {
        .kind = FOREIGN_REQUEST_CALL,
        .channel = one->channel,
        .name = one->event,
        .from = one->from,
        .raw_request_id = message_raw(call, KEY_REQUEST_ID),
    };
    struct foreign_request *request;
    struct buffer id = {0};
    struct rewrite change = {.key = KEY_REQUEST_ID};

    if (call->type == MESSAGE_SEND || like.raw_request_id.len == 0) {
        foreign_say(foreign, frame_of_body(call->body));
        return;
    }
    (void)message_text(call, KEY_SENDER_ID, &like.caller);
    request = foreign_request_add(&foreign->requests, &like);
    if (!request) {
        foreign_run_dry(foreign);
        return;
    }
    write_text(&id, bytes_of_text(request->id));
    change.raw = buffer_bytes(&id);
    foreign_say(foreign, id.failed ? NULL : rewrite_message(call, 1, &change));
    buffer_clear(&id);
}

void foreign_relay_one(struct foreign *foreign, const struct link_one *one)
{
    struct message message;

    if (message_parse(one->body, &message) != 0) {
        metrics_count(METRICS_PROTOCOL_ERRORS);
        return;
    }
    if (message.type == MESSAGE_RESPONSE)
        foreign_call_answer(foreign, one, &message);
    else if (message.type == MESSAGE_CALL || message.type == MESSAGE_SEND)
        call_there(foreign, one, &message);
}

static void publish_there(struct foreign *foreign, const struct link_many *many,
                          const struct message *receive)
{
    struct draft draft;

    draft_begin(&draft, "publish");
    draft_text(&draft, "channel", many->channel);
    draft_text(&draft, "sub_name", many->topic);
    draft_raw(&draft, "data", message_raw(receive, KEY_DATA));
    foreign_say(foreign, draft_finish(&draft));
}

void foreign_relay_many(struct foreign *foreign, const struct link_many *many)
{
    struct mesh_stamp stamp = {many->origin, many->incarnation, many->seq};
    struct rewrite change = {.key = KEY_METADATA};
    struct buffer metadata = {0};
    struct message message;

    if (message_parse(many->body, &message) != 0) {
        metrics_count(METRICS_PROTOCOL_ERRORS);
        return;
    }
    if (many->topic.len > 0) {
        publish_there(foreign, many, &message);
        return;
    }
    mesh_stamp_write(&metadata, message_raw(&message, KEY_METADATA), &stamp);
    change.raw = buffer_bytes(&metadata);
    foreign_say(foreign, metadata.failed ? NULL : rewrite_message(&message, 1, &change));
    buffer_clear(&metadata);
}

/* --- from the foreign hub ------------------------------------------------------------------------------- */

/* The hub with the fewest calls of this foreign hub; NULL: the mesh has the service no more. What a bridge
 * program passes on may be this very foreign hub's: calls would go round. */
static struct foreign_hub *choose(const struct foreign *foreign, struct foreign_item *item)
{
    struct foreign_hub *best = NULL;

    for (size_t i = 0; item && i < item->n_hubs; i++) {
        if ((!best || item->hubs[i].n_calls < best->n_calls) &&
            foreign_wish_is_provided_by(foreign, item, &item->hubs[i]))
            best = &item->hubs[i];
    }
    return best;
}

static void refuse_call(struct foreign *foreign, const struct message *call, const struct link_one *one,
                        struct bytes error)
{
    struct call_failure failure = {
        .raw_request_id = message_raw(call, KEY_REQUEST_ID),
        .text = error,
        .channel = one->channel,
        .event = one->event,
        .server_id = bytes_of_text(foreign->server_id),
    };

    if (call->type != MESSAGE_CALL || failure.raw_request_id.len == 0 ||
        message_text(call, KEY_SENDER_ID, &failure.target_id) != 0)
        return;
    foreign_say(foreign, answer_call_failure(&failure));
}

static void refuse_too_many(struct foreign *foreign, const struct message *call, const struct link_one *one)
{
    char number[12];
    char text[ERROR_TEXT_SIZE];

    snprintf(number, sizeof number, "%u", FOREIGN_CALL_MAX_OF_CALLER);
    refuse_call(foreign, call, one,
                error_text_format(ERROR_TOO_MANY_CALLS, bytes_of_text(number), BYTES_NONE, text));
}

static void refuse_unprovided(struct foreign *foreign, const struct message *call, const struct link_one *one)
{
    char text[ERROR_TEXT_SIZE];

    refuse_call(foreign, call, one, error_text_format(ERROR_NO_PROVIDER, one->channel, one->event, text));
}

static void number_one(struct foreign *foreign, struct link_one *one)
{
    one->from = foreign->hub_id;
    one->incarnation = foreign->incarnation;
    one->seq = ++foreign->sequence;
}

void foreign_relay_call(struct foreign *foreign, const struct message *call)
{
    struct link_message message = {.type = LINK_MESSAGE_ONE};
    struct foreign_hub *hub;

    if (message_text(call, KEY_CHANNEL, &message.one.channel) != 0 ||
        message_text(call, KEY_EVENT, &message.one.event) != 0 || !name_is_valid(message.one.channel) ||
        !name_is_valid(message.one.event))
        return;
    hub = choose(foreign,
                 foreign_table_item(&foreign->table, ROUTE_SERVICE, message.one.channel, message.one.event));
    if (!hub) {
        refuse_unprovided(foreign, call, &message.one);
        return;
    }
    if (foreign_call_is_one_too_many(foreign, call)) {
        refuse_too_many(foreign, call, &message.one);
        return;
    }
    foreign_call_add(foreign, call, &hub->id, hub->life);
    message.one.to = hub->id;
    number_one(foreign, &message.one);
    message.one.trail = hub_id_bytes(&foreign->hub_id);
    message.one.body = call->body;
    foreign->outlet.tell(foreign->outlet.context, &message);
}

/* The hub knows no provider of what it has told us of: what we know of the channel is out of date. */
static void watch_for_loss(struct foreign *foreign, const struct foreign_request *request,
                           const struct message *response)
{
    struct foreign_channel *channel;
    struct bytes error;

    if (message_text(response, KEY_ERROR, &error) != 0 ||
        !bytes_start_with(error, BYTES_LITERAL("No provider for")))
        return;
    channel = foreign_table_channel(&foreign->table, request->channel);
    if (!channel)
        return;
    channel->wants_refresh = true;
    foreign_mark_channel(foreign, channel);
}

void foreign_relay_answer(struct foreign *foreign, struct foreign_request *request,
                          const struct message *response)
{
    struct link_message message = {.type = LINK_MESSAGE_ONE};
    struct buffer caller = {0};
    struct rewrite changes[2] = {{.key = KEY_REQUEST_ID, .raw = request->raw_request_id},
                                 {.key = KEY_TARGET_ID}};
    cleanup_(block_unrefp) struct block *frame = NULL;

    watch_for_loss(foreign, request, response);
    write_text(&caller, request->caller);
    changes[1].raw = buffer_bytes(&caller);
    frame = caller.failed ? NULL : rewrite_message(response, 2, changes);
    buffer_clear(&caller);
    message.one.to = request->from;
    number_one(foreign, &message.one);
    message.one.trail = hub_id_bytes(&foreign->hub_id);
    message.one.part = ++request->n_given;
    if (message_is_last(response))
        foreign_request_free(&foreign->requests, request);
    if (!frame) {
        foreign_run_dry(foreign);
        return;
    }
    message.one.body = frame_body(frame);
    foreign->outlet.tell(foreign->outlet.context, &message);
}

/* The hubs of the mesh that want it, as a list; empty: none. */
static void write_receivers(const struct foreign *foreign, struct bytes channel, struct bytes topic,
                            struct buffer *out)
{
    const struct foreign_item *interest = foreign_table_item(&foreign->table, ROUTE_INTEREST, channel, topic);

    for (size_t i = 0; interest && i < interest->n_hubs; i++)
        buffer_append_bytes(out, hub_id_bytes(&interest->hubs[i].id));
}

static void tell_many(struct foreign *foreign, struct link_message *message)
{
    struct buffer to = {0};

    write_receivers(foreign, message->many.channel, message->many.topic, &to);
    message->many.to = buffer_bytes(&to);
    message->many.trail = hub_id_bytes(&foreign->hub_id);
    if (to.failed)
        metrics_count(METRICS_OUT_OF_MEMORY);
    else if (to.len > 0)
        foreign->outlet.tell(foreign->outlet.context, message);
    buffer_clear(&to);
}

/* The id that the message bears, if the mesh knows it, else a new one. */
static void number(struct foreign *foreign, struct bytes raw_metadata, struct link_many *many)
{
    struct mesh_stamp stamp;

    if (!mesh_stamp_read(raw_metadata, &stamp) ||
        !foreign->outlet.knows(foreign->outlet.context, &stamp.origin))
        stamp = (struct mesh_stamp){foreign->hub_id, foreign->incarnation, ++foreign->sequence};
    many->origin = stamp.origin;
    many->incarnation = stamp.incarnation;
    many->seq = stamp.seq;
}

void foreign_relay_broadcast(struct foreign *foreign, const struct message *broadcast)
{
    struct link_message message = {.type = LINK_MESSAGE_MANY};
    struct rewrite change = {.key = KEY_METADATA};
    struct buffer metadata = {0};
    cleanup_(block_unrefp) struct block *frame = NULL;

    if (message_text(broadcast, KEY_CHANNEL, &message.many.channel) != 0 ||
        !name_is_valid(message.many.channel))
        return;
    if (foreign->outlet.has_passed(foreign->outlet.context, message.many.channel, broadcast)) {
        metrics_count(METRICS_DUPLICATES_DROPPED);
        return;
    }
    number(foreign, message_raw(broadcast, KEY_METADATA), &message.many);
    mesh_stamp_strip(&metadata, message_raw(broadcast, KEY_METADATA));
    change.raw = buffer_bytes(&metadata);
    frame = metadata.failed ? NULL : rewrite_message(broadcast, 1, &change);
    buffer_clear(&metadata);
    if (!frame) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        return;
    }
    message.many.body = frame_body(frame);
    tell_many(foreign, &message);
}

void foreign_relay_publish(struct foreign *foreign, struct bytes channel, struct bytes topic,
                           const struct message *receive)
{
    struct link_message message = {.type = LINK_MESSAGE_MANY};

    message.many.channel = channel;
    message.many.topic = topic;
    message.many.body = receive->body;
    number(foreign, BYTES_NONE, &message.many);
    tell_many(foreign, &message);
}
