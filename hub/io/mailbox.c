/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/io/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hub/base/check.h"

struct letter {
    struct list link;
    void (*run)(void *argument);
    void *argument;
    bool is_awaited; /* on the stack of a thread in mailbox_run(), which waits for is_done */
    bool is_done;
};

struct mailbox {
    struct loop *loop;
    struct loop_source source;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t some_done;
    struct list letters;
    bool is_closed;
};

/* One after the other, the lock only between them: a letter may post another. */
static void run_letters(struct mailbox *mailbox, struct list *letters)
{
    while (!list_is_empty(letters)) {
        struct letter *letter = list_first_entry(letters, struct letter, link);

        list_unlink(&letter->link);
        letter->run(letter->argument);
        if (!letter->is_awaited) {
            free(letter);
            continue;
        }
        pthread_mutex_lock(&mailbox->lock);
        letter->is_done = true;
        pthread_cond_broadcast(&mailbox->some_done);
        pthread_mutex_unlock(&mailbox->lock);
    }
}

static void take_letters(struct mailbox *mailbox, struct list *out_letters)
{
    list_init(out_letters);
    pthread_mutex_lock(&mailbox->lock);
    if (!list_is_empty(&mailbox->letters)) {
        list_prepend(&mailbox->letters, out_letters);
        list_unlink(&mailbox->letters);
    }
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
    run_letters(mailbox, &letters);
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
    check(pthread_cond_init(&mailbox->some_done, NULL) == 0);
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
    pthread_cond_destroy(&mailbox->some_done);
    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}

/* With the lock held. */
static void put(struct mailbox *mailbox, struct letter *letter)
{
    uint64_t one = 1;

    /* A letter that is there already has woken the loop. */
    if (list_is_empty(&mailbox->letters) && write(mailbox->source.fd, &one, sizeof one) < 0)
        check(errno == EAGAIN);
    list_append(&mailbox->letters, &letter->link);
}

int mailbox_run(struct mailbox *mailbox, void (*run)(void *argument), void *argument)
{
    struct letter letter = {.run = run, .argument = argument, .is_awaited = true};
    int r = 0;

    list_init(&letter.link);
    pthread_mutex_lock(&mailbox->lock);
    if (mailbox->is_closed) {
        r = MAILBOX_E_CLOSED;
    } else {
        put(mailbox, &letter);
        while (!letter.is_done)
            pthread_cond_wait(&mailbox->some_done, &mailbox->lock);
    }
    pthread_mutex_unlock(&mailbox->lock);
    return r;
}

int mailbox_post(struct mailbox *mailbox, void (*run)(void *argument), void *argument)
{
    struct letter *letter = malloc(sizeof *letter);
    int r = 0;

    if (!letter)
        return -ENOMEM;
    *letter = (struct letter){.run = run, .argument = argument};
    list_init(&letter->link);
    pthread_mutex_lock(&mailbox->lock);
    if (mailbox->is_closed)
        r = MAILBOX_E_CLOSED;
    else
        put(mailbox, letter);
    pthread_mutex_unlock(&mailbox->lock);
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
    run_letters(mailbox, &letters);
}
