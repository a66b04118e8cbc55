/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/store_password.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "mgmt/store/store_inside.h"

/* The next row after @channel, whose place it takes; 0, STORE_E_UNKNOWN at the end, or a negative errno. */
static int next_password(struct store *store, struct buffer *channel, struct buffer *out_password,
                         char out_why[STORE_WHY_SIZE])
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    cleanup_free_ char *purpose = NULL;
    int r = db_prepare(store->db,
                       "SELECT channel, sealed_password FROM channel_password WHERE channel > ?1 "
                       "ORDER BY channel LIMIT 1",
                       &statement);

    if (r == 0) {
        db_bind_text(statement, 1, bytes_of(channel->len ? channel->ptr : (const uint8_t *)"", channel->len));
        r = db_step(statement);
    }
    if (r < 0)
        return store_fault(store, r, out_why);
    if (r != DB_ROW)
        return STORE_E_UNKNOWN;
    purpose = store_purpose("channel", db_column(statement, 0));
    if (!purpose)
        return store_fault(store, -ENOMEM, out_why);
    r = store_unseal(store, purpose, db_column(statement, 1), out_password, out_why);
    if (r < 0)
        return r;
    /* The bound text is the buffer's own, but the statement is not stepped again. */
    {
        struct bytes name = db_column(statement, 0);

        if (buffer_reserve(channel, name.len) < 0)
            return store_fault(store, -ENOMEM, out_why);
        memcpy(channel->ptr, name.ptr, name.len);
        channel->len = name.len;
    }
    return 0;
}

int store_password_each(struct store *store,
                        int (*visit)(struct bytes channel, struct bytes password, void *context),
                        void *context, char out_why[STORE_WHY_SIZE])
{
    cleanup_(buffer_clear) struct buffer channel = {0};
    int r = 0;

    while (r == 0) {
        cleanup_(seal_wipe) struct buffer password = {0};

        pthread_mutex_lock(&store->mutex);
        r = next_password(store, &channel, &password, out_why);
        pthread_mutex_unlock(&store->mutex);
        if (r == STORE_E_UNKNOWN)
            return 0;
        if (r == 0)
            r = visit(buffer_bytes(&channel), buffer_bytes(&password), context);
    }
    return r;
}

static int set_password(struct store *store, struct bytes channel, struct bytes sealed)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db,
                       "INSERT OR REPLACE INTO channel_password (channel, sealed_password) VALUES (?1, ?2)",
                       &statement);

    if (r < 0)
        return r;
    db_bind_text(statement, 1, channel);
    db_bind_blob(statement, 2, sealed);
    return db_step(statement);
}

int store_password_set(struct store *store, struct bytes channel, struct bytes password,
                       char out_why[STORE_WHY_SIZE])
{
    cleanup_(buffer_clear) struct buffer sealed = {0};
    cleanup_free_ char *purpose = store_purpose("channel", channel);
    int r = store_begin(store);

    if (r == 0)
        r = purpose ? seal_close(&store->key, bytes_of_text(purpose), password, &sealed) : -ENOMEM;
    if (r == 0)
        r = set_password(store, channel, buffer_bytes(&sealed));
    return store_end(store, r, out_why);
}

static int find_password(struct store *store, struct bytes channel, struct buffer *out_password,
                         char out_why[STORE_WHY_SIZE])
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    cleanup_free_ char *purpose = store_purpose("channel", channel);
    int r = purpose ? db_prepare(store->db, "SELECT sealed_password FROM channel_password WHERE channel = ?1",
                                 &statement)
                    : -ENOMEM;

    if (r == 0) {
        db_bind_text(statement, 1, channel);
        r = db_step(statement);
    }
    if (r < 0)
        return store_fault(store, r, out_why);
    return r == DB_ROW ? store_unseal(store, purpose, db_column(statement, 0), out_password, out_why)
                       : STORE_E_UNKNOWN;
}

int store_password_find(struct store *store, struct bytes channel, struct buffer *out_password,
                        char out_why[STORE_WHY_SIZE])
{
    int r;

    pthread_mutex_lock(&store->mutex);
    r = find_password(store, channel, out_password, out_why);
    pthread_mutex_unlock(&store->mutex);
    return r;
}

int store_password_remove(struct store *store, struct bytes channel, char out_why[STORE_WHY_SIZE])
{
    return store_remove_named(store, "DELETE FROM channel_password WHERE channel = ?1", channel, out_why);
}
