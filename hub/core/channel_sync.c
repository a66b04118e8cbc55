/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/channel_sync.h"

#include "hub/core/providers.h"
#include "hub/core/topics.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"

static void write_event(struct buffer *out, const struct event *event)
{
    msgpack_write_str(out, event->name);
    msgpack_write_map(out, 6);
    msgpack_write_str(out, BYTES_LITERAL("owner"));
    msgpack_write_str(out, providers_owner(event));
    msgpack_write_str(out, BYTES_LITERAL("is_stream"));
    msgpack_write_bool(out, event->is_stream);
    msgpack_write_str(out, BYTES_LITERAL("is_group"));
    msgpack_write_bool(out, event->is_group);
    msgpack_write_str(out, BYTES_LITERAL("param_schema"));
    msgpack_write_raw_or_nil(out, event->raw_param_schema);
    msgpack_write_str(out, BYTES_LITERAL("return_schema"));
    msgpack_write_raw_or_nil(out, event->raw_return_schema);
    msgpack_write_str(out, BYTES_LITERAL("stype"));
    msgpack_write_str(out, BYTES_LITERAL("event"));
}

/* The topic's schema stands under param_schema: clients look for it there. */
static void write_topic(struct buffer *out, const struct topic *topic)
{
    msgpack_write_str(out, topic->name);
    msgpack_write_map(out, 3);
    msgpack_write_str(out, BYTES_LITERAL("owner"));
    msgpack_write_str(out, topics_owner_id(topic));
    msgpack_write_str(out, BYTES_LITERAL("param_schema"));
    msgpack_write_raw_or_nil(out, topic->raw_schema);
    msgpack_write_str(out, BYTES_LITERAL("stype"));
    msgpack_write_str(out, BYTES_LITERAL("subscription"));
}

static uint32_t count_owned(struct channel *channel)
{
    uint32_t n = 0;

    list_for_each (link, &channel->topics)
        n += container_of(link, struct topic, in_channel)->owner != NULL;
    return n;
}

struct block *channel_sync_frame(struct channel *channel)
{
    struct buffer out;

    buffer_init(&out);
    frame_begin(&out);
    msgpack_write_map(&out, 4);
    msgpack_write_str(&out, BYTES_LITERAL("type"));
    msgpack_write_str(&out, BYTES_LITERAL("channel_sync"));
    msgpack_write_str(&out, BYTES_LITERAL("channel"));
    msgpack_write_str(&out, channel->name);
    msgpack_write_str(&out, BYTES_LITERAL("events"));
    msgpack_write_map(&out, (uint32_t)channel->events_by_name.n_nodes);
    list_for_each (link, &channel->events)
        write_event(&out, container_of(link, struct event, in_channel));
    msgpack_write_str(&out, BYTES_LITERAL("subscriptions"));
    msgpack_write_map(&out, count_owned(channel));
    list_for_each (link, &channel->topics) {
        const struct topic *topic = container_of(link, struct topic, in_channel);

        if (topic->owner)
            write_topic(&out, topic);
    }
    return frame_finish(&out);
}
