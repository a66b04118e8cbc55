/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Messages that come by a link: for many and for one, with the path that the core is shown
 */
#include "hub/base/metrics.h"
#include "hub/wire/msgpack_write.h"
#include "tests/support/allocation.h"
#include "tests/unit/federation/mesh_stand.h"

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

static void test_the_hubs_between_are_shown_without_an_allocation_a_message(void **state)
{
    struct mesh_link *link = join_chain();
    struct hub_id trail[] = {hub(0x77), hub(0x66), hub(0x10)};
    struct buffer body = {0};

    (void)state;
    write_passed(&body, "broadcast", 1);
    for (size_t n_hubs = 1, seq = 1; n_hubs <= N_ELEMENTS(trail); n_hubs++) {
        struct link_message message = many(seq++, hub_id_bytes(&own), bytes_of(trail, n_hubs * HUB_ID_BYTES));

        message.many.body = buffer_bytes(&body);
        assert_true(allocations_of(link, &message) <= 2); /* what the mesh keeps from message to message */
        message.many.seq = seq++;
        assert_int_equal(allocations_of(link, &message), 0);
    }
    buffer_clear(&body);
}

static void test_a_message_comes_without_the_hubs_between_where_memory_runs_out(void **state)
{
    struct mesh_link *link = join_chain();
    struct hub_id trail[] = {hub(0x77), hub(0x66), hub(0x10)};
    struct link_message near = many(1, hub_id_bytes(&own), bytes_of(trail, HUB_ID_BYTES));
    struct link_message message = many(2, hub_id_bytes(&own), bytes_of(trail, sizeof trail));
    struct buffer body = {0};

    (void)state;
    write_passed(&body, "broadcast", 1);
    near.many.body = message.many.body = buffer_bytes(&body);
    assert_int_equal(mesh_link_receive(link, &near, at(1000)), 0);
    n_delivered = 0;
    assert_true(allocation_fail_at(1));
    assert_int_equal(mesh_link_receive(link, &message, at(1000)), 0);
    allocation_fail_never();
    assert_int_equal(n_delivered, 1);
    assert_string_equal(last_path, "far");
    message.many.seq++;
    assert_int_equal(mesh_link_receive(link, &message, at(1000)), 0);
    assert_string_equal(last_path, "far mid near");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_a_message_for_many_is_delivered_once_whatever_way_it_comes),
        TEST(test_a_message_that_has_been_here_is_dropped),
        TEST(test_what_comes_for_the_third_time_rests_before_it_is_sent_again),
        TEST(test_one_frame_a_link_carries_all_receivers_behind_it),
        TEST(test_what_came_from_a_hub_takes_another_way_than_back_to_it),
        TEST(test_the_hubs_between_are_shown_to_the_core_in_the_path),
        TEST(test_a_path_is_not_made_longer_than_the_core_takes),
        TEST(test_the_hubs_between_are_shown_without_an_allocation_a_message),
        TEST(test_a_message_comes_without_the_hubs_between_where_memory_runs_out),
        TEST(test_an_answer_goes_back_by_the_way_the_call_came),
#undef TEST
    };

    return cmocka_run_group_tests_name("mesh, messages", tests, NULL, NULL);
}
