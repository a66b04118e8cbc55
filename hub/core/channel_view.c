/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/channel_view.h"

#include "hub/core/providers.h"
#include "hub/core/remotes.h"
#include "hub/core/topics.h"
#include "hub/wire/msgpack_read.h"

/* ---- members ---- */

static void copy_member(struct view *view, void *element, void *out_row)
{
    const struct member *member = element;
    struct view_member *out = out_row;

    *out = (struct view_member){
        .place = member->serial,
        .id = view_text(view, member->client->id),
        .mode = clients_mode(member->client),
        .is_local = true,
    };
}

static void copy_path(struct view *view, struct bytes raw_path, struct view_member *out)
{
    struct msgpack_reader reader = msgpack_reader_of(raw_path);
    struct msgpack_value value;
    size_t n;

    if (msgpack_read(&reader, &value) != 0 || value.type != MSGPACK_ARRAY)
        return;
    n = value.n_items;
    out->path = view_rows(view, sizeof *out->path, &n);
    for (; out->n_path < n && msgpack_read(&reader, &value) == 0 && value.type == MSGPACK_STR; out->n_path++)
        out->path[out->n_path] = view_text(view, value.raw);
}

static void copy_remote(struct view *view, void *element, void *out_row)
{
    const struct remote *remote = element;
    struct view_member *out = out_row;

    *out = (struct view_member){
        .place = VIEW_LATER_PLACES + remote->serial,
        .id = view_text(view, remote->id),
        .mode = view_text(view, remote->mode),
    };
    copy_path(view, remote->raw_path, out);
}

static bool is_shown(const void *context, void *element)
{
    (void)context;
    return !remotes_is_shadowed(element);
}

int channel_view_members(const struct hub *hub, struct view_list *list)
{
    static const struct view_kind local = {sizeof(struct view_member), .copy = copy_member};
    static const struct view_kind remote = {sizeof(struct view_member), .first_place = VIEW_LATER_PLACES,
                                            .wants = is_shown, .copy = copy_remote};
    const struct channel *channel = channels_find(hub, list->channel);
    int r;

    if (!channel)
        return view_give_up(list, VIEW_E_UNKNOWN);
    if (list->after >= VIEW_LATER_PLACES)
        return view_step(list, &remote, &channel->remotes_by_serial, NULL);
    r = view_step(list, &local, &channel->members_by_serial, NULL);
    if (r != 0 || list->has_more)
        return r;
    list->after = VIEW_LATER_PLACES;
    return VIEW_E_GOES_ON;
}

/* ---- events ---- */

static void copy_providers(struct view *view, struct event *event, struct view_event *out)
{
    size_t n;

    out->n_providers = event->n_local + event->n_peers;
    n = out->n_providers < CHANNEL_VIEW_PROVIDERS ? out->n_providers : CHANNEL_VIEW_PROVIDERS;
    out->providers = view_rows(view, sizeof *out->providers, &n);
    list_for_each (link, &event->providers) {
        if (out->n_named == n)
            return;
        out->providers[out->n_named++] =
            view_text(view, container_of(link, struct provider, in_event)->client->id);
    }
}

static void copy_event(struct view *view, void *element, void *out_row)
{
    struct event *event = element;
    struct view_event *out = out_row;

    *out = (struct view_event){
        .serial = event->serial,
        .name = view_text(view, event->name),
        .is_group = event->is_group,
        .is_stream = event->is_stream,
        .raw_param_schema = view_raw(view, event->raw_param_schema),
        .raw_return_schema = view_raw(view, event->raw_return_schema),
    };
    copy_providers(view, event, out);
}

int channel_view_events(const struct hub *hub, struct view_list *list)
{
    static const struct view_kind kind = {sizeof(struct view_event), .copy = copy_event};
    const struct channel *channel = channels_find(hub, list->channel);

    return channel ? view_step(list, &kind, &channel->events_by_serial, NULL)
                   : view_give_up(list, VIEW_E_UNKNOWN);
}

/* ---- topics ---- */

static void copy_topic(struct view *view, void *element, void *out_row)
{
    const struct topic *topic = element;
    struct bytes owner = topics_owner_id(topic);
    struct view_topic *out = out_row;

    *out = (struct view_topic){
        .serial = topic->serial,
        .name = view_text(view, topic->name),
        .owner = owner.ptr ? view_text(view, owner) : NULL,
        .n_subscribers = topic->n_subscriptions,
    };
}

int channel_view_topics(const struct hub *hub, struct view_list *list)
{
    static const struct view_kind kind = {sizeof(struct view_topic), .copy = copy_topic};
    const struct channel *channel = channels_find(hub, list->channel);

    return channel ? view_step(list, &kind, &channel->topics_by_serial, NULL)
                   : view_give_up(list, VIEW_E_UNKNOWN);
}
