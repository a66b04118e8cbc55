/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The store as its own files see it
 */
#ifndef COMMHUB_MGMT_STORE_STORE_INSIDE_H
#define COMMHUB_MGMT_STORE_STORE_INSIDE_H

#include <pthread.h>

#include "mgmt/auth/role.h"
#include "mgmt/store/db.h"
#include "mgmt/store/seal.h"
#include "mgmt/store/store.h"

#define STORE_FILE_NAME "commhub.db"

struct store {
    pthread_mutex_t mutex; /* guards what follows; recursive, for batches */
    struct db *db;
    unsigned n_begun;  /* writes within writes: see store_batch() */
    uint64_t begun_us; /* the outermost of them */
    struct seal_key key;
    struct store_identity identity;
    struct store_watch *watch; /* NULL: nobody wants to know of faults */
    char *data_dir;
    int lock_fd;
};

/* Says what the database did not do, and passes @r on. */
int store_fault(struct store *store, int r, char out_why[STORE_WHY_SIZE]);

/* What reads: waits for the store; and gives it back, with a sentence where @r is a fault. Answers @r. */
void store_lock(struct store *store);
int store_unlock(struct store *store, int r, char out_why[STORE_WHY_SIZE]);

/*
 * What writes: waits for the store and begins a transaction, or goes on with the one that a batch has begun;
 * with -errno nothing is to be written. Then, in any case, the end: commits if @r is 0 or more, else takes
 * all back, and gives the store back. Where @r is 0 the audit row that the thread has staged is committed
 * along. Answers @r or the commit's fault, with a sentence where it is one.
 */
int store_begin(struct store *store);
int store_end(struct store *store, int r, char out_why[STORE_WHY_SIZE]);

/* Begins a fault where the errno is one of the disk; the store's lock is held. */
void store_watch_note(struct store_watch *watch, int error);

/* Appends the audit row that the calling thread has staged, if any, which it is no longer then. */
int store_audit_append_staged(struct store *store);

#define STORE_KEY_FILE "master.key"
#define STORE_FRESH_KEY_FILE "master.key.new" /* while the key is being changed */

/* Single facts of the table meta. get: 0, STORE_E_UNKNOWN or a negative errno. */
int store_meta_get(struct store *store, const char *name, struct buffer *out_value);
int store_meta_set(struct store *store, const char *name, struct bytes value);

/* Whether the service manager brings the master key. */
bool store_key_is_credential(void);

/* Loads the master key and proves that it is the right one; makes one where @may_make and none was there yet.
 */
int store_key_load(struct store *store, bool may_make, char out_why[STORE_WHY_SIZE]);

/* Stores the text by which @key is known to be the right one. */
int store_key_make_check(struct store *store, const struct seal_key *key);

/* Reads a sealed column: appends the secret and answers 0, or -EBADMSG or -ENOMEM. */
int store_unseal(struct store *store, const char *purpose, struct bytes sealed, struct buffer *out_secret,
                 char out_why[STORE_WHY_SIZE]);

/* "bridge:west" for the caller to free(); NULL: out of memory. */
char *store_purpose(const char *kind, struct bytes name);

/* A column into a place of fixed size, closed by a zero; what is longer is cut. */
void store_copy_text(char *out_text, size_t size, struct bytes text);

/* ROLE_NONE for what is no role's name. */
enum role store_role(struct bytes name);

/* A page of rows of one size. */
struct store_page {
    void *rows; /* for the caller to free() */
    size_t n;
    bool has_more;
};

/*
 * Runs "SELECT ... > ?1 ... LIMIT ?2" and reads at most @limit rows of @row_size bytes by @read. 0 or a
 * negative errno and a sentence, and then there are no rows.
 */
int store_read_page(struct store *store, const char *sql, int64_t after, size_t limit, size_t row_size,
                    void (*read)(struct db_statement *statement, void *row), struct store_page *out_page,
                    char out_why[STORE_WHY_SIZE]);

/* Runs "SELECT ... = ?1" and reads the one row by @read: 0, STORE_E_UNKNOWN, or a negative errno and a
 * sentence. */
int store_find_named(struct store *store, const char *sql, struct bytes name,
                     void (*read)(struct db_statement *statement, void *row), void *out_row,
                     char out_why[STORE_WHY_SIZE]);

/* Runs "DELETE ... = ?1": 0, STORE_E_UNKNOWN where there was nothing, or a negative errno and a sentence. */
int store_remove_named(struct store *store, const char *sql, struct bytes name, char out_why[STORE_WHY_SIZE]);

/* Runs "SELECT count(*) ...", whose ?1, if it has one, is @name. 0, or a negative errno and a sentence. */
int store_count(struct store *store, const char *sql, struct bytes name, uint64_t *out_n,
                char out_why[STORE_WHY_SIZE]);

#endif
