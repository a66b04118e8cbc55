/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A job belongs to the loop's thread, but for the time from the start of its thread to the letter that brings
 * it back; the thread touches the job alone. So there is no lock.
 */
#include "federation/channel_keys.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "hub/base/check.h"
#include "hub/base/metrics.h"

#define ROUNDS 100000
#define SALT "commhub channel proof"
/* Until there is memory for a letter. */
#define POST_AGAIN_MS 100

struct job {
    struct list in_keys;
    struct channel_keys *keys; /* NULL: nobody waits for it any more */
    struct mailbox *mailbox;
    bool is_posted;
    uint8_t secret[MESH_SECRET_BYTES];
    uint8_t key[MESH_SECRET_BYTES];
    bool has_key;
    size_t channel_len;
    uint8_t channel[];
};

struct channel_keys {
    struct mailbox *mailbox;
    void (*on_key)(void *context, struct bytes channel, const uint8_t *secret, const uint8_t *key);
    void *context;
    struct list waiting;
    struct job *running;
    pthread_t thread; /* of the running one */
};

static void job_free(struct job *job)
{
    explicit_bzero(job, sizeof *job);
    free(job);
}

static void on_stretched(void *argument);

static void *stretch(void *argument)
{
    struct job *job = argument;
    struct timespec pause = {.tv_nsec = POST_AGAIN_MS * 1000000L};
    int r;

    job->has_key =
        PKCS5_PBKDF2_HMAC((const char *)job->secret, sizeof job->secret, (const unsigned char *)SALT,
                          sizeof SALT - 1, ROUNDS, EVP_sha256(), sizeof job->key, job->key) == 1;
    /* Set before: once posted, the job is the loop's. */
    job->is_posted = true;
    while ((r = mailbox_post(job->mailbox, on_stretched, job)) == -ENOMEM)
        nanosleep(&pause, NULL);
    if (r != 0)
        job->is_posted = false;
    return NULL;
}

static int start_thread(struct channel_keys *keys)
{
    sigset_t all;
    sigset_t before;
    int error;

    /* Signals are for the threads that expect them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&keys->thread, NULL, stretch, keys->running);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static void run_next(struct channel_keys *keys)
{
    while (!keys->running && !list_is_empty(&keys->waiting)) {
        keys->running = list_first_entry(&keys->waiting, struct job, in_keys);
        list_unlink(&keys->running->in_keys);
        if (start_thread(keys) == 0)
            return;
        metrics_count(METRICS_OUT_OF_MEMORY);
        job_free(keys->running);
        keys->running = NULL;
    }
}

/* The letter. */
static void on_stretched(void *argument)
{
    struct job *job = argument;
    struct channel_keys *keys = job->keys;

    if (!keys) {
        job_free(job);
        return;
    }
    pthread_join(keys->thread, NULL);
    keys->running = NULL;
    if (job->has_key)
        keys->on_key(keys->context, bytes_of(job->channel, job->channel_len), job->secret, job->key);
    else
        metrics_count(METRICS_OUT_OF_MEMORY);
    job_free(job);
    run_next(keys);
}

int channel_keys_new(struct channel_keys **out_keys, struct mailbox *mailbox,
                     void (*on_key)(void *context, struct bytes channel, const uint8_t *secret,
                                    const uint8_t *key),
                     void *context)
{
    struct channel_keys *keys = calloc(1, sizeof *keys);

    if (!keys)
        return -ENOMEM;
    keys->mailbox = mailbox;
    keys->on_key = on_key;
    keys->context = context;
    list_init(&keys->waiting);
    *out_keys = keys;
    return 0;
}

void channel_keys_free(struct channel_keys *keys)
{
    if (!keys)
        return;
    while (!list_is_empty(&keys->waiting)) {
        struct job *job = list_first_entry(&keys->waiting, struct job, in_keys);

        list_unlink(&job->in_keys);
        job_free(job);
    }
    if (keys->running) {
        pthread_join(keys->thread, NULL);
        /* The letter may be on its way still. */
        keys->running->keys = NULL;
        if (!keys->running->is_posted)
            job_free(keys->running);
    }
    free(keys);
}

void channel_keys_ask(struct channel_keys *keys, struct bytes channel,
                      const uint8_t secret[MESH_SECRET_BYTES])
{
    struct job *job = calloc(1, sizeof *job + channel.len);

    if (!job) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        return;
    }
    list_init(&job->in_keys);
    job->keys = keys;
    job->mailbox = keys->mailbox;
    memcpy(job->secret, secret, sizeof job->secret);
    job->channel_len = channel.len;
    memcpy(job->channel, channel.ptr, channel.len);
    list_append(&keys->waiting, &job->in_keys);
    run_next(keys);
}
