/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/store_user.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/clock.h"
#include "mgmt/store/store_inside.h"

#define COLUMNS "id, name, role, password, is_enabled, created_ms, changed_ms"

static void read_row(struct db_statement *statement, void *row)
{
    struct store_user *out_user = row;

    *out_user = (struct store_user){
        .serial = db_column_number(statement, 0),
        .role = store_role(db_column(statement, 2)),
        .is_enabled = db_column_number(statement, 4) != 0,
        .created_ms = (uint64_t)db_column_number(statement, 5),
        .changed_ms = (uint64_t)db_column_number(statement, 6),
    };
    store_copy_text(out_user->name, sizeof out_user->name, db_column(statement, 1));
    store_copy_text(out_user->password_hash, sizeof out_user->password_hash, db_column(statement, 3));
}

int store_user_list(struct store *store, int64_t after, size_t limit, struct store_users *out_users,
                    char out_why[STORE_WHY_SIZE])
{
    struct store_page page;
    int r = store_read_page(store, "SELECT " COLUMNS " FROM user WHERE id > ?1 ORDER BY id LIMIT ?2", after,
                            limit, sizeof *out_users->rows, read_row, &page, out_why);

    *out_users = (struct store_users){page.rows, page.n, page.has_more};
    return r;
}

int store_user_find(struct store *store, const char *name, struct store_user *out_user,
                    char out_why[STORE_WHY_SIZE])
{
    return store_find_named(store, "SELECT " COLUMNS " FROM user WHERE name = ?1", bytes_of_text(name),
                            read_row, out_user, out_why);
}

static int upsert(struct store *store, struct store_user *user)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db,
                       "INSERT INTO user (name, role, password, is_enabled, created_ms, changed_ms) VALUES "
                       "(?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (name) DO UPDATE SET role = ?2, password = ?3, "
                       "is_enabled = ?4, changed_ms = ?5 RETURNING id, created_ms",
                       &statement);

    if (r < 0)
        return r;
    user->changed_ms = clock_wall_ms();
    db_bind_text(statement, 1, bytes_of_text(user->name));
    db_bind_text(statement, 2, bytes_of_text(role_name(user->role)));
    db_bind_text(statement, 3, bytes_of_text(user->password_hash));
    db_bind_number(statement, 4, user->is_enabled);
    db_bind_number(statement, 5, (int64_t)user->changed_ms);
    r = db_step(statement);
    if (r != DB_ROW)
        return r < 0 ? r : -EIO;
    user->serial = db_column_number(statement, 0);
    user->created_ms = (uint64_t)db_column_number(statement, 1);
    return db_step(statement);
}

static int end_sessions(struct store *store, int64_t serial)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "DELETE FROM session WHERE user_id = ?1", &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 1, serial);
    return db_step(statement);
}

int store_user_put(struct store *store, struct store_user *user, char out_why[STORE_WHY_SIZE])
{
    int r = store_begin(store);

    if (r == 0)
        r = upsert(store, user);
    if (r == 0)
        r = end_sessions(store, user->serial);
    return store_end(store, r, out_why);
}

int store_user_remove(struct store *store, const char *name, char out_why[STORE_WHY_SIZE])
{
    return store_remove_named(store, "DELETE FROM user WHERE name = ?1", bytes_of_text(name), out_why);
}

int store_user_count_admins(struct store *store, const char *except, uint64_t *out_n,
                            char out_why[STORE_WHY_SIZE])
{
    static const char sql[] =
        "SELECT count(*) FROM user WHERE role = 'admin' AND is_enabled AND name IS NOT ?1";

    return store_count(store, sql, except ? bytes_of_text(except) : BYTES_NONE, out_n, out_why);
}
