/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The caller's hub puts the answers to a call in order: alpha - beta, whose provider says nothing, while the
 * test plays what beta's hub would send; or that of gamma behind it. Streams while ways change are in
 * cuts_test.c.
 */
#include "tests/sim/sim_state.h"

#include "federation/answers.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"
#include "tests/support/unit.h"

#define SETTLED_MS 300

static const uint8_t zeros[1 << 20];

struct stage {
    struct sim *sim;
    struct sim_client *caller;
    struct mesh_link *link; /* alpha's end */
    struct hub_id trail[2]; /* from the provider's hub */
    size_t n_trail;
    uint64_t seq;
};

/* The provider is at the last of @n_hubs in a row. */
static struct stage begin_at(unsigned n_hubs)
{
    struct stage stage = {.sim = sim_new(n_hubs, 1), .n_trail = n_hubs - 1, .seq = 1000};
    struct sim_client *provider;

    sim_join_chain(stage.sim, n_hubs);
    stage.caller = sim_connect(stage.sim, 0, "caller");
    provider = sim_connect(stage.sim, n_hubs - 1, "provider");
    sim_provide(provider, "room", "count", false, true);
    sim_run(stage.sim, n_hubs * SETTLED_MS);
    stage.link = sim_link(stage.sim, 0)->ends[0];
    for (unsigned i = 0; i < stage.n_trail; i++)
        stage.trail[i] = sim_mesh(stage.sim, n_hubs - 1 - i)->id;
    sim_call(stage.caller, "room", "count", "r", 1);
    return stage;
}

static struct stage begin(void)
{
    return begin_at(2);
}

static void write_answer(struct buffer *out, uint64_t data, size_t n_more, bool is_final)
{
    buffer_init(out);
    msgpack_write_map(out, 8);
    msgpack_write_str(out, BYTES_LITERAL("type"));
    msgpack_write_str(out, BYTES_LITERAL("response"));
    msgpack_write_str(out, BYTES_LITERAL("request_id"));
    msgpack_write_str(out, BYTES_LITERAL("r"));
    msgpack_write_str(out, BYTES_LITERAL("target_id"));
    msgpack_write_str(out, BYTES_LITERAL("caller"));
    msgpack_write_str(out, BYTES_LITERAL("data"));
    msgpack_write_u64(out, data);
    msgpack_write_str(out, BYTES_LITERAL("is_stream"));
    msgpack_write_bool(out, true);
    msgpack_write_str(out, BYTES_LITERAL("is_final"));
    msgpack_write_bool(out, is_final);
    msgpack_write_str(out, BYTES_LITERAL("path"));
    msgpack_write_array(out, 1);
    msgpack_write_str(out, BYTES_LITERAL("far"));
    msgpack_write_str(out, BYTES_LITERAL("more"));
    msgpack_write_bin(out, bytes_of(zeros, n_more));
}

/* An answer comes from the provider's hub; its data is its number. */
static void arrive(struct stage *stage, uint64_t part, bool is_final, size_t n_more)
{
    struct link_message message = {.type = LINK_MESSAGE_ONE};
    struct buffer body;

    write_answer(&body, part, n_more, is_final);
    message.one = (struct link_one){
        .to = stage->link->mesh->id,
        .from = stage->trail[0],
        .incarnation = 1,
        .seq = ++stage->seq,
        .trail = bytes_of(stage->trail, stage->n_trail * HUB_ID_BYTES),
        .part = part,
        .body = buffer_bytes(&body),
    };
    assert_int_equal(mesh_link_receive(stage->link, &message, sim_time(stage->sim)), 0);
    sim_settle(stage->sim);
    buffer_clear(&body);
}

/* What the caller has got, as text: numbers, an end as "." and an error as "!". */
static const char *got(const struct stage *stage)
{
    static char text[256];
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < stage->caller->n_received; i++) {
        const struct sim_received *received = &stage->caller->received[i];

        if (received->type != MESSAGE_RESPONSE || strcmp(received->request_id, "r") != 0)
            continue;
        if (received->error[0])
            len += (size_t)snprintf(text + len, sizeof text - len, "!");
        else
            len += (size_t)snprintf(text + len, sizeof text - len, "%u%s", (unsigned)received->data,
                                    received->is_final ? "." : " ");
    }
    return text;
}

static uint64_t n_gaps(const struct stage *stage)
{
    return sim_count_refused(stage->sim, MESH_REFUSED_GAP);
}

static void test_chunks_and_the_end_are_passed_on_in_the_order_in_which_they_were_given(void **state)
{
    struct stage stage = begin();

    (void)state;
    arrive(&stage, 4, true, 0);
    arrive(&stage, 2, false, 0);
    assert_string_equal(got(&stage), "");
    arrive(&stage, 1, false, 0);
    assert_string_equal(got(&stage), "1 2 ");
    arrive(&stage, 3, false, 0);
    assert_string_equal(got(&stage), "1 2 3 4.");
    sim_run(stage.sim, STREAM_ORDER_WAIT_MS + 1000);
    assert_string_equal(got(&stage), "1 2 3 4.");
    assert_int_equal(mesh_counts(sim_mesh(stage.sim, 0)).answers_held, 2);
    assert_int_equal(n_gaps(&stage), 0);
    sim_free(stage.sim);
}

static void test_a_chunk_that_was_held_shows_the_hubs_that_it_passed_like_any_other(void **state)
{
    struct stage stage = begin_at(3);
    const struct sim_client *caller = stage.caller;

    (void)state;
    arrive(&stage, 2, false, 0);
    arrive(&stage, 1, false, 0);
    assert_string_equal(got(&stage), "1 2 ");
    assert_int_equal(mesh_counts(sim_mesh(stage.sim, 0)).answers_held, 1);
    for (size_t i = caller->n_received - 2; i < caller->n_received; i++)
        assert_string_equal(caller->received[i].path, "far hub-1 hub-0");
    sim_free(stage.sim);
}

static void test_a_stream_with_a_gap_that_stays_ends_with_an_error(void **state)
{
    struct stage stage = begin();

    (void)state;
    arrive(&stage, 1, false, 0);
    arrive(&stage, 3, false, 0);
    sim_run(stage.sim, STREAM_ORDER_WAIT_MS - 1000);
    assert_string_equal(got(&stage), "1 ");
    sim_run(stage.sim, 2000);
    assert_string_equal(got(&stage), "1 !");
    assert_int_equal(n_gaps(&stage), 1);
    /* What comes now is for nobody, in order or not. */
    arrive(&stage, 2, false, 0);
    arrive(&stage, 4, true, 0);
    assert_string_equal(got(&stage), "1 !");
    sim_free(stage.sim);
}

static void test_a_stream_of_which_too_much_would_be_held_ends_with_an_error(void **state)
{
    struct stage stage = begin();

    (void)state;
    for (uint64_t part = 2; part <= 8; part++)
        arrive(&stage, part, false, sizeof zeros);
    assert_string_equal(got(&stage), "");
    arrive(&stage, 9, false, sizeof zeros);
    assert_string_equal(got(&stage), "!");
    assert_int_equal(stage.link->mesh->orders.n_bytes, 0);
    sim_free(stage.sim);
}

static void test_the_word_of_a_hub_on_the_way_ends_a_stream_at_once(void **state)
{
    struct stage stage = begin();

    (void)state;
    arrive(&stage, 2, false, 0);
    arrive(&stage, 0, true, 0);
    assert_string_equal(got(&stage), "0.");
    arrive(&stage, 1, false, 0);
    assert_string_equal(got(&stage), "0.");
    assert_int_equal(stage.link->mesh->orders.n_bytes, 0);
    sim_free(stage.sim);
}

static void test_a_hub_that_is_lost_ends_its_streams_and_what_was_held_of_them(void **state)
{
    struct stage stage = begin();

    (void)state;
    arrive(&stage, 1, false, 0);
    arrive(&stage, 3, false, 0);
    sim_cut(stage.sim, 0, 50);
    sim_run(stage.sim, MESH_LINGER_MS + 1000);
    assert_string_equal(got(&stage), "1 !");
    assert_int_equal(n_gaps(&stage), 0);
    assert_int_equal(sim_mesh(stage.sim, 0)->orders.n_bytes, 0);
    sim_free(stage.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks_and_the_end_are_passed_on_in_the_order_in_which_they_were_given),
        cmocka_unit_test(test_a_chunk_that_was_held_shows_the_hubs_that_it_passed_like_any_other),
        cmocka_unit_test(test_a_stream_with_a_gap_that_stays_ends_with_an_error),
        cmocka_unit_test(test_a_stream_of_which_too_much_would_be_held_ends_with_an_error),
        cmocka_unit_test(test_the_word_of_a_hub_on_the_way_ends_a_stream_at_once),
        cmocka_unit_test(test_a_hub_that_is_lost_ends_its_streams_and_what_was_held_of_them),
    };

    return cmocka_run_group_tests_name("streams over the mesh", tests, NULL, NULL);
}
