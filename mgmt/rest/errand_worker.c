/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/errand_worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/list.h"
#include "mgmt/rest/errand_form.h"
#include "mgmt/rest/problem.h"

struct errand {
    struct list in_queue;
    struct errand_worker *worker;
    char from[33];
    bool may_write;
    uint64_t serial;
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
    bool is_ending;
};

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
    list_init(&copy->in_queue);
    pthread_mutex_lock(&worker->mutex);
    if (worker->n_queued < ERRAND_WORKER_MOST && !worker->is_ending) {
        list_append(&worker->queue, &copy->in_queue);
        worker->n_queued++;
        copy = NULL;
        pthread_cond_signal(&worker->has_news);
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

static void carry_out(struct errand *errand)
{
    struct rest *rest = errand->worker->rest;
    struct request request;
    struct reply reply = {0};
    json_t *root = NULL;

    if (errand_form_read_request(bytes_of(errand->body, errand->n_bytes), &root, &request)) {
        restrict_asker(errand, &request);
        rest_carry_out(rest, &request, &reply);
    } else {
        problem_reply(&reply, &request, 400, "The request of the other hub cannot be read.");
    }
    errand->answer = errand_form_write_answer(&reply);
    request_clear(&request);
    json_decref(root);
    reply_clear(&reply);
    if (errand->answer)
        (void)mailbox_run(rest->options.mailbox, send_answer, errand);
    free(errand->answer);
}

/* NULL: it is over. */
static struct errand *next(struct errand_worker *worker)
{
    struct errand *errand = NULL;

    pthread_mutex_lock(&worker->mutex);
    while (list_is_empty(&worker->queue) && !worker->is_ending)
        pthread_cond_wait(&worker->has_news, &worker->mutex);
    if (!worker->is_ending) {
        errand = list_first_entry(&worker->queue, struct errand, in_queue);
        list_unlink(&errand->in_queue);
        worker->n_queued--;
    }
    pthread_mutex_unlock(&worker->mutex);
    return errand;
}

static void *run(void *argument)
{
    struct errand *errand;

    while ((errand = next(argument))) {
        carry_out(errand);
        free(errand);
    }
    return NULL;
}

/* ---- making and unmaking ---- */

int errand_worker_new(struct errand_worker **out_worker, struct rest *rest)
{
    struct errand_worker *worker = calloc(1, sizeof *worker);
    int r;

    if (!worker)
        return -ENOMEM;
    worker->rest = rest;
    list_init(&worker->queue);
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
    while (!list_is_empty(&worker->queue)) {
        struct errand *errand = list_first_entry(&worker->queue, struct errand, in_queue);

        list_unlink(&errand->in_queue);
        free(errand);
    }
    pthread_cond_destroy(&worker->has_news);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
}
