/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_session.h"

#include <errno.h>

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

static struct link_session session;

static int set_up(void **state)
{
    (void)state;
    link_session_init(&session);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    link_session_clear(&session);
    return 0;
}

/* Sends a frame of @len bytes. */
static void send(size_t len)
{
    struct block *frame = block_new(len);

    assert_non_null(frame);
    memset(frame->ptr, 0, len);
    assert_int_equal(link_session_keep(&session, frame, len > 10), 0);
    block_unref(frame);
}

static void test_frames_are_kept_until_they_are_acknowledged(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 200; i++)
        send(i);
    assert_int_equal(session.sent, 200);
    assert_int_equal(session.kept_bytes, 200 * 201 / 2);
    assert_int_equal(session.n_messages, 190);
    assert_true(link_session_acknowledge(&session, 150));
    assert_null(link_session_frame(&session, 150));
    assert_int_equal(link_session_frame(&session, 151)->frame->len, 151);
    assert_int_equal(link_session_frame(&session, 200)->frame->len, 200);
    assert_null(link_session_frame(&session, 201));
    assert_int_equal(session.n_messages, 50);
    /* An earlier number says nothing new; one that was not sent is a fault. */
    assert_true(link_session_acknowledge(&session, 100));
    assert_false(link_session_acknowledge(&session, 201));
    assert_true(link_session_acknowledge(&session, 200));
    assert_int_equal(session.kept_bytes, 0);
    assert_int_equal(session.n_messages, 0);
}

static void test_a_steady_flow_needs_no_more_places_than_are_under_way(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 10000; i++) {
        send(16);
        if (i > 50)
            assert_true(link_session_acknowledge(&session, i - 50));
    }
    assert_int_equal(session.n_places, 64);
    for (uint64_t number = 9951; number <= 10000; number++)
        assert_non_null(link_session_frame(&session, number));
}

static void test_what_the_far_side_has_must_lie_in_what_is_kept_to_go_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        send(16);
    link_session_acknowledge(&session, 4);
    assert_false(link_session_may_resume(&session, 3));
    assert_true(link_session_may_resume(&session, 4));
    assert_true(link_session_may_resume(&session, 10));
    assert_false(link_session_may_resume(&session, 11));
}

static void test_another_frame_takes_the_place_of_one(void **state)
{
    struct block *other = block_new(3);

    (void)state;
    assert_non_null(other);
    send(16);
    send(16);
    link_session_replace(&session, 2, other, false);
    assert_ptr_equal(link_session_frame(&session, 2)->frame, other);
    assert_int_equal(session.kept_bytes, 19);
    assert_int_equal(session.n_messages, 1);
    block_unref(other);
}

static void test_frames_are_taken_in_one_after_the_other_and_acknowledged_many_at_once(void **state)
{
    (void)state;
    assert_false(link_session_owes(&session));
    assert_true(link_session_is_next(&session, 1));
    assert_false(link_session_is_next(&session, 2));
    link_session_take(&session, 100);
    assert_true(link_session_is_next(&session, 2));
    assert_true(link_session_owes(&session));
    assert_false(link_session_owes_much(&session));
    for (unsigned i = 1; i < LINK_SESSION_EAGER_FRAMES; i++)
        link_session_take(&session, 100);
    assert_true(link_session_owes_much(&session));
    assert_int_equal(link_session_tell(&session), LINK_SESSION_EAGER_FRAMES);
    assert_false(link_session_owes(&session));
    link_session_take(&session, LINK_SESSION_EAGER_BYTES);
    assert_true(link_session_owes_much(&session));
}

static void test_a_frame_that_could_not_be_kept_was_not_sent(void **state)
{
    struct block *frame = block_new(16);

    (void)state;
    assert_non_null(frame);
    allocation_fail_at(1);
    assert_int_equal(link_session_keep(&session, frame, true), -ENOMEM);
    allocation_fail_never();
    assert_int_equal(session.sent, 0);
    assert_int_equal(session.kept_bytes, 0);
    assert_int_equal(frame->n_refs, 1);
    assert_int_equal(link_session_keep(&session, frame, true), 0);
    assert_int_equal(session.sent, 1);
    block_unref(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_frames_are_kept_until_they_are_acknowledged),
        TEST(test_a_steady_flow_needs_no_more_places_than_are_under_way),
        TEST(test_what_the_far_side_has_must_lie_in_what_is_kept_to_go_on),
        TEST(test_another_frame_takes_the_place_of_one),
        TEST(test_frames_are_taken_in_one_after_the_other_and_acknowledged_many_at_once),
        TEST(test_a_frame_that_could_not_be_kept_was_not_sent),
#undef TEST
    };

    return cmocka_run_group_tests_name("link_session", tests, NULL, NULL);
}
