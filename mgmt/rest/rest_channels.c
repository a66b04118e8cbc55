/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Channels. A row of the list and one channel tell how many members, events and topics there are; one channel
 * shows the first PARTS_SHOWN of each, and lists of their own show all.
 */
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/listing.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

#define PARTS_SHOWN 100

#define N_OF(array) (sizeof(array) / sizeof *(array))

static struct bytes name_of(const struct request *request)
{
    return bytes_of_text(request->segments[RESOURCES_NAME_SEGMENT]);
}

/* ---- rows ---- */

static json_t *origin_json(enum password_origin origin)
{
    switch (origin) {
    case PASSWORD_NONE:
        return json_null();
    case PASSWORD_BY_CLIENT:
        return json_string("client");
    case PASSWORD_BY_OPERATOR:
        return json_string("operator");
    case PASSWORD_BY_CONFIGURATION:
        return json_string("configuration");
    }
    return json_null();
}

static json_t *counters_json(const struct channel_counters *counters)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "calls", (json_int_t)counters->calls, "sends",
                     (json_int_t)counters->sends, "broadcasts", (json_int_t)counters->broadcasts, "publishes",
                     (json_int_t)counters->publishes, "deliveries", (json_int_t)counters->deliveries);
}

static json_t *channel_json(const struct request *request, const void *row)
{
    const struct view_channel *channel = row;

    (void)request;
    return json_pack("{s:o, s:b, s:o, s:o, s:I, s:I, s:I, s:o}", "name", json_value_text(channel->name),
                     "protected", channel->password_origin != PASSWORD_NONE, "password_origin",
                     origin_json(channel->password_origin), "owner", json_value_text_or_null(channel->owner),
                     "n_members", (json_int_t)channel->n_members, "n_events", (json_int_t)channel->n_events,
                     "n_topics", (json_int_t)channel->n_topics, "counters",
                     counters_json(&channel->counters));
}

static json_t *member_json(const struct request *request, const void *row)
{
    const struct view_member *member = row;

    (void)request;
    return json_pack("{s:o, s:o, s:b, s:o}", "id", json_value_text(member->id), "mode",
                     json_value_text(member->mode), "is_local", member->is_local, "path",
                     json_value_texts(member->path, member->n_path));
}

static json_t *event_json(const struct request *request, const void *row)
{
    const struct view_event *event = row;

    (void)request;
    return json_pack("{s:o, s:b, s:b, s:I, s:o, s:o, s:o}", "name", json_value_text(event->name), "is_group",
                     event->is_group, "is_stream", event->is_stream, "n_providers",
                     (json_int_t)event->n_providers, "providers",
                     json_value_texts(event->providers, event->n_named), "param_schema",
                     json_value_msgpack(event->raw_param_schema), "return_schema",
                     json_value_msgpack(event->raw_return_schema));
}

static json_t *topic_json(const struct request *request, const void *row)
{
    const struct view_topic *topic = row;

    (void)request;
    return json_pack("{s:o, s:o, s:I}", "name", json_value_text(topic->name), "owner",
                     json_value_text_or_null(topic->owner), "subscribers", (json_int_t)topic->n_subscribers);
}

/* ---- the list ---- */

LISTING_COLUMN(view_channel, name, text)
LISTING_COLUMN(view_channel, owner, text)
LISTING_COLUMN(view_channel, n_members, number)
LISTING_COLUMN(view_channel, n_events, number)
LISTING_COLUMN(view_channel, n_topics, number)

static struct listing_value column_protected(const void *row)
{
    const struct view_channel *channel = row;

    return (struct listing_value){.text = channel->password_origin != PASSWORD_NONE ? "true" : "false"};
}

static uint64_t channel_place(const void *row)
{
    return ((const struct view_channel *)row)->serial;
}

static bool read_channels(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct view_list list = {.member = bytes_of_text(listing_argument(ask, "member"))};

    return listing_read_view(ask, server_control_channels, &list, out_chunk);
}

void rest_channels_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {
        {"name", column_name, .sorts = true, LISTING_PART},
        {"owner", column_owner, .sorts = true, LISTING_PART},
        {"protected", column_protected, .sorts = true, LISTING_WORD, "true false"},
        {"member", .match = LISTING_BY_SOURCE},
        {"n_members", column_n_members, .sorts = true},
        {"n_events", column_n_events, .sorts = true},
        {"n_topics", column_n_topics, .sorts = true},
    };
    static const struct listing listing = {
        .name = "channels",
        .order = "opened",
        .row_bytes = sizeof(struct view_channel),
        .columns = columns,
        .n_columns = N_OF(columns),
        .place = channel_place,
        .row_json = channel_json,
        .read = read_channels,
    };

    listing_reply(&listing, rest, request, reply);
}

/* ---- lists of what is in one ---- */

LISTING_COLUMN(view_member, id, text)
LISTING_COLUMN(view_member, mode, text)

static struct listing_value column_local(const void *row)
{
    return (struct listing_value){.text = ((const struct view_member *)row)->is_local ? "true" : "false"};
}

static uint64_t member_place(const void *row)
{
    return ((const struct view_member *)row)->place;
}

static bool read_members(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct view_list list = {.channel = name_of(ask->request)};

    return listing_read_view(ask, server_control_members, &list, out_chunk);
}

void rest_channels_list_members(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {
        {"id", column_id, .sorts = true, LISTING_PART},
        {"mode", column_mode, .sorts = true, LISTING_PART},
        {"is_local", column_local, .sorts = true, LISTING_WORD, "true false"},
    };
    static const struct listing listing = {
        .name = "members",
        .order = "joined",
        .row_bytes = sizeof(struct view_member),
        .columns = columns,
        .n_columns = N_OF(columns),
        .place = member_place,
        .row_json = member_json,
        .read = read_members,
    };

    listing_reply(&listing, rest, request, reply);
}

static struct listing_value column_event_name(const void *row)
{
    return (struct listing_value){.text = ((const struct view_event *)row)->name};
}

static uint64_t event_place(const void *row)
{
    return ((const struct view_event *)row)->serial;
}

static bool read_events(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct view_list list = {.channel = name_of(ask->request)};

    return listing_read_view(ask, server_control_events, &list, out_chunk);
}

/* Schemas may be long: a page ends where the view does. */
void rest_channels_list_events(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {{"name", column_event_name, .match = LISTING_PART}};
    static const struct listing listing = {
        .name = "channel events",
        .order = "made",
        .is_heavy = true,
        .row_bytes = sizeof(struct view_event),
        .columns = columns,
        .n_columns = N_OF(columns),
        .place = event_place,
        .row_json = event_json,
        .read = read_events,
    };

    listing_reply(&listing, rest, request, reply);
}

static struct listing_value column_topic_name(const void *row)
{
    return (struct listing_value){.text = ((const struct view_topic *)row)->name};
}

static struct listing_value column_topic_owner(const void *row)
{
    return (struct listing_value){.text = ((const struct view_topic *)row)->owner};
}

LISTING_COLUMN(view_topic, n_subscribers, number)

static uint64_t topic_place(const void *row)
{
    return ((const struct view_topic *)row)->serial;
}

static bool read_topics(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct view_list list = {.channel = name_of(ask->request)};

    return listing_read_view(ask, server_control_topics, &list, out_chunk);
}

void rest_channels_list_topics(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {
        {"name", column_topic_name, .sorts = true, LISTING_PART},
        {"owner", column_topic_owner, .sorts = true, LISTING_PART},
        {"subscribers", column_n_subscribers, .sorts = true},
    };
    static const struct listing listing = {
        .name = "topics",
        .order = "made",
        .row_bytes = sizeof(struct view_topic),
        .columns = columns,
        .n_columns = N_OF(columns),
        .place = topic_place,
        .row_json = topic_json,
        .read = read_topics,
    };

    listing_reply(&listing, rest, request, reply);
}

/* ---- one of them ---- */

/* What is shown of one channel, taken one after the other. */
struct asking {
    struct rest *rest;
    struct bytes name;
    struct view *view; /* of channel */
    struct view_channel channel;
    struct view_list members, events, topics;
    int result;
};

static bool step_part(struct asking *asking, listing_step *step, struct view_list *part)
{
    asking->result = step(asking->rest->options.server, part);
    return asking->result == VIEW_E_GOES_ON;
}

static bool step_head(void *argument)
{
    struct asking *asking = argument;

    asking->result =
        server_control_channel(asking->rest->options.server, asking->name, &asking->view, &asking->channel);
    return false;
}

static bool step_members(void *argument)
{
    struct asking *asking = argument;

    return step_part(asking, server_control_members, &asking->members);
}

static bool step_events(void *argument)
{
    struct asking *asking = argument;

    return step_part(asking, server_control_events, &asking->events);
}

static bool step_topics(void *argument)
{
    struct asking *asking = argument;

    return step_part(asking, server_control_topics, &asking->topics);
}

static bool ask(struct asking *asking, const struct request *request, struct reply *reply)
{
    static bool (*const steps[])(void *argument) = {step_head, step_members, step_events, step_topics};

    for (size_t i = 0; i < N_OF(steps) && asking->result == 0; i++) {
        if (!rest_walk(asking->rest, steps[i], asking, request, reply))
            return false;
    }
    if (asking->result == VIEW_E_UNKNOWN)
        problem_reply(reply, request, 404, "There is no channel of that name.");
    else if (asking->result < 0)
        problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
    return asking->result == 0;
}

static json_t *part_json(const struct request *request, const struct view_list *part, size_t row_bytes,
                         json_t *(*row_json)(const struct request *request, const void *row))
{
    json_t *array = json_array();

    for (size_t i = 0; i < part->n; i++) {
        if (json_array_append_new(array, row_json(request, (const char *)part->rows + i * row_bytes))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *detail_json(const struct request *request, const struct asking *asking)
{
    json_t *detail = channel_json(request, &asking->channel);

    if (json_object_set_new(detail, "members",
                            part_json(request, &asking->members, sizeof(struct view_member), member_json)) ||
        json_object_set_new(detail, "events",
                            part_json(request, &asking->events, sizeof(struct view_event), event_json)) ||
        json_object_set_new(detail, "topics",
                            part_json(request, &asking->topics, sizeof(struct view_topic), topic_json))) {
        json_decref(detail);
        return NULL;
    }
    return detail;
}

void rest_channels_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct bytes name = name_of(request);
    struct view_list part = {.limit = PARTS_SHOWN, .channel = name};
    struct asking asking = {.rest = rest, .name = name, .members = part, .events = part, .topics = part};

    if (ask(&asking, request, reply))
        json_value_reply(reply, 200, detail_json(request, &asking));
    view_free(asking.members.view);
    view_free(asking.events.view);
    view_free(asking.topics.view);
    view_free(asking.view);
}
