/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/unit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "hub/base/clock.h"
#include "hub/io/loop.h"
#include "tests/support/allocation.h"

static int set_up(void **state)
{
    struct loop *loop;

    if (loop_new(&loop) < 0)
        return -1;
    *state = loop;
    return 0;
}

static int tear_down(void **state)
{
    loop_free(*state);
    return 0;
}

/* ------------------------------------------------------------------------------------------- sources */

struct end {
    struct loop_source source;
    struct loop *loop;
    int peer_fd;
    int n_calls;
    struct end *victim; /* removed, closed and freed when this one is called */
};

static void free_end(struct end *end)
{
    loop_remove(end->loop, &end->source);
    close(end->source.fd);
    close(end->peer_fd);
    free(end);
}

static void on_ready(struct loop_source *source, uint32_t events)
{
    struct end *end = container_of(source, struct end, source);

    assert_true(events & EPOLLIN);
    end->n_calls++;
    if (end->victim) {
        free_end(end->victim);
        end->victim = NULL;
    }
}

static struct end *new_end(struct loop *loop)
{
    struct end *end = calloc(1, sizeof *end);
    int fds[2];

    assert_non_null(end);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    *end = (struct end){.loop = loop, .peer_fd = fds[1]};
    end->source = (struct loop_source){.fd = fds[0], .events = EPOLLIN, .on_ready = on_ready};
    assert_int_equal(loop_add(loop, &end->source), 0);
    return end;
}

static void test_a_source_is_called_each_turn_until_its_bytes_are_read(void **state)
{
    struct end *end = new_end(*state);
    char byte;

    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(end->n_calls, 0);
    assert_int_equal(write(end->peer_fd, "x", 1), 1);
    assert_int_equal(loop_turn(*state, 1000), 0);
    assert_int_equal(loop_turn(*state, 1000), 0);
    assert_int_equal(end->n_calls, 2);
    assert_int_equal(read(end->source.fd, &byte, 1), 1);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(end->n_calls, 2);
    free_end(end);
}

static void test_a_source_that_wants_nothing_is_not_called(void **state)
{
    struct end *end = new_end(*state);

    assert_int_equal(write(end->peer_fd, "x", 1), 1);
    loop_want(*state, &end->source, 0);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(end->n_calls, 0);
    loop_want(*state, &end->source, EPOLLIN);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(end->n_calls, 1);
    free_end(end);
}

static void test_a_source_freed_by_its_neighbour_is_not_called_in_the_same_turn(void **state)
{
    struct end *a = new_end(*state);
    struct end *b = new_end(*state);
    struct end *left;

    /* Whichever comes first frees the other; under the address sanitizer a call to the freed one shows. */
    a->victim = b;
    b->victim = a;
    assert_int_equal(write(a->peer_fd, "x", 1), 1);
    assert_int_equal(write(b->peer_fd, "x", 1), 1);
    assert_int_equal(loop_turn(*state, 1000), 0);
    left = a;
    /* epoll reports in the order in which they became ready. */
    assert_int_equal(left->n_calls, 1);
    assert_null(left->victim);
    free_end(left);
}

static void free_self(struct loop_source *source, uint32_t events)
{
    (void)events;
    free_end(container_of(source, struct end, source));
}

static void test_a_source_may_free_itself(void **state)
{
    struct end *end = new_end(*state);

    end->source.on_ready = free_self;
    assert_int_equal(write(end->peer_fd, "x", 1), 1);
    assert_int_equal(loop_turn(*state, 1000), 0);
}

static void test_adding_a_bad_descriptor_is_refused(void **state)
{
    struct loop_source source = {.fd = -1, .events = EPOLLIN, .on_ready = on_ready};

    assert_int_equal(loop_add(*state, &source), -EBADF);
}

/* -------------------------------------------------------------------------------------------- timers */

struct alarm {
    struct loop_timer timer;
    struct loop *loop;
    uint64_t rearm_ms;
    int n_calls;
};

static uint64_t last_due_ms;
static int n_due;

static void on_due_in_order(struct loop_timer *timer)
{
    assert_true(timer->due_ms >= last_due_ms);
    assert_true(timer->place == LOOP_TIMER_IDLE);
    last_due_ms = timer->due_ms;
    n_due++;
}

static void test_a_thousand_timers_run_in_the_order_of_their_times(void **state)
{
    static struct loop_timer timers[1000];
    uint64_t now_ms = loop_now_ms(*state);
    uint32_t random = 1;

    last_due_ms = 0;
    n_due = 0;
    for (size_t i = 0; i < N_ELEMENTS(timers); i++) {
        random = random * 1664525u + 1013904223u;
        loop_timer_init(&timers[i], on_due_in_order);
        assert_int_equal(loop_timer_arm(*state, &timers[i], now_ms - 5000 + (random >> 8) % 5000), 0);
    }
    /* Some are moved, some are taken out. */
    for (size_t i = 0; i < N_ELEMENTS(timers); i += 3) {
        random = random * 1664525u + 1013904223u;
        assert_int_equal(loop_timer_arm(*state, &timers[i], now_ms - (random >> 8) % 9000), 0);
    }
    for (size_t i = 0; i < N_ELEMENTS(timers); i += 10)
        loop_timer_disarm(*state, &timers[i]);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(n_due, 900);
}

static void on_alarm(struct loop_timer *timer)
{
    struct alarm *alarm = container_of(timer, struct alarm, timer);

    alarm->n_calls++;
    if (alarm->rearm_ms)
        assert_int_equal(loop_timer_arm(alarm->loop, timer, alarm->rearm_ms), 0);
}

static void test_a_timer_is_never_early(void **state)
{
    struct alarm alarm = {.loop = *state};
    uint64_t due_ms = clock_monotonic_ms() + 20;

    loop_timer_init(&alarm.timer, on_alarm);
    assert_int_equal(loop_timer_arm(*state, &alarm.timer, due_ms), 0);
    while (!alarm.n_calls) {
        assert_int_equal(loop_turn(*state, -1), 0);
        if (alarm.n_calls)
            assert_true(clock_monotonic_ms() >= due_ms);
    }
    assert_int_equal(alarm.n_calls, 1);
}

static void test_a_timer_that_arms_itself_for_now_comes_once_a_turn(void **state)
{
    struct alarm alarm = {.loop = *state, .rearm_ms = 1};

    loop_timer_init(&alarm.timer, on_alarm);
    assert_int_equal(loop_timer_arm(*state, &alarm.timer, 1), 0);
    for (int turn = 1; turn <= 3; turn++) {
        assert_int_equal(loop_turn(*state, 1000), 0);
        assert_int_equal(alarm.n_calls, turn);
    }
    loop_timer_disarm(*state, &alarm.timer);
    loop_timer_disarm(*state, &alarm.timer);
}

static void test_arming_fails_cleanly_without_memory_but_never_for_an_armed_timer(void **state)
{
    struct loop_timer timers[200];
    size_t n_armed = 0;

    for (unsigned n = 1; allocation_fail_at(n); n++) {
        while (n_armed < N_ELEMENTS(timers)) {
            int r;

            loop_timer_init(&timers[n_armed], on_alarm);
            r = loop_timer_arm(*state, &timers[n_armed], UINT64_MAX);
            if (r < 0) {
                assert_int_equal(r, -ENOMEM);
                assert_true(timers[n_armed].place == LOOP_TIMER_IDLE);
                break;
            }
            n_armed++;
        }
        if (n_armed > 0)
            assert_int_equal(loop_timer_arm(*state, &timers[0], UINT64_MAX - 1), 0);
        allocation_fail_never();
    }
    assert_int_equal(n_armed, N_ELEMENTS(timers));
    for (size_t i = 0; i < n_armed; i++)
        loop_timer_disarm(*state, &timers[i]);
}

/* ------------------------------------------------------------------------------------------ deferred */

struct work {
    struct loop_deferred deferred;
    struct loop *loop;
    struct work *next; /* deferred by this one */
    struct work *victim;
    int n_calls;
};

static void run_work(struct loop_deferred *deferred)
{
    struct work *work = container_of(deferred, struct work, deferred);

    work->n_calls++;
    if (work->next)
        loop_defer(work->loop, &work->next->deferred);
    if (work->victim)
        loop_undefer(&work->victim->deferred);
}

static void test_work_deferred_by_deferred_work_runs_in_the_same_turn(void **state)
{
    struct work second = {.loop = *state};
    struct work first = {.loop = *state, .next = &second};

    loop_deferred_init(&first.deferred, run_work);
    loop_deferred_init(&second.deferred, run_work);
    loop_defer(*state, &first.deferred);
    loop_defer(*state, &first.deferred);
    assert_int_equal(loop_turn(*state, -1), 0);
    assert_int_equal(first.n_calls, 1);
    assert_int_equal(second.n_calls, 1);
}

static void test_work_that_wakes_itself_forever_leaves_turns_to_others(void **state)
{
    struct work work = {.loop = *state};
    struct end *end = new_end(*state);

    work.next = &work;
    loop_deferred_init(&work.deferred, run_work);
    loop_defer(*state, &work.deferred);
    assert_int_equal(write(end->peer_fd, "x", 1), 1);
    assert_int_equal(loop_turn(*state, -1), 0);
    assert_int_equal(loop_turn(*state, -1), 0);
    assert_int_equal(end->n_calls, 2);
    assert_true(work.n_calls >= 2);
    loop_undefer(&work.deferred);
    free_end(end);
}

static void test_undeferred_work_does_not_run_even_in_the_round_under_way(void **state)
{
    struct work victim = {.loop = *state};
    struct work first = {.loop = *state, .victim = &victim};

    loop_deferred_init(&first.deferred, run_work);
    loop_deferred_init(&victim.deferred, run_work);
    loop_defer(*state, &first.deferred);
    loop_defer(*state, &victim.deferred);
    assert_int_equal(loop_turn(*state, -1), 0);
    assert_int_equal(first.n_calls, 1);
    assert_int_equal(victim.n_calls, 0);
}

/* ------------------------------------------------------------------------------------------ stopping */

static void *stop_soon(void *argument)
{
    usleep(10000);
    loop_stop(argument);
    return NULL;
}

static void test_another_thread_stops_the_loop(void **state)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, stop_soon, *state), 0);
    assert_int_equal(loop_run(*state), 0);
    pthread_join(thread, NULL);
}

static struct loop *loop_of_signal;

static void on_signal(int number)
{
    (void)number;
    loop_stop(loop_of_signal);
}

static void *signal_soon(void *argument)
{
    usleep(10000);
    kill(getpid(), SIGUSR1);
    return argument;
}

static void test_a_signal_handler_stops_the_loop(void **state)
{
    pthread_t thread;

    loop_of_signal = *state;
    signal(SIGUSR1, on_signal);
    assert_int_equal(pthread_create(&thread, NULL, signal_soon, NULL), 0);
    assert_int_equal(loop_run(*state), 0);
    pthread_join(thread, NULL);
    signal(SIGUSR1, SIG_DFL);
}

static void test_a_stop_that_came_before_the_run_counts_once(void **state)
{
    pthread_t thread;
    uint64_t began_ms;

    loop_stop(*state);
    assert_int_equal(loop_run(*state), 0);
    began_ms = clock_monotonic_ms();
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, *state), 0);
    assert_int_equal(loop_run(*state), 0);
    assert_true(clock_monotonic_ms() - began_ms >= 5);
    pthread_join(thread, NULL);
}

static void test_making_a_loop_fails_cleanly_without_memory(void **state)
{
    (void)state;
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct loop *loop = NULL;
        int r = loop_new(&loop);

        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        loop_free(loop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_source_is_called_each_turn_until_its_bytes_are_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_source_that_wants_nothing_is_not_called, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_source_freed_by_its_neighbour_is_not_called_in_the_same_turn,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_source_may_free_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_adding_a_bad_descriptor_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_thousand_timers_run_in_the_order_of_their_times, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_timer_is_never_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_timer_that_arms_itself_for_now_comes_once_a_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_arming_fails_cleanly_without_memory_but_never_for_an_armed_timer,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_work_deferred_by_deferred_work_runs_in_the_same_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_work_that_wakes_itself_forever_leaves_turns_to_others, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_undeferred_work_does_not_run_even_in_the_round_under_way, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_another_thread_stops_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_signal_handler_stops_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stop_that_came_before_the_run_counts_once, set_up, tear_down),
        cmocka_unit_test(test_making_a_loop_fails_cleanly_without_memory),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
