/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One mesh whose links and core are played by the test: what it takes in, chooses, tells and refuses. Many
 * meshes together are in tests/sim.
 */
#ifndef COMMHUB_TESTS_FEDERATION_MESH_STAND_H
#define COMMHUB_TESTS_FEDERATION_MESH_STAND_H

#include "federation/attributes.h"
#include "federation/mesh.h"
#include "federation/path.h"
#include "federation/route_table.h"
#include "federation/trail.h"
#include "hub/wire/frame.h"
#include "tests/support/unit.h"

#define MAX_TOLD 64

struct told {
    int link;
    enum link_message_type type;
    enum link_entry_change change; /* of the first entry */
    char name[32];
    size_t n_hops;
    uint64_t cost;
    uint64_t session;
    uint64_t cuts;
    enum link_session_state state;
    size_t n_to;
};

static struct mesh *mesh;
static struct told told[MAX_TOLD];
static size_t n_told;
static int n_peers;
static int n_offered;
static int n_delivered;
static int n_handled;
static int n_ended;
static int n_warned;
static char peers[8];
static struct origin *last_origin;
static char last_path[256]; /* of what the core got last, with spaces between */

static const struct hub_id own = {{0x50}};

static inline void keep_entries(int link, const struct link_message *message)
{
    struct msgpack_reader reader = msgpack_reader_of(message->entries.raw);
    struct link_entry entry = {0};

    for (uint32_t i = 0; i < message->entries.n; i++) {
        struct told *one = &told[n_told++];

        assert_true(n_told < MAX_TOLD);
        assert_int_equal(link_wire_next_entry(&reader, &entry), 0);
        *one = (struct told){.link = link, .type = LINK_MESSAGE_ENTRIES, .change = entry.change};
        one->n_hops = entry.change == LINK_ENTRY_SET ? path_n_hops(entry.path) : 0;
        one->cost = entry.cost;
        snprintf(one->name, sizeof one->name, "%.*s", (int)entry.name.len, (const char *)entry.name.ptr);
    }
}

static inline void outlet_send(void *context, void *link, struct block *frame)
{
    int index = (int)(intptr_t)link;
    struct link_message message;

    (void)context;
    assert_int_equal(link_wire_read(frame_body(frame), &message), 0);
    if (message.type == LINK_MESSAGE_ENTRIES) {
        keep_entries(index, &message);
        return;
    }
    assert_true(n_told < MAX_TOLD);
    told[n_told] = (struct told){.link = index, .type = message.type};
    if (message.type == LINK_MESSAGE_SESSION) {
        told[n_told].session = message.session.number;
        told[n_told].cuts = message.session.cuts;
        told[n_told].state = message.session.state;
    }
    if (message.type == LINK_MESSAGE_MANY)
        told[n_told].n_to = hub_id_list_count(message.many.to);
    n_told++;
}

static inline void outlet_end_link(void *context, void *link, const char *reason)
{
    (void)context;
    (void)link;
    assert_non_null(reason);
    n_ended++;
}

static inline void outlet_on_synced(void *context, void *link)
{
    (void)context;
    (void)link;
}

static inline void outlet_wake(void *context)
{
    (void)context;
}

static inline void outlet_wake_at(void *context, uint64_t at_ms)
{
    (void)context;
    (void)at_ms;
}

static inline void outlet_errand(void *context, const struct link_errand *errand)
{
    (void)context;
    assert_int_equal(errand->kind, ERRAND_READ);
    n_handled++;
}

static inline void outlet_warn(void *context, const char *event, const char *text)
{
    (void)context;
    (void)text;
    if (strcmp(event, "digest_mismatch") == 0) {
        n_warned++;
        return;
    }
    assert_string_equal(event, "duplicate_hub_id");
    n_ended++;
}

static inline void outlet_stretch(void *context, struct bytes channel, const uint8_t *secret)
{
    (void)context;
    (void)channel;
    (void)secret;
}

static inline void outlet_on_channel(void *context, void *link, struct bytes channel,
                                     enum mesh_channel_word word)
{
    (void)context;
    (void)link;
    (void)channel;
    (void)word;
}

static inline int add_peer(void *context, struct origin *origin, struct bytes server_id, void **out_peer)
{
    (void)context;
    last_origin = origin;
    assert_true(server_id.len > 0);
    *out_peer = &peers[n_peers++];
    return 0;
}

static inline void peer_gone(void *context, void *peer, enum end_reason reason)
{
    (void)context;
    (void)peer;
    (void)reason;
    n_peers--;
}

static inline int offer(void *context, void *peer, const struct mesh_offer *entry)
{
    (void)context;
    assert_non_null(peer);
    assert_true(entry->channel.len > 0);
    n_offered++;
    return 0;
}

static inline void retract(void *context, void *peer, const struct mesh_offer *entry)
{
    (void)context;
    (void)peer;
    (void)entry;
    n_offered--;
}

static inline void keep_hops(struct msgpack_reader *reader, uint32_t n)
{
    size_t len = strlen(last_path);
    struct msgpack_value hop;

    while (n-- > 0) {
        assert_int_equal(msgpack_read(reader, &hop), 0);
        assert_int_equal(hop.type, MSGPACK_STR);
        len += (size_t)snprintf(last_path + len, sizeof last_path - len, "%s%.*s", len ? " " : "",
                                (int)hop.raw.len, (const char *)hop.raw.ptr);
        assert_true(len < sizeof last_path);
    }
}

/* As it would be with the hubs that the message has passed; the core would add us. */
static inline void keep_path(const struct message *message)
{
    struct msgpack_reader path = msgpack_reader_of(message_raw(message, KEY_PATH));
    struct msgpack_reader passed = msgpack_reader_of(message->passed.raw);
    struct msgpack_value head;

    last_path[0] = '\0';
    if (msgpack_read(&path, &head) == 0 && head.type == MSGPACK_ARRAY)
        keep_hops(&path, head.n_items);
    keep_hops(&passed, message->passed.n);
    assert_true(msgpack_reader_is_at_end(&passed));
}

static inline void handle(void *context, void *peer, const struct message *message)
{
    (void)context;
    (void)peer;
    keep_path(message);
    n_handled++;
}

static inline void deliver(void *context, void *peer, const struct link_many *many)
{
    struct message message;

    (void)peer;
    (void)context;
    if (message_parse(many->body, &message) == 0) {
        trail_show(mesh, many->trail, &message);
        keep_path(&message);
    }
    n_delivered++;
}

static inline int begin_as(const struct mesh_options *options)
{
    struct mesh_outlet outlet = {.send = outlet_send,
                                 .end_link = outlet_end_link,
                                 .on_synced = outlet_on_synced,
                                 .wake = outlet_wake,
                                 .wake_at = outlet_wake_at,
                                 .errand = outlet_errand,
                                 .warn = outlet_warn,
                                 .stretch = outlet_stretch,
                                 .on_channel = outlet_on_channel};
    struct mesh_core core = {.add_peer = add_peer,
                             .peer_gone = peer_gone,
                             .offer = offer,
                             .retract = retract,
                             .handle = handle,
                             .deliver = deliver};

    n_told = 0;
    n_peers = n_offered = n_delivered = n_handled = n_ended = n_warned = 0;
    return mesh_new(&mesh, options, &outlet, &core, (struct hub_time){1000, 1});
}

static inline int begin(void)
{
    struct mesh_options options = {own, 1, BYTES_LITERAL("me"), 0};

    return begin_as(&options);
}

static inline int set_up(void **state)
{
    (void)state;
    return begin();
}

static inline int tear_down(void **state)
{
    (void)state;
    mesh_free(mesh);
    return 0;
}

static inline struct hub_id hub(uint8_t first)
{
    return (struct hub_id){{first}};
}

static inline struct hub_time at(uint64_t ms)
{
    return (struct hub_time){ms, ms / 1000};
}

/* A link to hub @peer, named by it, session 100 + peer, cost 10. */
static inline struct mesh_link *join_at(uint8_t peer, uint64_t now_ms)
{
    struct mesh_link_options options = {(void *)(intptr_t)peer, hub(peer), 1, 0, 0, 100U + peer, 10, 0, NULL,
                                        BRIDGE_MANAGEMENT_NONE};
    struct mesh_link *link;

    assert_int_equal(mesh_link_up(mesh, &options, at(now_ms), &link), 0);
    return link;
}

/* It has been up for a while. */
static inline struct mesh_link *join(uint8_t peer)
{
    return join_at(peer, 500);
}

struct hint {
    uint8_t hops[PATH_MAX_HOPS + 2]; /* origin first, the link's peer last; 0 ends */
    uint64_t counter;
    enum link_entry_change change;
    enum route_kind kind;
    uint64_t first_session; /* of all hops but the last; 0: 1 */
    const char *server_id;  /* of a hub; NULL: "hub" */
};

static uint64_t run_of_hubs = 7; /* as their entries say */

static inline int tell_by(struct mesh_link *link, uint8_t peer, const struct hint *hint)
{
    struct peering_service service = {.owner = BYTES_LITERAL("p"), .n_providers = 1};
    struct link_message message = {.type = LINK_MESSAGE_ENTRIES};
    struct link_entry entry = {
        .kind = (uint8_t)hint->kind,
        .change = hint->change,
        .origin = hub(hint->hops[0]),
        .incarnation = 1,
        .counter = hint->counter,
    };
    struct buffer attributes = {0};
    struct buffer path = {0};
    struct link_entries entries = {0};
    int r;

    if (hint->kind != ROUTE_HUB) {
        entry.channel = BYTES_LITERAL("room");
        entry.name = hint->kind == ROUTE_INTEREST ? BYTES_NONE : BYTES_LITERAL("add");
    }
    if (hint->kind == ROUTE_HUB)
        attributes_write_hub(&attributes, bytes_of_text(hint->server_id ? hint->server_id : "hub"),
                             run_of_hubs, 1);
    else
        attributes_write_service(&attributes, &service);
    for (size_t i = 0; hint->hops[i]; i++) {
        bool is_last = !hint->hops[i + 1];
        uint64_t session = is_last ? 100U + peer : hint->first_session ? hint->first_session : 1;

        path_append(&path, &(struct hop){hub(hint->hops[i]), session});
    }
    entry.path = buffer_bytes(&path);
    entry.cost = 10 * (path_n_hops(entry.path) - 1);
    entry.raw_attributes = buffer_bytes(&attributes);
    link_wire_append_entry(&entries, &entry);
    message.entries.n = 1;
    message.entries.raw = buffer_bytes(&entries.raw);
    r = mesh_link_receive(link, &message, at(1000));
    buffer_clear(&attributes);
    buffer_clear(&path);
    link_wire_clear_entries(&entries);
    return r;
}

static inline void tell(struct mesh_link *link, uint8_t peer, struct hint hint)
{
    assert_int_equal(tell_by(link, peer, &hint), 0);
}

static inline uint64_t refused(enum mesh_refusal refusal)
{
    return mesh_counts(mesh).refused[refusal];
}

/* How often @link was told of the service as @change since the last look. */
static inline size_t count_told(int link, enum link_entry_change change)
{
    size_t n = 0;

    for (size_t i = 0; i < n_told; i++)
        n += told[i].link == link && told[i].type == LINK_MESSAGE_ENTRIES && told[i].change == change &&
             strcmp(told[i].name, "add") == 0;
    return n;
}

static inline void assert_by(const char *first_hops)
{
    struct buffer dump = {0};
    char *text;

    assert_int_equal(mesh_dump(mesh, &dump), 0);
    text = buffer_take_text(&dump);
    assert_non_null(text);
    if (!strstr(text, first_hops))
        fail_msg("%s not in %s", first_hops, text);
    free(text);
}

static inline struct link_message session(uint64_t number, uint64_t cuts, enum link_session_state state)
{
    struct link_message message = {.type = LINK_MESSAGE_SESSION};

    message.session.number = number;
    message.session.cuts = cuts;
    message.session.state = state;
    return message;
}

static inline struct link_message over(uint64_t number)
{
    return session(number, 0, LINK_SESSION_OVER);
}

static const struct hint service_by_a = {{0x77, 0x66, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 42, NULL};
static const struct hint service_by_b = {
    {0x77, 0x65, 0x64, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 43, NULL};

static inline void provide(uint32_t n_providers)
{
    struct peering_service service = {.owner = BYTES_LITERAL("p"), .n_providers = n_providers};

    mesh_local_service(mesh, BYTES_LITERAL("room"), BYTES_LITERAL("add"), n_providers > 0 ? &service : NULL);
}

static inline int say(struct mesh_link *link, enum link_message_type type)
{
    return mesh_link_receive(link, &(struct link_message){.type = type}, at(31000));
}

static inline struct link_message many(uint64_t seq, struct bytes to, struct bytes trail)
{
    struct link_message message = {.type = LINK_MESSAGE_MANY};

    message.many = (struct link_many){hub(0x77),
                                      1,
                                      seq,
                                      to,
                                      trail,
                                      0,
                                      BYTES_LITERAL("room"),
                                      BYTES_NONE,
                                      BYTES_NONE,
                                      BYTES_LITERAL("\x80")};
    return message;
}

#endif
