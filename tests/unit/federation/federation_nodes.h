/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Whole hubs (core and federation, without sessions) on one loop, joined over real unix sockets; each may
 * have a client
 */
#ifndef COMMHUB_TESTS_FEDERATION_NODES_H
#define COMMHUB_TESTS_FEDERATION_NODES_H

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "federation/federation.h"
#include "hub/base/clock.h"
#include "hub/io/listener.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"
#include "tests/support/unit.h"

#define MAX_NODES 4

struct node {
    struct hub *hub;
    struct federation *federation;
    struct listener *listener;
    char path[108];
    unsigned n_broadcasts; /* that its client got */
    unsigned n_answers;
    unsigned n_calls;
    char last_error[256];
    struct client *client;
    struct block *call; /* the last that its client got, for answering */
};

static struct loop *loop;
static struct mailbox *mailbox;
static struct node nodes[MAX_NODES];
static char last_records[2][128]; /* direction, bridge, state, reason; of "in", of "out" */
static unsigned n_ended[2];
static uint32_t resume_window_ms;              /* of hubs that start now; 0: the product's */
static enum bridge_management link_management; /* of the nodes that are started */
static char folder[] = "/tmp/commhub-federation-XXXXXX";

static const struct stream_marks marks = {1U << 20, 1U << 18, 1U << 26};

struct visitor {
    struct node *node;
    struct stream *stream;
};

static inline size_t visitor_bytes(void *owner, struct bytes in)
{
    struct visitor *visitor = owner;
    struct bytes body;
    size_t n;

    if (frame_next(in, 4096, &body, &n) != 0)
        return 0;
    if (federation_accept_link(visitor->node->federation, visitor->stream, body, "visitor") == 0) {
        free(visitor);
        return n;
    }
    stream_end(visitor->stream, 0);
    return in.len;
}

static inline void visitor_end(void *owner, enum stream_end end, const char *detail)
{
    struct visitor *visitor = owner;

    (void)end;
    (void)detail;
    stream_free(visitor->stream);
    free(visitor);
}

static inline void on_connection(void *owner, struct listener *listener, int fd, const char *peer)
{
    static const struct stream_events events = {.on_bytes = visitor_bytes, .on_end = visitor_end};
    struct visitor *visitor = calloc(1, sizeof *visitor);

    (void)listener;
    (void)peer;
    assert_non_null(visitor);
    visitor->node = owner;
    assert_int_equal(stream_new(&visitor->stream, loop, fd, NULL, &events, &marks, visitor), 0);
}

static inline struct bytes field_text(const struct log_field *fields, size_t n_fields, const char *name)
{
    for (size_t i = 0; i < n_fields; i++) {
        assert_non_null(fields[i].name);
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].text;
    }
    return BYTES_NONE;
}

static inline void note(void *context, enum log_level level, enum log_stream stream, const char *event,
                        const struct log_field *fields, size_t n_fields)
{
    struct bytes bridge_name = field_text(fields, n_fields, "bridge");
    struct bytes direction = field_text(fields, n_fields, "direction");
    struct bytes state = field_text(fields, n_fields, "state");
    struct bytes reason = field_text(fields, n_fields, "reason");
    bool is_outgoing = bytes_equal_text(direction, "out");

    (void)context;
    (void)level;
    if (stream != LOG_LINKS || strcmp(event, "link_state") != 0)
        return;
    n_ended[is_outgoing] += bytes_equal_text(state, "ended");
    snprintf(last_records[is_outgoing], sizeof last_records[0], "%.*s,%.*s,%.*s,%.*s", (int)direction.len,
             (const char *)direction.ptr, (int)bridge_name.len, (const char *)bridge_name.ptr, (int)state.len,
             (const char *)state.ptr, (int)reason.len, (const char *)reason.ptr);
}

static inline struct hub_time now(void)
{
    return (struct hub_time){loop_now_ms(loop), clock_wall_ms() / 1000};
}

static inline void listen_at(struct node *node)
{
    static const struct listener_events events = {.on_connection = on_connection};
    struct address address = {.kind = ADDRESS_UNIX};
    struct listener_options options = {0};
    char why[LISTENER_WHY_SIZE];

    snprintf(address.host, sizeof address.host, "%s", node->path);
    assert_int_equal(listener_new(&node->listener, loop, &address, &options, &events, node, why), 0);
}

static inline void start(unsigned i, char id, uint64_t incarnation, const char *server_id, const char *secret)
{
    struct node *node = &nodes[i];
    struct hub_options hub_options = {.server_id = bytes_of_text(server_id)};
    struct outlet outlet = {.note = note};
    struct federation_options options = {
        .incarnation = incarnation,
        .server_id = bytes_of_text(server_id),
        .version = "9.8.7",
        .link_secret = secret,
        .resume_window_ms = resume_window_ms,
        .link_management = link_management,
        .outlet = outlet,
    };

    memset(node, 0, sizeof *node);
    memset(options.hub_id, id, 32);
    snprintf(node->path, sizeof node->path, "%s/%u", folder, i);
    assert_int_equal(hub_new(&node->hub, &hub_options, &outlet), 0);
    assert_int_equal(federation_new(&node->federation, loop, mailbox, node->hub, &options), 0);
    listen_at(node);
}

static inline void stop(unsigned i)
{
    struct node *node = &nodes[i];

    if (!node->hub)
        return;
    listener_free(node->listener);
    federation_free(node->federation);
    hub_free(node->hub);
    block_unref(node->call);
    memset(node, 0, sizeof *node);
}

static inline int bridge_to_path(unsigned from, const char *path, const char *secret,
                                 struct bridge_fault *fault)
{
    char address[300];
    struct bridge_spec spec = {.name = "b", .address = address, .secret = secret, .cost = 10};

    snprintf(address, sizeof address, "unix:%s", path);
    return federation_control_put_bridge(nodes[from].federation, &spec, fault);
}

static inline void bridge(unsigned from, unsigned to, const char *secret)
{
    struct bridge_fault fault;

    assert_int_equal(bridge_to_path(from, nodes[to].path, secret, &fault), 0);
}

/* The first link that is or is not outgoing; state LINK_PAUSED and no name where there is none. */
static inline struct link_status status_of(unsigned i, bool is_outgoing)
{
    struct link_status found = {0};
    struct link_status *links;
    size_t n;

    assert_int_equal(federation_control_links(nodes[i].federation, &links, &n), 0);
    for (size_t at = 0; at < n; at++) {
        if (links[at].is_outgoing == is_outgoing) {
            found = links[at];
            break;
        }
    }
    free(links);
    return found;
}

/* Runs the loop until @condition, for @most_ms at most. */
#define run_within(most_ms, condition)                                                                       \
    do {                                                                                                     \
        uint64_t until_ = clock_monotonic_ms() + (most_ms);                                                  \
        while (!(condition) && clock_monotonic_ms() < until_)                                                \
            loop_turn(loop, 20);                                                                             \
        assert_true(condition);                                                                              \
    } while (0)

#define run_until(condition) run_within(10000, condition)

static inline void run_for(uint64_t ms)
{
    uint64_t until = clock_monotonic_ms() + ms;

    while (clock_monotonic_ms() < until)
        loop_turn(loop, 10);
}

static inline void client_gets(void *owner, struct block *frame, enum frame_class frame_class)
{
    struct node *node = owner;
    struct message message;
    struct bytes error;

    (void)frame_class;
    assert_int_equal(message_parse(frame_body(frame), &message), 0);
    if (message.type == MESSAGE_BROADCAST)
        node->n_broadcasts++;
    if (message.type == MESSAGE_CALL) {
        node->n_calls++;
        block_unref(node->call);
        node->call = block_ref(frame);
    }
    if (message.type != MESSAGE_RESPONSE)
        return;
    node->n_answers++;
    if (message_text(&message, KEY_ERROR, &error) == 0)
        snprintf(node->last_error, sizeof node->last_error, "%.*s", (int)error.len, (const char *)error.ptr);
}

static inline void client_ends(void *owner, enum end_reason reason)
{
    (void)owner;
    (void)reason;
}

static inline void connect_client(unsigned i)
{
    static const struct client_port port = {.send = client_gets, .end = client_ends};
    char id[16];

    snprintf(id, sizeof id, "client-%u", i);
    assert_int_equal(hub_client_add(nodes[i].hub, bytes_of_text(id), CLIENT_LOCAL, &port, &nodes[i], now(),
                                    &nodes[i].client),
                     0);
}

/* A message of texts, key and value in turn. */
static inline void say(unsigned i, const char *const *texts, size_t n)
{
    struct buffer body = {0};
    struct message message;

    msgpack_write_map(&body, (uint32_t)(n / 2));
    for (size_t at = 0; at < n; at += 2) {
        msgpack_write_str(&body, bytes_of_text(texts[at]));
        if (strcmp(texts[at + 1], "yes") == 0)
            msgpack_write_bool(&body, true);
        else
            msgpack_write_str(&body, bytes_of_text(texts[at + 1]));
    }
    assert_int_equal(message_parse(buffer_bytes(&body), &message), 0);
    assert_int_equal(hub_handle(nodes[i].hub, nodes[i].client, &message, now()), 0);
    buffer_clear(&body);
}

#define SAY(i, ...) say((i), (const char *[]){__VA_ARGS__}, N_ELEMENTS(((const char *[]){__VA_ARGS__})))

struct hole {
    struct listener *listener;
    struct stream *streams[2];
    struct stream *left; /* one whose other end has gone unnoticed */
    bool swallows;
    char to[108];
};

static struct hole hole;

static inline void close_hole(void)
{
    listener_free(hole.listener);
    stream_free(hole.streams[0]);
    stream_free(hole.streams[1]);
    stream_free(hole.left);
    memset(&hole, 0, sizeof hole);
}

/* Before and after all tests of a file: where the sockets are. */
static inline int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static inline int set_up(void **state)
{
    (void)state;
    memset(last_records, 0, sizeof last_records);
    memset(n_ended, 0, sizeof n_ended);
    resume_window_ms = 300;
    link_management = BRIDGE_MANAGEMENT_NONE;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(mailbox_new(&mailbox, loop), 0);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MAX_NODES; i++)
        stop(i);
    close_hole();
    run_for(20);
    mailbox_free(mailbox);
    loop_free(loop);
    return 0;
}

#define IS_UP(i, is_outgoing) (status_of((i), (is_outgoing)).state == LINK_UP)

/* To be cleared. */
static inline struct mesh_hub_list list_hubs(unsigned i)
{
    struct mesh_hub_list list = {0};

    while (federation_control_hubs(nodes[i].federation, &list) == FEDERATION_E_GOES_ON)
        ;
    return list;
}

static inline size_t count_hubs(unsigned i)
{
    struct mesh_hub_list list = list_hubs(i);
    size_t n = list.n;

    federation_control_clear_hubs(&list);
    return n;
}

#endif
