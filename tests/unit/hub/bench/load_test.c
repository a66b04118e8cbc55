/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the loads find out about a server that loses, doubles, reorders or misdirects. The server is the test:
 * it sees what is put and hands back what it likes.
 */
#include "hub/bench/load.h"

#include <errno.h>
#include <string.h>

#include "hub/bench/run.h"
#include "tests/support/unit.h"

#define MOST 64

static struct bench_options options;
static struct run_gates gates;
static struct run_tally tally;
static struct run run;

/* What the load has put, in order. */
static uint64_t put_ids[MOST];
static uint32_t n_put;
static uint32_t n_ends;

static void note(uint64_t number)
{
    assert_true(n_put < MOST);
    put_ids[n_put++] = number;
}

static void note_id(struct run *of, struct conduit *conduit, uint64_t id)
{
    (void)of;
    (void)conduit;
    note(id);
}

static void note_chunk(struct run *of, struct conduit *conduit, uint64_t id, uint64_t sequence)
{
    (void)of;
    (void)conduit;
    (void)id;
    note(sequence);
}

static void note_end(struct run *of, struct conduit *conduit, uint64_t id)
{
    (void)of;
    (void)conduit;
    (void)id;
    n_ends++;
}

static void ignore_reply(struct run *of, struct conduit *conduit, uint64_t id)
{
    (void)of;
    (void)conduit;
    (void)id;
}

static const struct dialect dialect = {
    .program = "test",
    .server = "test",
    .put_call = note_id,
    .put_reply = ignore_reply,
    .put_chunk = note_chunk,
    .put_end = note_end,
    .put_message = note_id,
};

static void begin(const struct load *load, uint32_t n_clients, uint32_t n_inflight, uint64_t n_budget)
{
    memset(&tally, 0, sizeof tally);
    memset(&gates, 0, sizeof gates);
    options = (struct bench_options){.n_clients = n_clients, .n_inflight = n_inflight, .n_chunks = 3};
    run = (struct run){.options = &options,
                       .dialect = &dialect,
                       .load = load,
                       .gates = &gates,
                       .tally = &tally,
                       .may_start = true,
                       .n_budget = n_budget};
    n_put = 0;
    n_ends = 0;
    assert_int_equal(load->prepare(&run), 0);
    load->pump(&run);
}

static void finish(void)
{
    run.load->release(&run);
    free(run.conduits);
}

static void expect_failure(const char *part)
{
    assert_true(tally.has_failed);
    if (!strstr(tally.why, part))
        fail_msg("\"%s\" does not say \"%s\"", tally.why, part);
}

/* Connections stand in the order in which they were added: whom the others need, then the clients. */
static struct conduit *client(uint32_t index)
{
    return &run.conduits[1 + index];
}

static void test_a_caller_keeps_its_places_full_and_starts_no_more(void **state)
{
    (void)state;
    begin(&rpc_load, 2, 3, 100);
    assert_int_equal(n_put, 6);
    run_on_reply(&run, client(dialect_id_caller(put_ids[0])), put_ids[0]);
    run.load->pump(&run);
    assert_int_equal(n_put, 7);
    assert_false(tally.has_failed);
    finish();
}

static void test_a_budget_is_kept_to_the_last_call(void **state)
{
    (void)state;
    begin(&rpc_load, 1, 2, 3);
    for (uint32_t i = 0; i < n_put; i++) {
        run_on_call(&run, &run.conduits[0], put_ids[i]);
        run_on_reply(&run, client(0), put_ids[i]);
        run.load->pump(&run);
    }
    assert_int_equal(n_put, 3);
    assert_int_equal(run.n_done, 3);
    assert_true(run.load->is_quiet(&run));
    run.load->verify(&run);
    assert_false(tally.has_failed);
    finish();
}

static void test_an_answer_that_comes_twice_fails_the_run(void **state)
{
    (void)state;
    begin(&rpc_load, 1, 2, 100);
    run_on_reply(&run, client(0), put_ids[0]);
    assert_false(tally.has_failed);
    run_on_reply(&run, client(0), put_ids[0]);
    expect_failure("twice");
    finish();
}

static void test_an_old_answer_to_a_place_in_use_again_fails_the_run(void **state)
{
    (void)state;
    begin(&rpc_load, 1, 1, 100);
    run_on_reply(&run, client(0), put_ids[0]);
    run.load->pump(&run);
    assert_int_equal(n_put, 2);
    run_on_reply(&run, client(0), put_ids[0]);
    expect_failure("twice");
    finish();
}

static void test_an_answer_to_another_caller_fails_the_run(void **state)
{
    (void)state;
    begin(&rpc_load, 2, 1, 100);
    run_on_reply(&run, client(1 - dialect_id_caller(put_ids[0])), put_ids[0]);
    expect_failure("answer to a call of caller");
    finish();
}

static void test_a_call_without_its_answer_fails_the_run(void **state)
{
    (void)state;
    begin(&rpc_load, 1, 2, 2);
    run_on_call(&run, &run.conduits[0], put_ids[0]);
    run_on_reply(&run, client(0), put_ids[0]);
    assert_false(run.load->is_quiet(&run));
    run.load->verify(&run);
    expect_failure("2 calls were sent, 1 reached a provider, 1 answers came");
    finish();
}

static void test_the_slowest_subscriber_sets_the_pace(void **state)
{
    (void)state;
    begin(&fanout_load, 2, 2, 100);
    assert_int_equal(n_put, 2);
    run_on_message(&run, client(0), 0);
    run_on_message(&run, client(0), 1);
    run.load->pump(&run);
    assert_int_equal(n_put, 2);
    run_on_message(&run, client(1), 0);
    run.load->pump(&run);
    assert_int_equal(n_put, 3);
    assert_false(tally.has_failed);
    finish();
}

static void test_a_lost_message_fails_the_run(void **state)
{
    (void)state;
    begin(&fanout_load, 1, 4, 100);
    run_on_message(&run, client(0), 0);
    run_on_message(&run, client(0), 2);
    expect_failure("one is lost");
    finish();
}

static void test_a_message_that_comes_twice_fails_the_run(void **state)
{
    (void)state;
    begin(&fanout_load, 1, 4, 100);
    run_on_message(&run, client(0), 0);
    run_on_message(&run, client(0), 0);
    expect_failure("it came twice");
    finish();
}

static void test_a_message_that_never_comes_fails_the_run(void **state)
{
    (void)state;
    begin(&fanout_load, 2, 4, 1);
    run_on_message(&run, client(0), 0);
    assert_false(run.load->is_quiet(&run));
    run.load->verify(&run);
    expect_failure("1 messages were sent, and subscriber 1 has 0");
    finish();
}

static void test_a_message_to_its_sender_fails_the_run(void **state)
{
    (void)state;
    begin(&fanout_load, 1, 4, 100);
    run_on_message(&run, &run.conduits[0], 0);
    expect_failure("publisher 0 was sent a message");
    finish();
}

static void test_a_stream_flows_to_its_end_and_the_next_begins(void **state)
{
    (void)state;
    begin(&stream_load, 1, 2, 100);
    run_on_call(&run, &run.conduits[0], put_ids[0]);
    run.load->pump(&run);
    assert_int_equal(n_put, 3);
    run_on_chunk(&run, client(0), put_ids[0], 0);
    run.load->pump(&run);
    assert_int_equal(n_put, 4);
    assert_int_equal(n_ends, 1);
    run_on_chunk(&run, client(0), put_ids[0], 1);
    run_on_chunk(&run, client(0), put_ids[0], 2);
    run_on_end(&run, client(0), put_ids[0]);
    assert_true(run.load->is_quiet(&run));
    assert_int_equal(run.n_done, 3);
    run.load->pump(&run);
    assert_int_equal(n_put, 5);
    assert_false(tally.has_failed);
    finish();
}

static void test_a_lost_chunk_fails_the_run(void **state)
{
    (void)state;
    begin(&stream_load, 1, 3, 100);
    run_on_call(&run, &run.conduits[0], put_ids[0]);
    run.load->pump(&run);
    run_on_chunk(&run, client(0), put_ids[0], 1);
    expect_failure("was sent chunk 1 where 0 was to come");
    finish();
}

static void test_an_end_before_the_last_chunk_fails_the_run(void **state)
{
    (void)state;
    begin(&stream_load, 1, 3, 100);
    run_on_call(&run, &run.conduits[0], put_ids[0]);
    run.load->pump(&run);
    run_on_chunk(&run, client(0), put_ids[0], 0);
    run_on_end(&run, client(0), put_ids[0]);
    expect_failure("ended after 1 of 3 chunks");
    finish();
}

static void test_a_schedule_starts_nothing_before_it_is_due(void **state)
{
    uint64_t start_ns;

    (void)state;
    begin(&fanout_load, 1, 4, 0);
    run.n_budget = 10;
    run.period_ns = 1000;
    run.next_due_ns = 5000;
    run.now_ns = 4999;
    assert_int_equal(run_start(&run, 4, &start_ns), 0);
    run.now_ns = 6500;
    assert_int_equal(run_start(&run, 4, &start_ns), 1);
    /* Latency runs from when it was due, not from when there was time for it. */
    assert_int_equal(start_ns, 5000);
    assert_int_equal(run_start(&run, 4, &start_ns), 1);
    assert_int_equal(start_ns, 6000);
    assert_int_equal(run_start(&run, 4, &start_ns), 0);
    finish();
}

static void test_a_rehearsal_calls_until_one_is_answered_and_counts_none_that_was_refused(void **state)
{
    (void)state;
    begin(&rpc_load, 2, 3, 0);
    assert_false(rpc_load.rehearse(&run));
    assert_int_equal(n_put, 1);
    assert_false(rpc_load.rehearse(&run));
    assert_int_equal(n_put, 1);
    run_on_refusal(&run, client(dialect_id_caller(put_ids[0])), put_ids[0]);
    assert_false(rpc_load.rehearse(&run));
    assert_int_equal(n_put, 2);
    run_on_call(&run, &run.conduits[0], put_ids[1]);
    run_on_reply(&run, client(dialect_id_caller(put_ids[1])), put_ids[1]);
    assert_true(rpc_load.rehearse(&run));
    run.load->verify(&run);
    assert_false(tally.has_failed);
    finish();
}

static void test_a_rehearsed_message_that_some_have_not_seen_is_sent_again_and_no_delivery(void **state)
{
    (void)state;
    begin(&fanout_load, 2, 4, 0);
    assert_false(fanout_load.rehearse(&run));
    run_on_message(&run, client(0), put_ids[0]);
    assert_false(fanout_load.rehearse(&run));
    run_on_message(&run, client(0), put_ids[1]);
    run_on_message(&run, client(1), put_ids[1]);
    assert_true(fanout_load.rehearse(&run));
    assert_int_equal(n_put, 2);
    assert_int_equal(run.n_done, 0);
    run.load->verify(&run);
    assert_false(tally.has_failed);
    finish();
}

static void test_a_rehearsed_stream_that_is_refused_is_begun_again(void **state)
{
    (void)state;
    begin(&stream_load, 1, 2, 0);
    assert_false(stream_load.rehearse(&run));
    run_on_refusal(&run, client(0), put_ids[0]);
    assert_false(stream_load.rehearse(&run));
    assert_int_equal(n_put, 2);
    run_on_call(&run, &run.conduits[0], put_ids[1]);
    run.load->pump(&run);
    assert_int_equal(n_ends, 1);
    run_on_end(&run, client(0), put_ids[1]);
    assert_true(stream_load.rehearse(&run));
    run.load->verify(&run);
    assert_false(tally.has_failed);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_caller_keeps_its_places_full_and_starts_no_more),
        cmocka_unit_test(test_a_budget_is_kept_to_the_last_call),
        cmocka_unit_test(test_an_answer_that_comes_twice_fails_the_run),
        cmocka_unit_test(test_an_old_answer_to_a_place_in_use_again_fails_the_run),
        cmocka_unit_test(test_an_answer_to_another_caller_fails_the_run),
        cmocka_unit_test(test_a_call_without_its_answer_fails_the_run),
        cmocka_unit_test(test_the_slowest_subscriber_sets_the_pace),
        cmocka_unit_test(test_a_lost_message_fails_the_run),
        cmocka_unit_test(test_a_message_that_comes_twice_fails_the_run),
        cmocka_unit_test(test_a_message_that_never_comes_fails_the_run),
        cmocka_unit_test(test_a_message_to_its_sender_fails_the_run),
        cmocka_unit_test(test_a_stream_flows_to_its_end_and_the_next_begins),
        cmocka_unit_test(test_a_lost_chunk_fails_the_run),
        cmocka_unit_test(test_an_end_before_the_last_chunk_fails_the_run),
        cmocka_unit_test(test_a_schedule_starts_nothing_before_it_is_due),
        cmocka_unit_test(test_a_rehearsal_calls_until_one_is_answered_and_counts_none_that_was_refused),
        cmocka_unit_test(test_a_rehearsed_message_that_some_have_not_seen_is_sent_again_and_no_delivery),
        cmocka_unit_test(test_a_rehearsed_stream_that_is_refused_is_begun_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
