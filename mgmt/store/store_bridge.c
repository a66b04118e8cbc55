/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/store_bridge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "mgmt/store/store_inside.h"

#define COLUMNS "id, name, address, sealed_secret, cost, is_paused, has_tls, tls_ca_file, tls_server_name"

void store_bridge_free(struct store_bridge *bridge)
{
    if (!bridge)
        return;
    for (size_t i = 0; i < bridge->n_texts; i++) {
        if (bridge->texts[i] == bridge->spec.secret)
            explicit_bzero(bridge->texts[i], strlen(bridge->texts[i]));
        free(bridge->texts[i]);
    }
    free(bridge->texts);
    free((void *)bridge->spec.allow);
    free((void *)bridge->spec.deny);
    free(bridge);
}

void store_bridge_list_clear(struct store_bridges *bridges)
{
    for (size_t i = 0; i < bridges->n; i++)
        store_bridge_free(bridges->rows[i]);
    free(bridges->rows);
    bridges->rows = NULL;
    bridges->n = 0;
}

/* A copy that lives as long as the row; a NULL column stays NULL. */
static int keep(struct store_bridge *bridge, struct bytes column, const char **out_text)
{
    char **texts;
    char *text;

    *out_text = NULL;
    if (!column.ptr)
        return 0;
    texts = reallocarray(bridge->texts, bridge->n_texts + 1, sizeof *texts);
    if (!texts)
        return -ENOMEM;
    bridge->texts = texts;
    text = bytes_to_text(column);
    if (!text)
        return -ENOMEM;
    texts[bridge->n_texts++] = text;
    *out_text = text;
    return 0;
}

static int keep_secret(struct store *store, struct store_bridge *bridge, struct bytes sealed,
                       char out_why[STORE_WHY_SIZE])
{
    cleanup_(seal_wipe) struct buffer secret = {0};
    cleanup_free_ char *purpose = NULL;
    int r;

    if (!sealed.ptr)
        return 0;
    purpose = store_purpose("bridge", bytes_of_text(bridge->spec.name));
    if (!purpose)
        return -ENOMEM;
    r = store_unseal(store, purpose, sealed, &secret, out_why);
    return r < 0 ? r : keep(bridge, buffer_bytes(&secret), &bridge->spec.secret);
}

static int add_pattern(struct store_bridge *bridge, const char *const **list, size_t *n, struct bytes pattern)
{
    const char **longer = reallocarray((void *)*list, *n + 1, sizeof *longer);
    int r;

    if (!longer)
        return -ENOMEM;
    *list = longer;
    r = keep(bridge, pattern, &longer[*n]);
    if (r == 0)
        (*n)++;
    return r;
}

static int read_patterns(struct store *store, struct store_bridge *bridge)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    struct bridge_spec *spec = &bridge->spec;
    int r = db_prepare(store->db,
                       "SELECT is_allow, pattern FROM bridge_pattern WHERE bridge_id = ?1 ORDER BY position",
                       &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 1, bridge->serial);
    while ((r = db_step(statement)) == DB_ROW) {
        bool is_allow = db_column_number(statement, 0) != 0;

        r = is_allow ? add_pattern(bridge, &spec->allow, &spec->n_allow, db_column(statement, 1))
                     : add_pattern(bridge, &spec->deny, &spec->n_deny, db_column(statement, 1));
        if (r < 0)
            break;
    }
    return r;
}

static int read_row(struct store *store, struct db_statement *statement, struct store_bridge **out_bridge,
                    char out_why[STORE_WHY_SIZE])
{
    cleanup_(store_bridge_freep) struct store_bridge *bridge = calloc(1, sizeof *bridge);
    int r = bridge ? 0 : -ENOMEM;

    if (r == 0) {
        bridge->serial = db_column_number(statement, 0);
        bridge->spec.cost = (uint32_t)db_column_number(statement, 4);
        bridge->spec.is_paused = db_column_number(statement, 5) != 0;
        bridge->has_tls = db_column_number(statement, 6) != 0;
        r = keep(bridge, db_column(statement, 1), &bridge->spec.name);
    }
    if (r == 0)
        r = keep(bridge, db_column(statement, 2), &bridge->spec.address);
    if (r == 0)
        r = keep(bridge, db_column(statement, 7), &bridge->spec.tls_ca_file);
    if (r == 0)
        r = keep(bridge, db_column(statement, 8), &bridge->spec.tls_server_name);
    if (r == 0)
        r = read_patterns(store, bridge);
    if (r < 0)
        return store_fault(store, r, out_why);
    r = keep_secret(store, bridge, db_column(statement, 3), out_why);
    if (r < 0)
        return r;
    *out_bridge = take(bridge);
    return 0;
}

static int list(struct store *store, int64_t after, size_t limit, struct store_bridges *bridges,
                char out_why[STORE_WHY_SIZE])
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "SELECT " COLUMNS " FROM bridge WHERE id > ?1 ORDER BY id LIMIT ?2",
                       &statement);

    bridges->rows = r == 0 ? calloc(limit, sizeof *bridges->rows) : NULL;
    if (r == 0 && !bridges->rows)
        r = -ENOMEM;
    if (r < 0)
        return store_fault(store, r, out_why);
    db_bind_number(statement, 1, after);
    db_bind_number(statement, 2, (int64_t)limit + 1);
    while ((r = db_step(statement)) == DB_ROW) {
        if (bridges->n == limit) {
            bridges->has_more = true;
            return 0;
        }
        r = read_row(store, statement, &bridges->rows[bridges->n], out_why);
        if (r < 0)
            return r;
        bridges->n++;
    }
    return store_fault(store, r, out_why);
}

int store_bridge_list(struct store *store, int64_t after, size_t limit, struct store_bridges *out_bridges,
                      char out_why[STORE_WHY_SIZE])
{
    int r;

    *out_bridges = (struct store_bridges){0};
    pthread_mutex_lock(&store->mutex);
    r = list(store, after, limit, out_bridges, out_why);
    pthread_mutex_unlock(&store->mutex);
    if (r < 0)
        store_bridge_list_clear(out_bridges);
    return r;
}

static int find(struct store *store, const char *name, struct store_bridge **out_bridge,
                char out_why[STORE_WHY_SIZE])
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "SELECT " COLUMNS " FROM bridge WHERE name = ?1", &statement);

    if (r == 0) {
        db_bind_text(statement, 1, bytes_of_text(name));
        r = db_step(statement);
    }
    if (r < 0)
        return store_fault(store, r, out_why);
    return r == DB_ROW ? read_row(store, statement, out_bridge, out_why) : STORE_E_UNKNOWN;
}

int store_bridge_find(struct store *store, const char *name, struct store_bridge **out_bridge,
                      char out_why[STORE_WHY_SIZE])
{
    int r;

    pthread_mutex_lock(&store->mutex);
    r = find(store, name, out_bridge, out_why);
    pthread_mutex_unlock(&store->mutex);
    return r;
}

static int upsert(struct store *store, const struct bridge_spec *spec, bool has_tls, struct bytes sealed,
                  int64_t *out_id)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(
        store->db,
        "INSERT INTO bridge (name, address, sealed_secret, cost, is_paused, has_tls, tls_ca_file, "
        "tls_server_name) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (name) DO UPDATE SET "
        "address = ?2, sealed_secret = ?3, cost = ?4, is_paused = ?5, has_tls = ?6, "
        "tls_ca_file = ?7, tls_server_name = ?8 RETURNING id",
        &statement);

    if (r < 0)
        return r;
    db_bind_text(statement, 1, bytes_of_text(spec->name));
    db_bind_text(statement, 2, bytes_of_text(spec->address));
    db_bind_blob(statement, 3, sealed);
    db_bind_number(statement, 4, spec->cost);
    db_bind_number(statement, 5, spec->is_paused);
    db_bind_number(statement, 6, has_tls);
    db_bind_text(statement, 7, bytes_of_text(spec->tls_ca_file));
    db_bind_text(statement, 8, bytes_of_text(spec->tls_server_name));
    r = db_step(statement);
    if (r != DB_ROW)
        return r < 0 ? r : -EIO;
    *out_id = db_column_number(statement, 0);
    r = db_step(statement);
    return r;
}

static int insert_patterns(struct store *store, int64_t id, bool is_allow, const char *const *patterns,
                           size_t n)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++) {
        cleanup_(db_statement_freep) struct db_statement *statement = NULL;

        r = db_prepare(store->db,
                       "INSERT INTO bridge_pattern (bridge_id, is_allow, position, pattern) "
                       "VALUES (?1, ?2, ?3, ?4)",
                       &statement);
        if (r < 0)
            return r;
        db_bind_number(statement, 1, id);
        db_bind_number(statement, 2, is_allow);
        db_bind_number(statement, 3, (int64_t)i);
        db_bind_text(statement, 4, bytes_of_text(patterns[i]));
        r = db_step(statement);
    }
    return r;
}

static int delete_patterns(struct store *store, int64_t id)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "DELETE FROM bridge_pattern WHERE bridge_id = ?1", &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 1, id);
    return db_step(statement);
}

static int put(struct store *store, const struct bridge_spec *spec, bool has_tls, struct bytes sealed)
{
    int64_t id = 0;
    int r = store_begin(store);

    if (r < 0)
        return r;
    r = upsert(store, spec, has_tls, sealed, &id);
    if (r == 0)
        r = delete_patterns(store, id);
    if (r == 0)
        r = insert_patterns(store, id, true, spec->allow, spec->n_allow);
    if (r == 0)
        r = insert_patterns(store, id, false, spec->deny, spec->n_deny);
    return store_end(store, r);
}

int store_bridge_put(struct store *store, const struct bridge_spec *spec, bool has_tls,
                     char out_why[STORE_WHY_SIZE])
{
    cleanup_(buffer_clear) struct buffer sealed = {0};
    cleanup_free_ char *purpose = store_purpose("bridge", bytes_of_text(spec->name));
    int r = purpose ? 0 : -ENOMEM;

    if (r == 0 && spec->secret)
        r = seal_close(&store->key, bytes_of_text(purpose), bytes_of_text(spec->secret), &sealed);
    pthread_mutex_lock(&store->mutex);
    if (r == 0)
        r = put(store, spec, has_tls, buffer_bytes(&sealed));
    r = store_fault(store, r, out_why);
    pthread_mutex_unlock(&store->mutex);
    return r;
}

static int remove_row(struct store *store, const char *name)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "DELETE FROM bridge WHERE name = ?1", &statement);

    if (r < 0)
        return r;
    db_bind_text(statement, 1, bytes_of_text(name));
    r = db_step(statement);
    if (r < 0)
        return r;
    return db_changes(store->db) ? 0 : STORE_E_UNKNOWN;
}

int store_bridge_remove(struct store *store, const char *name, char out_why[STORE_WHY_SIZE])
{
    int r;

    pthread_mutex_lock(&store->mutex);
    r = store_fault(store, remove_row(store, name), out_why);
    pthread_mutex_unlock(&store->mutex);
    return r;
}

static int count(struct store *store, uint64_t *out_n)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "SELECT count(*) FROM bridge", &statement);

    if (r == 0)
        r = db_step(statement);
    if (r < 0)
        return r;
    *out_n = (uint64_t)db_column_number(statement, 0);
    return 0;
}

int store_bridge_count(struct store *store, uint64_t *out_n)
{
    int r;

    pthread_mutex_lock(&store->mutex);
    r = count(store, out_n);
    pthread_mutex_unlock(&store->mutex);
    return r;
}
