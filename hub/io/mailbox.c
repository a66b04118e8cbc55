/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/io/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"

struct letter {
    struct list link;
    void (*run)(void *argument);  /* either this */
    bool (*step)(void *argument); /* or this */
    void *argument;
    bool is_awaited; /* on the stack of a thread, which waits for `done` */
    sem_t done;
};

struct mailbox {
    struct loop *loop;
    struct loop_source source;
    pthread_mutex_t lock; /* of what follows */
    struct list letters;
    bool is_closed;
};

/* Whether it has to be carried on with. */
static bool carry_out(const struct letter *letter)
{
    if (letter->step)
        return letter->step(letter->argument);
    letter->run(letter->argument);
    return false;
}

static void finish(struct letter *letter)
{
    if (letter->is_awaited)
        check(sem_post(&letter->done) == 0);
    else
        free(letter);
}

/*
 * One after the other, the lock only between them: a letter may post another. One with more steps goes to the
 * end after each. At @until_us the rest is left.
 */
static void run_letters(struct list *letters, uint64_t until_us)
{
    while (!list_is_empty(letters)) {
        struct letter *letter = list_first_entry(letters, struct letter, link);

        list_unlink(&letter->link);
        if (carry_out(letter))
            list_append(letters, &letter->link);
        else
            finish(letter);
        if (clock_monotonic_us() >= until_us)
            return;
    }
}

static void wake(struct mailbox *mailbox)
{
    uint64_t one = 1;

    if (write(mailbox->source.fd, &one, sizeof one) < 0)
        check(errno == EAGAIN);
}

/* All that hangs on @from hangs before what is on @to. */
static void move_letters(struct list *from, struct list *to)
{
    if (list_is_empty(from))
        return;
    from->prev->next = to->next;
    to->next->prev = from->prev;
    to->next = from->next;
    from->next->prev = to;
    list_init(from);
}

static void take_letters(struct mailbox *mailbox, struct list *out_letters)
{
    list_init(out_letters);
    pthread_mutex_lock(&mailbox->lock);
    move_letters(&mailbox->letters, out_letters);
    pthread_mutex_unlock(&mailbox->lock);
}

/* What is left comes before what has come meanwhile, which has woken us already. */
static void return_letters(struct mailbox *mailbox, struct list *letters)
{
    if (list_is_empty(letters))
        return;
    pthread_mutex_lock(&mailbox->lock);
    if (list_is_empty(&mailbox->letters))
        wake(mailbox);
    move_letters(letters, &mailbox->letters);
    pthread_mutex_unlock(&mailbox->lock);
}

static void on_ready(struct loop_source *source, uint32_t events)
{
    struct mailbox *mailbox = container_of(source, struct mailbox, source);
    struct list letters;
    uint64_t count;

    (void)events;
    /* Before the letters are taken: one that comes in between is then either taken or wakes us again. */
    if (read(source->fd, &count, sizeof count) < 0)
        check(errno == EAGAIN || errno == EINTR);
    take_letters(mailbox, &letters);
    run_letters(&letters, clock_monotonic_us() + MAILBOX_TURN_US);
    return_letters(mailbox, &letters);
}

int mailbox_new(struct mailbox **out_mailbox, struct loop *loop)
{
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = -ENOMEM;

    if (fd < 0)
        r = -errno;
    if (!mailbox || fd < 0)
        goto failed;
    mailbox->loop = loop;
    mailbox->source = (struct loop_source){.fd = fd, .events = EPOLLIN, .on_ready = on_ready};
    list_init(&mailbox->letters);
    r = loop_add(loop, &mailbox->source);
    if (r < 0)
        goto failed;
    check(pthread_mutex_init(&mailbox->lock, NULL) == 0);
    *out_mailbox = mailbox;
    return 0;

failed:
    if (fd >= 0)
        close(fd);
    free(mailbox);
    return r;
}

void mailbox_free(struct mailbox *mailbox)
{
    if (!mailbox)
        return;
    mailbox_close(mailbox);
    loop_remove(mailbox->loop, &mailbox->source);
    close(mailbox->source.fd);
    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}

/* The loop is woken without the lock, for which it would have to wait at once. */
static int put(struct mailbox *mailbox, struct letter *letter)
{
    bool is_closed, must_wake;

    list_init(&letter->link);
    pthread_mutex_lock(&mailbox->lock);
    is_closed = mailbox->is_closed;
    must_wake = !is_closed && list_is_empty(&mailbox->letters); /* one that is there already has woken it */
    if (!is_closed)
        list_append(&mailbox->letters, &letter->link);
    pthread_mutex_unlock(&mailbox->lock);
    if (must_wake)
        wake(mailbox);
    return is_closed ? MAILBOX_E_CLOSED : 0;
}

static int put_and_wait(struct mailbox *mailbox, struct letter *letter)
{
    int r;

    letter->is_awaited = true;
    check(sem_init(&letter->done, 0, 0) == 0);
    r = put(mailbox, letter);
    while (r == 0 && sem_wait(&letter->done) < 0)
        check(errno == EINTR);
    sem_destroy(&letter->done);
    return r;
}

int mailbox_run(struct mailbox *mailbox, void (*run)(void *argument), void *argument)
{
    struct letter letter = {.run = run, .argument = argument};

    return put_and_wait(mailbox, &letter);
}

int mailbox_walk(struct mailbox *mailbox, bool (*step)(void *argument), void *argument)
{
    struct letter letter = {.step = step, .argument = argument};

    return put_and_wait(mailbox, &letter);
}

int mailbox_post(struct mailbox *mailbox, void (*run)(void *argument), void *argument)
{
    struct letter *letter = malloc(sizeof *letter);
    int r;

    if (!letter)
        return -ENOMEM;
    *letter = (struct letter){.run = run, .argument = argument};
    r = put(mailbox, letter);
    if (r)
        free(letter);
    return r;
}

void mailbox_close(struct mailbox *mailbox)
{
    struct list letters;

    pthread_mutex_lock(&mailbox->lock);
    mailbox->is_closed = true;
    pthread_mutex_unlock(&mailbox->lock);
    take_letters(mailbox, &letters);
    run_letters(&letters, UINT64_MAX);
}
