/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The table is small and searched from end to end, comparing every hash in constant time. A session begins
 * under the lock, so that store and table agree on who had to make room; otherwise the store is asked with
 * the lock released, and a row that is left over there is taken out when its time is over.
 */
#include "mgmt/auth/sessions.h"

#include <errno.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/random.h"

#define WRITE_SEEN_MS ((uint64_t)60 * 1000)

struct sessions {
    struct store *store;
    pthread_mutex_t mutex; /* guards what follows */
    size_t n;
    struct store_session rows[SESSIONS_MOST];
    uint64_t written_ms[SESSIONS_MOST]; /* seen_ms as the store has it */
};

static void hash(struct bytes word, uint8_t out_sha256[STORE_SESSION_BYTES])
{
    SHA256(word.ptr, word.len, out_sha256);
}

static bool is_over(const struct store_session *row, uint64_t now_ms)
{
    return now_ms >= row->created_ms + SESSIONS_MOST_MS || now_ms >= row->seen_ms + SESSIONS_IDLE_MS;
}

static void drop(struct sessions *sessions, size_t i)
{
    size_t after = sessions->n - i - 1;

    memmove(&sessions->rows[i], &sessions->rows[i + 1], after * sizeof sessions->rows[0]);
    memmove(&sessions->written_ms[i], &sessions->written_ms[i + 1], after * sizeof sessions->written_ms[0]);
    sessions->n--;
}

static void append(struct sessions *sessions, const struct store_session *row)
{
    sessions->written_ms[sessions->n] = row->seen_ms;
    sessions->rows[sessions->n++] = *row;
}

int sessions_new(struct sessions **out_sessions, struct store *store, char out_why[SESSIONS_WHY_SIZE])
{
    cleanup_(sessions_freep) struct sessions *sessions = calloc(1, sizeof *sessions);
    struct store_sessions stored;
    int r;

    if (!sessions) {
        snprintf(out_why, SESSIONS_WHY_SIZE, "out of memory");
        return -ENOMEM;
    }
    sessions->store = store;
    pthread_mutex_init(&sessions->mutex, NULL);
    r = store_session_list(store, SESSIONS_MOST, &stored, out_why);
    if (r < 0)
        return r;
    for (size_t i = 0; i < stored.n; i++)
        append(sessions, &stored.rows[i]);
    free(stored.rows);
    *out_sessions = take(sessions);
    return 0;
}

void sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return;
    pthread_mutex_destroy(&sessions->mutex);
    free(sessions);
}

/* Whether the session must make room for a new one of the user: it is over, or the oldest where he has many.
 */
static bool is_superfluous(const struct sessions *sessions, size_t i, int64_t user_serial, uint64_t now_ms)
{
    size_t n_younger = 0;

    if (is_over(&sessions->rows[i], now_ms))
        return true;
    if (sessions->rows[i].user_serial != user_serial)
        return false;
    for (size_t k = i + 1; k < sessions->n; k++)
        n_younger += sessions->rows[k].user_serial == user_serial && !is_over(&sessions->rows[k], now_ms);
    return n_younger + 1 >= SESSIONS_MOST_OF_USER;
}

struct beginning {
    struct sessions *sessions;
    struct store_session *session;
    size_t n_left;
    size_t left[SESSIONS_MOST]; /* places of those that stay */
};

static int store_beginning(struct store *store, void *context, char *out_why)
{
    struct beginning *beginning = context;
    struct sessions *sessions = beginning->sessions;
    struct store_session *session = beginning->session;
    int r = 0;

    beginning->n_left = 0;
    for (size_t i = 0; r == 0 && i < sessions->n; i++) {
        if (is_superfluous(sessions, i, session->user_serial, session->created_ms))
            r = store_session_remove(store, sessions->rows[i].serial, out_why);
        else
            beginning->left[beginning->n_left++] = i;
    }
    if (r == 0 && beginning->n_left == SESSIONS_MOST)
        return SESSIONS_E_FULL;
    return r < 0 ? r : store_session_add(store, session, out_why);
}

static void keep(struct sessions *sessions, const struct beginning *beginning)
{
    for (size_t i = 0; i < beginning->n_left; i++) {
        sessions->rows[i] = sessions->rows[beginning->left[i]];
        sessions->written_ms[i] = sessions->written_ms[beginning->left[i]];
    }
    sessions->n = beginning->n_left;
}

int sessions_begin(struct sessions *sessions, const struct store_user *user, struct store_session *session,
                   char out_word[SESSIONS_WORD_SIZE], uint64_t now_ms, char out_why[SESSIONS_WHY_SIZE])
{
    struct beginning beginning = {.sessions = sessions, .session = session};
    int r;

    random_alphanumeric(out_word, SESSIONS_WORD_SIZE - 1);
    hash(bytes_of_text(out_word), session->sha256);
    session->user_serial = user->serial;
    session->role = user->role;
    session->created_ms = session->seen_ms = now_ms;
    snprintf(session->user, sizeof session->user, "%s", user->name);
    pthread_mutex_lock(&sessions->mutex);
    r = store_batch(sessions->store, store_beginning, &beginning, out_why);
    if (r == 0) {
        keep(sessions, &beginning);
        append(sessions, session);
    }
    pthread_mutex_unlock(&sessions->mutex);
    return r;
}

static void name_principal(const struct store_session *row, struct principal *out_by)
{
    *out_by = (struct principal){PRINCIPAL_SESSION, row->role, SCOPE_ALL, row->serial, ""};
    snprintf(out_by->name, sizeof out_by->name, "%s", row->user);
}

/* The row of that hash, or n. */
static size_t place_of(const struct sessions *sessions, const uint8_t sha256[STORE_SESSION_BYTES])
{
    size_t found = sessions->n;

    for (size_t i = 0; i < sessions->n; i++) {
        if (bytes_equal_secret(bytes_of(sha256, STORE_SESSION_BYTES),
                               bytes_of(sessions->rows[i].sha256, STORE_SESSION_BYTES)))
            found = i;
    }
    return found;
}

bool sessions_find(struct sessions *sessions, struct bytes word, uint64_t now_ms, struct principal *out_by)
{
    uint8_t sha256[STORE_SESSION_BYTES];
    char why[SESSIONS_WHY_SIZE];
    bool is_found, must_write = false;
    size_t i;

    hash(word, sha256);
    pthread_mutex_lock(&sessions->mutex);
    i = place_of(sessions, sha256);
    is_found = i < sessions->n && !is_over(&sessions->rows[i], now_ms);
    if (is_found) {
        sessions->rows[i].seen_ms = now_ms;
        must_write = now_ms >= sessions->written_ms[i] + WRITE_SEEN_MS;
        if (must_write)
            sessions->written_ms[i] = now_ms;
        name_principal(&sessions->rows[i], out_by);
    }
    pthread_mutex_unlock(&sessions->mutex);
    /* Where this fails the session may end a little early after a restart, no more. */
    if (must_write)
        store_session_set_seen(sessions->store, out_by->serial, now_ms, why);
    return is_found;
}

int sessions_list(struct sessions *sessions, uint64_t now_ms, struct store_sessions *out_sessions)
{
    int r = 0;

    *out_sessions = (struct store_sessions){0};
    pthread_mutex_lock(&sessions->mutex);
    out_sessions->rows = calloc(sessions->n + 1, sizeof *out_sessions->rows);
    if (!out_sessions->rows)
        r = -ENOMEM;
    for (size_t i = 0; r == 0 && i < sessions->n; i++) {
        if (!is_over(&sessions->rows[i], now_ms))
            out_sessions->rows[out_sessions->n++] = sessions->rows[i];
    }
    pthread_mutex_unlock(&sessions->mutex);
    return r;
}

int sessions_end(struct sessions *sessions, int64_t serial, char out_why[SESSIONS_WHY_SIZE])
{
    int r = store_session_remove(sessions->store, serial, out_why);

    if (r < 0)
        return r;
    r = SESSIONS_E_UNKNOWN;
    pthread_mutex_lock(&sessions->mutex);
    for (size_t i = 0; r && i < sessions->n; i++) {
        if (sessions->rows[i].serial == serial) {
            drop(sessions, i);
            r = 0;
        }
    }
    pthread_mutex_unlock(&sessions->mutex);
    return r;
}

void sessions_forget_user(struct sessions *sessions, int64_t user_serial)
{
    pthread_mutex_lock(&sessions->mutex);
    for (size_t i = sessions->n; i > 0; i--) {
        if (sessions->rows[i - 1].user_serial == user_serial)
            drop(sessions, i - 1);
    }
    pthread_mutex_unlock(&sessions->mutex);
}
