/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/unit/mgmt/fake_controls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/check.h"
#include "hub/base/list.h"

struct fake_controls fake_controls;

/* A view is the list of its allocations. */
struct view {
    size_t n;
    void *parts[65536];
};

void fake_controls_reset(void)
{
    fake_controls = (struct fake_controls){.is_accepting = true, .n_clients = 3};
}

struct fake_bridge *fake_controls_bridge(const char *name)
{
    for (size_t i = 0; i < fake_controls.n_bridges; i++) {
        if (strcmp(fake_controls.bridges[i].name, name) == 0)
            return &fake_controls.bridges[i];
    }
    return NULL;
}

struct fake_password *fake_controls_password(const char *channel)
{
    for (size_t i = 0; i < fake_controls.n_passwords; i++) {
        if (strcmp(fake_controls.passwords[i].channel, channel) == 0)
            return &fake_controls.passwords[i];
    }
    return NULL;
}

static void enter(void)
{
    check(pthread_equal(pthread_self(), fake_controls.loop_thread));
    fake_controls.n_calls++;
}

static void *part(struct view *view, size_t size)
{
    void *made = calloc(1, size);

    check(made && view->n < sizeof view->parts / sizeof *view->parts);
    view->parts[view->n++] = made;
    return made;
}

static struct view *new_view(void)
{
    struct view *view = calloc(1, sizeof *view);

    check(view);
    return view;
}

void view_free(struct view *view)
{
    if (!view)
        return;
    for (size_t i = 0; i < view->n; i++)
        free(view->parts[i]);
    free(view);
}

/*
 * A step of a list of @n elements with the serials from 1: a few rows at a time, as the hub's own lists do.
 * @fill makes the row of a serial, or says that it is not wanted.
 */
#define ROWS_A_STEP 32

static int step(struct view_list *list, size_t n, size_t row_bytes,
                bool (*fill)(struct view_list *list, uint64_t serial, void *row))
{
    enter();
    if (!list->view) {
        list->view = new_view();
        list->rows = part(list->view, list->limit * row_bytes);
    }
    for (unsigned i = 0; i < ROWS_A_STEP; i++) {
        list->has_more = list->after < n;
        if (!list->has_more || list->n == list->limit)
            return 0;
        list->after++;
        list->n += fill(list, list->after, (char *)list->rows + list->n * row_bytes);
    }
    return VIEW_E_GOES_ON;
}

/* Every third is a bridge; the queues are long in no order. */
static bool fill_client(struct view_list *list, uint64_t serial, void *row)
{
    struct view_client *client = row;
    char *id = part(list->view, 32);

    if (list->channel.ptr && !bytes_equal_text(list->channel, "jobs"))
        return false;
    snprintf(id, 32, "client-%llu", (unsigned long long)serial);
    *client = (struct view_client){.serial = serial,
                                   .id = id,
                                   .mode = serial % 3 == 0 ? "bridge" : "client",
                                   .since_s = 1700000000,
                                   .address = "tcp://192.0.2.1:4711",
                                   .queued_bytes = serial * 7919 % 1000,
                                   .messages_in = 11,
                                   .messages_out = 13,
                                   .n_channels = 20,
                                   .n_named = 1};
    client->channels = part(list->view, sizeof(char *));
    client->channels[0] = "jobs";
    return true;
}

int server_control_clients(struct server *server, struct view_list *list)
{
    (void)server;
    if (list->channel.ptr && bytes_equal_text(list->channel, "none"))
        return VIEW_E_UNKNOWN;
    return step(list, fake_controls.n_clients, sizeof(struct view_client), fill_client);
}

int server_control_client(struct server *server, struct bytes id, struct server_client *out_client)
{
    struct view_list list = {.limit = 1};

    (void)server;
    enter();
    if (!bytes_equal_text(id, "client-1"))
        return VIEW_E_UNKNOWN;
    list.view = new_view();
    *out_client = (struct server_client){.view = list.view,
                                         .holds = {.n_events = 2, .n_calls_taken = 1, .held_bytes = 99},
                                         .is_tls = true,
                                         .bytes_in = 1000,
                                         .bytes_out = 2000,
                                         .silent_ms = 5};
    fill_client(&list, 1, &out_client->client);
    return 0;
}

static const char *const channel_names[] = {"jobs", "__comm_ipc_logs", "a/b c"};

static bool fill_channel(struct view_list *list, uint64_t serial, void *row)
{
    struct view_channel *channel = row;
    const char *name = channel_names[serial - 1];

    (void)list;
    *channel = (struct view_channel){
        .serial = serial, .name = name, .owner = "alice", .n_members = 2, .n_events = 1, .n_topics = 1};
    if (fake_controls.pinned_channel && strcmp(fake_controls.pinned_channel, name) == 0)
        channel->password_origin = PASSWORD_BY_CONFIGURATION;
    return true;
}

int server_control_channels(struct server *server, struct view_list *list)
{
    (void)server;
    return step(list, 3, sizeof(struct view_channel), fill_channel);
}

static bool is_channel(struct bytes name)
{
    for (size_t i = 0; i < 3; i++) {
        if (bytes_equal_text(name, channel_names[i]))
            return true;
    }
    return false;
}

int server_control_channel(struct server *server, struct bytes name, struct view **out_view,
                           struct view_channel *out_channel)
{
    (void)server;
    enter();
    for (size_t i = 0; i < 3; i++) {
        if (bytes_equal_text(name, channel_names[i])) {
            *out_view = new_view();
            fill_channel(NULL, i + 1, out_channel);
            return 0;
        }
    }
    return VIEW_E_UNKNOWN;
}

static bool fill_member(struct view_list *list, uint64_t serial, void *row)
{
    static const char *path[] = {"hub-b", "hub-c"};
    static const struct view_member members[] = {
        {.place = 1, .id = "alice", .mode = "client", .is_local = true},
        {.place = 2,
         .id = "\xff"
               "bob",
         .mode = "client",
         .n_path = 2,
         .path = path},
    };

    (void)list;
    memcpy(row, &members[serial - 1], sizeof members[0]);
    return true;
}

int server_control_members(struct server *server, struct view_list *list)
{
    (void)server;
    return is_channel(list->channel) ? step(list, 2, sizeof(struct view_member), fill_member)
                                     : VIEW_E_UNKNOWN;
}

static bool fill_event(struct view_list *list, uint64_t serial, void *row)
{
    /* {"type": "object"} */
    static const uint8_t schema[] = "\x81\xa4type\xa6object";
    static const char *providers[] = {"alice"};
    struct view_event *event = row;

    (void)list;
    *event = (struct view_event){.serial = serial,
                                 .name = "add",
                                 .is_group = true,
                                 .n_providers = 3,
                                 .n_named = 1,
                                 .providers = providers,
                                 .raw_param_schema = bytes_of(schema, sizeof schema - 1)};
    return true;
}

int server_control_events(struct server *server, struct view_list *list)
{
    (void)server;
    return is_channel(list->channel) ? step(list, 1, sizeof(struct view_event), fill_event) : VIEW_E_UNKNOWN;
}

static bool fill_topic(struct view_list *list, uint64_t serial, void *row)
{
    struct view_topic *topic = row;

    (void)list;
    *topic = (struct view_topic){.serial = serial, .name = "news", .n_subscribers = 5};
    return true;
}

int server_control_topics(struct server *server, struct view_list *list)
{
    (void)server;
    return is_channel(list->channel) ? step(list, 1, sizeof(struct view_topic), fill_topic) : VIEW_E_UNKNOWN;
}

int server_control_status(struct server *server, struct server_status *out_status)
{
    (void)server;
    enter();
    *out_status = (struct server_status){.counts = {.n_clients = fake_controls.n_clients, .n_channels = 3},
                                         .n_connections = 4,
                                         .is_accepting = fake_controls.is_accepting,
                                         .n_listeners = 1,
                                         .listeners = calloc(1, 300)};
    check(out_status->listeners);
    snprintf(out_status->listeners[0], 300, "tcp://127.0.0.1:7070");
    return 0;
}

int server_control_set_password(struct server *server, struct bytes channel, struct bytes password,
                                const uint8_t *signing_key)
{
    struct fake_password *kept;
    char name[256];

    (void)server;
    enter();
    if (fake_controls.refuses_passwords)
        return -ENOMEM;
    snprintf(name, sizeof name, "%.*s", (int)channel.len, (const char *)channel.ptr);
    kept = fake_controls_password(name);
    if (!kept)
        kept = &fake_controls.passwords[fake_controls.n_passwords++];
    *kept = (struct fake_password){.has_key = signing_key != NULL};
    memcpy(kept->channel, name, sizeof name);
    snprintf(kept->password, sizeof kept->password, "%.*s", (int)password.len, (const char *)password.ptr);
    if (signing_key)
        memcpy(kept->key, signing_key, sizeof kept->key);
    return 0;
}

const char *link_state_name(enum link_state state)
{
    static const char *const names[] = {"paused",   "dialing", "handshake", "syncing", "up",
                                        "degraded", "backoff", "refused",   "ended"};

    return names[state];
}

const char *link_step_name(enum link_step step)
{
    static const char *const names[] = {"", "resolve", "connect", "tls", "handshake", "proof", "sync"};

    return names[step];
}

int federation_control_check_bridge(const struct bridge_spec *spec, struct bridge_fault *out_fault)
{
    *out_fault = (struct bridge_fault){0};
    if (strcmp(spec->name, "invalid") == 0)
        snprintf(out_fault->why, sizeof out_fault->why, "no bridge may be called so");
    else if (spec->tls.cert_file && !spec->tls.key_file)
        *out_fault = (struct bridge_fault){.member = "tls/key_file", .why = "the key is missing"};
    else
        return 0;
    return FEDERATION_E_INVALID;
}

int federation_control_judge_bridge(const struct federation *federation, const struct bridge_spec *spec,
                                    struct bridge_fault *out_fault)
{
    (void)federation;
    enter();
    if (!fake_controls.knows_no_secret || spec->secret)
        return 0;
    *out_fault = (struct bridge_fault){.member = "secret", .why = "the secret is missing"};
    return FEDERATION_E_INVALID;
}

int federation_control_put_bridge(struct federation *federation, const struct bridge_spec *spec,
                                  struct bridge_fault *out_fault)
{
    struct fake_bridge *bridge = fake_controls_bridge(spec->name);

    (void)federation;
    enter();
    if (fake_controls.refuses_bridges) {
        *out_fault = (struct bridge_fault){.why = "not today"};
        return FEDERATION_E_INVALID;
    }
    if (!bridge)
        bridge = &fake_controls.bridges[fake_controls.n_bridges++];
    *bridge = (struct fake_bridge){.n_allow = spec->channels.allow.n, .is_paused = spec->is_paused};
    snprintf(bridge->name, sizeof bridge->name, "%s", spec->name);
    snprintf(bridge->address, sizeof bridge->address, "%s", spec->address);
    snprintf(bridge->secret, sizeof bridge->secret, "%s", spec->secret ? spec->secret : "");
    return 0;
}

int federation_control_remove_bridge(struct federation *federation, const char *name)
{
    struct fake_bridge *bridge = fake_controls_bridge(name);

    (void)federation;
    enter();
    if (!bridge)
        return FEDERATION_E_UNKNOWN;
    *bridge = fake_controls.bridges[--fake_controls.n_bridges];
    return 0;
}

/* Each bridge has a link that is up, and there is one from another hub. */
int federation_control_hubs(struct federation *federation, struct mesh_hub_list *list)
{
    struct mesh_hub *hubs = calloc(2, sizeof *hubs);

    (void)federation;
    check(hubs);
    hubs[0] =
        (struct mesh_hub){.is_self = true, .incarnation = 7, .has_profile = true, .started_s = 1700000000};
    snprintf(hubs[0].hub_id, sizeof hubs[0].hub_id, "%032x", 0xa);
    snprintf(hubs[0].server_id, sizeof hubs[0].server_id, "alpha");
    snprintf(hubs[0].version, sizeof hubs[0].version, "1.2.3");
    hubs[0].links = calloc(1, sizeof *hubs[0].links);
    check(hubs[0].links);
    hubs[0].n_links = hubs[0].n_named = 1;
    snprintf(hubs[0].links[0].hub_id, sizeof hubs[0].links[0].hub_id, "%032x", 0xb);
    snprintf(hubs[0].links[0].state, sizeof hubs[0].links[0].state, "backoff");
    hubs[1] = (struct mesh_hub){.cost = 10, .n_hops = 1};
    snprintf(hubs[1].hub_id, sizeof hubs[1].hub_id, "%032x", 0xb);
    snprintf(hubs[1].via, sizeof hubs[1].via, "%032x", 0xb);
    snprintf(hubs[1].server_id, sizeof hubs[1].server_id, "<b>\xff");
    list->hubs = hubs;
    list->n = 2;
    return 0;
}

/* One service of hub b, which two ways lead to, and whatever is asked about is this. */
int federation_control_routes(struct federation *federation, const struct route_filter *filter,
                              struct route_page *page)
{
    struct route_row *row = calloc(page->limit, sizeof *row);

    (void)federation;
    enter();
    check(row);
    row->serial = 3;
    row->kind = "service";
    snprintf(row->channel, sizeof row->channel, "%s", filter->channel ? filter->channel : "room");
    snprintf(row->name, sizeof row->name, "add");
    snprintf(row->origin.id, sizeof row->origin.id, "%032x", 0xb);
    row->n_ways = 2;
    page->rows = row;
    page->n = page->after < row->serial;
    page->after = row->serial;
    return 0;
}

int federation_control_why(struct federation *federation, const struct route_question *question,
                           struct route_why **out_why)
{
    struct route_why *why = calloc(1, sizeof *why);

    (void)federation;
    enter();
    check(why && question->channel);
    why->verdict = "a call goes to another hub";
    why->ways = calloc(2, sizeof *why->ways);
    why->borders = calloc(1, sizeof *why->borders);
    why->refusals = calloc(1, sizeof *why->refusals);
    check(why->ways && why->borders && why->refusals);
    why->n_ways = 2;
    why->ways[0] = (struct route_way){.is_best = true, .is_chosen = true, .reason = "taken"};
    why->ways[1] = (struct route_way){.reason = "it costs more", .cost = 20};
    snprintf(why->ways[0].origin.id, sizeof why->ways[0].origin.id, "%032x", 0xb);
    why->n_borders = 1;
    why->borders[0].reason_in = "the bridge's filter holds the channel back";
    why->n_refusals = 1;
    why->refusals[0] = (struct route_refusal){.at_ms = 1700000000000, .reason = "loop", .text = "a circle"};
    *out_why = why;
    return 0;
}

/* The report comes at once, but for the event "busy". */
int federation_control_trace(struct federation *federation, const char *channel, const char *event,
                             const struct trace_asker *asker, uint64_t *out_id)
{
    struct trace_report *report;

    (void)federation;
    enter();
    *out_id = 1;
    if (strcmp(event, "busy") == 0)
        return FEDERATION_E_BUSY;
    report = calloc(1, sizeof *report);
    check(report);
    report->has_arrived = true;
    snprintf(report->verdict, sizeof report->verdict, "a call is carried out at %s", channel);
    report->n_steps = 1;
    snprintf(report->steps[0].decision, sizeof report->steps[0].decision, "arrived");
    asker->on_report(asker->context, report);
    return 0;
}

bool federation_control_forget_trace(struct federation *federation, uint64_t id)
{
    (void)federation;
    enter();
    check(id == 1);
    return false;
}

static struct trial_report *trial_report(const struct bridge_spec *spec)
{
    struct trial_report *report = calloc(1, sizeof *report);

    check(report);
    report->has_passed = spec->secret && strcmp(spec->secret, "right") == 0;
    report->n_steps = 2;
    report->steps[0] = (struct trial_step_time){LINK_STEP_HANDSHAKE, 40};
    report->steps[1] = (struct trial_step_time){LINK_STEP_PROOF, 2};
    report->elapsed_us = 42;
    snprintf(report->hub_id, sizeof report->hub_id, "%032x", 0xb);
    snprintf(report->server_id, sizeof report->server_id, "beta");
    if (report->has_passed)
        return report;
    report->failed_step = LINK_STEP_PROOF;
    snprintf(report->reason, sizeof report->reason, "wrong_secret");
    snprintf(report->last_error, sizeof report->last_error, "the secrets differ");
    return report;
}

/* The report comes at once, but to the address busy:1; none:1 has none. */
int federation_control_try_bridge(struct federation *federation, const struct bridge_spec *spec,
                                  const struct trial_asker *asker, uint64_t *out_id,
                                  struct bridge_fault *out_fault)
{
    (void)federation;
    enter();
    *out_id = 1;
    if (strcmp(spec->address, "tcp://busy:1") == 0)
        return FEDERATION_E_BUSY;
    if (fake_controls.refuses_bridges) {
        *out_fault = (struct bridge_fault){.why = "not today"};
        return FEDERATION_E_INVALID;
    }
    if (strcmp(spec->address, "tcp://slow:1") == 0) {
        fake_controls.trial = *asker;
        return 0;
    }
    asker->on_report(asker->context, strcmp(spec->address, "tcp://none:1") == 0 ? NULL : trial_report(spec));
    return 0;
}

bool fake_controls_report_trial(void)
{
    static const struct bridge_spec spec = {.name = "slow", .address = "tcp://slow:1"};
    struct trial_asker asker = fake_controls.trial;

    fake_controls.trial = (struct trial_asker){0};
    if (asker.on_report)
        asker.on_report(asker.context, trial_report(&spec));
    return asker.on_report != NULL;
}

bool federation_control_forget_trial(struct federation *federation, uint64_t id)
{
    (void)federation;
    enter();
    check(id == 1);
    if (!fake_controls.trial.on_report)
        return false;
    fake_controls.trial = (struct trial_asker){0};
    return true;
}

void federation_control_free_why(struct route_why *why)
{
    free(why->ways);
    free(why->borders);
    free(why->refusals);
    free(why);
}

void federation_control_clear_hubs(struct mesh_hub_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->hubs[i].links);
    free(list->hubs);
}

void federation_control_serve_errands(struct federation *federation, federation_errand_handler *serve,
                                      void *context)
{
    (void)federation;
    fake_controls.serve_errand = serve;
    fake_controls.errand_context = context;
}

/* What fake_controls.errand_outcome says; a hub that answers carries the request out here. */
int federation_control_ask(struct federation *federation, const char *hub_id, bool may_write,
                           struct bytes body, federation_answer_handler *handle, void *context)
{
    struct federation_errand errand = {.may_write = may_write, .serial = 1, .body = body};

    (void)federation;
    if (strspn(hub_id, "b") != 32)
        return FEDERATION_E_UNKNOWN;
    if (fake_controls.errand_outcome != FEDERATION_ANSWERED) {
        handle(context, fake_controls.errand_outcome, BYTES_LITERAL("Hub far: no"));
        return 0;
    }
    check(!fake_controls.handle_answer);
    fake_controls.handle_answer = handle;
    fake_controls.answer_context = context;
    memset(errand.from, 'a', 32);
    fake_controls.serve_errand(fake_controls.errand_context, &errand);
    return 0;
}

int federation_control_answer(struct federation *federation, const char *hub_id, uint64_t serial,
                              struct bytes body)
{
    federation_answer_handler *handle = fake_controls.handle_answer;

    (void)federation;
    check(strspn(hub_id, "a") == 32 && serial == 1 && handle);
    fake_controls.handle_answer = NULL;
    handle(fake_controls.answer_context, FEDERATION_ANSWERED, body);
    return 0;
}

struct mesh_counts federation_control_counts(const struct federation *federation)
{
    (void)federation;
    return (struct mesh_counts){.n_routes = 4, .refused = {[MESH_REFUSED_LOOP] = 7}};
}

int federation_control_links(struct federation *federation, struct link_status **out_links, size_t *out_n)
{
    struct link_status *links = calloc(fake_controls.n_bridges + 1, sizeof *links);

    (void)federation;
    enter();
    check(links);
    for (size_t i = 0; i <= fake_controls.n_bridges; i++) {
        struct link_status *link = &links[i];

        link->is_outgoing = i < fake_controls.n_bridges;
        link->state = LINK_UP;
        link->since_ms = 1700000000000;
        link->rtt_us = i ? 1500 : -1;
        snprintf(link->hub_id, sizeof link->hub_id, "0123456789abcdef0123456789abcdef");
        snprintf(link->server_id, sizeof link->server_id, "west");
        snprintf(link->reason, sizeof link->reason, "connected");
        snprintf(link->address, sizeof link->address, "tcp://192.0.2.9:7070");
        if (link->is_outgoing)
            memcpy(link->bridge, fake_controls.bridges[i].name, sizeof link->bridge);
    }
    *out_links = links;
    *out_n = fake_controls.n_bridges + 1;
    return 0;
}

struct federation_identity federation_control_identity(const struct federation *federation)
{
    (void)federation;
    enter();
    return (struct federation_identity){.hub_id = "00112233445566778899aabbccddeeff", .incarnation = 5};
}

void server_control_adopt(struct server *server, int fd, const char *peer)
{
    (void)server;
    enter();
    snprintf(fake_controls.adopted_peer, sizeof fake_controls.adopted_peer, "%s", peer);
    fake_controls.adopted_fd = fd;
}

int federation_control_retry_bridge(struct federation *federation, const char *name)
{
    (void)federation;
    enter();
    return fake_controls_bridge(name) ? 0 : FEDERATION_E_UNKNOWN;
}

int server_control_kick(struct server *server, struct bytes client_id)
{
    (void)server;
    enter();
    return bytes_equal_text(client_id, "client-1") ? 0 : SERVER_CONTROL_E_UNKNOWN;
}
