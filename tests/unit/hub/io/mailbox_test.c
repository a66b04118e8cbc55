/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/unit.h"

#include <errno.h>
#include <pthread.h>

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
        cmocka_unit_test_setup_teardown(test_freeing_runs_what_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_letter_may_post_another_which_comes_next_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_without_memory_nothing_is_made_and_nothing_posted, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
