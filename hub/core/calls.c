/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/calls.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/metrics.h"
#include "hub/base/name.h"
#include "hub/wire/answer.h"
#include "hub/wire/msgpack_write.h"

/* provider pointer, length of the request id, request id, name of the caller */
#define KEY_MAX_BYTES (sizeof(void *) + 1 + NAME_MAX_BYTES + NAME_MAX_BYTES)

static size_t write_key(uint8_t *place, const struct client *provider, struct bytes request_id,
                        struct bytes name)
{
    uint8_t *start = place;

    check(request_id.len <= NAME_MAX_BYTES && name.len <= NAME_MAX_BYTES);
    memcpy(place, &provider, sizeof provider);
    place += sizeof provider;
    *place++ = (uint8_t)request_id.len;
    memcpy(place, request_id.ptr, request_id.len);
    place += request_id.len;
    memcpy(place, name.ptr, name.len);
    return (size_t)(place + name.len - start);
}

static struct bytes store(uint8_t **place, struct bytes text)
{
    struct bytes copy = bytes_of(*place, text.len);

    memcpy(*place, text.ptr, text.len);
    *place += text.len;
    return copy;
}

/* The interval is the same for all, so that the list is in order also after it has been changed. */
static void set_deadline(struct hub *hub, struct call *call)
{
    call->waits_since_ms = hub->time.now_ms;
    list_append(&hub->calls_by_deadline, &call->by_deadline);
}

static uint64_t deadline_of(const struct hub *hub, const struct call *call)
{
    uint64_t interval_ms = hub->options.call_deadline_ms;

    return interval_ms ? call->waits_since_ms + interval_ms : UINT64_MAX;
}

struct call *calls_find(const struct hub *hub, const struct client *provider, struct bytes request_id,
                        struct bytes caller_name)
{
    uint8_t key[KEY_MAX_BYTES];
    struct map_node *node;

    if (request_id.len > NAME_MAX_BYTES || caller_name.len > NAME_MAX_BYTES)
        return NULL;
    node = map_find(&hub->calls_by_key, bytes_of(key, write_key(key, provider, request_id, caller_name)));
    return node ? container_of(node, struct call, by_key) : NULL;
}

static uint32_t max_calls(const struct client *caller)
{
    return caller->kind == CLIENT_PEER ? PEER_MAX_CALLS : CLIENT_MAX_CALLS;
}

int calls_add(struct hub *hub, const struct call_parties *parties)
{
    uint8_t key[KEY_MAX_BYTES];
    size_t key_len = write_key(key, parties->provider, parties->request_id, parties->caller_name);
    uint64_t hash = map_hash_of(&hub->calls_by_key, bytes_of(key, key_len));
    struct call *call;
    uint8_t *place;

    if (parties->caller->n_calls_made >= max_calls(parties->caller))
        return CALLS_E_TOO_MANY;
    if (map_find_hashed(&hub->calls_by_key, bytes_of(key, key_len), hash))
        return CALLS_E_ID_IN_USE;
    call = malloc(sizeof *call + key_len + parties->channel.len + parties->event.len);
    if (!call)
        return -ENOMEM;
    memcpy(call->storage, key, key_len);
    if (map_insert_hashed(&hub->calls_by_key, &call->by_key, bytes_of(call->storage, key_len), hash) < 0) {
        free(call);
        return -ENOMEM;
    }
    /* request id and caller's name are read out of the key */
    call->request_id = bytes_of(call->storage + sizeof(void *) + 1, parties->request_id.len);
    call->caller_name = bytes_of(call->request_id.ptr + call->request_id.len, parties->caller_name.len);
    place = call->storage + key_len;
    call->channel = store(&place, parties->channel);
    call->event = store(&place, parties->event);
    call->caller = parties->caller;
    call->provider = parties->provider;
    list_append(&call->caller->calls_made, &call->by_caller);
    list_append(&call->provider->calls_taken, &call->by_provider);
    call->caller->n_calls_made++;
    call->provider->n_calls_taken++;
    call->began_ms = hub->time.now_ms;
    set_deadline(hub, call);
    return 0;
}

void calls_touch(struct hub *hub, struct call *call)
{
    list_unlink(&call->by_deadline);
    set_deadline(hub, call);
}

void calls_finish(struct hub *hub, struct call *call)
{
    map_remove(&hub->calls_by_key, &call->by_key);
    list_unlink(&call->by_caller);
    list_unlink(&call->by_provider);
    list_unlink(&call->by_deadline);
    call->caller->n_calls_made--;
    call->provider->n_calls_taken--;
    free(call);
}

void calls_refuse(struct hub *hub, const struct call_parties *parties, enum error_text text)
{
    char sentence[ERROR_TEXT_SIZE];
    struct buffer raw_request_id;
    struct call_failure failure = {
        .text = error_text_format(text, parties->channel, parties->event, sentence),
        .channel = parties->channel,
        .event = parties->event,
        .server_id = hub_id_text(hub),
        .target_id = parties->caller->kind == CLIENT_PEER ? parties->caller_name : BYTES_NONE,
        .timestamp_s = hub->time.wall_s,
    };
    struct block *frame = NULL;

    buffer_init(&raw_request_id);
    msgpack_write_str_or_nil(&raw_request_id, parties->request_id);
    if (!raw_request_id.failed) {
        failure.raw_request_id = buffer_bytes(&raw_request_id);
        frame = answer_call_failure(&failure);
    }
    buffer_clear(&raw_request_id);
    metrics_count(METRICS_CALLS_FAILED);
    clients_send_new(parties->caller, frame, FRAME_CONTROL);
}

void calls_fail(struct hub *hub, struct call *call, enum error_text text)
{
    struct call_parties parties = {
        .caller = call->caller,
        .request_id = call->request_id,
        .caller_name = call->caller_name,
        .channel = call->channel,
        .event = call->event,
    };

    calls_refuse(hub, &parties, text);
    calls_finish(hub, call);
}

void calls_forget_client(struct hub *hub, struct client *client)
{
    /* First what it asked: a client that called itself must not be answered any more. */
    list_for_each (link, &client->calls_made)
        calls_finish(hub, container_of(link, struct call, by_caller));
    list_for_each (link, &client->calls_taken)
        calls_fail(hub, container_of(link, struct call, by_provider), ERROR_PROVIDER_GONE);
}

void calls_fail_taken(struct hub *hub, struct client *provider, struct bytes channel, struct bytes event)
{
    list_for_each (link, &provider->calls_taken) {
        struct call *call = container_of(link, struct call, by_provider);

        if (bytes_equal(call->channel, channel) && (!event.ptr || bytes_equal(call->event, event)))
            calls_fail(hub, call, ERROR_PROVIDER_REMOVED);
    }
}

uint64_t calls_expire(struct hub *hub)
{
    list_for_each (link, &hub->calls_by_deadline) {
        struct call *call = container_of(link, struct call, by_deadline);

        if (deadline_of(hub, call) > hub->time.now_ms)
            return deadline_of(hub, call);
        calls_fail(hub, call, ERROR_CALL_TIMED_OUT);
    }
    return UINT64_MAX;
}
