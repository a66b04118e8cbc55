/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Stored sessions of users
 *
 * Any thread; writes as store.h says.
 */
#ifndef COMMHUB_MGMT_STORE_STORE_SESSION_H
#define COMMHUB_MGMT_STORE_STORE_SESSION_H

#include "hub/base/name.h"
#include "mgmt/auth/role.h"
#include "mgmt/store/store.h"

#define STORE_SESSION_BYTES 32 /* a SHA-256 */
#define STORE_SESSION_ADDRESS_SIZE 64
#define STORE_SESSION_AGENT_SIZE 160

struct store_session {
    int64_t serial;
    int64_t user_serial;
    char user[NAME_MAX_BYTES + 1];
    enum role role; /* the user's; a change of it ends his sessions */
    uint8_t sha256[STORE_SESSION_BYTES];
    uint64_t created_ms; /* wall clock, as seen_ms */
    uint64_t seen_ms;
    char address[STORE_SESSION_ADDRESS_SIZE];
    char agent[STORE_SESSION_AGENT_SIZE]; /* what the browser calls itself; may be cut */
};

struct store_sessions {
    struct store_session *rows; /* for the caller to free() */
    size_t n;
};

/* At most @most of them, in the order of making. 0 or a negative errno. */
int store_session_list(struct store *store, size_t most, struct store_sessions *out_sessions,
                       char out_why[STORE_WHY_SIZE]);

/* A new row; its serial is set. 0 or a negative errno. */
int store_session_add(struct store *store, struct store_session *session, char out_why[STORE_WHY_SIZE]);

/* 0 (also where there is none) or a negative errno. */
int store_session_remove(struct store *store, int64_t serial, char out_why[STORE_WHY_SIZE]);
int store_session_set_seen(struct store *store, int64_t serial, uint64_t seen_ms,
                           char out_why[STORE_WHY_SIZE]);

#endif
