/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/store_rekey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "mgmt/store/data_dir.h"
#include "mgmt/store/store_inside.h"

/* Every sealed column: the row after a name, the name's purpose, and how the row gets its new value. */
static const struct sealed_column {
    const char *kind;
    const char *select;
    const char *update;
} columns[] = {
    {"bridge",
     "SELECT name, sealed_secret FROM bridge WHERE name > ?1 AND sealed_secret IS NOT NULL ORDER BY name "
     "LIMIT 1",
     "UPDATE bridge SET sealed_secret = ?2 WHERE name = ?1"},
    {"bridge-connection",
     "SELECT name, sealed_connection_secret FROM bridge WHERE name > ?1 AND sealed_connection_secret IS NOT "
     "NULL "
     "ORDER BY name LIMIT 1",
     "UPDATE bridge SET sealed_connection_secret = ?2 WHERE name = ?1"},
    {"channel",
     "SELECT channel, sealed_password FROM channel_password WHERE channel > ?1 ORDER BY channel LIMIT 1",
     "UPDATE channel_password SET sealed_password = ?2 WHERE channel = ?1"},
};

/* Opens with the old key and closes with the new one. */
static int reseal(struct store *store, const struct seal_key *fresh, const char *purpose, struct bytes sealed,
                  struct buffer *out_sealed, char out_why[STORE_WHY_SIZE])
{
    cleanup_(seal_wipe) struct buffer secret = {0};
    int r = store_unseal(store, purpose, sealed, &secret, out_why);

    if (r == 0)
        r = seal_close(fresh, bytes_of_text(purpose), buffer_bytes(&secret), out_sealed);
    return r;
}

static int update_row(struct store *store, const struct sealed_column *column, struct bytes name,
                      struct bytes sealed)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, column->update, &statement);

    if (r < 0)
        return r;
    db_bind_text(statement, 1, name);
    db_bind_blob(statement, 2, sealed);
    return db_step(statement);
}

/* The row after @after, whose name it becomes: DB_ROW, 0 when there is none, or a negative errno. */
static int reseal_next(struct store *store, const struct seal_key *fresh, const struct sealed_column *column,
                       char **after, char out_why[STORE_WHY_SIZE])
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    cleanup_(buffer_clear) struct buffer sealed = {0};
    cleanup_free_ char *purpose = NULL;
    cleanup_free_ char *name = NULL;
    int r = db_prepare(store->db, column->select, &statement);

    if (r < 0)
        return r;
    db_bind_text(statement, 1, bytes_of_text(*after));
    r = db_step(statement);
    if (r != DB_ROW)
        return r;
    name = bytes_to_text(db_column(statement, 0));
    purpose = store_purpose(column->kind, db_column(statement, 0));
    if (!name || !purpose)
        return -ENOMEM;
    r = reseal(store, fresh, purpose, db_column(statement, 1), &sealed, out_why);
    if (r == 0)
        r = update_row(store, column, bytes_of_text(name), buffer_bytes(&sealed));
    if (r < 0)
        return r;
    free(*after);
    *after = take(name);
    return DB_ROW;
}

static int reseal_column(struct store *store, const struct seal_key *fresh,
                         const struct sealed_column *column, char out_why[STORE_WHY_SIZE])
{
    cleanup_free_ char *after = strdup("");
    int r = after ? DB_ROW : -ENOMEM;

    while (r == DB_ROW)
        r = reseal_next(store, fresh, column, &after, out_why);
    return r;
}

static int reseal_all(struct store *store, void *context, char *out_why)
{
    const struct seal_key *fresh = context;
    int r = 0;

    *out_why = '\0';
    for (size_t i = 0; r == 0 && i < sizeof columns / sizeof *columns; i++)
        r = reseal_column(store, fresh, &columns[i], out_why);
    if (r == 0)
        r = store_key_make_check(store, fresh);
    if (r < 0 && !*out_why)
        store_fault(store, r, out_why);
    return r;
}

static int rekey(struct store *store, char out_why[STORE_WHY_SIZE])
{
    cleanup_free_ char *path = data_dir_path(store->data_dir, STORE_KEY_FILE);
    cleanup_free_ char *fresh_path = data_dir_path(store->data_dir, STORE_FRESH_KEY_FILE);
    struct seal_key fresh;
    char why[SEAL_WHY_SIZE];
    int r = path && fresh_path ? 0 : -ENOMEM;

    if (r < 0)
        return store_fault(store, r, out_why);
    remove(fresh_path); /* of a rotation that was cut short before anything was sealed with it */
    r = seal_key_load(&fresh, fresh_path, true, why);
    if (r < 0) {
        snprintf(out_why, STORE_WHY_SIZE, "%s", why);
        return r;
    }
    r = store_batch(store, reseal_all, &fresh, out_why);
    if (r < 0) {
        remove(fresh_path);
    } else {
        store->key = fresh;
        /* Should this fail, the next start does it: the key beside it is the one that fits. */
        (void)rename(fresh_path, path);
    }
    seal_key_clear(&fresh);
    return r;
}

int store_rekey(struct store *store, char out_why[STORE_WHY_SIZE])
{
    int r;

    if (store_key_is_credential()) {
        snprintf(
            out_why, STORE_WHY_SIZE,
            "The master key is a credential of the service manager: take that away first, with the key as "
            "%s/%s, rotate, and make the new key the credential",
            store->data_dir, STORE_KEY_FILE);
        return -EPERM;
    }
    pthread_mutex_lock(&store->mutex);
    r = rekey(store, out_why);
    pthread_mutex_unlock(&store->mutex);
    return r;
}
