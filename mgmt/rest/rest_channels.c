/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/page.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

struct asking {
    struct rest *rest;
    struct page page;
    struct bytes name; /* of one channel; none: a page of all */
    struct view_channels view;
    int result;
};

static void run_ask(void *argument)
{
    struct asking *asking = argument;
    struct server *server = asking->rest->options.server;

    asking->result = asking->name.ptr ? server_control_channel(server, asking->name, &asking->view)
                                      : server_control_channels(server, asking->page.after,
                                                                asking->page.limit, &asking->view);
}

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

/* A list of rows; NULL as soon as one could not be made. */
#define ROWS_JSON(rows, n, row_json)                                                                         \
    json_t *array = json_array();                                                                            \
    for (size_t i = 0; i < (n); i++) {                                                                       \
        if (json_array_append_new(array, row_json(&(rows)[i]))) {                                            \
            json_decref(array);                                                                              \
            return NULL;                                                                                     \
        }                                                                                                    \
    }                                                                                                        \
    return array

static json_t *member_json(const struct view_member *member)
{
    return json_pack("{s:o, s:o, s:b, s:o}", "id", json_value_text(member->id), "mode",
                     json_value_text(member->mode), "is_local", member->is_local, "path",
                     json_value_texts(member->path, member->n_path));
}

static json_t *members_json(const struct view_channel *channel)
{
    ROWS_JSON(channel->members, channel->n_members, member_json);
}

static json_t *event_json(const struct view_event *event)
{
    return json_pack("{s:o, s:b, s:b, s:o, s:o, s:o}", "name", json_value_text(event->name), "is_group",
                     event->is_group, "is_stream", event->is_stream, "providers",
                     json_value_texts(event->providers, event->n_providers), "param_schema",
                     json_value_msgpack(event->raw_param_schema), "return_schema",
                     json_value_msgpack(event->raw_return_schema));
}

static json_t *events_json(const struct view_channel *channel)
{
    ROWS_JSON(channel->events, channel->n_events, event_json);
}

static json_t *topic_json(const struct view_topic *topic)
{
    return json_pack("{s:o, s:o, s:I}", "name", json_value_text(topic->name), "owner",
                     json_value_text_or_null(topic->owner), "subscribers", (json_int_t)topic->n_subscribers);
}

static json_t *topics_json(const struct view_channel *channel)
{
    ROWS_JSON(channel->topics, channel->n_topics, topic_json);
}

static json_t *channel_json(const struct view_channel *channel)
{
    return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "name", json_value_text(channel->name),
                     "protected", channel->password_origin != PASSWORD_NONE, "password_origin",
                     origin_json(channel->password_origin), "owner", json_value_text_or_null(channel->owner),
                     "members", members_json(channel), "events", events_json(channel), "topics",
                     topics_json(channel));
}

static json_t *channels_json(const struct view_channels *view)
{
    ROWS_JSON(view->channels, view->n_channels, channel_json);
}

static json_t *page_json(const struct view_channels *view)
{
    return json_value_page(channels_json(view), view->has_more && view->n_channels
                                                    ? page_cursor(view->channels[view->n_channels - 1].serial)
                                                    : NULL);
}

static bool ask(struct asking *asking, const struct request *request, struct reply *reply)
{
    if (!rest_ask(asking->rest, run_ask, asking, request, reply))
        return false;
    if (asking->result == 0)
        return true;
    problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
    return false;
}

void rest_channels_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct asking asking = {.rest = rest};

    if (!page_parse(&asking.page, request, reply) || !ask(&asking, request, reply))
        return;
    json_value_reply(reply, 200, page_json(&asking.view));
    hub_view_free(asking.view.view);
}

void rest_channels_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct asking asking = {.rest = rest, .name = bytes_of_text(request->segments[RESOURCES_NAME_SEGMENT])};

    if (!ask(&asking, request, reply))
        return;
    if (asking.view.n_channels)
        json_value_reply(reply, 200, channel_json(&asking.view.channels[0]));
    else
        problem_reply(reply, request, 404, "There is no channel of that name.");
    hub_view_free(asking.view.view);
}
