/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Opening the store, and what its tables share; their rows are in store_*.c
 *
 * Order at start: lock the directory, open and migrate the database, load the master key (store_key.c), then
 * identity.
 */
#include "mgmt/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub/base/clock.h"
#include "hub/base/metrics.h"
#include "hub/base/random.h"
#include "hub/base/text.h"
#include "mgmt/store/data_dir.h"
#include "mgmt/store/migrations.h"
#include "mgmt/store/store_inside.h"

int store_fault(struct store *store, int r, char out_why[STORE_WHY_SIZE])
{
    char why[DB_WHY_SIZE];

    if (r >= 0)
        return r;
    if (r == -ENOMEM)
        snprintf(why, sizeof why, "out of memory");
    else
        db_why(store->db, why);
    snprintf(out_why, STORE_WHY_SIZE, "The store was not changed: %s", why);
    return r;
}

void store_lock(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
}

int store_unlock(struct store *store, int r, char out_why[STORE_WHY_SIZE])
{
    store_fault(store, r, out_why);
    pthread_mutex_unlock(&store->mutex);
    return r;
}

int store_begin(struct store *store)
{
    store_lock(store);
    if (store->n_begun == 0)
        store->begun_us = clock_monotonic_us();
    return store->n_begun++ ? 0 : db_run(store->db, "BEGIN IMMEDIATE");
}

static void note_write(const struct store *store, int r)
{
    metrics_note_duration(&metrics_histograms[METRICS_DURATION_STORE_WRITE],
                          clock_monotonic_us() - store->begun_us);
    if (r < 0)
        metrics_count(METRICS_STORE_WRITES_FAILED);
}

/* Of a write within a batch the batch decides. */
int store_end(struct store *store, int r, char out_why[STORE_WHY_SIZE])
{
    bool is_outermost = --store->n_begun == 0;

    if (is_outermost && r == 0)
        r = store_audit_append_staged(store);
    if (is_outermost && r >= 0) {
        int committed = db_run(store->db, "COMMIT");

        r = committed < 0 ? committed : r;
    }
    store_fault(store, r, out_why);
    if (r < 0 && store->watch)
        store_watch_note(store->watch, r);
    if (is_outermost)
        note_write(store, r);
    if (is_outermost)
        db_rollback(store->db); /* does nothing where it was committed, or a fault has done it already */
    pthread_mutex_unlock(&store->mutex);
    return r;
}

int store_batch(struct store *store, int (*run)(struct store *store, void *context, char *out_why),
                void *context, char out_why[STORE_WHY_SIZE])
{
    char why[STORE_WHY_SIZE];
    int begun = store_begin(store);
    int r = begun < 0 ? begun : run(store, context, out_why);

    /* Why it failed @run has said better. */
    return store_end(store, r, begun == 0 && r < 0 ? why : out_why);
}

char *store_purpose(const char *kind, struct bytes name)
{
    char *purpose = NULL;

    return asprintf(&purpose, "%s:%.*s", kind, (int)name.len, (const char *)name.ptr) < 0 ? NULL : purpose;
}

int store_unseal(struct store *store, const char *purpose, struct bytes sealed, struct buffer *out_secret,
                 char out_why[STORE_WHY_SIZE])
{
    int r = seal_open(&store->key, bytes_of_text(purpose), sealed, out_secret);

    if (r == 0)
        return 0;
    if (r < 0) {
        snprintf(out_why, STORE_WHY_SIZE, "out of memory");
        return r;
    }
    snprintf(out_why, STORE_WHY_SIZE, "The stored secret of %s does not open: the store is damaged", purpose);
    return -EBADMSG;
}

void store_copy_text(char *out_text, size_t size, struct bytes text)
{
    size_t len = text.len < size ? text.len : size - 1;

    if (len)
        memcpy(out_text, text.ptr, len);
    out_text[len] = '\0';
}

enum role store_role(struct bytes name)
{
    for (enum role role = ROLE_VIEWER; role <= ROLE_ADMIN; role++) {
        if (bytes_equal_text(name, role_name(role)))
            return role;
    }
    return ROLE_NONE;
}

static int read_page(struct store *store, const char *sql, int64_t after, size_t limit, size_t row_size,
                     void (*read)(struct db_statement *statement, void *row), struct store_page *page)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, sql, &statement);

    page->rows = r == 0 ? calloc(limit, row_size) : NULL;
    if (r == 0 && !page->rows)
        r = -ENOMEM;
    if (r < 0)
        return r;
    db_bind_number(statement, 1, after);
    db_bind_number(statement, 2, (int64_t)limit + 1);
    while ((r = db_step(statement)) == DB_ROW) {
        if (page->n == limit) {
            page->has_more = true;
            return 0;
        }
        read(statement, (char *)page->rows + page->n++ * row_size);
    }
    return r;
}

int store_read_page(struct store *store, const char *sql, int64_t after, size_t limit, size_t row_size,
                    void (*read)(struct db_statement *statement, void *row), struct store_page *out_page,
                    char out_why[STORE_WHY_SIZE])
{
    int r;

    *out_page = (struct store_page){0};
    store_lock(store);
    r = store_unlock(store, read_page(store, sql, after, limit, row_size, read, out_page), out_why);
    if (r < 0) {
        free(out_page->rows);
        *out_page = (struct store_page){0};
    }
    return r;
}

/* DB_ROW and the statement at its row; 0 where there is none; or a negative errno. */
static int step_to(struct store *store, const char *sql, struct bytes name,
                   struct db_statement **out_statement)
{
    int r = db_prepare(store->db, sql, out_statement);

    if (r < 0)
        return r;
    if (name.ptr)
        db_bind_text(*out_statement, 1, name);
    return db_step(*out_statement);
}

static int find_named(struct store *store, const char *sql, struct bytes name,
                      void (*read)(struct db_statement *statement, void *row), void *out_row)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = step_to(store, sql, name, &statement);

    if (r != DB_ROW)
        return r < 0 ? r : STORE_E_UNKNOWN;
    read(statement, out_row);
    return 0;
}

int store_find_named(struct store *store, const char *sql, struct bytes name,
                     void (*read)(struct db_statement *statement, void *row), void *out_row,
                     char out_why[STORE_WHY_SIZE])
{
    store_lock(store);
    return store_unlock(store, find_named(store, sql, name, read, out_row), out_why);
}

static int remove_named(struct store *store, const char *sql, struct bytes name)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = step_to(store, sql, name, &statement);

    if (r < 0)
        return r;
    return db_changes(store->db) ? 0 : STORE_E_UNKNOWN;
}

int store_remove_named(struct store *store, const char *sql, struct bytes name, char out_why[STORE_WHY_SIZE])
{
    int r = store_begin(store);

    if (r == 0)
        r = remove_named(store, sql, name);
    return store_end(store, r, out_why);
}

static void read_count(struct db_statement *statement, void *out_n)
{
    *(uint64_t *)out_n = (uint64_t)db_column_number(statement, 0);
}

int store_count(struct store *store, const char *sql, struct bytes name, uint64_t *out_n,
                char out_why[STORE_WHY_SIZE])
{
    return store_find_named(store, sql, name, read_count, out_n, out_why);
}

int store_meta_get(struct store *store, const char *name, struct buffer *out_value)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "SELECT value FROM meta WHERE name = ?1", &statement);

    if (r < 0)
        return r;
    db_bind_text(statement, 1, bytes_of_text(name));
    r = db_step(statement);
    if (r < 0)
        return r;
    if (r != DB_ROW)
        return STORE_E_UNKNOWN;
    return buffer_append_bytes(out_value, db_column(statement, 0));
}

int store_meta_set(struct store *store, const char *name, struct bytes value)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", &statement);

    if (r < 0)
        return r;
    db_bind_text(statement, 1, bytes_of_text(name));
    db_bind_blob(statement, 2, value);
    return db_step(statement);
}

/* The text of @name, made and kept by @make where there is none yet. */
static int meta_text(struct store *store, const char *name, char *out_text, size_t size,
                     void (*make)(char *out_text))
{
    cleanup_(buffer_clear) struct buffer value = {0};
    int r = store_meta_get(store, name, &value);

    if (r < 0)
        return r;
    if (r == STORE_E_UNKNOWN) {
        make(out_text);
        return store_meta_set(store, name, bytes_of_text(out_text));
    }
    if (value.len >= size)
        return -EBADMSG;
    memcpy(out_text, value.ptr, value.len);
    out_text[value.len] = '\0';
    return 0;
}

static void make_hub_id(char *out_text)
{
    random_hex(out_text, 16);
}

static void make_server_id(char *out_text)
{
    memcpy(out_text, "srv-", 4);
    random_hex(out_text + 4, 4);
}

static void make_zero(char *out_text)
{
    memcpy(out_text, "0", 2);
}

static int load_identity(struct store *store)
{
    struct store_identity *identity = &store->identity;
    char text[32];
    int r = meta_text(store, "hub_id", identity->hub_id, sizeof identity->hub_id, make_hub_id);

    if (r == 0)
        r = meta_text(store, "server_id", identity->server_id, sizeof identity->server_id, make_server_id);
    if (r == 0)
        r = meta_text(store, "incarnation", text, sizeof text, make_zero);
    if (r == 0 && text_to_u64(text, 0, UINT64_MAX - 1, &identity->incarnation) < 0)
        r = -EBADMSG;
    if (r < 0)
        return r;
    identity->incarnation++;
    snprintf(text, sizeof text, "%llu", (unsigned long long)identity->incarnation);
    return store_meta_set(store, "incarnation", bytes_of_text(text));
}

/* What stands in the database; made at the first start. */
static int load_rows(struct store *store, void *context, char *out_why)
{
    int r = store_key_load(store, true, out_why);

    (void)context;
    return r < 0 ? r : store_fault(store, load_identity(store), out_why);
}

static int load(struct store *store, char out_why[STORE_WHY_SIZE])
{
    cleanup_free_ char *db_path = data_dir_path(store->data_dir, STORE_FILE_NAME);
    char why[DB_WHY_SIZE];
    int r;

    if (!db_path) {
        snprintf(out_why, STORE_WHY_SIZE, "out of memory");
        return -ENOMEM;
    }
    r = db_open(&store->db, db_path, &(struct db_schema){migrations, migrations_n}, why);
    if (r < 0) {
        snprintf(out_why, STORE_WHY_SIZE, "The store %s %s", db_path, why);
        return r;
    }
    return store_batch(store, load_rows, NULL, out_why);
}

static void init_mutex(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

int store_open(struct store **out_store, const char *data_dir, char out_why[STORE_WHY_SIZE])
{
    cleanup_(store_closep) struct store *store = calloc(1, sizeof *store);
    char why[DATA_DIR_WHY_SIZE];
    int r;

    if (store) {
        store->lock_fd = -1;
        init_mutex(&store->mutex);
        store->data_dir = strdup(data_dir);
    }
    if (!store || !store->data_dir) {
        snprintf(out_why, STORE_WHY_SIZE, "out of memory");
        return -ENOMEM;
    }
    r = data_dir_lock(data_dir, &store->lock_fd, why);
    if (r < 0) {
        snprintf(out_why, STORE_WHY_SIZE, "%s", why);
        return r;
    }
    r = load(store, out_why);
    if (r < 0)
        return r;
    *out_store = take(store);
    return 0;
}

int store_open_existing(struct store **out_store, const char *data_dir, char out_why[STORE_WHY_SIZE])
{
    cleanup_free_ char *db_path = data_dir_path(data_dir, STORE_FILE_NAME);

    if (!db_path) {
        snprintf(out_why, STORE_WHY_SIZE, "out of memory");
        return -ENOMEM;
    }
    if (access(db_path, F_OK) < 0 && errno == ENOENT) {
        snprintf(out_why, STORE_WHY_SIZE,
                 "No hub has kept a store in %s: --data-dir is to name a hub's data directory", data_dir);
        return -ENOENT;
    }
    return store_open(out_store, data_dir, out_why);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    db_close(store->db);
    seal_key_clear(&store->key);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_mutex_destroy(&store->mutex);
    free(store->data_dir);
    free(store);
}

const struct store_identity *store_identity(const struct store *store)
{
    return &store->identity;
}

void store_epoch(const struct store *store, uint64_t incarnation, char out_epoch[STORE_EPOCH_SIZE])
{
    snprintf(out_epoch, STORE_EPOCH_SIZE, "%s.%llu", store->identity.hub_id, (unsigned long long)incarnation);
}

char *store_path(const struct store *store, const char *name)
{
    return data_dir_path(store->data_dir, name);
}
