/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/store_setting.h"

#include <errno.h>
#include <stdlib.h>

#include "mgmt/store/store_inside.h"

static int visit_row(struct db_statement *statement,
                     int (*visit)(const struct store_setting *setting, void *context), void *context)
{
    cleanup_free_ char *name = bytes_to_text(db_column(statement, 0));
    cleanup_free_ char *value = bytes_to_text(db_column(statement, 1));

    return name && value ? visit(&(struct store_setting){name, value}, context) : -ENOMEM;
}

static int each(struct store *store, int (*visit)(const struct store_setting *setting, void *context),
                void *context)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "SELECT name, value FROM setting ORDER BY name", &statement);

    while (r == 0 && (r = db_step(statement)) == DB_ROW)
        r = visit_row(statement, visit, context);
    return r;
}

int store_setting_each(struct store *store, int (*visit)(const struct store_setting *setting, void *context),
                       void *context, char out_why[STORE_WHY_SIZE])
{
    store_lock(store);
    return store_unlock(store, each(store, visit, context), out_why);
}

static int write_one(struct store *store, const struct store_setting *setting)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db,
                       setting->value ? "INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)"
                                      : "DELETE FROM setting WHERE name = ?1",
                       &statement);

    if (r < 0)
        return r;
    db_bind_text(statement, 1, bytes_of_text(setting->name));
    if (setting->value)
        db_bind_text(statement, 2, bytes_of_text(setting->value));
    return db_step(statement);
}

int store_setting_write(struct store *store, const struct store_setting *settings, size_t n,
                        char out_why[STORE_WHY_SIZE])
{
    int r = store_begin(store);

    for (size_t i = 0; r == 0 && i < n; i++)
        r = write_one(store, &settings[i]);
    return store_end(store, r, out_why);
}
