/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/sim/sim_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "federation/mesh_state.h"
#include "hub/base/check.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"

#define STRETCHING_MS 30

/* As links do: see federation/link_pulse.c. */
#define HELLO_MS 1000
#define DEAD_MS 3000

uint64_t sim_random(struct sim *sim, uint64_t below)
{
    /* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014 */
    uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

struct hub_time sim_time(const struct sim *sim)
{
    return (struct hub_time){.now_ms = sim->events.now_ms, .wall_s = 1700000000 + sim->events.now_ms / 1000};
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
    return sim->events.now_ms;
}

/* --- hubs ----------------------------------------------------------------------------------------------- */

struct hub_id sim_id_of(unsigned hub)
{
    struct hub_id id = {{0xaa}};

    id.octets[HUB_ID_BYTES - 1] = (uint8_t)hub;
    return id;
}

/* Something that happens at an end of the link as long as its present connection stands. */
static struct event at_end(const struct sim_link *link, unsigned end, enum happening what)
{
    return (struct event){.what = what, .link = link->index, .end = end, .connection = link->connection};
}

static void later(struct sim *sim, const struct sim_link *link, unsigned end, enum happening what,
                  uint64_t after_ms)
{
    struct event event = at_end(link, end, what);

    sim_events_add(&sim->events, after_ms, &event);
}

/* How long so many bytes from @end are under way: behind all that it has sent before. */
static uint64_t time_under_way_ms(const struct sim *sim, struct sim_link *link, unsigned end, size_t bytes)
{
    uint64_t now_us = sim->events.now_ms * 1000;

    if (link->bytes_per_ms == 0)
        return link->delay_ms;
    if (link->free_us[end] < now_us)
        link->free_us[end] = now_us;
    link->free_us[end] += 1000 * bytes / link->bytes_per_ms;
    return link->delay_ms + (link->free_us[end] - now_us) / 1000;
}

/* From @end to the other; the frame is borrowed. */
static void carry(struct sim *sim, struct sim_link *link, unsigned end, struct block *frame)
{
    struct event event = at_end(link, !end, FRAME_ARRIVES);

    if (!link->is_joined)
        return;
    event.frame = block_ref(frame);
    sim_events_add(&sim->events, time_under_way_ms(sim, link, end, frame->len), &event);
}

static void outlet_send(void *context, void *name, struct block *frame)
{
    const struct sim_hub *from = context;
    const struct sim_end *end = name;
    struct sim *sim = from->sim;

    if (from->is_stopping)
        return;
    if (sim->watched && memmem(frame->ptr, frame->len, sim->watched, strlen(sim->watched)))
        sim->n_watched++;
    carry(sim, end->link, end->which, frame);
}

static void outlet_end_link(void *context, void *name, const char *reason)
{
    const struct sim_hub *hub = context;
    const struct sim_end *end = name;

    (void)reason;
    later(hub->sim, end->link, end->which, END_IS_OVER, 0);
}

static void outlet_on_synced(void *context, void *name)
{
    (void)context;
    (void)name;
}

static void outlet_wake(void *context)
{
    const struct sim_hub *hub = context;

    hub->sim->unsettled[hub->index / 64] |= UINT64_C(1) << hub->index % 64;
}

static void outlet_wake_at(void *context, uint64_t at_ms)
{
    struct sim_hub *hub = context;
    uint64_t now_ms = hub->sim->events.now_ms;

    sim_events_add(&hub->sim->events, at_ms > now_ms ? at_ms - now_ms : 0,
                   &(struct event){.what = MESH_IS_RESTED, .hub = hub->index});
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
    struct event event = {.what = KEY_IS_READY, .secret = secret};

    check(secret && channel.len < sizeof secret->channel);
    secret->hub = hub->index;
    secret->incarnation = hub->incarnation;
    memcpy(secret->octets, octets, sizeof secret->octets);
    memcpy(secret->channel, channel.ptr, channel.len);
    sim_events_add(&hub->sim->events, STRETCHING_MS, &event);
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
        mesh_channel_key(hub->mesh, bytes_of_text(secret->channel), secret->octets, secret->octets,
                         sim_time(sim));
    free(secret);
}

static void outlet_facts(void *context, void *link, struct mesh_link_facts *out_facts)
{
    struct sim_hub *hub = context;

    out_facts->now_us = hub->sim->events.now_ms * 1000;
    if (link)
        out_facts->queue_wait_ms = SIM_QUEUE_WAIT_MS;
}

static void outlet_acknowledge(void *context, void *name)
{
    const struct sim_hub *hub = context;
    const struct sim_end *end = name;

    later(hub->sim, end->link, end->which, ACK_IS_DUE, 0);
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
                                 .wake_at = outlet_wake_at,
                                 .errand = outlet_errand,
                                 .warn = outlet_warn,
                                 .stretch = outlet_stretch,
                                 .on_channel = outlet_on_channel,
                                 .acknowledge = outlet_acknowledge,
                                 .facts = outlet_facts,
                                 .context = hub};
    struct mesh_options options = {.hub_id = sim_id_of(index)};
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
    check(mesh_new(&hub->mesh, &options, &outlet, &core, sim_time(sim)) == 0);
    core_face_attach(&hub->face, hub->mesh);
}

struct sim *sim_new(unsigned n_hubs, uint64_t seed)
{
    struct sim *sim = calloc(1, sizeof *sim);

    check(sim && n_hubs <= SIM_MAX_HUBS);
    sim->random = seed;
    sim_events_init(&sim->events, 1000);
    sim_trace_init(&sim->trace);
    sim->n_hubs = n_hubs;
    sim_delay_links(sim, 1, 5);
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

/* What is under way from a to b has been told and not heard. */
static void check_digests(const struct mesh_link *a, const struct mesh_link *b)
{
    if (a->frames.sent == b->frames.received)
        check(a->digests.told == b->digests.ways + b->digests.absent);
}

static void check_link(const struct sim_link *link)
{
    if (!link->is_joined || !link->is_up[0] || !link->is_up[1])
        return;
    check_digests(link->ends[0], link->ends[1]);
    check_digests(link->ends[1], link->ends[0]);
}

void sim_free(struct sim *sim)
{
    uint64_t end_ms = sim_now_ms(sim) + SIM_HORIZON_MS;
    struct event *event;

    for (unsigned i = 0; i < sim->n_links; i++)
        check_link(&sim->links[i]);
    for (unsigned i = 0; i < sim->n_hubs; i++)
        hub_stop(&sim->hubs[i]);
    while ((event = sim_events_next(&sim->events, end_ms))) {
        block_unref(event->frame);
        free(event->secret);
        sim_events_drop(&sim->events, event);
    }
    sim_events_clear(&sim->events);
    sim_trace_clear(&sim->trace);
    sim_clients_free(sim);
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

void sim_settle(struct sim *sim)
{
    for (unsigned word = 0; word < SIM_MAX_HUBS / 64; word++) {
        while (sim->unsettled[word]) {
            unsigned bit = (unsigned)__builtin_ctzll(sim->unsettled[word]);

            sim->unsettled[word] &= ~(UINT64_C(1) << bit);
            mesh_settle(sim->hubs[64 * word + bit].mesh, sim_time(sim));
        }
    }
}

void sim_configure_password(struct sim *sim, unsigned hub, const char *channel, const char *password)
{
    check(hub_configure_password(sim->hubs[hub].hub, bytes_of_text(channel),
                                 bytes_of_text(password ? password : ""), PASSWORD_BY_OPERATOR, NULL,
                                 sim_time(sim)) == 0);
    sim_settle(sim);
}

/* --- links ---------------------------------------------------------------------------------------------- */

void sim_delay_links(struct sim *sim, uint32_t least_ms, uint32_t most_ms)
{
    sim->least_delay_ms = least_ms;
    sim->most_delay_ms = most_ms;
}

unsigned sim_add_link(struct sim *sim, unsigned a, unsigned b)
{
    uint64_t n_delays = sim->most_delay_ms - sim->least_delay_ms + 1;
    struct sim_link *link = &sim->links[sim->n_links];

    check(sim->n_links < SIM_MAX_LINKS);
    *link = (struct sim_link){
        .index = sim->n_links,
        .a = a,
        .b = b,
        .cost = 10,
        .delay_ms = sim->least_delay_ms + (uint32_t)sim_random(sim, n_delays),
        .names = {{link, 0}, {link, 1}},
    };
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

static void begin_connection(struct sim *sim, struct sim_link *link, unsigned end)
{
    link->is_cut[end] = false;
    link->is_ack_due[end] = false;
    link->heard_ms[end] = sim_now_ms(sim);
    if (sim->beats)
        later(sim, link, end, PULSE_BEATS, sim_random(sim, HELLO_MS));
}

void sim_beat(struct sim *sim)
{
    sim->beats = true;
}

static void end_up(struct sim *sim, struct sim_link *link, unsigned end)
{
    struct sim_hub *hub = &sim->hubs[end ? link->b : link->a];
    struct mesh_link_options options = {
        .owner = &link->names[end],
        .peer = sim_id_of(end ? link->a : link->b),
        .peer_incarnation = sim->hubs[end ? link->a : link->b].incarnation,
        .session = link->session,
        .rtt_us = 2000 * link->delay_ms,
        .cost = link->cost,
        .policy = end ? NULL : link->policy,
    };

    link->is_up[end] = true;
    begin_connection(sim, link, end);
    mesh_meet(hub->mesh, &options.peer, options.peer_incarnation, sim_time(sim));
    check(mesh_link_up(hub->mesh, &options, sim_time(sim), &link->ends[end]) == 0);
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
    sim_settle(sim);
}

static void end_down(struct sim *sim, struct sim_link *link, unsigned end)
{
    if (!link->is_up[end])
        return;
    link->is_up[end] = false;
    mesh_link_down(link->ends[end], sim_time(sim));
    sim_settle(sim);
}

static void end_cut(struct sim *sim, struct sim_link *link, unsigned end)
{
    if (!link->is_up[end] || link->is_cut[end])
        return;
    link->is_cut[end] = true;
    mesh_link_cut(link->ends[end], sim_time(sim));
    sim_settle(sim);
}

static void disconnect(struct sim *sim, unsigned index, enum happening what, uint64_t most_ms)
{
    struct sim_link *link = &sim->links[index];

    if (!link->is_joined)
        return;
    link->is_joined = false;
    later(sim, link, 0, what, 1 + sim_random(sim, most_ms));
    later(sim, link, 1, what, 1 + sim_random(sim, most_ms));
}

void sim_cut(struct sim *sim, unsigned link, uint64_t most_ms)
{
    disconnect(sim, link, END_IS_OVER, most_ms);
}

void sim_interrupt(struct sim *sim, unsigned link, uint64_t most_ms)
{
    disconnect(sim, link, END_NOTICES, most_ms);
}

void sim_silence(struct sim *sim, unsigned link)
{
    check(sim->beats);
    sim->links[link].is_joined = false;
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
        begin_connection(sim, link, end);
        mesh_link_resume(link->ends[end], &offers[!end], sim_time(sim));
        sim_settle(sim);
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

static void send_pulse(struct sim *sim, struct sim_link *link, unsigned end, enum link_message_type type,
                       uint64_t at_us)
{
    struct link_message message = {.type = type, .at_us = at_us};
    struct block *frame = link_wire_write(&message, 0);

    check(frame);
    carry(sim, link, end, frame);
    block_unref(frame);
}

static void hear_pulse(struct sim *sim, struct sim_link *link, unsigned end, const struct link_message *pulse)
{
    if (pulse->type == LINK_MESSAGE_HELLO)
        send_pulse(sim, link, end, LINK_MESSAGE_ECHO, pulse->at_us);
}

static void pulse_beats(struct sim *sim, const struct event *event)
{
    struct sim_link *link = &sim->links[event->link];
    unsigned end = event->end;

    if (link->connection != event->connection || !link->is_up[end] || link->is_cut[end])
        return;
    if (sim_now_ms(sim) - link->heard_ms[end] >= DEAD_MS) {
        end_cut(sim, link, end);
        return;
    }
    send_pulse(sim, link, end, LINK_MESSAGE_HELLO, sim_now_ms(sim) * 1000);
    later(sim, link, end, PULSE_BEATS, HELLO_MS);
}

static void frame_arrives(struct sim *sim, const struct event *event)
{
    struct sim_link *link = &sim->links[event->link];
    struct link_session *frames;
    struct link_message message;

    if (!is_connected(link, event))
        return;
    check(link_wire_read(frame_body(event->frame), &message) == 0);
    link->heard_ms[event->end] = sim_now_ms(sim);
    link->n_frames[message.type][!event->end]++;
    if (message.type == LINK_MESSAGE_HELLO || message.type == LINK_MESSAGE_ECHO) {
        hear_pulse(sim, link, event->end, &message);
        return;
    }
    if (message.type == LINK_MESSAGE_ENTRIES)
        link->n_entries[!event->end] += message.entries.n;
    if (message.type == LINK_MESSAGE_ENTRIES && sim->trace.is_on)
        sim_trace_entries(sim, link, event->end, &message);
    frames = mesh_link_frames(link->ends[event->end]);
    check(link_session_is_next(frames, message.number));
    check(mesh_link_receive(link->ends[event->end], &message, sim_time(sim)) == 0);
    link_session_take(frames, event->frame->len);
    if (link_session_owes_much(frames))
        later(sim, link, event->end, ACK_IS_DUE, 0);
    if (link->is_ack_due[event->end])
        return;
    link->is_ack_due[event->end] = true;
    later(sim, link, event->end, ACK_IS_DUE, ACK_AFTER_MS);
}

static void ack_is_due(struct sim *sim, const struct event *event)
{
    struct sim_link *link = &sim->links[event->link];
    struct event ack;

    if (!is_connected(link, event))
        return;
    link->is_ack_due[event->end] = false;
    ack = at_end(link, !event->end, ACK_ARRIVES);
    ack.ack = mesh_link_acknowledge(link->ends[event->end], 2000 * link->delay_ms);
    sim_events_add(&sim->events, link->delay_ms, &ack);
}

static void ack_arrives(struct sim *sim, const struct event *event)
{
    struct sim_link *link = &sim->links[event->link];

    if (is_connected(link, event))
        check(mesh_link_acknowledged(link->ends[event->end], &event->ack, sim_time(sim)));
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
        later(sim, link, !event->end, END_IS_OVER, link->delay_ms);
    }
    end_down(sim, link, event->end);
}

/* --- running -------------------------------------------------------------------------------------------- */

static void provider_answers(struct sim *sim, const struct event *event)
{
    (void)sim;
    sim_client_says(event->client, frame_body(event->frame));
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
    case PULSE_BEATS:
        pulse_beats(sim, event);
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
    case CLIENT_READS:
        sim_client_reads(event->client);
        break;
    case KEY_IS_READY:
        key_is_ready(sim, event->secret);
        break;
    case MESH_IS_RESTED:
        mesh_settle(sim->hubs[event->hub].mesh, sim_time(sim));
        break;
    }
    block_unref(event->frame);
    sim_settle(sim);
}

#define TICK_MS 250

static void tick(struct sim *sim)
{
    for (unsigned i = 0; i < sim->n_hubs; i++)
        mesh_settle(sim->hubs[i].mesh, sim_time(sim));
    sim_settle(sim);
}

static void run_until(struct sim *sim, uint64_t until_ms)
{
    struct event *event;

    while ((event = sim_events_next(&sim->events, until_ms))) {
        happen(sim, event);
        sim_events_drop(&sim->events, event);
    }
}

void sim_run(struct sim *sim, uint64_t for_ms)
{
    uint64_t until_ms = sim->events.now_ms + for_ms;

    while (until_ms - sim->events.now_ms > TICK_MS) {
        run_until(sim, sim->events.now_ms + TICK_MS);
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
    hub_stop(hub);
    sim->unsettled[index / 64] &= ~(UINT64_C(1) << index % 64);
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

uint64_t sim_count_mismatches(struct sim *sim)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < sim->n_hubs; i++)
        n += mesh_counts(sim->hubs[i].mesh).digest_mismatches;
    return n;
}

struct ways {
    enum route_kind kind;
    size_t n;
};

static void count_way(struct map_node *node, void *context)
{
    struct ways *ways = context;
    const struct route *route = container_of(node, struct route, by_key);

    ways->n += route->best && route->kind == ways->kind;
}

size_t sim_count_ways(struct sim *sim, unsigned hub, enum route_kind kind)
{
    struct ways ways = {.kind = kind};

    map_walk(&sim->hubs[hub].mesh->table.by_key, count_way, &ways);
    return ways.n;
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
