/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/foreign_call.h"

#include <stdlib.h>

#include "federation/foreign_state.h"
#include "federation/outstanding.h"
#include "hub/base/metrics.h"
#include "hub/base/name.h"
#include "hub/wire/answer.h"
#include "hub/wire/error_text.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"

struct foreign_caller {
    struct map_node node;
    uint32_t n_calls;
    uint8_t storage[];
};

struct foreign_call {
    struct map_node by_name;
    struct list by_age;
    struct hub_id to;
    uint64_t life;             /* the incarnation of `to` that was asked */
    struct stream_order order; /* of the answers */
    struct foreign_caller *caller;
    struct bytes request_id;
    struct bytes channel;
    struct bytes event;
    uint8_t storage[];
};

/* Caller and request id, each behind its length. */
#define NAME_BYTES (2 * (1 + NAME_MAX_BYTES))

struct call_name {
    uint8_t octets[NAME_BYTES];
    struct bytes all;
    struct bytes caller;
    struct bytes request_id;
};

static struct bytes put(uint8_t **at, struct bytes text)
{
    struct bytes placed = bytes_of(*at, text.len);

    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return placed;
}

static bool read_text(const struct message *message, enum message_key key, struct bytes *out_text)
{
    return message_text(message, key, out_text) == 0 && out_text->len <= NAME_MAX_BYTES;
}

/* @caller is the key under which the message names the caller. */
static bool read_name(const struct message *message, enum message_key caller, struct call_name *out_name)
{
    uint8_t *at = out_name->octets;
    struct bytes texts[2];

    if (!read_text(message, caller, &texts[0]) || !read_text(message, KEY_REQUEST_ID, &texts[1]))
        return false;
    *at++ = (uint8_t)texts[0].len;
    out_name->caller = put(&at, texts[0]);
    *at++ = (uint8_t)texts[1].len;
    out_name->request_id = put(&at, texts[1]);
    out_name->all = bytes_of(out_name->octets, (size_t)(at - out_name->octets));
    return true;
}

/* --- the table ------------------------------------------------------------------------------------------ */

void foreign_call_init(struct foreign_calls *calls)
{
    map_init(&calls->by_name);
    map_init(&calls->callers);
    list_init(&calls->by_age);
    stream_order_init_all(&calls->orders);
}

static struct foreign_caller *find_caller(const struct foreign_calls *calls, struct bytes id)
{
    struct map_node *node = map_find(&calls->callers, id);

    return node ? container_of(node, struct foreign_caller, node) : NULL;
}

/* The caller, made if it has no call yet. NULL: out of memory. */
static struct foreign_caller *get_caller(struct foreign_calls *calls, struct bytes id)
{
    struct foreign_caller *caller = find_caller(calls, id);
    uint8_t *at;

    if (caller)
        return caller;
    caller = malloc(sizeof *caller + id.len);
    if (!caller)
        return NULL;
    caller->n_calls = 0;
    at = caller->storage;
    if (map_insert(&calls->callers, &caller->node, put(&at, id)) < 0) {
        free(caller);
        return NULL;
    }
    return caller;
}

static void release_caller(struct foreign_calls *calls, struct foreign_caller *caller)
{
    if (!caller || caller->n_calls > 0)
        return;
    map_remove(&calls->callers, &caller->node);
    free(caller);
}

static void drop(struct foreign_calls *calls, struct foreign_call *call)
{
    call->caller->n_calls--;
    release_caller(calls, call->caller);
    stream_order_clear(&calls->orders, &call->order);
    map_remove(&calls->by_name, &call->by_name);
    list_unlink(&call->by_age);
    free(call);
}

static struct foreign_call *oldest(const struct foreign_calls *calls)
{
    return list_first_entry(&calls->by_age, struct foreign_call, by_age);
}

void foreign_call_clear(struct foreign_calls *calls)
{
    while (!list_is_empty(&calls->by_age))
        drop(calls, oldest(calls));
    map_clear(&calls->by_name);
    map_clear(&calls->callers);
}

static struct foreign_call *find(const struct foreign_calls *calls, struct bytes name)
{
    struct map_node *node = map_find(&calls->by_name, name);

    return node ? container_of(node, struct foreign_call, by_name) : NULL;
}

static struct foreign_hub *hub_of(struct foreign *foreign, const struct foreign_call *call)
{
    struct foreign_item *item =
        foreign_table_item(&foreign->table, ROUTE_SERVICE, call->channel, call->event);

    return item ? foreign_table_hub(item, &call->to) : NULL;
}

/* It has ended; @call may be NULL. */
static void forget(struct foreign *foreign, struct foreign_call *call)
{
    struct foreign_hub *hub = call ? hub_of(foreign, call) : NULL;

    if (hub && hub->n_calls > 0)
        hub->n_calls--;
    if (call)
        drop(&foreign->calls, call);
}

/* A caller that uses its request id again has given up the earlier call. */
static void make_room(struct foreign *foreign, struct bytes name)
{
    struct foreign_calls *calls = &foreign->calls;

    forget(foreign, find(calls, name));
    if (calls->by_name.n_nodes >= FOREIGN_CALL_MAX)
        forget(foreign, oldest(calls));
}

static struct foreign_call *keep(const struct call_name *name, struct bytes channel, struct bytes event)
{
    struct foreign_call *call = malloc(sizeof *call + name->all.len + channel.len + event.len);
    uint8_t *at;

    if (!call)
        return NULL;
    *call = (struct foreign_call){0};
    stream_order_init(&call->order);
    at = call->storage;
    call->by_name.key = put(&at, name->all);
    call->request_id = bytes_of(at - name->request_id.len, name->request_id.len);
    call->channel = put(&at, channel);
    call->event = put(&at, event);
    return call;
}

bool foreign_call_is_one_too_many(const struct foreign *foreign, const struct message *call)
{
    const struct foreign_caller *caller;
    struct bytes id;

    if (call->type != MESSAGE_CALL || !read_text(call, KEY_SENDER_ID, &id))
        return false;
    caller = find_caller(&foreign->calls, id);
    return caller && caller->n_calls >= FOREIGN_CALL_MAX_OF_CALLER;
}

void foreign_call_add(struct foreign *foreign, const struct message *message, const struct hub_id *hub,
                      uint64_t life)
{
    struct foreign_calls *calls = &foreign->calls;
    struct foreign_caller *caller;
    struct foreign_hub *asked;
    struct foreign_call *call;
    struct call_name name;
    struct bytes channel;
    struct bytes event;

    if (message->type != MESSAGE_CALL || !read_name(message, KEY_SENDER_ID, &name) ||
        !read_text(message, KEY_CHANNEL, &channel) || !read_text(message, KEY_EVENT, &event))
        return;
    make_room(foreign, name.all);
    caller = get_caller(calls, name.caller);
    call = caller ? keep(&name, channel, event) : NULL;
    if (!call || map_insert(&calls->by_name, &call->by_name, call->by_name.key) < 0) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        release_caller(calls, caller);
        free(call);
        return;
    }
    call->caller = caller;
    caller->n_calls++;
    call->to = *hub;
    call->life = life;
    list_append(&calls->by_age, &call->by_age);
    asked = hub_of(foreign, call);
    if (asked)
        asked->n_calls++;
}

/* --- answers -------------------------------------------------------------------------------------------- */

static void say(struct foreign *foreign, struct foreign_call *call, struct block *frame, bool is_last)
{
    if (is_last)
        forget(foreign, call);
    foreign_say(foreign, frame);
}

/* What was held and comes next; the last one frees the call. */
static void say_held(struct foreign *foreign, struct foreign_call *call)
{
    bool is_last = false;

    while (!is_last) {
        struct block *frame = stream_order_next(&foreign->calls.orders, &call->order, foreign->now_ms);
        struct message answer;

        if (!frame)
            return;
        is_last = message_parse(frame_body(frame), &answer) != 0 || message_is_last(&answer);
        say(foreign, call, frame, is_last);
    }
}

/* The call ends with the error; %1 of the text is the hub that was asked. */
static void end(struct foreign *foreign, struct foreign_call *call, enum error_text error)
{
    struct call_failure failure = {
        .channel = call->channel,
        .event = call->event,
        .server_id = bytes_of_text(foreign->server_id),
        .target_id = call->caller->node.key,
    };
    struct bytes hub = foreign->outlet.name_of(foreign->outlet.context, &call->to);
    struct buffer request_id = {0};
    char hub_text[HUB_ID_TEXT];
    char text[ERROR_TEXT_SIZE];

    hub_id_text(&call->to, hub_text);
    msgpack_write_str(&request_id, call->request_id);
    failure.raw_request_id = buffer_bytes(&request_id);
    failure.text = error_text_format(error, hub.len > 0 ? hub : bytes_of_text(hub_text), BYTES_NONE, text);
    say(foreign, call, request_id.failed ? NULL : answer_call_failure(&failure), true);
    buffer_clear(&request_id);
}

static void end_with_gap(struct foreign *foreign, struct foreign_call *call)
{
    foreign->outlet.refused(foreign->outlet.context, MESH_REFUSED_GAP);
    end(foreign, call, ERROR_STREAM_BROKEN);
}

static void hold(struct foreign *foreign, struct foreign_call *call, const struct link_one *one)
{
    struct block *frame = frame_of_body(one->body);
    int r = frame ? stream_order_hold(&foreign->calls.orders, &call->order, one->part, frame, foreign->now_ms)
                  : 0;

    if (!frame || r < 0)
        foreign_run_dry(foreign);
    else if (r == STREAM_ORDER_E_TWICE)
        foreign->outlet.refused(foreign->outlet.context, MESH_REFUSED_DUPLICATE);
    else if (r == STREAM_ORDER_E_FULL)
        end_with_gap(foreign, call);
    block_unref(frame);
}

static struct foreign_call *call_of(const struct foreign *foreign, const struct hub_id *to,
                                    const struct message *response)
{
    struct call_name name;
    struct foreign_call *call =
        read_name(response, KEY_TARGET_ID, &name) ? find(&foreign->calls, name.all) : NULL;

    return call && hub_id_equal(&call->to, to) ? call : NULL;
}

void foreign_call_answer(struct foreign *foreign, const struct link_one *one, const struct message *response)
{
    struct foreign_call *call = call_of(foreign, &one->from, response);
    bool is_last = message_is_last(response);

    if (one->part == 0 || (one->part == 1 && is_last)) {
        say(foreign, call, frame_of_body(one->body), call && is_last);
    } else if (!call) {
        foreign->outlet.refused(foreign->outlet.context, MESH_REFUSED_GAP);
    } else if (stream_order_take(&foreign->calls.orders, &call->order, one->part, foreign->now_ms)) {
        say(foreign, call, frame_of_body(one->body), is_last);
        if (!is_last)
            say_held(foreign, call);
    } else {
        hold(foreign, call, one);
    }
}

void foreign_call_lose(struct foreign *foreign, const struct hub_id *hub, uint64_t life)
{
    list_for_each (at, &foreign->calls.by_age) {
        struct foreign_call *call = container_of(at, struct foreign_call, by_age);

        if (hub_id_equal(&call->to, hub) && call->life < life)
            end(foreign, call, ERROR_LINK_LOST);
    }
}

void foreign_call_expire(struct foreign *foreign)
{
    struct stream_order *order;

    while ((order = stream_order_overdue(&foreign->calls.orders, foreign->now_ms)))
        end_with_gap(foreign, container_of(order, struct foreign_call, order));
}
