/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a hub remembers over a restart: who it is, its bridges, passwords of channels, users, tokens,
 * sessions, what was done
 *
 * Used by the program at start (with or without a management plane) and by the threads of the management
 * plane afterwards; never by the loop's thread while it runs. Any thread: a lock of its own is held during
 * each function and during no callback. All secrets are sealed (seal.h); SQLite lies in
 * <data-dir>/commhub.db.
 *
 * A write that fails changes nothing and says why in a sentence: -ENOSPC (disk full), -EROFS, -EIO, -ENOMEM.
 */
#ifndef COMMHUB_MGMT_STORE_STORE_H
#define COMMHUB_MGMT_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/base/buffer.h"
#include "hub/base/cleanup.h"

struct store;

#define STORE_WHY_SIZE 1024

enum { STORE_E_UNKNOWN = 1 };

/*
 * Opens the data directory, makes it on the first start, and counts up the incarnation. 0, or a negative
 * errno and a sentence for people: -EBUSY (another hub holds it), -EPROTO (a newer program's schema),
 * -EBADMSG (damaged, or another master key), ...
 */
int store_open(struct store **out_store, const char *data_dir, char out_why[STORE_WHY_SIZE]);

/* The same, but makes nothing: -ENOENT where there is no store yet. */
int store_open_existing(struct store **out_store, const char *data_dir, char out_why[STORE_WHY_SIZE]);
void store_close(struct store *store);

DEFINE_CLEANUP(struct store *, store_close)

struct store_identity {
    char hub_id[33];      /* 128 random bits in hex, made once */
    char server_id[64];   /* "srv-" and 8 hex digits, made once; for hubs that were given no other */
    uint64_t incarnation; /* how often the store was opened, this time included */
};

/* Constant while the store is open. */
const struct store_identity *store_identity(const struct store *store);

/* "HUB_ID.INCARNATION": to what start of the hub the numbers of the log's records belong. */
#define STORE_EPOCH_SIZE 64
void store_epoch(const struct store *store, uint64_t incarnation, char out_epoch[STORE_EPOCH_SIZE]);

/* path/name in the data directory for the caller to free(); NULL: out of memory. */
char *store_path(const struct store *store, const char *name);

/*
 * Runs @run, which writes with the functions of the store, as one transaction: what it has written is there
 * if it answers 0 or more, and nothing of it else. Its answer, or the commit's fault with a sentence.
 */
int store_batch(struct store *store, int (*run)(struct store *store, void *context, char *out_why),
                void *context, char out_why[STORE_WHY_SIZE]);

#endif
