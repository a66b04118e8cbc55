/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the clients of the simulated world say, and a record of what they get: the judge of the tests
 */
#include "tests/sim/sim_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"

static void copy_text(const struct message *message, enum message_key key, char *out, size_t size)
{
    struct bytes text;

    if (message_text(message, key, &text) == 0)
        snprintf(out, size, "%.*s", (int)text.len, (const char *)text.ptr);
}

static uint64_t data_of(const struct message *message)
{
    struct msgpack_reader reader = msgpack_reader_of(message_raw(message, KEY_DATA));
    struct msgpack_value value;

    return msgpack_read(&reader, &value) == 0 && value.type == MSGPACK_UINT ? value.u64 : 0;
}

static void copy_path(const struct message *message, char *out, size_t size)
{
    struct msgpack_reader reader = msgpack_reader_of(message_raw(message, KEY_PATH));
    struct msgpack_value value;
    size_t len = 0;

    if (!message_has(message, KEY_PATH) || msgpack_read(&reader, &value) != 0 || value.type != MSGPACK_ARRAY)
        return;
    for (uint32_t n = value.n_items; n > 0; n--) {
        check(msgpack_read(&reader, &value) == 0 && len + value.raw.len + 2 < size);
        len += (size_t)snprintf(out + len, size - len, "%s%.*s", len ? " " : "", (int)value.raw.len,
                                (const char *)value.raw.ptr);
    }
}

static void record(struct sim_client *client, const struct message *message)
{
    struct sim_received *received;

    if (client->tally && message->type == MESSAGE_BROADCAST) {
        uint64_t number = data_of(message);

        check(number <= client->n_tallied);
        if (client->tally[number] < UINT8_MAX)
            client->tally[number]++;
        return;
    }
    if (client->n_received == client->size) {
        client->size = client->size ? 2 * client->size : 64;
        client->received = realloc(client->received, client->size * sizeof *client->received);
        check(client->received);
    }
    received = &client->received[client->n_received++];
    *received = (struct sim_received){.type = message->type, .data = data_of(message)};
    copy_text(message, KEY_EVENT, received->event, sizeof received->event);
    copy_text(message, KEY_CHANNEL, received->channel, sizeof received->channel);
    copy_text(message, KEY_SENDER_ID, received->sender, sizeof received->sender);
    copy_text(message, KEY_REQUEST_ID, received->request_id, sizeof received->request_id);
    copy_text(message, KEY_ERROR, received->error, sizeof received->error);
    copy_path(message, received->path, sizeof received->path);
    message_bool(message, KEY_IS_STREAM, false, &received->is_stream);
    message_bool(message, KEY_IS_FINAL, true, &received->is_final);
}

static struct block *answer_frame(const struct sim_received *call, uint64_t data, bool is_stream,
                                  bool is_final)
{
    struct buffer out = {0};

    frame_begin(&out);
    msgpack_write_map(&out, 6);
    msgpack_write_str(&out, BYTES_LITERAL("type"));
    msgpack_write_str(&out, BYTES_LITERAL("response"));
    msgpack_write_str(&out, BYTES_LITERAL("request_id"));
    msgpack_write_str(&out, bytes_of_text(call->request_id));
    msgpack_write_str(&out, BYTES_LITERAL("target_id"));
    msgpack_write_str(&out, bytes_of_text(call->sender));
    msgpack_write_str(&out, BYTES_LITERAL("data"));
    msgpack_write_u64(&out, data);
    msgpack_write_str(&out, BYTES_LITERAL("is_stream"));
    msgpack_write_bool(&out, is_stream);
    msgpack_write_str(&out, BYTES_LITERAL("is_final"));
    msgpack_write_bool(&out, is_final);
    return frame_finish(&out);
}

static void answer_later(struct sim_client *client, const struct sim_received *call)
{
    struct event event = {.what = PROVIDER_ANSWERS, .client = client};

    for (unsigned i = 0; i < client->answers; i++) {
        event.frame = answer_frame(call, client->answers > 1 ? i + 1 : call->data + 1, client->answers > 1,
                                   i + 1 == client->answers);
        check(event.frame);
        sim_events_add(&client->sim->events, i, &event);
    }
}

/* A server's marks (hub/server/server.c). */
#define HIGH_BYTES (1U << 20)
#define LOW_BYTES (256U << 10)

static void read_later(struct sim_client *client)
{
    sim_events_add(&client->sim->events, 1, &(struct event){.what = CLIENT_READS, .client = client});
}

static void queue(struct sim_client *client, size_t bytes, enum frame_class frame_class)
{
    if (client->unread_bytes == 0)
        read_later(client);
    client->unread_bytes += bytes;
    if (client->unread_bytes > client->most_unread_bytes)
        client->most_unread_bytes = client->unread_bytes;
    if (client->unread_bytes > HIGH_BYTES)
        hub_hold_producer(client->sim->hubs[client->hub].hub, &client->line, frame_class != FRAME_TO_ONE);
}

void sim_client_reads(struct sim_client *client)
{
    uint64_t bytes = client->reads_per_ms;

    client->unread_bytes -= bytes < client->unread_bytes ? bytes : client->unread_bytes;
    if (client->unread_bytes <= LOW_BYTES)
        waiters_go(&client->line);
    if (client->unread_bytes > 0)
        read_later(client);
}

void sim_read_slowly(struct sim_client *client, uint64_t bytes_per_ms)
{
    client->reads_per_ms = bytes_per_ms;
}

static void client_may_go(struct waiter *waiter)
{
    list_unlink(&waiter->in_line);
}

static void client_waits(void *owner, struct list *line, bool is_for_many)
{
    struct sim_client *client = owner;

    list_unlink(&client->waiter.in_line);
    client->waiter.is_for_many = is_for_many;
    list_append(line, &client->waiter.in_line);
}

bool sim_waits(const struct sim_client *client)
{
    return !list_is_empty(&client->waiter.in_line);
}

static void client_gets(void *owner, struct block *frame, enum frame_class frame_class)
{
    struct sim_client *client = owner;
    struct message message;

    if (client->reads_per_ms > 0)
        queue(client, frame->len, frame_class);
    check(message_parse(frame_body(frame), &message) == 0);
    record(client, &message);
    if (message.type == MESSAGE_CALL && client->answers > 0)
        answer_later(client, &client->received[client->n_received - 1]);
}

static void client_ends(void *owner, enum end_reason reason)
{
    (void)owner;
    (void)reason;
}

static const struct client_port client_port = {.send = client_gets, .end = client_ends, .wait = client_waits};

struct sim_client *sim_connect(struct sim *sim, unsigned hub, const char *id)
{
    struct sim_client *client = calloc(1, sizeof *client);

    check(client && sim->n_clients < SIM_MAX_CLIENTS);
    client->sim = sim;
    client->hub = hub;
    client->waiter.go = client_may_go;
    list_init(&client->waiter.in_line);
    list_init(&client->line);
    snprintf(client->id, sizeof client->id, "%s", id);
    check(hub_client_add(sim->hubs[hub].hub, bytes_of_text(id), CLIENT_LOCAL, &client_port, client,
                         sim_time(sim), &client->client) == 0);
    sim->clients[sim->n_clients++] = client;
    return client;
}

void sim_tally(struct sim_client *client, uint64_t most)
{
    client->tally = calloc(most + 1, 1);
    check(client->tally);
    client->n_tallied = most;
}

void sim_disconnect(struct sim_client *client)
{
    list_unlink(&client->waiter.in_line);
    waiters_go(&client->line);
    hub_client_gone(client->sim->hubs[client->hub].hub, client->client, END_CLOSED_BY_CLIENT,
                    sim_time(client->sim));
    client->client = NULL;
    sim_settle(client->sim);
}

void sim_client_says(struct sim_client *client, struct bytes body)
{
    struct message message;

    if (!client->client)
        return;
    check(message_parse(body, &message) == 0);
    check(hub_handle(client->sim->hubs[client->hub].hub, client->client, &message, sim_time(client->sim)) ==
          0);
    sim_settle(client->sim);
}

/* Begins a message of @n_pairs after type and channel. */
static void begin(struct buffer *out, const char *type, const char *channel, uint32_t n_pairs)
{
    buffer_init(out);
    msgpack_write_map(out, n_pairs + 2);
    msgpack_write_str(out, BYTES_LITERAL("type"));
    msgpack_write_str(out, bytes_of_text(type));
    msgpack_write_str(out, BYTES_LITERAL("channel"));
    msgpack_write_str(out, bytes_of_text(channel));
}

static void add_text(struct buffer *out, const char *key, const char *text)
{
    msgpack_write_str(out, bytes_of_text(key));
    msgpack_write_str(out, bytes_of_text(text));
}

static void add_bool(struct buffer *out, const char *key, bool value)
{
    msgpack_write_str(out, bytes_of_text(key));
    msgpack_write_bool(out, value);
}

static void add_data(struct buffer *out, uint64_t data)
{
    msgpack_write_str(out, BYTES_LITERAL("data"));
    msgpack_write_u64(out, data);
}

static void finish(struct sim_client *client, struct buffer *out)
{
    check(!out->failed);
    sim_client_says(client, buffer_bytes(out));
    buffer_clear(out);
}

void sim_open(struct sim_client *client, const char *channel)
{
    struct buffer out;

    begin(&out, "register", channel, 1);
    add_bool(&out, "is_provider", false);
    finish(client, &out);
}

void sim_provide(struct sim_client *client, const char *channel, const char *event, bool is_group,
                 bool is_stream)
{
    struct buffer out;

    begin(&out, "register", channel, 5);
    add_bool(&out, "is_provider", true);
    add_text(&out, "event", event);
    add_bool(&out, "is_group", is_group);
    add_bool(&out, "is_stream", is_stream);
    add_text(&out, "request_id", "provide");
    finish(client, &out);
}

void sim_call(struct sim_client *client, const char *channel, const char *event, const char *request_id,
              uint64_t data)
{
    struct buffer out;

    begin(&out, "call", channel, 3);
    add_text(&out, "event", event);
    add_text(&out, "request_id", request_id);
    add_data(&out, data);
    finish(client, &out);
}

static void say_event(struct sim_client *client, const char *type, const char *channel, const char *event,
                      uint64_t data, size_t n_bytes)
{
    char *padding = calloc(1, n_bytes + 1);
    struct buffer out;

    check(padding);
    memset(padding, 'x', n_bytes);
    begin(&out, type, channel, n_bytes > 0 ? 3 : 2);
    add_text(&out, "event", event);
    add_data(&out, data);
    if (n_bytes > 0)
        add_text(&out, "padding", padding);
    finish(client, &out);
    free(padding);
}

void sim_broadcast(struct sim_client *client, const char *channel, uint64_t data)
{
    say_event(client, "broadcast", channel, "news", data, 0);
}

void sim_broadcast_large(struct sim_client *client, const char *channel, uint64_t data, size_t n_bytes)
{
    say_event(client, "broadcast", channel, "news", data, n_bytes);
}

void sim_send(struct sim_client *client, const char *channel, const char *event, uint64_t data)
{
    say_event(client, "send", channel, event, data, 0);
}

void sim_send_large(struct sim_client *client, const char *channel, const char *event, uint64_t data,
                    size_t n_bytes)
{
    say_event(client, "send", channel, event, data, n_bytes);
}

static void say_topic(struct sim_client *client, const char *type, const char *channel, const char *topic)
{
    struct buffer out;

    begin(&out, type, channel, 2);
    add_text(&out, "sub_name", topic);
    add_text(&out, "request_id", type);
    finish(client, &out);
}

void sim_declare(struct sim_client *client, const char *channel, const char *topic)
{
    say_topic(client, "add_subscription", channel, topic);
}

void sim_undeclare(struct sim_client *client, const char *channel, const char *topic)
{
    say_topic(client, "remove_subscription", channel, topic);
}

void sim_subscribe(struct sim_client *client, const char *channel, const char *topic, bool is_wanted)
{
    say_topic(client, is_wanted ? "subscribe" : "unsubscribe", channel, topic);
}

void sim_publish(struct sim_client *client, const char *channel, const char *topic, uint64_t data)
{
    struct buffer out;

    begin(&out, "publish", channel, 2);
    add_text(&out, "sub_name", topic);
    add_data(&out, data);
    finish(client, &out);
}

void sim_set_password(struct sim_client *client, const char *channel, const char *password)
{
    struct buffer out;

    begin(&out, "set_password", channel, 2);
    msgpack_write_str(&out, BYTES_LITERAL("password"));
    msgpack_write_str_or_nil(&out, bytes_of_text(password));
    add_text(&out, "request_id", "set_password");
    finish(client, &out);
}

size_t sim_count(const struct sim_client *client, enum message_type type, const char *event, uint64_t data)
{
    size_t n = 0;

    for (size_t i = 0; i < client->n_received; i++) {
        const struct sim_received *received = &client->received[i];

        n += received->type == type && (!event || strcmp(received->event, event) == 0) &&
             (data == 0 || received->data == data);
    }
    return n;
}

const struct sim_received *sim_answer(const struct sim_client *client, const char *request_id)
{
    for (size_t i = 0; i < client->n_received; i++) {
        if (client->received[i].type == MESSAGE_RESPONSE &&
            strcmp(client->received[i].request_id, request_id) == 0)
            return &client->received[i];
    }
    return NULL;
}

void sim_clients_free(struct sim *sim)
{
    for (unsigned i = 0; i < sim->n_clients; i++) {
        free(sim->clients[i]->received);
        free(sim->clients[i]->tally);
        free(sim->clients[i]);
    }
}
