/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One mesh whose links and core are played by the test: what it takes in, chooses, tells and refuses. Many
 * meshes together are in tests/sim.
 */
#include "federation/mesh.h"

#include "federation/attributes.h"
#include "federation/digest.h"
#include "federation/path.h"
#include "federation/route_table.h"
#include "hub/base/metrics.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"
#include "tests/support/allocation.h"
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

static void keep_entries(int link, const struct link_message *message)
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

static void outlet_send(void *context, void *link, struct block *frame)
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

static void outlet_end_link(void *context, void *link, const char *reason)
{
    (void)context;
    (void)link;
    assert_non_null(reason);
    n_ended++;
}

static void outlet_on_synced(void *context, void *link)
{
    (void)context;
    (void)link;
}

static void outlet_wake(void *context)
{
    (void)context;
}

static void outlet_wake_at(void *context, uint64_t at_ms)
{
    (void)context;
    (void)at_ms;
}

static void outlet_errand(void *context, const struct link_errand *errand)
{
    (void)context;
    assert_int_equal(errand->kind, ERRAND_READ);
    n_handled++;
}

static void outlet_warn(void *context, const char *event, const char *text)
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

static void outlet_stretch(void *context, struct bytes channel, const uint8_t *secret)
{
    (void)context;
    (void)channel;
    (void)secret;
}

static void outlet_on_channel(void *context, void *link, struct bytes channel, enum mesh_channel_word word)
{
    (void)context;
    (void)link;
    (void)channel;
    (void)word;
}

static int add_peer(void *context, struct origin *origin, struct bytes server_id, void **out_peer)
{
    (void)context;
    last_origin = origin;
    assert_true(server_id.len > 0);
    *out_peer = &peers[n_peers++];
    return 0;
}

static void peer_gone(void *context, void *peer, enum end_reason reason)
{
    (void)context;
    (void)peer;
    (void)reason;
    n_peers--;
}

static int offer(void *context, void *peer, const struct mesh_offer *entry)
{
    (void)context;
    assert_non_null(peer);
    assert_true(entry->channel.len > 0);
    n_offered++;
    return 0;
}

static void retract(void *context, void *peer, const struct mesh_offer *entry)
{
    (void)context;
    (void)peer;
    (void)entry;
    n_offered--;
}

static void keep_path(const struct message *message)
{
    struct msgpack_reader reader = msgpack_reader_of(message_raw(message, KEY_PATH));
    struct msgpack_value value;
    size_t len = 0;

    last_path[0] = '\0';
    if (msgpack_read(&reader, &value) != 0 || value.type != MSGPACK_ARRAY)
        return;
    for (uint32_t n = value.n_items; n > 0; n--) {
        assert_int_equal(msgpack_read(&reader, &value), 0);
        len += (size_t)snprintf(last_path + len, sizeof last_path - len, "%s%.*s", len ? " " : "",
                                (int)value.raw.len, (const char *)value.raw.ptr);
        assert_true(len < sizeof last_path);
    }
}

static void handle(void *context, void *peer, const struct message *message)
{
    (void)context;
    (void)peer;
    keep_path(message);
    n_handled++;
}

static void deliver(void *context, void *peer, struct bytes channel, struct bytes topic, struct bytes body)
{
    struct message message;

    (void)peer;
    (void)context;
    (void)channel;
    (void)topic;
    if (message_parse(body, &message) == 0)
        keep_path(&message);
    n_delivered++;
}

static int begin_as(const struct mesh_options *options)
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

static int begin(void)
{
    struct mesh_options options = {own, 1, BYTES_LITERAL("me"), 0};

    return begin_as(&options);
}

static int set_up(void **state)
{
    (void)state;
    return begin();
}

static int tear_down(void **state)
{
    (void)state;
    mesh_free(mesh);
    return 0;
}

static struct hub_id hub(uint8_t first)
{
    return (struct hub_id){{first}};
}

static struct hub_time at(uint64_t ms)
{
    return (struct hub_time){ms, ms / 1000};
}

/* A link to hub @peer, named by it, session 100 + peer, cost 10. */
static struct mesh_link *join_at(uint8_t peer, uint64_t now_ms)
{
    struct mesh_link_options options = {(void *)(intptr_t)peer, hub(peer), 1, 0, 100U + peer, 10, NULL,
                                        BRIDGE_MANAGEMENT_NONE};
    struct mesh_link *link;

    assert_int_equal(mesh_link_up(mesh, &options, at(now_ms), &link), 0);
    return link;
}

/* It has been up for a while. */
static struct mesh_link *join(uint8_t peer)
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

static int tell_by(struct mesh_link *link, uint8_t peer, const struct hint *hint)
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
                             run_of_hubs);
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

static void tell(struct mesh_link *link, uint8_t peer, struct hint hint)
{
    assert_int_equal(tell_by(link, peer, &hint), 0);
}

static uint64_t refused(enum mesh_refusal refusal)
{
    return mesh_counts(mesh).refused[refusal];
}

/* How often @link was told of the service as @change since the last look. */
static size_t count_told(int link, enum link_entry_change change)
{
    size_t n = 0;

    for (size_t i = 0; i < n_told; i++)
        n += told[i].link == link && told[i].type == LINK_MESSAGE_ENTRIES && told[i].change == change &&
             strcmp(told[i].name, "add") == 0;
    return n;
}

static void assert_by(const char *first_hops)
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

static void test_a_new_link_is_told_everything_and_an_end_mark(void **state)
{
    struct peering_service service = {.owner = BYTES_LITERAL("p"), .n_providers = 1};

    (void)state;
    mesh_local_service(mesh, BYTES_LITERAL("room"), BYTES_LITERAL("add"), &service);
    join(0x10);
    assert_int_equal(n_told, 3);
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    assert_int_equal(told[2].type, LINK_MESSAGE_END);
    assert_int_equal(told[0].n_hops, 1);
}

static void test_only_the_best_way_is_told_and_never_back(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);

    (void)state;
    join(0x30);
    n_told = 0;
    tell(b, 0x20, (struct hint){{0x77, 0x66, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    assert_int_equal(count_told(0x20, LINK_ENTRY_SET), 0);
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 1);
    n_told = 0;
    /* A shorter way by a: b hears of it, a is told that ours is no more, for the best came from it. */
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(count_told(0x10, LINK_ENTRY_LOST), 1);
    mesh_settle(mesh, at(1000 + PACER_LEAST_MS));
    assert_int_equal(count_told(0x20, LINK_ENTRY_SET), 1);
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 0);
    n_told = 0;
    /* A longer way changes nothing for anybody. */
    tell(b, 0x20, (struct hint){{0x77, 0x65, 0x64, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(n_told, 0);
}

static void test_a_hub_in_the_path_is_not_told(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    join(0x20);
    n_told = 0;
    tell(a, 0x10, (struct hint){{0x77, 0x20, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(n_told, 0);
}

static void test_the_ladder_is_cost_then_length_then_next_hop(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);

    (void)state;
    tell(b, 0x20, (struct hint){{0x77, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_by("cost 20 ways 1 by 77000000000000000000000000000000 2000");
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_by("cost 20 ways 2 by 77000000000000000000000000000000 1000");
    tell(a, 0x10, (struct hint){{0x77, 0x66, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_by("cost 20 ways 2 by 77000000000000000000000000000000 2000");
}

static void test_an_alternative_takes_over_when_a_link_goes(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    tell(b, 0x20, (struct hint){{0x77, 0x66, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    mesh_link_down(a, at(2000));
    /* The way by it stands behind the other one while the mesh comes to know. */
    assert_by("cost 30 ways 2 by 77");
    mesh_link_down(b, at(2000));
    mesh_settle(mesh, at(2000 + MESH_LINGER_MS));
    assert_int_equal(mesh_counts(mesh).n_candidates, 1); /* our own hub entry */
}

static void test_loops_long_paths_and_old_entries_are_refused_and_counted(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);
    struct hint longest = {{0x77}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL};

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x50, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(refused(MESH_REFUSED_LOOP), 1);
    for (size_t i = 1; i < PATH_MAX_HOPS; i++)
        longest.hops[i] = (uint8_t)(0x80 + i);
    longest.hops[PATH_MAX_HOPS] = 0x10;
    tell(a, 0x10, longest);
    assert_int_equal(refused(MESH_REFUSED_TOO_LONG), 1);
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 5, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    tell(b, 0x20, (struct hint){{0x77, 0x20}, 4, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(refused(MESH_REFUSED_OLD), 1);
    assert_by("ways 1 by 77000000000000000000000000000000 1000");
}

static void test_a_tombstone_kills_all_ways_and_an_older_entry_does_not_raise_them(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);

    (void)state;
    join(0x30);
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    tell(b, 0x20, (struct hint){{0x77, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    n_told = 0;
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 2, LINK_ENTRY_DEAD, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(count_told(0x30, LINK_ENTRY_DEAD), 1);
    tell(b, 0x20, (struct hint){{0x77, 0x66, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(refused(MESH_REFUSED_OLD), 1);
    assert_int_equal(mesh_counts(mesh).n_candidates, 1);
    /* The origin itself may take it back. */
    tell(b, 0x20, (struct hint){{0x77, 0x20}, 3, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(mesh_counts(mesh).n_candidates, 2);
}

static void test_tombstones_are_forgotten_after_a_minute(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 2, LINK_ENTRY_DEAD, ROUTE_SERVICE, 0, NULL});
    mesh_settle(mesh, at(1000 + ROUTE_TABLE_GRAVE_MS - 1));
    assert_int_equal(mesh_counts(mesh).n_routes, 2);
    mesh_settle(mesh, at(1000 + ROUTE_TABLE_GRAVE_MS));
    assert_int_equal(mesh_counts(mesh).n_routes, 1);
}

static struct link_message session(uint64_t number, uint64_t cuts, enum link_session_state state)
{
    struct link_message message = {.type = LINK_MESSAGE_SESSION};

    message.session.number = number;
    message.session.cuts = cuts;
    message.session.state = state;
    return message;
}

static struct link_message over(uint64_t number)
{
    return session(number, 0, LINK_SESSION_OVER);
}

static void test_a_dead_session_kills_every_way_over_it_and_is_passed_on_once(void **state)
{
    struct link_message gone = over(42);
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x66, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 42, NULL});
    tell(b, 0x20, (struct hint){{0x77, 0x65, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 43, NULL});
    n_told = 0;
    assert_int_equal(mesh_link_receive(a, &gone, at(1000)), 0);
    assert_by("ways 1 by 77000000000000000000000000000000 6500");
    assert_int_equal(told[0].type, LINK_MESSAGE_SESSION);
    assert_int_equal(told[0].state, LINK_SESSION_OVER);
    assert_int_equal(told[0].link, 0x20);
    n_told = 0;
    assert_int_equal(mesh_link_receive(b, &gone, at(1000)), 0);
    assert_int_equal(n_told, 0);
    /* And what still comes over it is refused. */
    tell(a, 0x10, (struct hint){{0x77, 0x66, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 42, NULL});
    assert_int_equal(refused(MESH_REFUSED_DEAD_SESSION), 1);
}

static const struct hint service_by_a = {{0x77, 0x66, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 42, NULL};
static const struct hint service_by_b = {
    {0x77, 0x65, 0x64, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 43, NULL};

static void provide(uint32_t n_providers)
{
    struct peering_service service = {.owner = BYTES_LITERAL("p"), .n_providers = n_providers};

    mesh_local_service(mesh, BYTES_LITERAL("room"), BYTES_LITERAL("add"), n_providers > 0 ? &service : NULL);
}

static void test_a_service_that_comes_and_goes_costs_each_link_two_entries_a_second(void **state)
{
    size_t n_sets = 0;
    size_t n_withdrawals = 0;

    (void)state;
    join(0x10);
    join(0x20);
    for (uint64_t ms = 0; ms < 6000; ms += 10) {
        n_told = 0;
        mesh_settle(mesh, at(1000 + ms));
        provide(1);
        mesh_settle(mesh, at(1005 + ms));
        provide(0);
        if (ms < 2000)
            continue;
        assert_int_equal(count_told(0x10, LINK_ENTRY_SET), count_told(0x20, LINK_ENTRY_SET));
        n_sets += count_told(0x10, LINK_ENTRY_SET);
        n_withdrawals += count_told(0x10, LINK_ENTRY_DEAD);
    }
    assert_int_equal(n_sets, 4);
    assert_int_equal(n_withdrawals, 4);
    assert_true(mesh_counts(mesh).updates_held > 1000);
}

static void test_changes_that_come_together_are_told_together(void **state)
{
    (void)state;
    join(0x10);
    n_told = 0;
    provide(1);
    for (uint32_t n = 2; n < 20; n++)
        provide(n);
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    mesh_settle(mesh, at(1000 + PACER_LEAST_MS));
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 2);
    mesh_settle(mesh, at(5000));
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 2);
}

static void test_changes_that_a_neighbour_passes_on_are_told_together(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    join(0x20);
    n_told = 0;
    for (uint64_t counter = 1; counter < 20; counter++)
        tell(a, 0x10, (struct hint){{0x77, 0x10}, counter, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(count_told(0x20, LINK_ENTRY_SET), 1);
    mesh_settle(mesh, at(1000 + PACER_LEAST_MS));
    assert_int_equal(count_told(0x20, LINK_ENTRY_SET), 2);
}

static void test_a_withdrawal_overtakes_what_is_held_and_cancels_it(void **state)
{
    (void)state;
    join(0x10);
    n_told = 0;
    provide(1);
    provide(2);
    provide(0);
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    assert_int_equal(count_told(0x10, LINK_ENTRY_DEAD), 1);
    mesh_settle(mesh, at(5000));
    assert_int_equal(n_told, 2);
    /* What was never told is not withdrawn either. */
    provide(1);
    provide(0);
    provide(3);
    provide(0);
    mesh_settle(mesh, at(9000));
    assert_int_equal(n_told, 4);
}

static void test_a_way_that_breaks_is_replaced_at_once_and_told_ten_milliseconds_a_hop_later(void **state)
{
    static const struct {
        const char *what;
        enum link_session_state state;
    } rows[] = {{"stale", LINK_SESSION_STALE}, {"over", LINK_SESSION_OVER}};

    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct mesh_link *a = join(0x10);
        struct mesh_link *b = join(0x20);
        struct link_message news = session(42, 1, rows[i].state);

        join(0x30);
        tell(a, 0x10, service_by_a);
        tell(b, 0x20, service_by_b);
        n_told = 0;
        assert_int_equal(mesh_link_receive(a, &news, at(1000)), 0);
        assert_by("cost 40 ways");
        mesh_settle(mesh, at(1039));
        assert_row(rows[i].what, count_told(0x30, LINK_ENTRY_SET) == 0);
        mesh_settle(mesh, at(1040));
        assert_row(rows[i].what, count_told(0x30, LINK_ENTRY_SET) == 1);
        tear_down(state);
        begin();
    }
}

static void test_a_link_that_returns_before_another_way_was_told_costs_nothing(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);
    struct link_message stale = session(42, 1, LINK_SESSION_STALE);
    struct link_message fresh = session(42, 1, LINK_SESSION_FRESH);

    (void)state;
    join(0x30);
    tell(a, 0x10, service_by_a);
    tell(b, 0x20, service_by_b);
    n_told = 0;
    assert_int_equal(mesh_link_receive(a, &stale, at(1000)), 0);
    assert_int_equal(mesh_link_receive(a, &fresh, at(1030)), 0);
    mesh_settle(mesh, at(9000));
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 0);
}

/* A hub that dies takes all its links with it, and the news of one of them come first. */
static void test_a_way_whose_end_is_not_known_yet_is_not_told(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);
    struct link_message news[] = {session(42, 1, LINK_SESSION_STALE), session(43, 1, LINK_SESSION_STALE),
                                  over(42), over(43)};
    const uint64_t times_ms[] = {1000, 1039, 3000, 3999};

    (void)state;
    join(0x30);
    tell(a, 0x10, service_by_a);
    tell(b, 0x20, service_by_b);
    n_told = 0;
    for (size_t i = 0; i < N_ELEMENTS(news); i++) {
        mesh_settle(mesh, at(times_ms[i] - 1));
        assert_int_equal(count_told(0x30, LINK_ENTRY_LOST), 0);
        assert_int_equal(mesh_link_receive(i % 2 ? b : a, &news[i], at(times_ms[i])), 0);
    }
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 0);
    assert_int_equal(count_told(0x30, LINK_ENTRY_LOST), 1);
}

static void test_a_way_over_a_cut_link_is_told_where_nothing_else_is_heard_for_a_second(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);
    struct link_message gone = over(42);
    struct link_message stale = session(43, 1, LINK_SESSION_STALE);

    (void)state;
    join(0x30);
    tell(a, 0x10, service_by_a);
    tell(b, 0x20, service_by_b);
    n_told = 0;
    assert_int_equal(mesh_link_receive(b, &stale, at(1000)), 0);
    assert_int_equal(mesh_link_receive(a, &gone, at(3000)), 0);
    mesh_settle(mesh, at(3999));
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 0);
    mesh_settle(mesh, at(4000));
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 1);
}

/* Where many come up together the shorter ways are told before the longer ones that they replace. */
static void test_what_a_new_link_brings_is_told_ten_milliseconds_a_hop_later(void **state)
{
    struct mesh_link *a = join_at(0x10, 1000);

    (void)state;
    join_at(0x30, 1000);
    n_told = 0;
    provide(1);
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 1);
    tell(a, 0x10, service_by_a);
    mesh_settle(mesh, at(1029));
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 1);
    mesh_settle(mesh, at(1030));
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 2);
}

static void test_what_a_neighbour_tells_in_the_place_of_a_broken_way_is_passed_on_at_once(void **state)
{
    struct mesh_link *a = join(0x10);
    struct link_message stale = session(42, 1, LINK_SESSION_STALE);

    (void)state;
    join(0x30);
    tell(a, 0x10, service_by_a);
    n_told = 0;
    assert_int_equal(mesh_link_receive(a, &stale, at(960)), 0);
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 0);
    tell(a, 0x10, (struct hint){{0x77, 0x67, 0x68, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 44, NULL});
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 1);
    /* And one that is lost altogether. */
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_LOST, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(count_told(0x30, LINK_ENTRY_LOST), 1);
    tell(a, 0x10, (struct hint){{0x77, 0x66, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 44, NULL});
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 2);
}

static void test_a_new_link_ends_all_holding(void **state)
{
    (void)state;
    join(0x10);
    provide(1);
    provide(2);
    n_told = 0;
    join(0x20);
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    assert_int_equal(count_told(0x20, LINK_ENTRY_SET), 1);
    mesh_settle(mesh, at(5000));
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    assert_int_equal(count_told(0x20, LINK_ENTRY_SET), 1);
}

static void test_what_is_told_again_as_it_stands_is_not_passed_on(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    join(0x20);
    tell(a, 0x10, service_by_a);
    n_told = 0;
    mesh_settle(mesh, at(5000));
    tell(a, 0x10, service_by_a);
    mesh_settle(mesh, at(9000));
    assert_int_equal(n_told, 0);
}

static int say(struct mesh_link *link, enum link_message_type type)
{
    return mesh_link_receive(link, &(struct link_message){.type = type}, at(31000));
}

static size_t count_frames(int link, enum link_message_type type)
{
    size_t n = 0;

    for (size_t i = 0; i < n_told; i++)
        n += told[i].link == link && told[i].type == type;
    return n;
}

static void test_a_digest_is_told_every_half_minute_and_the_table_anew_once_for_each(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    provide(1);
    n_told = 0;
    mesh_settle(mesh, at(500 + DIGEST_EVERY_MS - 1));
    assert_int_equal(n_told, 0);
    assert_int_equal(say(a, LINK_MESSAGE_TELL_ALL), MESH_E_BAD_MESSAGE);
    mesh_settle(mesh, at(500 + DIGEST_EVERY_MS));
    mesh_settle(mesh, at(2000 + DIGEST_EVERY_MS));
    assert_int_equal(count_frames(0x10, LINK_MESSAGE_DIGEST), 1);
    assert_int_equal(say(a, LINK_MESSAGE_TELL_ALL), 0);
    assert_int_equal(count_frames(0x10, LINK_MESSAGE_BEGIN), 1);
    assert_int_equal(count_told(0x10, LINK_ENTRY_SET), 1);
    assert_int_equal(told[n_told - 1].type, LINK_MESSAGE_END);
    assert_int_equal(say(a, LINK_MESSAGE_TELL_ALL), MESH_E_BAD_MESSAGE);
}

static void test_a_table_is_asked_for_once_and_told_anew_only_when_it_was_asked_for(void **state)
{
    struct link_message digest = {.type = LINK_MESSAGE_DIGEST, .digest = 77};
    struct mesh_link *a = join(0x10);

    (void)state;
    tell(a, 0x10, service_by_a);
    assert_int_equal(say(a, LINK_MESSAGE_BEGIN), MESH_E_BAD_MESSAGE);
    n_told = 0;
    assert_int_equal(mesh_link_receive(a, &digest, at(31000)), 0);
    assert_int_equal(mesh_link_receive(a, &digest, at(31000)), 0);
    assert_int_equal(count_frames(0x10, LINK_MESSAGE_TELL_ALL), 1);
    assert_int_equal(mesh_link_counts(a).digest_mismatches, 1);
    assert_int_equal(n_warned, 1);
    assert_int_equal(say(a, LINK_MESSAGE_BEGIN), 0);
    assert_int_equal(say(a, LINK_MESSAGE_BEGIN), MESH_E_BAD_MESSAGE);
    assert_int_equal(mesh_counts(mesh).n_candidates, 2);
    assert_int_equal(say(a, LINK_MESSAGE_END), 0);
    assert_int_equal(mesh_counts(mesh).n_candidates, 1);
    /* And now nothing has been told. */
    digest.digest = 0;
    assert_int_equal(mesh_link_receive(a, &digest, at(31000)), 0);
    assert_int_equal(mesh_link_counts(a).digest_mismatches, 1);
}

static void test_a_link_that_ends_costs_each_other_link_one_update_for_each_route(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);

    (void)state;
    join(0x30);
    tell(a, 0x10, service_by_a);
    tell(b, 0x20, service_by_b);
    mesh_settle(mesh, at(3000));
    n_told = 0;
    mesh_link_down(a, at(3000));
    for (uint64_t ms = 0; ms < 2 * MESH_LINGER_MS; ms += 250)
        mesh_settle(mesh, at(3000 + ms));
    /* The other way is told, and nothing of how it was found. */
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 1);
    assert_int_equal(count_told(0x30, LINK_ENTRY_LOST), 0);
    n_told = 0;
    mesh_link_down(b, at(9000));
    for (uint64_t ms = 0; ms < 2 * MESH_LINGER_MS; ms += 250)
        mesh_settle(mesh, at(9000 + ms));
    assert_int_equal(count_told(0x30, LINK_ENTRY_SET), 0);
    assert_int_equal(count_told(0x30, LINK_ENTRY_LOST), 1);
}

static void test_a_live_link_that_the_other_side_calls_dead_is_ended(void **state)
{
    struct link_message gone = over(100U + 0x10);
    struct mesh_link *b;

    (void)state;
    join(0x10);
    b = join(0x20);
    assert_int_equal(mesh_link_receive(b, &gone, at(1000)), 0);
    assert_int_equal(n_ended, 1);
}

static void test_a_path_that_does_not_end_with_the_teller_breaks_the_rules(void **state)
{
    struct mesh_link *a = join(0x10);
    struct hint foreign = {{0x77, 0x20}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL};
    struct hint none = {{0}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL};

    (void)state;
    assert_int_equal(tell_by(a, 0x10, &foreign), MESH_E_BAD_MESSAGE);
    assert_int_equal(tell_by(a, 0x10, &none), MESH_E_BAD_MESSAGE);
}

static void test_another_hub_with_our_id_is_noticed(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    tell(a, 0x10, (struct hint){{0x50, 0x10}, 9999, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    tell(a, 0x10, (struct hint){{0x50, 0x10}, 10000, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    assert_int_equal(n_ended, 1);
}

static void test_a_link_to_a_hub_whose_id_has_another_run_elsewhere_is_ended(void **state)
{
    static const struct {
        uint64_t run; /* of the near one; the hints' is 7 */
        uint64_t incarnation;
        int n_ended;
    } rows[] = {{7, 1, 0}, {6, 1, 1}, {6, 2, 0}, {0, 1, 0}};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct mesh_link_options options = {
            .owner = &options, .peer = hub(0x77), .session = 0x177 + i, .cost = 10};
        struct mesh_link *near;
        struct mesh_link *a = join(0x10);

        options.peer_run = rows[i].run;
        options.peer_incarnation = rows[i].incarnation;
        n_ended = 0;
        assert_int_equal(mesh_link_up(mesh, &options, at(1000), &near), 0);
        tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
        assert_int_equal(n_ended, rows[i].n_ended);
        mesh_link_down(near, at(1000));
        mesh_link_down(a, at(1000));
        tear_down(state);
        begin();
    }
}

static void test_a_second_run_of_a_known_hub_is_told_from_the_first_and_from_its_next_life(void **state)
{
    struct hub_id known = hub(0x77);

    (void)state;
    tell(join(0x10), 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    assert_true(mesh_has_other_run(mesh, &known, 1, 8));
    assert_false(mesh_has_other_run(mesh, &known, 1, 7));
    assert_false(mesh_has_other_run(mesh, &known, 2, 8));
    known = hub(0x78);
    assert_false(mesh_has_other_run(mesh, &known, 1, 8));
}

static void tell_of_run(struct mesh_link *link, uint8_t peer, uint64_t run)
{
    run_of_hubs = run;
    tell(link, peer, (struct hint){{0x77, peer}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    run_of_hubs = 7;
}

static void test_a_copy_of_a_hub_that_has_gone_is_not_held_against_the_hub(void **state)
{
    struct mesh_link *a = join(0x10);
    struct hub_id known = hub(0x77);

    (void)state;
    tell_of_run(a, 0x10, 8);
    tell(a, 0x10, (struct hint){{0x77}, 0, LINK_ENTRY_LOST, ROUTE_HUB, 0, NULL});
    tell_of_run(a, 0x10, 9);
    assert_false(mesh_has_other_run(mesh, &known, 1, 9));
    assert_true(mesh_has_other_run(mesh, &known, 1, 8));
    /* One that takes its place at the same neighbour at once, too. */
    tell_of_run(a, 0x10, 10);
    assert_false(mesh_has_other_run(mesh, &known, 1, 10));
    /* What stands by another way is not put in doubt. */
    tell_of_run(join(0x20), 0x20, 11);
    assert_true(mesh_has_other_run(mesh, &known, 1, 11));
}

static void test_a_remote_service_is_shown_anew_when_the_local_one_has_gone(void **state)
{
    struct peering_service service = {.owner = BYTES_LITERAL("p"), .n_providers = 1};
    struct mesh_link *a = join(0x10);

    (void)state;
    mesh_local_service(mesh, BYTES_LITERAL("room"), BYTES_LITERAL("add"), &service);
    tell(a, 0x10, (struct hint){{0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    tell(a, 0x10, (struct hint){{0x10}, 2, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(n_offered, 1);
    mesh_local_service(mesh, BYTES_LITERAL("room"), BYTES_LITERAL("add"), NULL);
    mesh_settle(mesh, at(1000));
    assert_int_equal(n_offered, 2);
}

static void test_the_core_is_shown_a_hub_while_it_can_be_reached(void **state)
{
    struct mesh_link *a = join(0x10);

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 2, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL});
    assert_int_equal(n_peers, 0);
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    assert_int_equal(n_peers, 1);
    assert_int_equal(n_offered, 1);
    mesh_link_down(a, at(1000));
    mesh_settle(mesh, at(1000 + MESH_LINGER_MS - 1));
    assert_int_equal(n_peers, 1);
    mesh_settle(mesh, at(1000 + 2 * MESH_LINGER_MS));
    assert_int_equal(n_peers, 0);
}

static struct link_message many(uint64_t seq, struct bytes to, struct bytes trail)
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

static void test_a_message_for_many_is_delivered_once_whatever_way_it_comes(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);
    struct hub_id trail_a[] = {hub(0x77), hub(0x10)};
    struct hub_id trail_b[] = {hub(0x77), hub(0x20)};
    struct link_message by_a = many(1, hub_id_bytes(&own), bytes_of(trail_a, sizeof trail_a));
    struct link_message by_b = many(1, hub_id_bytes(&own), bytes_of(trail_b, sizeof trail_b));
    uint64_t n_before = metrics_read(METRICS_DUPLICATES_DROPPED);

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    assert_int_equal(mesh_link_receive(a, &by_a, at(1000)), 0);
    assert_int_equal(mesh_link_receive(b, &by_b, at(1000)), 0);
    assert_int_equal(n_delivered, 1);
    assert_int_equal(refused(MESH_REFUSED_DUPLICATE), 1);
    assert_int_equal(metrics_read(METRICS_DUPLICATES_DROPPED) - n_before, 1);
    assert_int_equal(mesh_counts(mesh).delivered, 1);
    /* Another message with the same content is another message. */
    by_a.many.seq = 2;
    assert_int_equal(mesh_link_receive(a, &by_a, at(1000)), 0);
    assert_int_equal(n_delivered, 2);
}

static void test_a_message_that_has_been_here_is_dropped(void **state)
{
    struct mesh_link *a = join(0x10);
    struct hub_id trail[] = {hub(0x77), own, hub(0x10)};
    struct link_message message = many(1, hub_id_bytes(&own), bytes_of(trail, sizeof trail));
    uint64_t n_before = metrics_read(METRICS_LOOPS_DROPPED);

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    assert_int_equal(mesh_link_receive(a, &message, at(1000)), 0);
    assert_int_equal(n_delivered, 0);
    assert_int_equal(refused(MESH_REFUSED_LOOP), 1);
    assert_int_equal(metrics_read(METRICS_LOOPS_DROPPED) - n_before, 1);
}

/* Two hubs that each take the other for the way onward hand a message to and fro. */
static void test_what_comes_for_the_third_time_rests_before_it_is_sent_again(void **state)
{
    struct mesh_link *a = join(0x10);
    struct hub_id trail[] = {hub(0x77), own, hub(0x10), own, hub(0x10)};
    const size_t n_twice = 3 * HUB_ID_BYTES;
    struct hub_id to = hub(0x78);
    struct link_message message = many(1, hub_id_bytes(&to), bytes_of(trail, n_twice));

    (void)state;
    tell(a, 0x10, (struct hint){{0x78, 0x10}, 1, LINK_ENTRY_SET, ROUTE_INTEREST, 0, NULL});
    mesh_settle(mesh, at(1000));
    n_told = 0;
    message.many.detour = 2;
    assert_int_equal(mesh_link_receive(a, &message, at(1000)), 0);
    assert_int_equal(n_told, 1);
    message.many.trail = bytes_of(trail, sizeof trail);
    message.many.detour = 4;
    message.many.seq = 2;
    assert_int_equal(mesh_link_receive(a, &message, at(1000)), 0);
    assert_int_equal(n_told, 1);
    assert_int_equal(mesh_counts(mesh).parked, 1);
    mesh_settle(mesh, at(1100));
    assert_int_equal(n_told, 1);
    mesh_settle(mesh, at(1500));
    assert_int_equal(n_told, 2);
    assert_int_equal(told[1].type, LINK_MESSAGE_MANY);
}

static void test_one_frame_a_link_carries_all_receivers_behind_it(void **state)
{
    struct mesh_link *a = join(0x10);
    struct block *frame = block_new(5);

    (void)state;
    assert_non_null(frame);
    memset(frame->ptr, 0, 5);
    join(0x20);
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_INTEREST, 0, NULL});
    tell(a, 0x10, (struct hint){{0x78, 0x10}, 1, LINK_ENTRY_SET, ROUTE_INTEREST, 0, NULL});
    n_told = 0;
    mesh_local_multicast(mesh, BYTES_LITERAL("room"), BYTES_NONE, frame);
    assert_int_equal(n_told, 1);
    assert_int_equal(told[0].link, 0x10);
    assert_int_equal(told[0].n_to, 2);
    block_unref(frame);
}

static void test_what_came_from_a_hub_takes_another_way_than_back_to_it(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);
    struct hub_id trail[] = {hub(0x77), hub(0x10)};
    struct hub_id to = hub(0x78);
    struct link_message message = many(1, hub_id_bytes(&to), bytes_of(trail, sizeof trail));

    (void)state;
    tell(a, 0x10, (struct hint){{0x78, 0x10}, 1, LINK_ENTRY_SET, ROUTE_INTEREST, 0, NULL});
    tell(b, 0x20, (struct hint){{0x78, 0x66, 0x20}, 1, LINK_ENTRY_SET, ROUTE_INTEREST, 0, NULL});
    n_told = 0;
    assert_int_equal(mesh_link_receive(a, &message, at(1000)), 0);
    assert_int_equal(n_told, 1);
    assert_int_equal(told[0].link, 0x20);
}

/* A `call` or `response` with its names in @caller_key. */
static void write_one(struct buffer *out, const char *type, const char *caller_key)
{
    const char *texts[] = {"type", type,         "channel", "room",     "event",
                           "add",  "request_id", "r1",      caller_key, "c"};

    msgpack_write_map(out, N_ELEMENTS(texts) / 2);
    for (size_t i = 0; i < N_ELEMENTS(texts); i++)
        msgpack_write_str(out, bytes_of_text(texts[i]));
}

/* A chain of hubs 0x77 "far", 0x66 "mid", 0x67 unknown, 0x68 "me" as we are, 0x10 "near", all behind one
 * link. */
static struct mesh_link *join_chain(void)
{
    struct mesh_link *link = join(0x10);

    tell(link, 0x10, (struct hint){{0x77, 0x66, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, "far"});
    tell(link, 0x10, (struct hint){{0x66, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, "mid"});
    tell(link, 0x10, (struct hint){{0x68, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, "me"});
    tell(link, 0x10, (struct hint){{0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, "near"});
    return link;
}

/* A `broadcast` or `call` with @n_hops times "far" as its path. */
static void write_passed(struct buffer *out, const char *type, uint32_t n_hops)
{
    const char *texts[] = {"type", type, "channel", "room", "event", "add", "sender_id", "c"};

    msgpack_write_map(out, N_ELEMENTS(texts) / 2 + (n_hops > 0));
    for (size_t i = 0; i < N_ELEMENTS(texts); i++)
        msgpack_write_str(out, bytes_of_text(texts[i]));
    if (n_hops == 0)
        return;
    msgpack_write_str(out, BYTES_LITERAL("path"));
    msgpack_write_array(out, n_hops);
    while (n_hops-- > 0)
        msgpack_write_str(out, BYTES_LITERAL("far"));
}

struct passage {
    const char *what;
    struct hub_id trail[PATH_MAX_HOPS];
    size_t n_trail;
    uint32_t n_hops;
    const char *shown;
};

static const struct passage passages[] = {
    {"neighbours", {{{0x77}}}, 1, 1, "far"},
    {"one between", {{{0x77}}, {{0x10}}}, 2, 1, "far near"},
    {"two between", {{{0x77}}, {{0x66}}, {{0x10}}}, 3, 1, "far mid near"},
    {"unknown between", {{{0x77}}, {{0x67}}, {{0x10}}}, 3, 1, "far near"},
    {"one of our name between", {{{0x77}}, {{0x68}}, {{0x10}}}, 3, 1, "far near"},
    {"no path", {{{0x77}}, {{0x66}}, {{0x10}}}, 3, 0, ""},
};

/* Brings @body once as a broadcast and once as a call; the paths that the core got must be @shown. */
static void pass(struct mesh_link *link, const struct passage *passage, uint64_t seq)
{
    struct bytes trail = bytes_of(passage->trail, passage->n_trail * HUB_ID_BYTES);
    struct link_message one = {.type = LINK_MESSAGE_ONE};
    struct link_message all = many(seq, hub_id_bytes(&own), trail);
    struct buffer broadcast = {0};
    struct buffer call = {0};

    write_passed(&broadcast, "broadcast", passage->n_hops);
    all.many.body = buffer_bytes(&broadcast);
    snprintf(last_path, sizeof last_path, "none came");
    assert_int_equal(mesh_link_receive(link, &all, at(1000)), 0);
    assert_row(passage->what, strcmp(last_path, passage->shown) == 0);
    write_passed(&call, "call", passage->n_hops);
    one.one = (struct link_one){
        .to = own,
        .from = hub(0x77),
        .trail = trail,
        .channel = BYTES_LITERAL("room"),
        .event = BYTES_LITERAL("add"),
        .body = buffer_bytes(&call),
    };
    snprintf(last_path, sizeof last_path, "none came");
    assert_int_equal(mesh_link_receive(link, &one, at(1000)), 0);
    assert_row(passage->what, strcmp(last_path, passage->shown) == 0);
    buffer_clear(&broadcast);
    buffer_clear(&call);
}

static void test_the_hubs_between_are_shown_to_the_core_in_the_path(void **state)
{
    struct mesh_link *link = join_chain();

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(passages); i++)
        pass(link, &passages[i], i + 1);
}

static size_t count_words(const char *text)
{
    size_t n = text[0] != '\0';

    for (; *text; text++)
        n += *text == ' ';
    return n;
}

static void test_a_path_is_not_made_longer_than_the_core_takes(void **state)
{
    struct mesh_link *link = join_chain();
    struct passage longest = {"longest", {{{0x77}}}, PATH_MAX_HOPS, 1, ""};
    struct link_message message;
    struct buffer body = {0};

    (void)state;
    for (size_t i = 1; i < PATH_MAX_HOPS; i++)
        longest.trail[i] = hub(i % 2 ? 0x66 : 0x10);
    write_passed(&body, "broadcast", 1);
    message = many(1, hub_id_bytes(&own), bytes_of(longest.trail, sizeof longest.trail));
    message.many.body = buffer_bytes(&body);
    assert_int_equal(mesh_link_receive(link, &message, at(1000)), 0);
    assert_int_equal(count_words(last_path), PATH_MAX_HOPS - 1);
    buffer_clear(&body);
}

static unsigned allocations_of(struct mesh_link *link, const struct link_message *message)
{
    unsigned n;

    allocation_count_from_here();
    assert_int_equal(mesh_link_receive(link, message, at(1000)), 0);
    n = allocation_count();
    return n;
}

static void test_neighbours_pay_nothing_for_the_path_and_each_hub_between_costs_one_allocation(void **state)
{
    struct mesh_link *link = join_chain();
    struct hub_id trail[] = {hub(0x77), hub(0x66), hub(0x10)};
    struct buffer body = {0};

    (void)state;
    write_passed(&body, "broadcast", 1);
    for (size_t n_hubs = 1, seq = 1; n_hubs <= N_ELEMENTS(trail); n_hubs++) {
        struct link_message message = many(seq++, hub_id_bytes(&own), bytes_of(trail, n_hubs * HUB_ID_BYTES));
        unsigned n_first;

        message.many.body = buffer_bytes(&body);
        n_first = allocations_of(link, &message); /* what the mesh keeps from message to message */
        message.many.seq = seq++;
        assert_int_equal(allocations_of(link, &message), n_hubs - 1);
        assert_true(n_first >= n_hubs - 1);
    }
    buffer_clear(&body);
}

static void test_a_message_comes_with_a_shorter_path_where_memory_runs_out(void **state)
{
    struct mesh_link *link = join_chain();
    struct hub_id trail[] = {hub(0x77), hub(0x66), hub(0x10)};
    struct link_message message = many(1, hub_id_bytes(&own), bytes_of(trail, sizeof trail));
    const char *const shown[] = {"far", "far mid", "far mid near"};
    struct buffer body = {0};

    (void)state;
    write_passed(&body, "broadcast", 1);
    message.many.body = buffer_bytes(&body);
    assert_int_equal(mesh_link_receive(link, &message, at(1000)), 0);
    n_delivered = 0;
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        message.many.seq = 1 + n;
        assert_int_equal(mesh_link_receive(link, &message, at(1000)), 0);
        allocation_fail_never();
        assert_int_equal(n_delivered, (int)n);
        assert_true(n <= N_ELEMENTS(shown));
        assert_string_equal(last_path, shown[n - 1]);
    }
    allocation_fail_never();
    assert_int_equal(n_delivered, (int)N_ELEMENTS(shown));
    buffer_clear(&body);
}

static void test_an_answer_goes_back_by_the_way_the_call_came(void **state)
{
    struct mesh_link *a = join(0x10);
    struct mesh_link *b = join(0x20);
    struct hub_id trail[] = {hub(0x77), hub(0x20)};
    struct link_message message = {.type = LINK_MESSAGE_ONE};
    struct buffer call = {0};
    struct buffer answer = {0};
    struct block *frame;

    (void)state;
    tell(a, 0x10, (struct hint){{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    tell(b, 0x20, (struct hint){{0x77, 0x66, 0x20}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL});
    write_one(&call, "call", "sender_id");
    message.one = (struct link_one){
        .to = own,
        .from = hub(0x77),
        .trail = bytes_of(trail, sizeof trail),
        .channel = BYTES_LITERAL("room"),
        .event = BYTES_LITERAL("add"),
        .body = buffer_bytes(&call),
    };
    assert_int_equal(mesh_link_receive(b, &message, at(1000)), 0);
    assert_int_equal(n_handled, 1);
    frame_begin(&answer);
    write_one(&answer, "response", "target_id");
    frame = frame_finish(&answer);
    assert_non_null(frame);
    n_told = 0;
    mesh_peer_send(last_origin, frame);
    mesh_peer_send(last_origin, frame);
    assert_int_equal(n_told, 2);
    assert_int_equal(told[0].link, 0x20);
    /* That was the last word of the call; what follows knows only the routes. */
    assert_int_equal(told[1].link, 0x10);
    block_unref(frame);
    buffer_clear(&call);
}

static void test_nothing_leaks_or_breaks_where_memory_runs_out(void **state)
{
    (void)state;
    tear_down(NULL);
    mesh = NULL;
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct mesh_link_options options = {(void *)(intptr_t)0x10, hub(0x10), 1, 0, 0x110, 10, NULL,
                                            BRIDGE_MANAGEMENT_NONE};
        struct hint service = {{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_SERVICE, 0, NULL};
        struct hint itself = {{0x77, 0x10}, 1, LINK_ENTRY_SET, ROUTE_HUB, 0, NULL};
        struct mesh_link *link = NULL;

        options.session = 100U + 0x10;
        mesh = NULL;
        if (begin() == 0) {
            mesh_local_interest(mesh, BYTES_LITERAL("room"), BYTES_NONE, true);
            if (mesh_link_up(mesh, &options, at(1), &link) == 0) {
                tell_by(link, 0x10, &itself);
                tell_by(link, 0x10, &service);
                mesh_link_down(link, at(2));
            }
        }
        allocation_fail_never();
        mesh_free(mesh);
        mesh = NULL;
    }
    allocation_fail_never();
    assert_int_equal(begin(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_a_new_link_is_told_everything_and_an_end_mark),
        TEST(test_only_the_best_way_is_told_and_never_back),
        TEST(test_a_hub_in_the_path_is_not_told),
        TEST(test_the_ladder_is_cost_then_length_then_next_hop),
        TEST(test_an_alternative_takes_over_when_a_link_goes),
        TEST(test_loops_long_paths_and_old_entries_are_refused_and_counted),
        TEST(test_a_tombstone_kills_all_ways_and_an_older_entry_does_not_raise_them),
        TEST(test_tombstones_are_forgotten_after_a_minute),
        TEST(test_a_dead_session_kills_every_way_over_it_and_is_passed_on_once),
        TEST(test_a_service_that_comes_and_goes_costs_each_link_two_entries_a_second),
        TEST(test_changes_that_come_together_are_told_together),
        TEST(test_changes_that_a_neighbour_passes_on_are_told_together),
        TEST(test_a_withdrawal_overtakes_what_is_held_and_cancels_it),
        TEST(test_a_way_that_breaks_is_replaced_at_once_and_told_ten_milliseconds_a_hop_later),
        TEST(test_a_link_that_returns_before_another_way_was_told_costs_nothing),
        TEST(test_a_way_whose_end_is_not_known_yet_is_not_told),
        TEST(test_a_way_over_a_cut_link_is_told_where_nothing_else_is_heard_for_a_second),
        TEST(test_what_a_new_link_brings_is_told_ten_milliseconds_a_hop_later),
        TEST(test_what_a_neighbour_tells_in_the_place_of_a_broken_way_is_passed_on_at_once),
        TEST(test_a_new_link_ends_all_holding),
        TEST(test_what_is_told_again_as_it_stands_is_not_passed_on),
        TEST(test_a_digest_is_told_every_half_minute_and_the_table_anew_once_for_each),
        TEST(test_a_table_is_asked_for_once_and_told_anew_only_when_it_was_asked_for),
        TEST(test_a_link_that_ends_costs_each_other_link_one_update_for_each_route),
        TEST(test_a_live_link_that_the_other_side_calls_dead_is_ended),
        TEST(test_a_path_that_does_not_end_with_the_teller_breaks_the_rules),
        TEST(test_another_hub_with_our_id_is_noticed),
        TEST(test_a_link_to_a_hub_whose_id_has_another_run_elsewhere_is_ended),
        TEST(test_a_second_run_of_a_known_hub_is_told_from_the_first_and_from_its_next_life),
        TEST(test_a_copy_of_a_hub_that_has_gone_is_not_held_against_the_hub),
        TEST(test_a_remote_service_is_shown_anew_when_the_local_one_has_gone),
        TEST(test_the_core_is_shown_a_hub_while_it_can_be_reached),
        TEST(test_a_message_for_many_is_delivered_once_whatever_way_it_comes),
        TEST(test_a_message_that_has_been_here_is_dropped),
        TEST(test_what_comes_for_the_third_time_rests_before_it_is_sent_again),
        TEST(test_one_frame_a_link_carries_all_receivers_behind_it),
        TEST(test_what_came_from_a_hub_takes_another_way_than_back_to_it),
        TEST(test_the_hubs_between_are_shown_to_the_core_in_the_path),
        TEST(test_a_path_is_not_made_longer_than_the_core_takes),
        TEST(test_neighbours_pay_nothing_for_the_path_and_each_hub_between_costs_one_allocation),
        TEST(test_a_message_comes_with_a_shorter_path_where_memory_runs_out),
        TEST(test_an_answer_goes_back_by_the_way_the_call_came),
        TEST(test_nothing_leaks_or_breaks_where_memory_runs_out),
#undef TEST
    };

    return cmocka_run_group_tests_name("mesh", tests, NULL, NULL);
}
