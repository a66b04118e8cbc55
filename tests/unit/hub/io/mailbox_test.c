/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/unit.h"

#include <errno.h>
#include <pthread.h>

#include "hub/base/clock.h"
#include "hub/io/mailbox.h"
#include "tests/support/allocation.h"

#define N_THREADS 4
#define N_LETTERS 500

struct place {
    struct loop *loop;
    struct mailbox *mailbox;
};

static int set_up(void **state)
{
    static struct place place;

    if (loop_new(&place.loop) < 0 || mailbox_new(&place.mailbox, place.loop) < 0)
        return -1;
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    mailbox_free(place->mailbox);
    loop_free(place->loop);
    return 0;
}

/* Written on the loop's thread only: the thread sanitizer sees if a letter runs elsewhere. */
struct sender {
    pthread_t thread;
    struct place *place;
    unsigned n_run;
    unsigned n_posted_run;
    unsigned last;
};

struct numbered {
    struct sender *sender;
    unsigned number;
};

static unsigned n_senders_done;

static void run_numbered(void *argument)
{
    struct numbered *numbered = argument;

    assert_true(numbered->number > numbered->sender->last);
    numbered->sender->last = numbered->number;
    numbered->sender->n_run++;
}

static void run_posted(void *argument)
{
    struct numbered *numbered = argument;

    assert_true(numbered->number > numbered->sender->last);
    numbered->sender->last = numbered->number;
    numbered->sender->n_posted_run++;
    free(numbered);
}

static void run_last(void *argument)
{
    struct place *place = argument;

    if (++n_senders_done == N_THREADS)
        loop_stop(place->loop);
}

static void *send_letters(void *argument)
{
    struct sender *sender = argument;
    struct mailbox *mailbox = sender->place->mailbox;

    for (unsigned i = 1; i <= N_LETTERS; i++) {
        struct numbered numbered = {.sender = sender, .number = 2 * i};
        struct numbered *posted = malloc(sizeof *posted);

        *posted = (struct numbered){.sender = sender, .number = 2 * i - 1};
        if (mailbox_post(mailbox, run_posted, posted) != 0)
            abort();
        if (mailbox_run(mailbox, run_numbered, &numbered) != 0)
            abort();
        /* Whatever it did on the loop's thread is visible here. */
        if (sender->last < 2 * i)
            abort();
    }
    if (mailbox_run(mailbox, run_last, sender->place) != 0)
        abort();
    return NULL;
}

static void test_letters_of_many_threads_run_on_the_loop_each_in_its_order(void **state)
{
    struct sender senders[N_THREADS] = {0};

    n_senders_done = 0;
    for (size_t i = 0; i < N_THREADS; i++) {
        senders[i].place = *state;
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_letters, &senders[i]), 0);
    }
    assert_int_equal(loop_run(senders[0].place->loop), 0);
    for (size_t i = 0; i < N_THREADS; i++) {
        pthread_join(senders[i].thread, NULL);
        assert_int_equal(senders[i].n_run, N_LETTERS);
        assert_int_equal(senders[i].n_posted_run, N_LETTERS);
    }
}

static void count(void *argument)
{
    ++*(int *)argument;
}

static void test_closing_runs_what_waits_and_refuses_what_comes(void **state)
{
    struct place *place = *state;
    int n = 0;

    assert_int_equal(mailbox_post(place->mailbox, count, &n), 0);
    assert_int_equal(mailbox_post(place->mailbox, count, &n), 0);
    assert_int_equal(n, 0);
    mailbox_close(place->mailbox);
    assert_int_equal(n, 2);
    assert_int_equal(mailbox_post(place->mailbox, count, &n), MAILBOX_E_CLOSED);
    assert_int_equal(mailbox_run(place->mailbox, count, &n), MAILBOX_E_CLOSED);
    assert_int_equal(loop_turn(place->loop, 0), 0);
    assert_int_equal(n, 2);
}

#define N_STEPS 100

struct walk {
    struct place *place;
    unsigned n_turns; /* of the loop, counted by a timer that is due in each */
    unsigned n_steps;
    unsigned n_steps_in_turn;
    unsigned most_steps_in_turn;
    struct loop_timer timer;
    bool is_done;
};

static void on_turn(struct loop_timer *timer)
{
    struct walk *walk = container_of(timer, struct walk, timer);

    walk->n_turns++;
    walk->n_steps_in_turn = 0;
    if (walk->is_done)
        loop_stop(walk->place->loop);
    else
        assert_int_equal(loop_timer_arm(walk->place->loop, timer, 0), 0);
}

/* Each takes a good part of what a turn may give. */
static bool step_slowly(void *argument)
{
    struct walk *walk = argument;
    uint64_t until_us = clock_monotonic_us() + MAILBOX_TURN_US / 2 + 1;

    while (clock_monotonic_us() < until_us)
        ;
    walk->n_steps_in_turn++;
    if (walk->n_steps_in_turn > walk->most_steps_in_turn)
        walk->most_steps_in_turn = walk->n_steps_in_turn;
    return ++walk->n_steps < N_STEPS;
}

static void note_done(void *argument)
{
    struct walk *walk = argument;

    walk->is_done = true;
}

static void *walk_slowly(void *argument)
{
    struct walk *walk = argument;

    if (mailbox_walk(walk->place->mailbox, step_slowly, walk) != 0 || walk->n_steps != N_STEPS)
        abort();
    if (mailbox_run(walk->place->mailbox, note_done, walk) != 0)
        abort();
    return NULL;
}

static void test_a_long_walk_gives_way_to_the_loop(void **state)
{
    struct walk walk = {.place = *state};
    pthread_t thread;

    loop_timer_init(&walk.timer, on_turn);
    assert_int_equal(loop_timer_arm(walk.place->loop, &walk.timer, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, walk_slowly, &walk), 0);
    assert_int_equal(loop_run(walk.place->loop), 0);
    pthread_join(thread, NULL);
    assert_true(walk.most_steps_in_turn <= 2);
    assert_true(walk.n_turns >= N_STEPS / 2);
}

/* A walk that has begun, and what comes while it is under way. */
struct overtaken {
    struct mailbox *mailbox;
    int n_posted;
    int n_steps;
};

static bool step_until_overtaken(void *argument)
{
    struct overtaken *overtaken = argument;

    if (overtaken->n_steps++ == 0 && mailbox_post(overtaken->mailbox, count, &overtaken->n_posted) != 0)
        abort();
    return overtaken->n_posted == 0;
}

static void *walk_until_overtaken(void *argument)
{
    struct overtaken *overtaken = argument;

    if (mailbox_walk(overtaken->mailbox, step_until_overtaken, overtaken) != 0)
        abort();
    return NULL;
}

static void test_a_walk_does_not_keep_others_waiting_to_its_end(void **state)
{
    struct place *place = *state;
    struct overtaken overtaken = {.mailbox = place->mailbox};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, walk_until_overtaken, &overtaken), 0);
    while (overtaken.n_posted == 0)
        assert_int_equal(loop_turn(place->loop, 10), 0);
    while (overtaken.n_steps < 2)
        assert_int_equal(loop_turn(place->loop, 10), 0);
    assert_int_equal(overtaken.n_posted, 1);
    pthread_join(thread, NULL);
}

static void *walk_a_hundred(void *argument)
{
    struct walk *walk = argument;

    if (mailbox_walk(walk->place->mailbox, step_slowly, walk) == 0 && walk->n_steps != N_STEPS)
        abort();
    return NULL;
}

static void test_closing_carries_a_walk_to_its_end(void **state)
{
    struct walk walk = {.place = *state};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, walk_a_hundred, &walk), 0);
    while (walk.n_steps == 0)
        assert_int_equal(loop_turn(walk.place->loop, 10), 0);
    mailbox_close(walk.place->mailbox);
    assert_int_equal(walk.n_steps, N_STEPS);
    pthread_join(thread, NULL);
}

static void test_freeing_runs_what_waits(void **state)
{
    struct place *place = *state;
    struct mailbox *mailbox;
    int n = 0;

    assert_int_equal(mailbox_new(&mailbox, place->loop), 0);
    assert_int_equal(mailbox_post(mailbox, count, &n), 0);
    mailbox_free(mailbox);
    assert_int_equal(n, 1);
}

static struct place *place_of_chain;

static void post_another(void *argument)
{
    ++*(int *)argument;
    assert_int_equal(mailbox_post(place_of_chain->mailbox, count, argument), 0);
}

static void test_a_letter_may_post_another_which_comes_next_turn(void **state)
{
    int n = 0;

    place_of_chain = *state;
    assert_int_equal(mailbox_post(place_of_chain->mailbox, post_another, &n), 0);
    assert_int_equal(loop_turn(place_of_chain->loop, 1000), 0);
    assert_int_equal(n, 1);
    assert_int_equal(loop_turn(place_of_chain->loop, 1000), 0);
    assert_int_equal(n, 2);
}

static void test_without_memory_nothing_is_made_and_nothing_posted(void **state)
{
    struct place *place = *state;

    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct mailbox *mailbox = NULL;
        int n_run = 0;
        int r = mailbox_new(&mailbox, place->loop);

        if (r == 0)
            r = mailbox_post(mailbox, count, &n_run);
        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        mailbox_free(mailbox);
        assert_int_equal(n_run, allocation_has_failed() ? 0 : 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_letters_of_many_threads_run_on_the_loop_each_in_its_order,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closing_runs_what_waits_and_refuses_what_comes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_long_walk_gives_way_to_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_walk_does_not_keep_others_waiting_to_its_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_closing_carries_a_walk_to_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_freeing_runs_what_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_letter_may_post_another_which_comes_next_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_without_memory_nothing_is_made_and_nothing_posted, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
