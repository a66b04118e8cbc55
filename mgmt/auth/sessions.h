/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Signed-in users
 *
 * A session is known by a random word in a cookie; only SHA-256 of it is kept, in the store and here. It
 * ends when nothing was asked with it for SESSIONS_IDLE_MS, in any case after SESSIONS_MOST_MS, when somebody
 * ends it, and when its user is changed or removed. Any thread.
 */
#ifndef COMMHUB_MGMT_AUTH_SESSIONS_H
#define COMMHUB_MGMT_AUTH_SESSIONS_H

#include "hub/base/bytes.h"
#include "hub/base/cleanup.h"
#include "mgmt/auth/principal.h"
#include "mgmt/store/store_session.h"
#include "mgmt/store/store_user.h"

struct sessions;

#define SESSIONS_WHY_SIZE STORE_WHY_SIZE
#define SESSIONS_IDLE_MS ((uint64_t)30 * 60 * 1000)
#define SESSIONS_MOST_MS ((uint64_t)12 * 60 * 60 * 1000)
#define SESSIONS_MOST 1000
#define SESSIONS_MOST_OF_USER 32 /* with one more, his oldest ends */
#define SESSIONS_WORD_SIZE 33    /* 32 of 62 characters, 190 bits */

/* 0, or a negative errno and a sentence. */
int sessions_new(struct sessions **out_sessions, struct store *store, char out_why[SESSIONS_WHY_SIZE]);
void sessions_free(struct sessions *sessions);

DEFINE_CLEANUP(struct sessions *, sessions_free)

enum { SESSIONS_E_FULL = 1 };

/*
 * Begins a session: 0 and the word for the cookie, which is nowhere else; SESSIONS_E_FULL; or a negative
 * errno and a sentence. @session gets all that is known of it; address and agent are the caller's to fill in
 * before.
 */
int sessions_begin(struct sessions *sessions, const struct store_user *user, struct store_session *session,
                   char out_word[SESSIONS_WORD_SIZE], uint64_t now_ms, char out_why[SESSIONS_WHY_SIZE]);

/* Whose session it is, which is in use thereby; false: nobody's, or it is over. */
bool sessions_find(struct sessions *sessions, struct bytes word, uint64_t now_ms, struct principal *out_by);

/* Those that are not over at @now_ms, oldest first: 0 and rows for the caller to free(), or -ENOMEM. */
int sessions_list(struct sessions *sessions, uint64_t now_ms, struct store_sessions *out_sessions);

enum { SESSIONS_E_UNKNOWN = 1 };

/* 0, SESSIONS_E_UNKNOWN, or a negative errno and a sentence. */
int sessions_end(struct sessions *sessions, int64_t serial, char out_why[SESSIONS_WHY_SIZE]);

/* Forgets the sessions of a user, which the store has ended. */
void sessions_forget_user(struct sessions *sessions, int64_t user_serial);

#endif
