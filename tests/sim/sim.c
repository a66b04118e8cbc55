/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"

#define STRETCHING_MS 30

struct sim_hub {
    struct sim *sim;
    unsigned index;
    uint64_t incarnation;
    struct hub *hub;
    struct mesh *mesh;
    struct core_face face;
    bool wants_settle;
    char warnings[512]; /* the events, one a line */
    bool is_stopping;   /* what it still sends goes nowhere */
};

/* A channel's, that is being stretched. */
struct secret {
    unsigned hub;
    uint64_t incarnation;
    uint8_t octets[MESH_SECRET_BYTES];
    char channel[64];
};

enum happening {
    FRAME_ARRIVES,
    ACK_IS_DUE,
    ACK_ARRIVES,
    END_NOTICES,
    END_IS_OVER,
    PROVIDER_ANSWERS,
    KEY_IS_READY,
};

struct event {
    uint64_t at_ms;
    uint64_t order;
    enum happening what;
    unsigned link;
    unsigned end; /* 0: at a, 1: at b */
    uint64_t connection;
    uint64_t received; /* ACK_ARRIVES */
    struct block *frame;
    struct sim_client *client;
    struct secret *secret;
};

struct sim {
    uint64_t now_ms;
    uint64_t random;
    uint64_t last_order;
    uint64_t last_session;
    size_t n_words[MESH_CHANNEL_REFUSED + 1]; /* on channels with a password, of all hubs */
    const char *watched;
    size_t n_watched;
    uint64_t last_connection;
    unsigned n_hubs;
    struct sim_hub hubs[SIM_MAX_HUBS];
    unsigned n_links;
    struct sim_link links[SIM_MAX_LINKS];
    unsigned n_clients;
    struct sim_client *clients[SIM_MAX_CLIENTS];
    struct event *events; /* a heap */
    size_t n_events;
    size_t size;
};

/* --- the queue of what will happen ---------------------------------------------------------------------- */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct event *a, struct event *b)
{
    struct event c = *a;

    *a = *b;
    *b = c;
}

static void push(struct sim *sim, struct event event)
{
    size_t at = sim->n_events;

    if (sim->n_events == sim->size) {
        sim->size = sim->size ? 2 * sim->size : 256;
        sim->events = realloc(sim->events, sim->size * sizeof *sim->events);
        check(sim->events);
    }
    event.order = ++sim->last_order;
    sim->events[sim->n_events++] = event;
    for (; at > 0 && is_before(&sim->events[at], &sim->events[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&sim->events[at], &sim->events[(at - 1) / 2]);
}

static struct event pop(struct sim *sim)
{
    struct event first = sim->events[0];
    size_t at = 0;

    sim->events[0] = sim->events[--sim->n_events];
    for (;;) {
        size_t least = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < sim->n_events; child++) {
            if (is_before(&sim->events[child], &sim->events[least]))
                least = child;
        }
        if (least == at)
            return first;
        swap(&sim->events[at], &sim->events[least]);
        at = least;
    }
}

uint64_t sim_random(struct sim *sim, uint64_t below)
{
    /* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014 */
    uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

static struct hub_time now(const struct sim *sim)
{
    return (struct hub_time){.now_ms = sim->now_ms, .wall_s = 1700000000 + sim->now_ms / 1000};
}

void sim_watch(struct sim *sim, const char *text)
{
    sim->watched = text;
    sim->n_watched = 0;
}

size_t sim_count_watched(const struct sim *sim)
{
    return sim->n_watched;
}

size_t sim_count_words(const struct sim *sim, enum mesh_channel_word word)
{
    return sim->n_words[word];
}

uint64_t sim_now_ms(const struct sim *sim)
{
    return sim->now_ms;
}

/* --- hubs ----------------------------------------------------------------------------------------------- */

static struct hub_id id_of(unsigned hub)
{
    struct hub_id id = {{0xaa}};

    id.octets[HUB_ID_BYTES - 1] = (uint8_t)hub;
    return id;
}

/* What a mesh knows its end of a link by: an address within the link, one byte for each end. */
static void *name_of_end(struct sim_link *link, unsigned end)
{
    return &link->is_up[end];
}

static struct sim_link *end_by_name(struct sim *sim, const void *name, unsigned *out_end)
{
    for (unsigned i = 0; i < sim->n_links; i++) {
        for (unsigned end = 0; end < 2; end++) {
            if (name_of_end(&sim->links[i], end) == name) {
                *out_end = end;
                return &sim->links[i];
            }
        }
    }
    unreachable();
}

static void count_frame(struct sim_link *link, unsigned end, const struct block *frame)
{
    struct link_message message;

    check(link_wire_read(frame_body(frame), &message) == 0);
    link->n_frames[message.type][end]++;
    if (message.type == LINK_MESSAGE_ENTRIES)
        link->n_entries[end] += message.entries.n;
}

/* Something that happens at an end of the link as long as its present connection stands. */
static struct event at_end(struct sim *sim, struct sim_link *link, unsigned end, enum happening what,
                           uint64_t after_ms)
{
    return (struct event){
        .at_ms = sim->now_ms + after_ms,
        .what = what,
        .link = (unsigned)(link - sim->links),
        .end = end,
        .connection = link->connection,
    };
}

static void outlet_send(void *context, void *name, struct block *frame)
{
    struct sim_hub *from = context;
    struct sim *sim = from->sim;
    struct event event;
    unsigned end;
    struct sim_link *link = end_by_name(sim, name, &end);

    if (from->is_stopping)
        return;
    count_frame(link, end, frame);
    if (sim->watched && memmem(frame->ptr, frame->len, sim->watched, strlen(sim->watched)))
        sim->n_watched++;
    if (!link->is_joined)
        return;
    event = at_end(sim, link, !end, FRAME_ARRIVES, link->delay_ms);
    event.frame = block_ref(frame);
    push(sim, event);
}

static void outlet_end_link(void *context, void *name, const char *reason)
{
    struct sim_hub *hub = context;
    unsigned end;
    struct sim_link *link = end_by_name(hub->sim, name, &end);

    (void)reason;
    push(hub->sim, at_end(hub->sim, link, end, END_IS_OVER, 0));
}

static void outlet_on_synced(void *context, void *name)
{
    (void)context;
    (void)name;
}

static void outlet_wake(void *context)
{
    struct sim_hub *hub = context;

    hub->wants_settle = true;
}

static void outlet_errand(void *context, const struct link_errand *errand)
{
    (void)context;
    (void)errand;
}

static void outlet_warn(void *context, const char *event, const char *text)
{
    struct sim_hub *hub = context;
    size_t len = strlen(hub->warnings);

    (void)text;
    snprintf(hub->warnings + len, sizeof hub->warnings - len, "%s\n", event);
}

bool sim_has_warned(struct sim *sim, unsigned hub, const char *event)
{
    return strstr(sim->hubs[hub].warnings, event) != NULL;
}

/* A stretched secret is itself here: what stretching is worth is not what these tests ask. */
static void outlet_stretch(void *context, struct bytes channel, const uint8_t *octets)
{
    struct sim_hub *hub = context;
    struct secret *secret = calloc(1, sizeof *secret);

    check(secret && channel.len < sizeof secret->channel);
    secret->hub = hub->index;
    secret->incarnation = hub->incarnation;
    memcpy(secret->octets, octets, sizeof secret->octets);
    memcpy(secret->channel, channel.ptr, channel.len);
    push(hub->sim,
         (struct event){.at_ms = hub->sim->now_ms + STRETCHING_MS, .what = KEY_IS_READY, .secret = secret});
}

static void outlet_on_channel(void *context, void *name, struct bytes channel, enum mesh_channel_word word)
{
    struct sim_hub *hub = context;

    (void)name;
    (void)channel;
    hub->sim->n_words[word]++;
}

static void key_is_ready(struct sim *sim, struct secret *secret)
{
    struct sim_hub *hub = &sim->hubs[secret->hub];

    if (hub->incarnation == secret->incarnation)
        mesh_channel_key(hub->mesh, bytes_of_text(secret->channel), secret->octets, secret->octets, now(sim));
    free(secret);
}

static void outlet_facts(void *context, void *link, struct mesh_link_facts *out_facts)
{
    struct sim_hub *hub = context;

    (void)link;
    out_facts->now_us = hub->sim->now_ms * 1000;
}

static void core_note(void *context, enum log_level level, enum log_stream stream, const char *event,
                      const struct log_field *fields, size_t n_fields)
{
    (void)context;
    (void)level;
    (void)stream;
    (void)event;
    (void)fields;
    (void)n_fields;
}

static void hub_start(struct sim *sim, unsigned index)
{
    struct sim_hub *hub = &sim->hubs[index];
    struct hub_options hub_options = {.channel_policy = CHANNEL_PROMOTE};
    struct outlet hub_outlet = {.note = core_note};
    struct mesh_outlet outlet = {.send = outlet_send,
                                 .end_link = outlet_end_link,
                                 .on_synced = outlet_on_synced,
                                 .wake = outlet_wake,
                                 .errand = outlet_errand,
                                 .warn = outlet_warn,
                                 .stretch = outlet_stretch,
                                 .on_channel = outlet_on_channel,
                                 .facts = outlet_facts,
                                 .context = hub};
    struct mesh_options options = {.hub_id = id_of(index)};
    struct mesh_core core;
    char name[16];

    snprintf(name, sizeof name, "hub-%u", index);
    hub->sim = sim;
    hub->index = index;
    hub->is_stopping = false;
    hub_options.server_id = bytes_of_text(name);
    options.server_id = bytes_of_text(name);
    options.incarnation = ++hub->incarnation;
    options.run = 1000 * (index + 1) + hub->incarnation;
    check(hub_new(&hub->hub, &hub_options, &hub_outlet) == 0);
    core = core_face_init(&hub->face, hub->hub);
    check(mesh_new(&hub->mesh, &options, &outlet, &core, now(sim)) == 0);
    core_face_attach(&hub->face, hub->mesh);
}

struct sim *sim_new(unsigned n_hubs, uint64_t seed)
{
    struct sim *sim = calloc(1, sizeof *sim);

    check(sim && n_hubs <= SIM_MAX_HUBS);
    sim->random = seed;
    sim->now_ms = 1000;
    sim->n_hubs = n_hubs;
    for (unsigned i = 0; i < n_hubs; i++)
        hub_start(sim, i);
    return sim;
}

static void hub_stop(struct sim_hub *hub)
{
    hub->is_stopping = true;
    core_face_detach(&hub->face);
    mesh_free(hub->mesh);
    hub_free(hub->hub);
}

void sim_free(struct sim *sim)
{
    for (unsigned i = 0; i < sim->n_hubs; i++)
        hub_stop(&sim->hubs[i]);
    while (sim->n_events > 0) {
        struct event event = pop(sim);

        block_unref(event.frame);
        free(event.secret);
    }
    for (unsigned i = 0; i < sim->n_clients; i++) {
        free(sim->clients[i]->received);
        free(sim->clients[i]->tally);
        free(sim->clients[i]);
    }
    free(sim->events);
    free(sim);
}

struct mesh *sim_mesh(struct sim *sim, unsigned hub)
{
    return sim->hubs[hub].mesh;
}

struct hub *sim_hub(struct sim *sim, unsigned hub)
{
    return sim->hubs[hub].hub;
}

static void settle_all(struct sim *sim)
{
    for (unsigned i = 0; i < sim->n_hubs; i++) {
        struct sim_hub *hub = &sim->hubs[i];

        while (hub->wants_settle) {
            hub->wants_settle = false;
            mesh_settle(hub->mesh, now(sim));
        }
    }
}

void sim_configure_password(struct sim *sim, unsigned hub, const char *channel, const char *password)
{
    check(hub_configure_password(sim->hubs[hub].hub, bytes_of_text(channel),
                                 bytes_of_text(password ? password : ""), PASSWORD_BY_OPERATOR, NULL,
                                 now(sim)) == 0);
    settle_all(sim);
}

/* --- links ---------------------------------------------------------------------------------------------- */

unsigned sim_add_link(struct sim *sim, unsigned a, unsigned b)
{
    struct sim_link *link = &sim->links[sim->n_links];

    check(sim->n_links < SIM_MAX_LINKS);
    *link = (struct sim_link){.a = a, .b = b, .cost = 10, .delay_ms = (uint32_t)(1 + sim_random(sim, 5))};
    return sim->n_links++;
}

struct sim_link *sim_link(struct sim *sim, unsigned link)
{
    return &sim->links[link];
}

unsigned sim_n_links(const struct sim *sim)
{
    return sim->n_links;
}

static void end_up(struct sim *sim, struct sim_link *link, unsigned end)
{
    struct sim_hub *hub = &sim->hubs[end ? link->b : link->a];
    struct mesh_link_options options = {
        .owner = name_of_end(link, end),
        .peer = id_of(end ? link->a : link->b),
        .peer_incarnation = sim->hubs[end ? link->a : link->b].incarnation,
        .session = link->session,
        .cost = link->cost,
        .policy = end ? NULL : link->policy,
    };

    link->is_up[end] = true;
    link->is_cut[end] = false;
    link->is_ack_due[end] = false;
    mesh_meet(hub->mesh, &options.peer, options.peer_incarnation, now(sim));
    check(mesh_link_up(hub->mesh, &options, now(sim), &link->ends[end]) == 0);
}

void sim_join(struct sim *sim, unsigned index)
{
    struct sim_link *link = &sim->links[index];

    check(!link->is_joined && !link->is_up[0] && !link->is_up[1]);
    /* Random as in life; small ones too, for ways are ordered by it. */
    link->session = ++sim->last_session << 16 | sim_random(sim, 65536);
    link->connection = ++sim->last_connection;
    link->is_joined = true;
    end_up(sim, link, 0);
    end_up(sim, link, 1);
    settle_all(sim);
}

static void end_down(struct sim *sim, struct sim_link *link, unsigned end)
{
    if (!link->is_up[end])
        return;
    link->is_up[end] = false;
    mesh_link_down(link->ends[end], now(sim));
    settle_all(sim);
}

static void end_cut(struct sim *sim, struct sim_link *link, unsigned end)
{
    if (!link->is_up[end] || link->is_cut[end])
        return;
    link->is_cut[end] = true;
    mesh_link_cut(link->ends[end], now(sim));
    settle_all(sim);
}

static void disconnect(struct sim *sim, unsigned index, enum happening what, uint64_t most_ms)
{
    struct sim_link *link = &sim->links[index];

    if (!link->is_joined)
        return;
    link->is_joined = false;
    push(sim, at_end(sim, link, 0, what, 1 + sim_random(sim, most_ms)));
    push(sim, at_end(sim, link, 1, what, 1 + sim_random(sim, most_ms)));
}

void sim_cut(struct sim *sim, unsigned link, uint64_t most_ms)
{
    disconnect(sim, link, END_IS_OVER, most_ms);
}

void sim_interrupt(struct sim *sim, unsigned link, uint64_t most_ms)
{
    disconnect(sim, link, END_NOTICES, most_ms);
}

void sim_return(struct sim *sim, unsigned index)
{
    struct sim_link *link = &sim->links[index];
    struct link_resume offers[2];

    check(!link->is_joined && link->is_up[0] && link->is_up[1]);
    for (unsigned end = 0; end < 2; end++) {
        end_cut(sim, link, end);
        offers[end] = mesh_link_offer(link->ends[end]);
    }
    offers[0].cuts = offers[1].cuts = offers[0].cuts > offers[1].cuts ? offers[0].cuts : offers[1].cuts;
    link->connection = ++sim->last_connection;
    link->is_joined = true;
    for (unsigned end = 0; end < 2; end++) {
        link->is_cut[end] = false;
        link->is_ack_due[end] = false;
        mesh_link_resume(link->ends[end], &offers[!end], now(sim));
        settle_all(sim);
    }
}

void sim_give_up(struct sim *sim, unsigned index)
{
    struct sim_link *link = &sim->links[index];

    if (link->is_joined)
        return;
    end_down(sim, link, 0);
    end_down(sim, link, 1);
}

static void join_new(struct sim *sim, unsigned a, unsigned b)
{
    sim_join(sim, sim_add_link(sim, a, b));
}

void sim_join_chain(struct sim *sim, unsigned n)
{
    for (unsigned i = 0; i + 1 < n; i++)
        join_new(sim, i, i + 1);
}

void sim_join_ring(struct sim *sim, unsigned n)
{
    sim_join_chain(sim, n);
    join_new(sim, n - 1, 0);
}

void sim_join_full(struct sim *sim, unsigned n)
{
    for (unsigned a = 0; a < n; a++) {
        for (unsigned b = a + 1; b < n; b++)
            join_new(sim, a, b);
    }
}

void sim_join_grid(struct sim *sim, unsigned width, unsigned height)
{
    for (unsigned y = 0; y < height; y++) {
        for (unsigned x = 0; x < width; x++) {
            if (x + 1 < width)
                join_new(sim, y * width + x, y * width + x + 1);
            if (y + 1 < height)
                join_new(sim, y * width + x, (y + 1) * width + x);
        }
    }
}

static bool is_connected(const struct sim_link *link, const struct event *event)
{
    return link->is_joined && link->connection == event->connection && link->is_up[event->end] &&
           !link->is_cut[event->end];
}

/* So that there are always some frames that came and are not known to have come. */
#define ACK_AFTER_MS 20

static void frame_arrives(struct sim *sim, const struct event *event)
{
    struct sim_link *link = &sim->links[event->link];
    struct link_session *frames;
    struct link_message message;

    if (!is_connected(link, event))
        return;
    frames = mesh_link_frames(link->ends[event->end]);
    check(link_wire_read(frame_body(event->frame), &message) == 0);
    check(link_session_is_next(frames, message.number));
    check(mesh_link_receive(link->ends[event->end], &message, now(sim)) == 0);
    link_session_take(frames, event->frame->len);
    if (link->is_ack_due[event->end])
        return;
    link->is_ack_due[event->end] = true;
    push(sim, at_end(sim, link, event->end, ACK_IS_DUE, ACK_AFTER_MS));
}

static void ack_is_due(struct sim *sim, const struct event *event)
{
    struct sim_link *link = &sim->links[event->link];
    struct event ack;

    if (!is_connected(link, event))
        return;
    link->is_ack_due[event->end] = false;
    ack = at_end(sim, link, !event->end, ACK_ARRIVES, link->delay_ms);
    ack.received = link_session_tell(mesh_link_frames(link->ends[event->end]));
    push(sim, ack);
}

static void ack_arrives(struct sim *sim, const struct event *event)
{
    struct sim_link *link = &sim->links[event->link];

    if (is_connected(link, event))
        check(link_session_acknowledge(mesh_link_frames(link->ends[event->end]), event->received));
}

static void end_notices(struct sim *sim, const struct event *event)
{
    struct sim_link *link = &sim->links[event->link];

    if (link->connection == event->connection)
        end_cut(sim, link, event->end);
}

static void end_is_over(struct sim *sim, const struct event *event)
{
    struct sim_link *link = &sim->links[event->link];

    if (link->connection != event->connection)
        return;
    /* One end that gives up ends the link for both. */
    if (link->is_joined) {
        link->is_joined = false;
        push(sim, at_end(sim, link, !event->end, END_IS_OVER, link->delay_ms));
    }
    end_down(sim, link, event->end);
}

/* --- clients -------------------------------------------------------------------------------------------- */

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
        event.at_ms = client->sim->now_ms + i;
        event.frame = answer_frame(call, client->answers > 1 ? i + 1 : call->data + 1, client->answers > 1,
                                   i + 1 == client->answers);
        check(event.frame);
        push(client->sim, event);
    }
}

static void client_gets(void *owner, struct block *frame, enum frame_class frame_class)
{
    struct sim_client *client = owner;
    struct message message;

    (void)frame_class;
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

static const struct client_port client_port = {client_gets, client_ends};

struct sim_client *sim_connect(struct sim *sim, unsigned hub, const char *id)
{
    struct sim_client *client = calloc(1, sizeof *client);

    check(client && sim->n_clients < SIM_MAX_CLIENTS);
    client->sim = sim;
    client->hub = hub;
    snprintf(client->id, sizeof client->id, "%s", id);
    check(hub_client_add(sim->hubs[hub].hub, bytes_of_text(id), CLIENT_LOCAL, &client_port, client, now(sim),
                         &client->client) == 0);
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
    hub_client_gone(client->sim->hubs[client->hub].hub, client->client, END_CLOSED_BY_CLIENT,
                    now(client->sim));
    client->client = NULL;
    settle_all(client->sim);
}

static void say(struct sim_client *client, struct bytes body)
{
    struct message message;

    if (!client->client)
        return;
    check(message_parse(body, &message) == 0);
    check(hub_handle(client->sim->hubs[client->hub].hub, client->client, &message, now(client->sim)) == 0);
    settle_all(client->sim);
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
    say(client, buffer_bytes(out));
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

void sim_broadcast(struct sim_client *client, const char *channel, uint64_t data)
{
    struct buffer out;

    begin(&out, "broadcast", channel, 2);
    add_text(&out, "event", "news");
    add_data(&out, data);
    finish(client, &out);
}

void sim_send(struct sim_client *client, const char *channel, const char *event, uint64_t data)
{
    struct buffer out;

    begin(&out, "send", channel, 2);
    add_text(&out, "event", event);
    add_data(&out, data);
    finish(client, &out);
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

/* --- running -------------------------------------------------------------------------------------------- */

static void provider_answers(struct sim *sim, const struct event *event)
{
    (void)sim;
    say(event->client, frame_body(event->frame));
}

static void happen(struct sim *sim, const struct event *event)
{
    switch (event->what) {
    case FRAME_ARRIVES:
        frame_arrives(sim, event);
        break;
    case ACK_IS_DUE:
        ack_is_due(sim, event);
        break;
    case ACK_ARRIVES:
        ack_arrives(sim, event);
        break;
    case END_NOTICES:
        end_notices(sim, event);
        break;
    case END_IS_OVER:
        end_is_over(sim, event);
        break;
    case PROVIDER_ANSWERS:
        provider_answers(sim, event);
        break;
    case KEY_IS_READY:
        key_is_ready(sim, event->secret);
        break;
    }
    block_unref(event->frame);
    settle_all(sim);
}

#define TICK_MS 250

static void tick(struct sim *sim)
{
    for (unsigned i = 0; i < sim->n_hubs; i++)
        mesh_settle(sim->hubs[i].mesh, now(sim));
    settle_all(sim);
}

static void run_until(struct sim *sim, uint64_t until_ms)
{
    while (sim->n_events > 0 && sim->events[0].at_ms <= until_ms) {
        struct event event = pop(sim);

        sim->now_ms = event.at_ms;
        happen(sim, &event);
    }
    sim->now_ms = until_ms;
}

void sim_run(struct sim *sim, uint64_t for_ms)
{
    uint64_t until_ms = sim->now_ms + for_ms;

    while (until_ms - sim->now_ms > TICK_MS) {
        run_until(sim, sim->now_ms + TICK_MS);
        tick(sim);
    }
    run_until(sim, until_ms);
    tick(sim);
}

void sim_restart(struct sim *sim, unsigned index)
{
    struct sim_hub *hub = &sim->hubs[index];

    for (unsigned i = 0; i < sim->n_links; i++) {
        struct sim_link *link = &sim->links[i];

        if (link->a != index && link->b != index)
            continue;
        sim_cut(sim, i, 100);
        link->is_up[link->b == index] = false;
    }
    for (unsigned i = 0; i < sim->n_clients; i++) {
        if (sim->clients[i]->hub == index)
            sim->clients[i]->client = NULL;
    }
    hub->wants_settle = false;
    hub_stop(hub);
    hub_start(sim, index);
}

uint64_t sim_count_frames(const struct sim *sim, enum link_message_type type)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < sim->n_links; i++)
        n += sim->links[i].n_frames[type][0] + sim->links[i].n_frames[type][1];
    return n;
}

uint64_t sim_count_entries(const struct sim *sim)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < sim->n_links; i++)
        n += sim->links[i].n_entries[0] + sim->links[i].n_entries[1];
    return n;
}

uint64_t sim_count_refused(struct sim *sim, enum mesh_refusal refusal)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < sim->n_hubs; i++)
        n += mesh_counts(sim->hubs[i].mesh).refused[refusal];
    return n;
}

char *sim_dump(struct sim *sim, unsigned hub)
{
    struct buffer out = {0};
    char *text;

    check(mesh_dump(sim->hubs[hub].mesh, &out) == 0);
    text = buffer_take_text(&out);
    check(text);
    return text;
}
