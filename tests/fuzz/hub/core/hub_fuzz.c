/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A life of a hub in bytes: clients, bridges and remote hubs come, say things, and go, while time passes
 *
 * The input is a list of steps. Most steps make a message out of a few names, so that clients meet in the
 * same channels, events and topics, answer calls that they have really got and prove challenges that were
 * really put; one kind of step is a message of any bytes. What must hold throughout:
 *
 *   - each frame that the hub sends is one sound frame with a sound message, to a client that is still there;
 *   - each call that bears a request_id has one final answer, or is still outstanding: the hub's own count of
 *     outstanding calls is that of the callers;
 *   - when all have gone, nothing is left.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/core/channel_view.h"
#include "hub/core/hub_view.h"
#include "hub/core/peering.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"
#include "hub/wire/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_ACTORS 6
#define MAX_STEPS 400
#define TEXT_SIZE 300
#define PASSWORD "secret"

struct actor {
    struct client *client; /* NULL: is not there */
    enum client_kind kind;
    bool is_to_end;
    uint64_t n_calls;
    uint64_t n_finals;
    char call_id[TEXT_SIZE]; /* the last call that came to it */
    char caller[TEXT_SIZE];
    char challenge_id[TEXT_SIZE]; /* the last challenge put to it */
    char challenge[TEXT_SIZE];
};

struct world {
    struct hub *hub;
    struct hub_time time;
    struct actor actors[MAX_ACTORS];
    struct bytes input;
    bool is_counted; /* calls are: nothing was said that the fuzzer does not understand */
};

static uint8_t next_byte(struct world *world)
{
    uint8_t byte;

    if (world->input.len == 0)
        return 0;
    byte = world->input.ptr[0];
    world->input = bytes_from(world->input, 1);
    return byte;
}

static void copy_text(const struct message *message, enum message_key key, char out_text[TEXT_SIZE])
{
    struct bytes text;

    message_text(message, key, &text);
    snprintf(out_text, TEXT_SIZE, "%.*s", (int)text.len, text.len ? (const char *)text.ptr : "");
}

/* ------------------------------------------------------------------------------------ what the hub does */

static bool is_final_answer(const struct message *message)
{
    bool is_stream = false;
    bool is_final = true;
    struct bytes text;

    if (message_text(message, KEY_ERROR, &text) != MESSAGE_E_ABSENT)
        return true;
    message_bool(message, KEY_IS_STREAM, false, &is_stream);
    message_bool(message, KEY_IS_FINAL, true, &is_final);
    return !is_stream || is_final;
}

static void hear_answer(struct actor *actor, const struct message *message)
{
    struct bytes request_id;

    /* Calls have ids of their own, c0 to c7; other requests have r. */
    if (message_text(message, KEY_REQUEST_ID, &request_id) == 0 && request_id.len == 2 &&
        request_id.ptr[0] == 'c' && is_final_answer(message))
        actor->n_finals++;
}

static void on_send(void *owner, struct block *frame, enum frame_class frame_class)
{
    struct actor *actor = owner;
    struct message message;
    struct bytes body;
    size_t frame_bytes;

    check(actor->client);
    check(frame_class <= FRAME_TO_MANY);
    check(frame_next(block_bytes(frame), SIZE_MAX, &body, &frame_bytes) == 0 && frame_bytes == frame->len);
    check(message_parse(body, &message) == 0);
    if (message.type == MESSAGE_RESPONSE) {
        hear_answer(actor, &message);
    } else if (message.type == MESSAGE_CALL) {
        copy_text(&message, KEY_REQUEST_ID, actor->call_id);
        copy_text(&message, KEY_SENDER_ID, actor->caller);
    } else if (message.type == MESSAGE_AUTH_CHALLENGE) {
        copy_text(&message, KEY_CHALLENGE_ID, actor->challenge_id);
        copy_text(&message, KEY_CHALLENGE, actor->challenge);
    }
}

static void on_port_end(void *owner, enum end_reason reason)
{
    struct actor *actor = owner;

    check(actor->client && reason < END_REASON_COUNT);
    actor->is_to_end = true;
}

static const struct client_port port = {.send = on_send, .end = on_port_end};

static void on_note(void *context, enum log_level level, enum log_stream stream, const char *event,
                    const struct log_field *fields, size_t n_fields)
{
    (void)context;
    (void)level;
    check(stream < LOG_N_STREAMS && event && (n_fields == 0 || fields));
}

static void on_service(void *context, struct bytes channel, struct bytes event,
                       const struct peering_service *service)
{
    (void)context;
    check(channel.len && event.len && (!service || (service->n_providers && service->owner.len)));
}

static void on_topic(void *context, struct bytes channel, struct bytes topic,
                     const struct peering_topic *declared)
{
    (void)context;
    check(channel.len && topic.len && (!declared || declared->owner.len));
}

static void on_interest(void *context, struct bytes channel, struct bytes topic, bool is_wanted)
{
    (void)context;
    (void)topic;
    (void)is_wanted;
    check(channel.len);
}

static void on_member(void *context, struct bytes channel, struct bytes id, struct bytes mode,
                      bool has_joined)
{
    (void)context;
    (void)has_joined;
    check(channel.len && id.len && mode.len);
}

static void on_multicast(void *context, struct bytes channel, struct bytes topic, struct block *frame)
{
    struct message message;

    (void)context;
    (void)topic;
    check(channel.len && message_parse(frame_body(frame), &message) == 0);
}

static void on_guard(void *context, struct bytes channel, bool is_protected, const uint8_t *secret)
{
    (void)context;
    check(channel.len && (secret != NULL) == is_protected);
}

static const struct peering_observer observer = {
    .on_service = on_service,
    .on_topic = on_topic,
    .on_interest = on_interest,
    .on_member = on_member,
    .on_multicast = on_multicast,
    .on_guard = on_guard,
};

/* ------------------------------------------------------------------------------------------- messages */

static const char *const channels[] = {"room", "hall", "__comm_ipc_logs", "subscription"};
static const char *const events[] = {"work", "g.one", "g.two", "subscription.x"};
static const char *const topics[] = {"news", "sport", "subscription.y", ""};
static const char *const actor_ids[MAX_ACTORS] = {"alice", "bob", "carol", "dave", "erin", "frank"};

#define PICK(words, n) bytes_of_text((words)[(n) % (sizeof(words) / sizeof((words)[0]))])

struct writer {
    struct buffer pairs;
    uint32_t n;
};

static void put_text(struct writer *writer, const char *key, struct bytes text)
{
    msgpack_write_str(&writer->pairs, bytes_of_text(key));
    msgpack_write_str(&writer->pairs, text);
    writer->n++;
}

static void put_flag(struct writer *writer, const char *key, bool flag)
{
    msgpack_write_str(&writer->pairs, bytes_of_text(key));
    msgpack_write_bool(&writer->pairs, flag);
    writer->n++;
}

static void put_number(struct writer *writer, const char *key, uint64_t number)
{
    msgpack_write_str(&writer->pairs, bytes_of_text(key));
    msgpack_write_u64(&writer->pairs, number);
    writer->n++;
}

static void handle(struct world *world, struct actor *actor, struct bytes body)
{
    struct message message;

    if (message_parse(body, &message) == 0)
        check(hub_handle(world->hub, actor->client, &message, world->time) == 0);
}

static void say(struct world *world, struct actor *actor, struct writer *writer)
{
    struct buffer body;

    buffer_init(&body);
    msgpack_write_map(&body, writer->n);
    msgpack_write_raw(&body, buffer_bytes(&writer->pairs));
    check(!body.failed);
    handle(world, actor, buffer_bytes(&body));
    buffer_clear(&body);
    buffer_clear(&writer->pairs);
}

static void begin(struct writer *writer, const char *type, struct bytes channel)
{
    buffer_init(&writer->pairs);
    writer->n = 0;
    put_text(writer, "type", bytes_of_text(type));
    put_text(writer, "channel", channel);
}

static void put_request(struct writer *writer, uint8_t flags)
{
    if (flags & 0x80)
        put_text(writer, "request_id", BYTES_LITERAL("r"));
}

static void say_register(struct world *world, struct actor *actor, uint8_t where, uint8_t flags)
{
    struct writer writer;

    begin(&writer, "register", PICK(channels, where));
    put_flag(&writer, "is_provider", flags & 1);
    put_flag(&writer, "is_group", flags & 2);
    put_flag(&writer, "is_stream", flags & 4);
    if (flags & 1)
        put_text(&writer, "event", PICK(events, where >> 2));
    if (flags & 8)
        put_number(&writer, "param_schema", flags);
    put_request(&writer, flags);
    say(world, actor, &writer);
}

static void say_proof(struct world *world, struct actor *actor, uint8_t where, uint8_t flags)
{
    struct writer writer;
    char proof[PROOF_TEXT];

    check(proof_of_channel(BYTES_LITERAL(PASSWORD), bytes_of_text(actor->challenge), proof) == 0);
    begin(&writer, "register", PICK(channels, where));
    put_text(&writer, "challenge_id", bytes_of_text(actor->challenge_id));
    put_text(&writer, "proof", flags & 1 ? BYTES_LITERAL("wrong") : bytes_of_text(proof));
    put_request(&writer, flags);
    say(world, actor, &writer);
}

static void say_call(struct world *world, struct actor *actor, uint8_t where, uint8_t flags)
{
    char request_id[3] = {'c', (char)('0' + (flags & 7)), '\0'};
    struct writer writer;

    begin(&writer, "call", PICK(channels, where));
    put_text(&writer, "event", PICK(events, where >> 2));
    put_number(&writer, "data", flags);
    if (!(flags & 8)) {
        put_text(&writer, "request_id", bytes_of_text(request_id));
        actor->n_calls++;
    }
    if (flags & 16)
        put_flag(&writer, "is_stream", true);
    /* Who calls at a remote hub is for that hub to say; one name keeps the answers countable. */
    if (actor->kind == CLIENT_PEER)
        put_text(&writer, "sender_id", BYTES_LITERAL("far"));
    say(world, actor, &writer);
}

static void say_response(struct world *world, struct actor *actor, uint8_t where, uint8_t flags)
{
    struct writer writer;

    begin(&writer, "response", PICK(channels, where));
    put_text(&writer, "request_id", bytes_of_text(actor->call_id));
    put_text(&writer, "target_id", bytes_of_text(actor->caller));
    put_flag(&writer, "is_stream", flags & 1);
    put_flag(&writer, "is_final", flags & 2);
    if (flags & 4)
        put_text(&writer, "error", BYTES_LITERAL("sorry"));
    say(world, actor, &writer);
}

static void say_for_many(struct world *world, struct actor *actor, const char *type, uint8_t where)
{
    struct writer writer;

    begin(&writer, type, PICK(channels, where));
    put_text(&writer, "event", PICK(events, where >> 2));
    put_text(&writer, "sub_name", PICK(topics, where >> 4));
    put_number(&writer, "data", where);
    if (actor->kind == CLIENT_PEER)
        put_text(&writer, "sender_id", BYTES_LITERAL("far"));
    say(world, actor, &writer);
}

static void say_of_topic(struct world *world, struct actor *actor, uint8_t where, uint8_t flags)
{
    static const char *const types[] = {"add_subscription", "remove_subscription", "subscribe",
                                        "unsubscribe"};
    struct writer writer;

    begin(&writer, types[flags & 3], PICK(channels, where));
    put_text(&writer, "sub_name", PICK(topics, where >> 2));
    put_request(&writer, flags);
    say(world, actor, &writer);
}

static void say_of_channel(struct world *world, struct actor *actor, uint8_t where, uint8_t flags)
{
    static const char *const types[] = {"set_password", "list_members", "ping", "unheard_of"};
    struct writer writer;

    begin(&writer, types[flags & 3], PICK(channels, where));
    put_text(&writer, "password", flags & 4 ? BYTES_LITERAL("") : BYTES_LITERAL(PASSWORD));
    put_request(&writer, flags);
    say(world, actor, &writer);
}

static void say_of_remotes(struct world *world, struct actor *actor, uint8_t where, uint8_t flags)
{
    struct bytes id = PICK(actor_ids, where >> 2);
    struct writer writer;

    begin(&writer, flags & 1 ? "announce_remote" : "forget_remote", PICK(channels, where));
    put_text(&writer, "id", id);
    msgpack_write_str(&writer.pairs, BYTES_LITERAL("clients"));
    writer.n++;
    msgpack_write_array(&writer.pairs, 1);
    msgpack_write_map(&writer.pairs, 3);
    msgpack_write_str(&writer.pairs, BYTES_LITERAL("id"));
    msgpack_write_str(&writer.pairs, id);
    msgpack_write_str(&writer.pairs, BYTES_LITERAL("mode"));
    msgpack_write_str(&writer.pairs, BYTES_LITERAL("client"));
    msgpack_write_str(&writer.pairs, BYTES_LITERAL("path"));
    msgpack_write_array(&writer.pairs, flags >> 5);
    for (int i = 0; i < flags >> 5; i++)
        msgpack_write_str(&writer.pairs,
                          flags & 16 && i == 2 ? BYTES_LITERAL("hub") : BYTES_LITERAL("other"));
    put_request(&writer, flags);
    say(world, actor, &writer);
}

static void say_anything(struct world *world, struct actor *actor, uint8_t n)
{
    size_t len = n < world->input.len ? n : world->input.len;
    struct bytes body = bytes_of(world->input.ptr, len);

    world->input = bytes_from(world->input, len);
    world->is_counted = false;
    handle(world, actor, body);
}

/* ---------------------------------------------------------------------------------------- remote hubs */

static void deliver(struct world *world, struct bytes channel, struct bytes topic)
{
    static const uint8_t body[] = "\x84\xa4type\xa9"
                                  "broadcast\xa5"
                                  "event\xa4work\xa4"
                                  "data\x01\xa9sender_id\xa3"
                                  "far";
    struct message message;

    check(message_parse(bytes_of(body, sizeof body - 1), &message) == 0);
    check(peering_deliver(world->hub, NULL, channel, topic, &message, world->time) >= 0);
}

static void hear_of_peer(struct world *world, struct actor *actor, uint8_t where, uint8_t flags)
{
    static const uint8_t path[] = "\x91\xa3"
                                  "far";
    struct bytes channel = PICK(channels, where);
    struct bytes event = PICK(events, where >> 2);
    struct bytes topic = PICK(topics, where >> 4);
    struct peering_service service = {
        .is_group = flags & 16, .owner = BYTES_LITERAL("far"), .n_providers = 1};
    struct peering_topic declared = {.owner = BYTES_LITERAL("far")};
    int r = 0;

    switch (flags & 15) {
    case 0:
    case 1:
        r = peering_provide(world->hub, actor->client, channel, event, &service, world->time);
        break;
    case 2:
        peering_unprovide(world->hub, actor->client, channel, event, world->time);
        break;
    case 3:
    case 4:
        r = peering_declare(world->hub, actor->client, channel, topic, &declared, world->time);
        break;
    case 5:
        peering_undeclare(world->hub, actor->client, channel, topic, world->time);
        break;
    case 6:
    case 7:
        r = peering_want(world->hub, actor->client, channel, topic, world->time);
        break;
    case 8:
        peering_unwant(world->hub, actor->client, channel, topic, world->time);
        break;
    case 9:
        r = peering_join(world->hub, actor->client, channel, PICK(actor_ids, flags >> 4),
                         BYTES_LITERAL("client"), bytes_of(path, sizeof path - 1), world->time);
        break;
    case 10:
        peering_leave(world->hub, actor->client, channel, PICK(actor_ids, flags >> 4), world->time);
        break;
    case 11:
        deliver(world, channel, BYTES_NONE);
        break;
    case 12:
        deliver(world, channel, topic);
        break;
    default:
        break;
    }
    check(r >= 0);
}

/* ----------------------------------------------------------------------------------------------- steps */

static void leave(struct world *world, struct actor *actor)
{
    struct client *client = actor->client;

    /* Still there while the hub lets it go; what it is told then does not matter any more. */
    hub_client_gone(world->hub, client, END_CLOSED_BY_CLIENT, world->time);
    *actor = (struct actor){0};
}

static void enter(struct world *world, size_t i, uint8_t kind)
{
    struct actor *actor = &world->actors[i];
    struct bytes id = bytes_of_text(actor_ids[i]);
    int r;

    /* Half of them are plain clients. */
    actor->kind = kind & 1 ? CLIENT_LOCAL : kind & 2 ? CLIENT_BRIDGE : CLIENT_PEER;
    if (actor->kind == CLIENT_PEER)
        r = peering_add_peer(world->hub, id, &port, actor, world->time, &actor->client);
    else
        r = hub_client_add(world->hub, id, actor->kind, &port, actor, world->time, &actor->client);
    check(r == 0);
}

typedef int view_lister(const struct hub *hub, struct view_list *list);

static void look_at_page(struct world *world, view_lister *lister, uint64_t after, struct bytes channel)
{
    struct view_list list = {.after = after, .limit = 3, .channel = channel};
    int r;

    do
        r = lister(world->hub, &list);
    while (r == VIEW_E_GOES_ON);
    check(r == 0 || (r == VIEW_E_UNKNOWN && channel.ptr && !list.view));
    check(list.n <= 3 && list.after >= after);
    view_free(list.view);
}

static void look(struct world *world, uint8_t where)
{
    struct bytes channel = PICK(channels, where);
    struct view *view = view_new();
    struct view_channel found;
    struct view_list members = {.limit = 1000, .channel = channel};
    int r = hub_view_channel(world->hub, channel, view, &found);

    look_at_page(world, hub_view_clients, where, BYTES_NONE);
    look_at_page(world, hub_view_clients, 0, channel);
    look_at_page(world, hub_view_channels, where, BYTES_NONE);
    look_at_page(world, channel_view_members, where % 2 ? VIEW_LATER_PLACES : 0, channel);
    look_at_page(world, channel_view_events, 0, channel);
    look_at_page(world, channel_view_topics, 0, channel);
    while (r == 0 && (r = channel_view_members(world->hub, &members)) == VIEW_E_GOES_ON)
        r = 0;
    check(r == VIEW_E_UNKNOWN || members.has_more || members.n == found.n_members);
    view_free(members.view);
    view_free(view);
}

static void act(struct world *world, uint8_t what, struct actor *actor)
{
    uint8_t where = next_byte(world);
    uint8_t flags = next_byte(world);

    switch (what % 12) {
    case 0:
        say_register(world, actor, where, flags);
        return;
    case 1:
        say_register(world, actor, where, flags | 1);
        return;
    case 2:
        say_proof(world, actor, where, flags);
        return;
    case 3:
        say_call(world, actor, where, flags);
        return;
    case 4:
        say_response(world, actor, where, flags);
        return;
    case 5:
        say_for_many(world, actor, flags & 1 ? "broadcast" : "send", where);
        return;
    case 6:
        say_for_many(world, actor, "publish", where);
        return;
    case 7:
        say_of_topic(world, actor, where, flags);
        return;
    case 8:
        say_of_channel(world, actor, where, flags);
        return;
    case 9:
        if (actor->kind == CLIENT_PEER)
            hear_of_peer(world, actor, where, flags);
        else
            say_of_remotes(world, actor, where, flags);
        return;
    case 10:
        if (flags < 64)
            say_anything(world, actor, where);
        else
            leave(world, actor);
        return;
    case 11:
        look(world, where);
        return;
    }
}

static void configure(struct world *world, uint8_t where)
{
    static const uint8_t key[SIGNATURE_KEY_BYTES] = {1};

    check(hub_configure_password(
              world->hub, PICK(channels, where), where & 64 ? BYTES_NONE : BYTES_LITERAL(PASSWORD),
              where & 32 ? PASSWORD_BY_OPERATOR : PASSWORD_BY_CONFIGURATION, key, world->time) == 0);
}

static void pass_time(struct world *world, uint8_t amount)
{
    world->time.now_ms += (uint64_t)amount * amount;
    world->time.wall_s = 1700000000 + world->time.now_ms / 1000;
    hub_tick(world->hub, world->time);
}

static void check_calls(const struct world *world)
{
    uint64_t n_outstanding = 0;

    for (size_t i = 0; i < MAX_ACTORS; i++) {
        const struct actor *actor = &world->actors[i];

        check(!world->is_counted || actor->n_finals <= actor->n_calls);
        n_outstanding += actor->n_calls - actor->n_finals;
    }
    check(!world->is_counted || n_outstanding == hub_view_counts(world->hub).n_calls);
}

static void step(struct world *world)
{
    uint8_t what = next_byte(world);
    size_t i = next_byte(world) % MAX_ACTORS;
    struct actor *actor = &world->actors[i];

    if (what >= 250)
        configure(world, next_byte(world));
    else if (what >= 240)
        pass_time(world, next_byte(world));
    else if (!actor->client)
        enter(world, i, what);
    else
        act(world, what, actor);
    /* Whose end the hub asked for goes a little later, as a connection does. */
    for (i = 0; i < MAX_ACTORS; i++)
        if (world->actors[i].is_to_end && world->actors[i].client && what & 1)
            leave(world, &world->actors[i]);
    check_calls(world);
}

static void begin_world(struct world *world, struct bytes input)
{
    struct hub_options options = {.server_id = BYTES_LITERAL("hub")};
    struct outlet outlet = {.note = on_note, .context = world};
    uint8_t kind;

    *world = (struct world){.input = input, .time = {1000, 1700000000}, .is_counted = true};
    kind = next_byte(world);
    options.channel_policy = kind & 1 ? CHANNEL_PROMOTE : CHANNEL_TERMINATE;
    options.balance_policy = kind & 2 ? BALANCE_ROUND_ROBIN : BALANCE_LEAST_ACTIVE;
    options.error_policy = kind & 4 ? ERROR_BROADCAST : kind & 8 ? ERROR_RAISE : ERROR_IGNORE;
    options.call_deadline_ms = kind & 16 ? 0 : 20000;
    check(hub_new(&world->hub, &options, &outlet) == 0);
    if (kind & 32)
        peering_observe(world->hub, &observer, world);
}

static void end_world(struct world *world)
{
    struct view_counts counts;

    for (size_t i = 0; i < MAX_ACTORS; i++)
        if (world->actors[i].client)
            leave(world, &world->actors[i]);
    for (uint8_t i = 0; i < 4; i++)
        check(hub_configure_password(world->hub, PICK(channels, i), BYTES_NONE, PASSWORD_BY_CONFIGURATION,
                                     NULL, world->time) == 0);
    counts = hub_view_counts(world->hub);
    check(counts.n_clients == 0 && counts.n_calls == 0 && counts.n_events == 0 && counts.n_topics == 0);
    hub_free(world->hub);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world;

    begin_world(&world, bytes_of(data, size));
    for (int i = 0; i < MAX_STEPS && world.input.len; i++)
        step(&world);
    end_world(&world);
    return 0;
}
