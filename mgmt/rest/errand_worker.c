/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/errand_worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/list.h"
#include "mgmt/http/later.h"
#include "mgmt/rest/errand_form.h"
#include "mgmt/rest/problem.h"

struct errand {
    struct list in_list; /* the worker's queue, or those that sleep */
    struct errand_worker *worker;
    char from[33];
    bool may_write;
    uint64_t serial;
    struct later *later; /* the answer is still to come */
    json_t *root;        /* that the request borrows from */
    struct request request;
    struct reply reply;
    char *answer;
    size_t n_bytes;
    uint8_t body[];
};

struct errand_worker {
    struct rest *rest;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex;
    pthread_cond_t has_news;
    struct list queue;
    size_t n_queued;
    struct list asleep; /* their answers are awaited */
    bool is_ending;
};

/* Under the mutex. */
static void enqueue(struct errand *errand)
{
    struct errand_worker *worker = errand->worker;

    list_append(&worker->queue, &errand->in_list);
    worker->n_queued++;
    pthread_cond_signal(&worker->has_news);
}

/* ---- on the loop's thread ---- */

static void take_in(void *context, const struct federation_errand *errand)
{
    struct errand_worker *worker = context;
    struct errand *copy = malloc(sizeof *copy + errand->body.len);

    if (!copy)
        return;
    *copy = (struct errand){.worker = worker, .may_write = errand->may_write, .serial = errand->serial};
    memcpy(copy->from, errand->from, sizeof copy->from);
    copy->n_bytes = errand->body.len;
    if (errand->body.len > 0)
        memcpy(copy->body, errand->body.ptr, errand->body.len);
    list_init(&copy->in_list);
    pthread_mutex_lock(&worker->mutex);
    if (worker->n_queued < ERRAND_WORKER_MOST && !worker->is_ending) {
        enqueue(copy);
        copy = NULL;
    }
    pthread_mutex_unlock(&worker->mutex);
    /* One too many: its asker hears in 10 s that there was no answer, and may ask again. */
    free(copy);
}

static void send_answer(void *argument)
{
    struct errand *errand = argument;

    (void)federation_control_answer(errand->worker->rest->options.federation, errand->from, errand->serial,
                                    bytes_of_text(errand->answer));
}

static void start_serving(void *argument)
{
    struct errand_worker *worker = argument;

    federation_control_serve_errands(worker->rest->options.federation, take_in, worker);
}

static void stop_serving(void *argument)
{
    struct errand_worker *worker = argument;

    federation_control_serve_errands(worker->rest->options.federation, NULL, NULL);
}

/* ---- on the worker's thread ---- */

static void restrict_asker(const struct errand *errand, struct request *request)
{
    struct principal *by = &request->by;
    enum role most = errand->may_write ? ROLE_OPERATOR : ROLE_VIEWER;
    char name[PRINCIPAL_NAME_SIZE];

    memcpy(name, by->name, sizeof name);
    by->kind = PRINCIPAL_REMOTE;
    by->scopes = SCOPE_HUB | SCOPE_CLIENTS | SCOPE_CHANNELS | SCOPE_MESH;
    if (by->role > most)
        by->role = most;
    snprintf(by->name, sizeof by->name, "mesh:%s:%.200s", errand->from, name);
    snprintf(request->peer, sizeof request->peer, "mesh:%s", errand->from);
}

/* Both of later_attach(). The second on any thread; its lock keeps the errand from being freed meanwhile. */
static void put_to_sleep(void *context)
{
    struct errand *errand = context;

    pthread_mutex_lock(&errand->worker->mutex);
    list_append(&errand->worker->asleep, &errand->in_list);
    pthread_mutex_unlock(&errand->worker->mutex);
}

static void wake_up(void *context)
{
    struct errand *errand = context;
    struct errand_worker *worker = errand->worker;

    pthread_mutex_lock(&worker->mutex);
    list_unlink(&errand->in_list);
    enqueue(errand);
    pthread_mutex_unlock(&worker->mutex);
}

static void begin(struct errand *errand)
{
    struct request *request = &errand->request;
    struct reply *reply = &errand->reply;

    if (errand_form_read_request(bytes_of(errand->body, errand->n_bytes), &errand->root, request)) {
        restrict_asker(errand, request);
        rest_carry_out(errand->worker->rest, request, reply);
    } else {
        problem_reply(reply, request, 400, "The request of the other hub cannot be read.");
    }
    errand->later = reply->later;
    reply->later = NULL;
    if (errand->later)
        later_attach(errand->later, errand, put_to_sleep, wake_up);
}

/* False: it sleeps until a wake puts it into the queue again. */
static bool has_answer(struct errand *errand)
{
    struct later *later = errand->later;

    while (later && !later_source_of(later)->fill(later_state(later), &errand->request, &errand->reply)) {
        if (later_sleep(later))
            return false;
    }
    return true;
}

static void answer(struct errand *errand)
{
    if (errand->reply.is_streamed) {
        reply_clear(&errand->reply);
        problem_reply(&errand->reply, &errand->request, 403, "What goes on for ever is not for other hubs.");
    }
    errand->answer = errand_form_write_answer(&errand->reply);
    if (errand->answer)
        (void)mailbox_run(errand->worker->rest->options.mailbox, send_answer, errand);
}

/* Once the later is ended nobody wakes it any more; it may have been until then. */
static void errand_free(struct errand *errand)
{
    later_end(errand->later);
    pthread_mutex_lock(&errand->worker->mutex);
    list_unlink(&errand->in_list);
    pthread_mutex_unlock(&errand->worker->mutex);
    request_clear(&errand->request);
    json_decref(errand->root);
    reply_clear(&errand->reply);
    free(errand->answer);
    free(errand);
}

/* NULL: it is over. */
static struct errand *next(struct errand_worker *worker)
{
    struct errand *errand = NULL;

    pthread_mutex_lock(&worker->mutex);
    while (list_is_empty(&worker->queue) && !worker->is_ending)
        pthread_cond_wait(&worker->has_news, &worker->mutex);
    if (!worker->is_ending) {
        errand = list_first_entry(&worker->queue, struct errand, in_list);
        list_unlink(&errand->in_list);
        worker->n_queued--;
    }
    pthread_mutex_unlock(&worker->mutex);
    return errand;
}

static void *run(void *argument)
{
    struct errand *errand;

    while ((errand = next(argument))) {
        if (!errand->later)
            begin(errand);
        if (has_answer(errand)) {
            answer(errand);
            errand_free(errand);
        }
    }
    return NULL;
}

/* ---- making and unmaking ---- */

/* What sleeps may be woken meanwhile, into the queue. */
static void free_all(struct errand_worker *worker)
{
    for (;;) {
        struct errand *errand = NULL;

        pthread_mutex_lock(&worker->mutex);
        if (!list_is_empty(&worker->asleep))
            errand = list_first_entry(&worker->asleep, struct errand, in_list);
        else if (!list_is_empty(&worker->queue))
            errand = list_first_entry(&worker->queue, struct errand, in_list);
        pthread_mutex_unlock(&worker->mutex);
        if (!errand)
            return;
        errand_free(errand);
    }
}

int errand_worker_new(struct errand_worker **out_worker, struct rest *rest)
{
    struct errand_worker *worker = calloc(1, sizeof *worker);
    int r;

    if (!worker)
        return -ENOMEM;
    worker->rest = rest;
    list_init(&worker->queue);
    list_init(&worker->asleep);
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->has_news, NULL);
    r = pthread_create(&worker->thread, NULL, run, worker);
    if (r != 0) {
        errand_worker_free(worker);
        return -r;
    }
    worker->has_thread = true;
    r = mailbox_post(rest->options.mailbox, start_serving, worker);
    if (r != 0) {
        errand_worker_free(worker);
        return r < 0 ? r : -ECANCELED;
    }
    *out_worker = worker;
    return 0;
}

void errand_worker_free(struct errand_worker *worker)
{
    if (!worker)
        return;
    if (worker->has_thread) {
        (void)mailbox_run(worker->rest->options.mailbox, stop_serving, worker);
        pthread_mutex_lock(&worker->mutex);
        worker->is_ending = true;
        pthread_cond_signal(&worker->has_news);
        pthread_mutex_unlock(&worker->mutex);
        pthread_join(worker->thread, NULL);
    }
    free_all(worker);
    pthread_cond_destroy(&worker->has_news);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
}
