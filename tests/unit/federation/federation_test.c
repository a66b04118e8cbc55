/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Whole hubs (core and federation, without sessions) on one loop, joined over real unix sockets
 */
#include "federation/federation.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

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

/* --- what the server does with a connection, as far as links go --- */

static const struct stream_marks marks = {1U << 20, 1U << 18, 1U << 26};

struct visitor {
    struct node *node;
    struct stream *stream;
};

static size_t visitor_bytes(void *owner, struct bytes in)
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

static void visitor_end(void *owner, enum stream_end end, const char *detail)
{
    struct visitor *visitor = owner;

    (void)end;
    (void)detail;
    stream_free(visitor->stream);
    free(visitor);
}

static void on_connection(void *owner, struct listener *listener, int fd, const char *peer)
{
    static const struct stream_events events = {.on_bytes = visitor_bytes, .on_end = visitor_end};
    struct visitor *visitor = calloc(1, sizeof *visitor);

    (void)listener;
    (void)peer;
    assert_non_null(visitor);
    visitor->node = owner;
    assert_int_equal(stream_new(&visitor->stream, loop, fd, NULL, &events, &marks, visitor), 0);
}

/* --- nodes --- */

static struct bytes field_text(const struct log_field *fields, size_t n_fields, const char *name)
{
    for (size_t i = 0; i < n_fields; i++) {
        assert_non_null(fields[i].name);
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].text;
    }
    return BYTES_NONE;
}

static void note(void *context, enum log_level level, enum log_stream stream, const char *event,
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

static struct hub_time now(void)
{
    return (struct hub_time){loop_now_ms(loop), clock_wall_ms() / 1000};
}

static void listen_at(struct node *node)
{
    static const struct listener_events events = {.on_connection = on_connection};
    struct address address = {.kind = ADDRESS_UNIX};
    struct listener_options options = {0};
    char why[LISTENER_WHY_SIZE];

    snprintf(address.host, sizeof address.host, "%s", node->path);
    assert_int_equal(listener_new(&node->listener, loop, &address, &options, &events, node, why), 0);
}

static void start(unsigned i, char id, uint64_t incarnation, const char *server_id, const char *secret)
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

static void stop(unsigned i)
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

static int bridge_to_path(unsigned from, const char *path, const char *secret, struct bridge_fault *fault)
{
    char address[300];
    struct bridge_spec spec = {.name = "b", .address = address, .secret = secret, .cost = 10};

    snprintf(address, sizeof address, "unix:%s", path);
    return federation_control_put_bridge(nodes[from].federation, &spec, fault);
}

static void bridge(unsigned from, unsigned to, const char *secret)
{
    struct bridge_fault fault;

    assert_int_equal(bridge_to_path(from, nodes[to].path, secret, &fault), 0);
}

/* The first link that is or is not outgoing; state LINK_PAUSED and no name where there is none. */
static struct link_status status_of(unsigned i, bool is_outgoing)
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

/* Runs the loop until @condition or 10 s have passed: a link that backs off may wait for some seconds. */
#define run_until(condition)                                                                                 \
    do {                                                                                                     \
        uint64_t until_ = clock_monotonic_ms() + 10000;                                                      \
        while (!(condition) && clock_monotonic_ms() < until_)                                                \
            loop_turn(loop, 20);                                                                             \
        assert_true(condition);                                                                              \
    } while (0)

static void run_for(uint64_t ms)
{
    uint64_t until = clock_monotonic_ms() + ms;

    while (clock_monotonic_ms() < until)
        loop_turn(loop, 10);
}

/* --- clients --- */

static void client_gets(void *owner, struct block *frame, enum frame_class frame_class)
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

static void client_ends(void *owner, enum end_reason reason)
{
    (void)owner;
    (void)reason;
}

static void connect_client(unsigned i)
{
    static const struct client_port port = {.send = client_gets, .end = client_ends};
    char id[16];

    snprintf(id, sizeof id, "client-%u", i);
    assert_int_equal(hub_client_add(nodes[i].hub, bytes_of_text(id), CLIENT_LOCAL, &port, &nodes[i], now(),
                                    &nodes[i].client),
                     0);
}

/* A message of texts, key and value in turn. */
static void say(unsigned i, const char *const *texts, size_t n)
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

/* --- a connection that passes through our hands, or swallows what it carries --- */

struct hole {
    struct listener *listener;
    struct stream *streams[2];
    struct stream *left; /* one whose other end has gone unnoticed */
    bool swallows;
    char to[108];
};

static struct hole hole;

static void close_hole(void)
{
    listener_free(hole.listener);
    stream_free(hole.streams[0]);
    stream_free(hole.streams[1]);
    stream_free(hole.left);
    memset(&hole, 0, sizeof hole);
}

/* --- tests --- */

static int set_up(void **state)
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

static int tear_down(void **state)
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

static void start_ring(void)
{
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    start(2, 'c', 1, "gamma", "secret");
    bridge(0, 1, NULL);
    bridge(1, 2, NULL);
    bridge(2, 0, NULL);
    for (unsigned i = 0; i < 3; i++)
        run_until(IS_UP(i, true) && IS_UP(i, false));
}

/* Whether hub @i knows @n hubs, each with @n_links links that are all in @state. */
static bool knows(unsigned i, size_t n, uint32_t n_links, const char *state)
{
    struct mesh_hub *hubs;
    size_t n_hubs;
    bool is_so;

    assert_int_equal(federation_control_hubs(nodes[i].federation, &hubs, &n_hubs), 0);
    is_so = n_hubs == n && hubs[0].is_self;
    for (size_t at = 0; is_so && at < n_hubs; at++) {
        is_so = hubs[at].has_profile && strcmp(hubs[at].version, "9.8.7") == 0 && hubs[at].n_links == n_links;
        for (uint32_t link = 0; is_so && link < hubs[at].n_named; link++)
            is_so = strcmp(hubs[at].links[link].state, state) == 0;
    }
    federation_control_free_hubs(hubs, n_hubs);
    return is_so;
}

static size_t count_hubs(unsigned i)
{
    struct mesh_hub *hubs;
    size_t n;

    assert_int_equal(federation_control_hubs(nodes[i].federation, &hubs, &n), 0);
    federation_control_free_hubs(hubs, n);
    return n;
}

static void test_every_hub_knows_all_hubs_and_their_links(void **state)
{
    struct mesh_hub *hubs;
    size_t n;

    (void)state;
    start_ring();
    run_until(knows(0, 3, 2, "up") && knows(1, 3, 2, "up") && knows(2, 3, 2, "up"));
    assert_int_equal(federation_control_hubs(nodes[0].federation, &hubs, &n), 0);
    assert_string_equal(hubs[0].server_id, "alpha");
    assert_int_equal(hubs[0].n_hops, 0);
    assert_string_equal(hubs[1].server_id, "beta");
    assert_int_equal(hubs[1].n_hops, 1);
    assert_string_equal(hubs[1].via, hubs[1].hub_id);
    assert_string_equal(hubs[1].links[0].bridge, hubs[1].links[0].is_outgoing ? "b" : "");
    federation_control_free_hubs(hubs, n);
    stop(2);
    run_until(count_hubs(0) == 2 && count_hubs(1) == 2);
}

/* --- errands --- */

struct answer {
    bool has_come;
    enum federation_outcome outcome;
    char body[512];
};

static void keep_answer(void *context, enum federation_outcome outcome, struct bytes body)
{
    struct answer *answer = context;

    assert_false(answer->has_come);
    answer->has_come = true;
    answer->outcome = outcome;
    snprintf(answer->body, sizeof answer->body, "%.*s", (int)body.len, (const char *)body.ptr);
}

/* Answers every request with its own text and the right that it came with. */
static void echo_errand(void *context, const struct federation_errand *errand)
{
    struct node *node = context;
    char body[128];

    snprintf(body, sizeof body, "%s %.*s", errand->may_write ? "write" : "read", (int)errand->body.len,
             (const char *)errand->body.ptr);
    assert_int_equal(
        federation_control_answer(node->federation, errand->from, errand->serial, bytes_of_text(body)), 0);
}

static void start_chain(void)
{
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    start(2, 'c', 1, "gamma", "secret");
    bridge(0, 1, NULL);
    bridge(1, 2, NULL);
    for (unsigned i = 0; i < 2; i++)
        run_until(IS_UP(i, true) && IS_UP(i + 1, false));
    run_until(count_hubs(0) == 3);
    federation_control_serve_errands(nodes[2].federation, echo_errand, &nodes[2]);
}

static struct answer ask_gamma(bool may_write)
{
    struct answer answer = {0};
    char gamma[33] = {0};

    memset(gamma, 'c', 32);
    assert_int_equal(federation_control_ask(nodes[0].federation, gamma, may_write, BYTES_LITERAL("hello"),
                                            keep_answer, &answer),
                     0);
    run_until(answer.has_come);
    return answer;
}

static void test_an_errand_is_answered_over_two_hops_where_every_link_grants_it(void **state)
{
    struct answer answer;

    (void)state;
    link_management = BRIDGE_MANAGEMENT_READ;
    start_chain();
    answer = ask_gamma(false);
    assert_int_equal(answer.outcome, FEDERATION_ANSWERED);
    assert_string_equal(answer.body, "read hello");
    answer = ask_gamma(true);
    assert_int_equal(answer.outcome, FEDERATION_REFUSED);
    assert_non_null(strstr(answer.body, "Hub beta: operators of other hubs may not change it"));
}

static void test_an_errand_is_refused_by_the_hub_that_does_not_grant_it(void **state)
{
    struct answer answer;

    (void)state;
    link_management = BRIDGE_MANAGEMENT_WRITE;
    start_chain();
    answer = ask_gamma(true);
    assert_int_equal(answer.outcome, FEDERATION_ANSWERED);
    assert_string_equal(answer.body, "write hello");
    stop(2);
    link_management = BRIDGE_MANAGEMENT_NONE;
    start(2, 'c', 2, "gamma", "secret");
    federation_control_serve_errands(nodes[2].federation, echo_errand, &nodes[2]);
    run_until(IS_UP(2, false) && count_hubs(0) == 3);
    answer = ask_gamma(false);
    assert_int_equal(answer.outcome, FEDERATION_REFUSED);
    assert_non_null(strstr(answer.body, "Hub gamma: operators of other hubs may not look at it"));
}

static void test_an_errand_that_nobody_can_answer_ends(void **state)
{
    struct answer answer = {0};
    char nobody[33] = {0};

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    memset(nobody, 'd', 32);
    assert_int_equal(
        federation_control_ask(nodes[0].federation, nobody, false, BYTES_NONE, keep_answer, &answer),
        FEDERATION_E_UNKNOWN);
    memset(nobody, 'a', 32);
    assert_int_equal(
        federation_control_ask(nodes[0].federation, nobody, false, BYTES_NONE, keep_answer, &answer),
        FEDERATION_E_UNKNOWN);
    link_management = BRIDGE_MANAGEMENT_READ;
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, NULL);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    /* Beta lets it in, and has nobody who serves it. */
    memset(nobody, 'b', 32);
    assert_int_equal(
        federation_control_ask(nodes[0].federation, nobody, false, BYTES_NONE, keep_answer, &answer), 0);
    stop(0);
    assert_true(answer.has_come);
    assert_int_equal(answer.outcome, FEDERATION_UNANSWERED);
}

static void test_a_link_comes_up_on_both_sides_and_knows_its_peer(void **state)
{
    struct link_status outgoing;
    struct link_status incoming;

    (void)state;
    start(0, 'a', 1, "alpha", NULL);
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, "secret");
    run_until(IS_UP(0, true) && IS_UP(1, false));
    outgoing = status_of(0, true);
    incoming = status_of(1, false);
    assert_string_equal(outgoing.bridge, "b");
    assert_string_equal(outgoing.server_id, "beta");
    assert_string_equal(outgoing.hub_id, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    assert_string_equal(incoming.bridge, "");
    assert_string_equal(incoming.server_id, "alpha");
    assert_true(outgoing.rtt_us >= 0);
    assert_true(outgoing.bytes_in > 0 && outgoing.bytes_out > 0 && outgoing.messages_in > 0);
}

static void test_a_ring_of_three_passes_each_broadcast_once_and_answers_calls(void **state)
{
    (void)state;
    start_ring();
    for (unsigned i = 0; i < 3; i++) {
        connect_client(i);
        SAY(i, "type", "register", "channel", "room");
    }
    SAY(2, "type", "register", "channel", "room", "event", "add", "is_provider", "yes");
    run_for(100);
    for (unsigned i = 0; i < 10; i++)
        SAY(0, "type", "broadcast", "channel", "room", "event", "news", "data", "equal");
    SAY(0, "type", "call", "channel", "room", "event", "add", "request_id", "r1");
    run_until(nodes[2].n_calls == 1);
    run_for(100);
    assert_int_equal(nodes[0].n_broadcasts, 0);
    assert_int_equal(nodes[1].n_broadcasts, 10);
    assert_int_equal(nodes[2].n_broadcasts, 10);
    nodes[0].n_answers = 0;
    SAY(2, "type", "response", "request_id", "r1", "target_id", "client-0", "data", "sum");
    run_until(nodes[0].n_answers == 1);
    assert_string_equal(nodes[0].last_error, "");
}

static void test_a_hub_that_goes_is_withdrawn_and_comes_back_by_itself(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, NULL);
    run_until(IS_UP(0, true));
    connect_client(0);
    connect_client(1);
    SAY(1, "type", "register", "channel", "room", "event", "add", "is_provider", "yes");
    run_for(50);
    SAY(0, "type", "call", "channel", "room", "event", "add", "request_id", "r1");
    run_until(nodes[1].n_calls == 1);
    stop(1);
    run_until(nodes[0].n_answers == 1);
    assert_string_not_equal(nodes[0].last_error, "");
    assert_int_not_equal(status_of(0, true).state, LINK_UP);
    start(1, 'b', 2, "beta", "secret");
    run_until(IS_UP(0, true));
}

static void test_hubs_with_different_secrets_refuse_each_other_and_both_say_so(void **state)
{
    struct link_status refused;

    (void)state;
    start(0, 'a', 1, "alpha", NULL);
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, "guess");
    run_until(status_of(0, true).state == LINK_REFUSED);
    refused = status_of(0, true);
    assert_string_equal(refused.reason, "wrong_secret");
    assert_non_null(strstr(refused.last_error, "secret"));
}

static void test_a_hub_without_a_link_secret_takes_no_links(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", NULL);
    start(1, 'b', 1, "beta", NULL);
    bridge(0, 1, "secret");
    run_until(status_of(0, true).state == LINK_REFUSED);
    assert_string_equal(status_of(0, true).reason, "links_not_enabled");
    assert_non_null(strstr(status_of(0, true).last_error, "--link-secret-file"));
}

static void test_a_bridge_to_itself_is_refused(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    bridge(0, 0, NULL);
    run_until(status_of(0, true).state == LINK_REFUSED);
    assert_string_equal(status_of(0, true).reason, "itself");
}

static void test_two_hubs_with_one_hub_id_or_one_server_id_refuse_each_other(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'a', 2, "beta", "secret");
    start(2, 'c', 1, "alpha", "secret");
    bridge(0, 1, NULL);
    run_until(status_of(0, true).state == LINK_REFUSED);
    assert_string_equal(status_of(0, true).reason, "duplicate_hub_id");
    bridge(0, 2, NULL);
    run_until(status_of(0, true).state == LINK_REFUSED);
    assert_string_equal(status_of(0, true).reason, "duplicate_server_id");
}

static void test_a_bridge_that_makes_no_sense_is_refused_with_what_to_do(void **state)
{
    static const char *const bad_pattern[] = {""};
    const struct {
        const char *what;
        struct bridge_spec spec;
        const char *word;
    } rows[] = {
        {"no name", {.name = "", .address = "tcp://h:1", .secret = "s", .cost = 1}, "name"},
        {"no address", {.name = "b", .secret = "s", .cost = 1}, "address"},
        {"bad address", {.name = "b", .address = "carrier pigeon", .secret = "s", .cost = 1}, "address"},
        {"no port", {.name = "b", .address = "tcp://h:0", .secret = "s", .cost = 1}, "port"},
        {"no cost", {.name = "b", .address = "tcp://h:1", .secret = "s"}, "cost"},
        {"no secret anywhere", {.name = "b", .address = "tcp://h:1", .cost = 1}, "secret"},
        {"bad pattern",
         {.name = "b", .address = "tcp://h:1", .secret = "s", .cost = 1, .in.deny = {1, bad_pattern}},
         "channels/in/deny/0"},
        {"too many entries",
         {.name = "b", .address = "tcp://h:1", .secret = "s", .cost = 1, .limits.entries = 1000001},
         "limits/entries"},
        {"a certificate without its key",
         {.name = "b", .address = "tls://h:1", .secret = "s", .cost = 1, .tls.cert_file = "/c.pem"},
         "tls/key_file"},
        {"a file that is not there",
         {.name = "b", .address = "tls://h:1", .secret = "s", .cost = 1, .tls.ca_file = "/nowhere/ca.pem"},
         "cannot use the CA file /nowhere/ca.pem"},
    };
    struct bridge_fault fault;

    (void)state;
    start(0, 'a', 1, "alpha", NULL);
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        assert_row(rows[i].what, federation_control_judge_bridge(nodes[0].federation, &rows[i].spec,
                                                                 &fault) == FEDERATION_E_INVALID);
        assert_row(rows[i].what, strstr(fault.why, rows[i].word));
        fault.why[0] = '\0';
        assert_row(rows[i].what, federation_control_put_bridge(nodes[0].federation, &rows[i].spec, &fault) ==
                                     FEDERATION_E_INVALID);
        assert_row(rows[i].what, strstr(fault.why, rows[i].word));
    }
    assert_int_equal(federation_control_remove_bridge(nodes[0].federation, "b"), FEDERATION_E_UNKNOWN);
}

static void test_nobody_there_means_backing_off_and_the_link_comes_when_somebody_is(void **state)
{
    struct bridge_fault fault;
    char path[128];

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    snprintf(path, sizeof path, "%s/1", folder);
    assert_int_equal(bridge_to_path(0, path, NULL, &fault), 0);
    run_until(status_of(0, true).state == LINK_BACKOFF);
    assert_string_equal(status_of(0, true).reason, "not_connected");
    assert_string_not_equal(status_of(0, true).last_error, "");
    start(1, 'b', 1, "beta", "secret");
    run_until(IS_UP(0, true));
    assert_string_equal(status_of(0, true).last_error, "");
}

static void test_removing_a_bridge_ends_its_link_and_the_other_hub_hears_why(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, NULL);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    assert_int_equal(federation_control_remove_bridge(nodes[0].federation, "b"), 0);
    /* While the goodbye is still being written there is no link to be seen. */
    assert_true(status_of(0, true).address[0] == '\0');
    assert_string_equal(last_records[1], "out,b,ended,removed");
    run_until(status_of(1, false).address[0] == '\0');
    assert_string_equal(last_records[0], "in,,ended,removed");
    run_for(100);
    assert_int_equal(n_ended[0], 1);
    assert_int_equal(n_ended[1], 1);
}

static void test_an_incoming_link_that_breaks_and_is_not_called_again_is_ended_once_and_gone(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, NULL);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    stop(0);
    run_until(status_of(1, false).address[0] == '\0');
    assert_string_equal(last_records[0], "in,,ended,not_resumed");
    assert_int_equal(n_ended[0], 1);
}

static void test_removing_a_bridge_that_waits_to_dial_ends_it_at_once(void **state)
{
    struct bridge_fault fault;
    char path[128];

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    snprintf(path, sizeof path, "%s/1", folder);
    assert_int_equal(bridge_to_path(0, path, NULL, &fault), 0);
    run_until(status_of(0, true).state == LINK_BACKOFF);
    assert_int_equal(federation_control_remove_bridge(nodes[0].federation, "b"), 0);
    assert_true(status_of(0, true).address[0] == '\0');
    assert_string_equal(last_records[1], "out,b,ended,removed");
    assert_int_equal(n_ended[1], 1);
}

static void test_what_was_under_way_when_a_bridge_is_removed_may_still_need_its_policy(void **state)
{
    struct bridge_rename rule = {.from = "room", .to = "far.room"};
    char address[300];
    struct bridge_fault fault;
    struct bridge_spec spec = {.name = "b", .address = address, .cost = 10, .remap_out = {1, &rule}};

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    snprintf(address, sizeof address, "unix:%s", nodes[1].path);
    assert_int_equal(federation_control_put_bridge(nodes[0].federation, &spec, &fault), 0);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    connect_client(0);
    connect_client(1);
    SAY(1, "type", "register", "channel", "far.room");
    run_for(100);
    SAY(0, "type", "broadcast", "channel", "room", "event", "news", "data", "x");
    assert_int_equal(federation_control_remove_bridge(nodes[0].federation, "b"), 0);
    SAY(0, "type", "broadcast", "channel", "room", "event", "news", "data", "y");
    run_until(federation_control_counts(nodes[0].federation).n_origins == 0);
    assert_true(federation_control_counts(nodes[0].federation).parked > 0);
}

static void test_a_bridge_is_paused_with_a_goodbye_and_dials_again_when_it_is_wanted(void **state)
{
    struct federation *federation;

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, NULL);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    federation = nodes[0].federation;
    assert_int_equal(federation_control_pause_bridge(federation, "other", true), FEDERATION_E_UNKNOWN);
    assert_int_equal(federation_control_retry_bridge(federation, "other"), FEDERATION_E_UNKNOWN);
    assert_int_equal(federation_control_pause_bridge(federation, "b", true), 0);
    assert_int_equal(status_of(0, true).state, LINK_PAUSED);
    run_until(status_of(1, false).address[0] == '\0');
    assert_string_equal(last_records[0], "in,,ended,paused");
    run_for(500);
    assert_int_equal(federation_control_retry_bridge(federation, "b"), 0);
    assert_int_equal(status_of(0, true).state, LINK_PAUSED);
    assert_int_equal(federation_control_pause_bridge(federation, "b", false), 0);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    /* At once again, while the goodbye is still being written. */
    assert_int_equal(federation_control_pause_bridge(federation, "b", true), 0);
    assert_int_equal(federation_control_pause_bridge(federation, "b", false), 0);
    run_until(IS_UP(0, true) && IS_UP(1, false));
}

static void test_a_link_that_waits_is_dialed_at_once_when_that_is_wished(void **state)
{
    char path[128];
    struct bridge_fault fault;

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    snprintf(path, sizeof path, "%s/1", folder);
    assert_int_equal(bridge_to_path(0, path, NULL, &fault), 0);
    run_until(status_of(0, true).state == LINK_BACKOFF);
    start(1, 'b', 1, "beta", "secret");
    assert_int_equal(federation_control_retry_bridge(nodes[0].federation, "b"), 0);
    assert_int_equal(status_of(0, true).state, LINK_DIALING);
    run_until(IS_UP(0, true));
}

static void test_the_counts_of_the_mesh_can_be_read(void **state)
{
    struct mesh_counts counts[3];

    (void)state;
    start_ring();
    for (unsigned i = 0; i < 3; i++) {
        connect_client(i);
        SAY(i, "type", "register", "channel", "room");
    }
    run_for(100);
    SAY(0, "type", "broadcast", "channel", "room", "event", "news", "data", "x");
    SAY(0, "type", "broadcast", "channel", "room", "event", "news", "data", "y");
    run_until(nodes[1].n_broadcasts == 2 && nodes[2].n_broadcasts == 2);
    for (unsigned i = 0; i < 3; i++)
        counts[i] = federation_control_counts(nodes[i].federation);
    assert_int_equal(counts[0].manys_out, 2);
    assert_int_equal(counts[0].delivered, 0);
    assert_int_equal(counts[1].delivered, 2);
    assert_int_equal(counts[2].delivered, 2);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(counts[i].n_origins, 2);
        assert_true(counts[i].n_routes > 0 && counts[i].entries_in > 0 && counts[i].entries_out > 0);
        assert_int_equal(counts[i].calls_lost, 0);
    }
    assert_string_equal(mesh_refusal_name(MESH_REFUSED_LATE), "late");
}

static void test_draining_says_goodbye(void **state)
{
    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge(0, 1, NULL);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    federation_drain(nodes[1].federation);
    run_until(strcmp(status_of(0, true).reason, "shutdown") == 0);
    /* It is dialed again and says so again, which needs nobody to act. */
    run_for(500);
    assert_int_not_equal(status_of(0, true).state, LINK_REFUSED);
}

static size_t hole_bytes(void *owner, struct bytes in)
{
    struct stream **own = owner;
    struct stream *other = own == &hole.streams[0] ? hole.streams[1] : hole.streams[0];
    struct block *block;

    if (hole.swallows || !other)
        return in.len;
    block = block_new(in.len);
    assert_non_null(block);
    memcpy(block->ptr, in.ptr, in.len);
    assert_int_equal(stream_send(other, block), 0);
    block_unref(block);
    return in.len;
}

static void hole_end(void *owner, enum stream_end end, const char *detail)
{
    struct stream **own = owner;

    (void)end;
    (void)detail;
    stream_free(*own);
    *own = NULL;
}

static void hole_connection(void *owner, struct listener *listener, int fd, const char *peer)
{
    static const struct stream_events events = {.on_bytes = hole_bytes, .on_end = hole_end};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)owner;
    (void)listener;
    (void)peer;
    if (hole.streams[0] || hole.swallows) {
        close(fd);
        close(out);
        return;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", hole.to);
    assert_int_equal(connect(out, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(stream_new(&hole.streams[0], loop, fd, NULL, &events, &marks, &hole.streams[0]), 0);
    assert_int_equal(stream_new(&hole.streams[1], loop, out, NULL, &events, &marks, &hole.streams[1]), 0);
}

/* A bridge from node 0 to node 1 through the hole. */
static void bridge_through_hole(void)
{
    static const struct listener_events events = {.on_connection = hole_connection};
    struct address address = {.kind = ADDRESS_UNIX};
    struct listener_options options = {0};
    char why[LISTENER_WHY_SIZE];
    struct bridge_fault fault;

    snprintf(hole.to, sizeof hole.to, "%s", nodes[1].path);
    snprintf(address.host, sizeof address.host, "%s/hole", folder);
    assert_int_equal(listener_new(&hole.listener, loop, &address, &options, &events, NULL, why), 0);
    assert_int_equal(bridge_to_path(0, address.host, NULL, &fault), 0);
    run_until(IS_UP(0, true) && IS_UP(1, false));
}

/* What is in the hole is lost; the link may dial again. */
static void break_hole(void)
{
    stream_free(hole.streams[0]);
    stream_free(hole.streams[1]);
    hole.streams[0] = hole.streams[1] = NULL;
}

static void test_a_link_that_carries_nothing_is_shown_down_within_three_seconds(void **state)
{
    uint64_t began_ms;

    (void)state;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge_through_hole();
    hole.swallows = true;
    began_ms = clock_monotonic_ms();
    run_until(!IS_UP(0, true));
    run_until(status_of(0, true).state == LINK_BACKOFF || status_of(0, true).state == LINK_DIALING);
    run_until(!IS_UP(1, false));
    assert_true(clock_monotonic_ms() - began_ms <= 3500);
}

static void broadcast_ten(void)
{
    for (unsigned i = 0; i < 10; i++)
        SAY(0, "type", "broadcast", "channel", "room", "event", "news", "data", "x");
}

/* Two hubs with a link through the hole; node 1's client has the channel open and provides room:add. */
static void start_pair_with_clients(void)
{
    resume_window_ms = 0;
    start(0, 'a', 1, "alpha", "secret");
    start(1, 'b', 1, "beta", "secret");
    bridge_through_hole();
    connect_client(0);
    connect_client(1);
    SAY(1, "type", "register", "channel", "room");
    SAY(1, "type", "register", "channel", "room", "event", "add", "is_provider", "yes");
    run_for(100);
}

static void test_a_link_that_breaks_goes_on_with_its_session_and_loses_nothing(void **state)
{
    (void)state;
    start_pair_with_clients();
    SAY(0, "type", "call", "channel", "room", "event", "add", "request_id", "r1");
    run_until(nodes[1].n_calls == 1);
    for (unsigned round = 1; round <= 5; round++) {
        broadcast_ten();
        run_for(round % 2);
        break_hole();
        broadcast_ten();
        run_until(nodes[1].n_broadcasts == 20 * round);
        run_until(IS_UP(0, true) && IS_UP(1, false));
        assert_string_equal(status_of(0, true).reason, "resumed");
        assert_string_equal(status_of(1, false).reason, "resumed");
    }
    SAY(1, "type", "response", "request_id", "r1", "target_id", "client-0", "data", "sum");
    run_until(nodes[0].n_answers == 1);
    assert_string_equal(nodes[0].last_error, "");
    assert_int_equal(nodes[1].n_broadcasts, 100);
    assert_int_equal(n_ended[0] + n_ended[1], 0);
    assert_true(federation_control_counts(nodes[0].federation).resent > 0);
    assert_int_equal(status_of(0, true).cuts, 5);
    assert_int_equal(status_of(1, false).cuts, 5);
    assert_true(status_of(0, true).frames_resent > 0);
    run_until(status_of(0, true).unacknowledged_bytes == 0);
}

static size_t left_bytes(void *owner, struct bytes in)
{
    (void)owner;
    return in.len;
}

static void left_end(void *owner, enum stream_end end, const char *detail)
{
    (void)owner;
    (void)end;
    (void)detail;
    stream_free(hole.left);
    hole.left = NULL;
}

static void test_the_connection_that_goes_on_replaces_one_that_still_looks_alive(void **state)
{
    static const struct stream_events left_events = {.on_bytes = left_bytes, .on_end = left_end};

    (void)state;
    start_pair_with_clients();
    /* Only the dialer notices. */
    hole.swallows = true;
    broadcast_ten();
    run_for(20);
    stream_free(hole.streams[0]);
    hole.left = hole.streams[1];
    hole.streams[0] = hole.streams[1] = NULL;
    stream_set_owner(hole.left, &left_events, &marks, NULL);
    hole.swallows = false;
    run_until(nodes[1].n_broadcasts == 10);
    run_until(IS_UP(0, true) && IS_UP(1, false));
    assert_string_equal(status_of(1, false).reason, "resumed");
    /* The other side has closed it. */
    assert_null(hole.left);
}

static void test_a_hub_that_starts_anew_does_not_go_on_with_a_session_and_gets_no_old_calls(void **state)
{
    (void)state;
    start_pair_with_clients();
    hole.swallows = true;
    SAY(0, "type", "call", "channel", "room", "event", "add", "request_id", "r1");
    run_for(20);
    stop(1);
    break_hole();
    hole.swallows = false;
    start(1, 'b', 2, "beta", "secret");
    connect_client(1);
    SAY(1, "type", "register", "channel", "room", "event", "add", "is_provider", "yes");
    run_until(IS_UP(0, true) && IS_UP(1, false));
    assert_string_equal(status_of(0, true).reason, "synced");
    run_until(nodes[0].n_answers == 1);
    assert_string_not_equal(nodes[0].last_error, "");
    run_for(100);
    assert_int_equal(nodes[1].n_calls, 0);
    SAY(0, "type", "call", "channel", "room", "event", "add", "request_id", "r2");
    run_until(nodes[1].n_calls == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_every_hub_knows_all_hubs_and_their_links),
        TEST(test_an_errand_is_answered_over_two_hops_where_every_link_grants_it),
        TEST(test_an_errand_is_refused_by_the_hub_that_does_not_grant_it),
        TEST(test_an_errand_that_nobody_can_answer_ends),
        TEST(test_a_link_comes_up_on_both_sides_and_knows_its_peer),
        TEST(test_a_ring_of_three_passes_each_broadcast_once_and_answers_calls),
        TEST(test_a_hub_that_goes_is_withdrawn_and_comes_back_by_itself),
        TEST(test_hubs_with_different_secrets_refuse_each_other_and_both_say_so),
        TEST(test_a_hub_without_a_link_secret_takes_no_links),
        TEST(test_a_bridge_to_itself_is_refused),
        TEST(test_two_hubs_with_one_hub_id_or_one_server_id_refuse_each_other),
        TEST(test_a_bridge_that_makes_no_sense_is_refused_with_what_to_do),
        TEST(test_nobody_there_means_backing_off_and_the_link_comes_when_somebody_is),
        TEST(test_removing_a_bridge_ends_its_link_and_the_other_hub_hears_why),
        TEST(test_an_incoming_link_that_breaks_and_is_not_called_again_is_ended_once_and_gone),
        TEST(test_removing_a_bridge_that_waits_to_dial_ends_it_at_once),
        TEST(test_what_was_under_way_when_a_bridge_is_removed_may_still_need_its_policy),
        TEST(test_a_bridge_is_paused_with_a_goodbye_and_dials_again_when_it_is_wanted),
        TEST(test_a_link_that_waits_is_dialed_at_once_when_that_is_wished),
        TEST(test_the_counts_of_the_mesh_can_be_read),
        TEST(test_draining_says_goodbye),
        TEST(test_a_link_that_carries_nothing_is_shown_down_within_three_seconds),
        TEST(test_a_link_that_breaks_goes_on_with_its_session_and_loses_nothing),
        TEST(test_the_connection_that_goes_on_replaces_one_that_still_looks_alive),
        TEST(test_a_hub_that_starts_anew_does_not_go_on_with_a_session_and_gets_no_old_calls),
#undef TEST
    };
    int failed;

    if (!mkdtemp(folder))
        return 1;
    failed = cmocka_run_group_tests_name("federation", tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
