/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/store_session.h"

#include <errno.h>

#include "mgmt/store/store_inside.h"

static void read_row(struct db_statement *statement, void *row)
{
    struct store_session *out_session = row;
    struct bytes sha256 = db_column(statement, 4);

    *out_session = (struct store_session){
        .serial = db_column_number(statement, 0),
        .user_serial = db_column_number(statement, 1),
        .role = store_role(db_column(statement, 3)),
        .created_ms = (uint64_t)db_column_number(statement, 5),
        .seen_ms = (uint64_t)db_column_number(statement, 6),
    };
    store_copy_text(out_session->user, sizeof out_session->user, db_column(statement, 2));
    store_copy_text(out_session->address, sizeof out_session->address, db_column(statement, 7));
    store_copy_text(out_session->agent, sizeof out_session->agent, db_column(statement, 8));
    if (sha256.len == STORE_SESSION_BYTES)
        memcpy(out_session->sha256, sha256.ptr, STORE_SESSION_BYTES);
}

int store_session_list(struct store *store, size_t most, struct store_sessions *out_sessions,
                       char out_why[STORE_WHY_SIZE])
{
    static const char sql[] =
        "SELECT session.id, user_id, user.name, role, sha256, session.created_ms, seen_ms, address, agent "
        "FROM session JOIN user ON user.id = user_id WHERE session.id > ?1 ORDER BY session.id LIMIT ?2";
    struct store_page page;
    int r = store_read_page(store, sql, 0, most, sizeof *out_sessions->rows, read_row, &page, out_why);

    *out_sessions = (struct store_sessions){page.rows, page.n};
    return r;
}

static int insert(struct store *store, struct store_session *session)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db,
                       "INSERT INTO session (user_id, sha256, created_ms, seen_ms, address, agent) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
                       &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 1, session->user_serial);
    db_bind_blob(statement, 2, bytes_of(session->sha256, STORE_SESSION_BYTES));
    db_bind_number(statement, 3, (int64_t)session->created_ms);
    db_bind_number(statement, 4, (int64_t)session->seen_ms);
    db_bind_text(statement, 5, bytes_of_text(session->address));
    db_bind_text(statement, 6, bytes_of_text(session->agent));
    r = db_step(statement);
    if (r != DB_ROW)
        return r < 0 ? r : -EIO;
    session->serial = db_column_number(statement, 0);
    return db_step(statement);
}

int store_session_add(struct store *store, struct store_session *session, char out_why[STORE_WHY_SIZE])
{
    int r = store_begin(store);

    if (r == 0)
        r = insert(store, session);
    return store_end(store, r, out_why);
}

/* Runs a statement whose ?1 is the serial and whose ?2, if it has one, is @number. */
static int change(struct store *store, const char *sql, int64_t serial, const uint64_t *number)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, sql, &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 1, serial);
    if (number)
        db_bind_number(statement, 2, (int64_t)*number);
    return db_step(statement);
}

int store_session_remove(struct store *store, int64_t serial, char out_why[STORE_WHY_SIZE])
{
    int r = store_begin(store);

    if (r == 0)
        r = change(store, "DELETE FROM session WHERE id = ?1", serial, NULL);
    return store_end(store, r, out_why);
}

int store_session_set_seen(struct store *store, int64_t serial, uint64_t seen_ms,
                           char out_why[STORE_WHY_SIZE])
{
    int r = store_begin(store);

    if (r == 0)
        r = change(store, "UPDATE session SET seen_ms = ?2 WHERE id = ?1", serial, &seen_ms);
    return store_end(store, r, out_why);
}
