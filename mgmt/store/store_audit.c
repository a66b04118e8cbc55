/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/store_audit.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/buffer.h"
#include "hub/base/clock.h"
#include "hub/base/text.h"
#include "mgmt/store/store_inside.h"

#define COLUMNS "id, time_ms, who, address, request_id, method, target, status, before, after, omitted, hash"
#define VERIFY_PAGE 100

/* A place in the chain: the row @serial, and its hash. */
struct end {
    int64_t serial;
    uint8_t hash[STORE_AUDIT_HASH_BYTES];
};

/* ---- the hash ---- */

static void add_number(struct buffer *out, int64_t number)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)((uint64_t)number >> (56 - 8 * i));
    buffer_append(out, bytes, sizeof bytes);
}

static void add_text(struct buffer *out, const char *text)
{
    add_number(out, (int64_t)strlen(text));
    buffer_append_text(out, text);
}

/* Lengths go before texts: no two rows are the same bytes. */
static int hash_row(const struct end *before, const struct store_audit *row,
                    uint8_t out_hash[STORE_AUDIT_HASH_BYTES])
{
    cleanup_(buffer_clear) struct buffer bytes = {0};

    buffer_append(&bytes, before->hash, sizeof before->hash);
    add_number(&bytes, row->serial);
    add_number(&bytes, (int64_t)row->time_ms);
    add_text(&bytes, row->who);
    add_text(&bytes, row->address);
    add_text(&bytes, row->request_id);
    add_text(&bytes, row->method);
    add_text(&bytes, row->target);
    add_number(&bytes, row->status);
    add_text(&bytes, row->before);
    add_text(&bytes, row->after);
    add_number(&bytes, row->omitted);
    if (bytes.failed)
        return -ENOMEM;
    SHA256(bytes.ptr, bytes.len, out_hash);
    return 0;
}

/* ---- the ends of the chain ---- */

/* Where there is none yet: zero and zeros. */
static int read_end(struct store *store, const char *name, struct end *out_end)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "SELECT id, hash FROM audit_end WHERE name = ?1", &statement);
    struct bytes hash;

    *out_end = (struct end){0};
    if (r < 0)
        return r;
    db_bind_text(statement, 1, bytes_of_text(name));
    r = db_step(statement);
    if (r != DB_ROW)
        return r;
    out_end->serial = db_column_number(statement, 0);
    hash = db_column(statement, 1);
    if (hash.len == sizeof out_end->hash)
        memcpy(out_end->hash, hash.ptr, sizeof out_end->hash);
    return 0;
}

static int write_end(struct store *store, const char *name, const struct end *end)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "INSERT OR REPLACE INTO audit_end (name, id, hash) VALUES (?1, ?2, ?3)",
                       &statement);

    if (r < 0)
        return r;
    db_bind_text(statement, 1, bytes_of_text(name));
    db_bind_number(statement, 2, end->serial);
    db_bind_blob(statement, 3, bytes_of(end->hash, sizeof end->hash));
    return db_step(statement);
}

/* ---- appending ---- */

void store_audit_run(struct store_audit *out_row, const char *who, const char *format, ...)
{
    va_list arguments;

    *out_row = (struct store_audit){.time_ms = clock_wall_ms(), .method = "RUN", .status = 200};
    snprintf(out_row->who, sizeof out_row->who, "%s", who);
    va_start(arguments, format);
    vsnprintf(out_row->target, sizeof out_row->target, format, arguments);
    va_end(arguments);
}

static int insert(struct store *store, const struct store_audit *row)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r =
        db_prepare(store->db,
                   "INSERT INTO audit (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
                   "?12)",
                   &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 1, row->serial);
    db_bind_number(statement, 2, (int64_t)row->time_ms);
    db_bind_text(statement, 3, bytes_of_text(row->who));
    db_bind_text(statement, 4, bytes_of_text(row->address));
    db_bind_text(statement, 5, bytes_of_text(row->request_id));
    db_bind_text(statement, 6, bytes_of_text(row->method));
    db_bind_text(statement, 7, bytes_of_text(row->target));
    db_bind_number(statement, 8, row->status);
    db_bind_text(statement, 9, bytes_of_text(row->before));
    db_bind_text(statement, 10, bytes_of_text(row->after));
    db_bind_number(statement, 11, row->omitted);
    db_bind_blob(statement, 12, bytes_of(row->hash, sizeof row->hash));
    return db_step(statement);
}

static int hash_of(struct store *store, int64_t serial, struct end *out_end)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "SELECT hash FROM audit WHERE id = ?1", &statement);
    struct bytes hash;

    if (r < 0)
        return r;
    db_bind_number(statement, 1, serial);
    r = db_step(statement);
    if (r != DB_ROW)
        return r < 0 ? r : STORE_E_UNKNOWN;
    hash = db_column(statement, 0);
    out_end->serial = serial;
    if (hash.len == sizeof out_end->hash)
        memcpy(out_end->hash, hash.ptr, sizeof out_end->hash);
    return 0;
}

/* Of a chain that somebody has taken rows out of, nothing is dropped: verifying has to find it. */
static int drop_until(struct store *store, int64_t serial)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    struct end end = {0};
    int r = serial > 0 ? hash_of(store, serial, &end) : STORE_E_UNKNOWN;

    if (r == 0)
        r = write_end(store, "dropped", &end);
    if (r == 0)
        r = db_prepare(store->db, "DELETE FROM audit WHERE id <= ?1", &statement);
    if (r)
        return r < 0 ? r : 0;
    db_bind_number(statement, 1, serial);
    return db_step(statement);
}

static int append(struct store *store, struct store_audit *row, int64_t most)
{
    struct end newest;
    int r = read_end(store, "newest", &newest);

    if (r < 0)
        return r;
    row->serial = newest.serial + 1;
    r = hash_row(&newest, row, row->hash);
    if (r == 0)
        r = insert(store, row);
    if (r == 0) {
        newest.serial = row->serial;
        memcpy(newest.hash, row->hash, sizeof newest.hash);
        r = write_end(store, "newest", &newest);
    }
    return r < 0 ? r : drop_until(store, row->serial - most);
}

int store_audit_append(struct store *store, struct store_audit *row, int64_t most,
                       char out_why[STORE_WHY_SIZE])
{
    int r = store_begin(store);

    if (r == 0)
        r = append(store, row, most);
    return store_end(store, r, out_why);
}

/* ---- appending along with a write ---- */

static _Thread_local struct {
    struct store_audit *row;
    int64_t most;
} staged;

void store_audit_stage(struct store_audit *row, int64_t most)
{
    staged.row = row;
    staged.most = most;
}

int store_audit_append_staged(struct store *store)
{
    struct store_audit *row = staged.row;

    staged.row = NULL;
    return row ? append(store, row, staged.most) : 0;
}

/* ---- reading ---- */

static void read_row(struct db_statement *statement, void *place)
{
    struct store_audit *row = place;
    struct bytes hash = db_column(statement, 11);

    row->serial = db_column_number(statement, 0);
    row->time_ms = (uint64_t)db_column_number(statement, 1);
    store_copy_text(row->who, sizeof row->who, db_column(statement, 2));
    store_copy_text(row->address, sizeof row->address, db_column(statement, 3));
    store_copy_text(row->request_id, sizeof row->request_id, db_column(statement, 4));
    store_copy_text(row->method, sizeof row->method, db_column(statement, 5));
    store_copy_text(row->target, sizeof row->target, db_column(statement, 6));
    row->status = db_column_number(statement, 7);
    store_copy_text(row->before, sizeof row->before, db_column(statement, 8));
    store_copy_text(row->after, sizeof row->after, db_column(statement, 9));
    row->omitted = db_column_number(statement, 10);
    if (hash.len == sizeof row->hash)
        memcpy(row->hash, hash.ptr, sizeof row->hash);
}

static struct bytes text_or_none(const char *text)
{
    return text ? bytes_of_text(text) : BYTES_NONE;
}

#define IS_WANTED                                                                                            \
    "(?3 IS NULL OR who = ?3) AND (?4 IS NULL OR method = ?4) AND (?5 IS NULL OR substr(target, 1, "         \
    "length(?5)) = ?5) AND (?6 IS NULL OR request_id = ?6) AND (?7 = 0 OR status = ?7)"

static int list(struct store *store, const struct store_audit_filter *filter, int64_t after, size_t limit,
                struct store_audits *rows)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db,
                       filter->is_oldest_first ? "SELECT " COLUMNS " FROM audit WHERE id > ?1 AND " IS_WANTED
                                                 " ORDER BY id LIMIT ?2"
                                               : "SELECT " COLUMNS " FROM audit WHERE id < ?1 AND " IS_WANTED
                                                 " ORDER BY id DESC LIMIT ?2",
                       &statement);

    rows->rows = r == 0 ? calloc(limit, sizeof *rows->rows) : NULL;
    if (r == 0 && !rows->rows)
        r = -ENOMEM;
    if (r < 0)
        return r;
    db_bind_number(statement, 1, after || filter->is_oldest_first ? after : INT64_MAX);
    db_bind_number(statement, 2, (int64_t)limit + 1);
    db_bind_text(statement, 3, text_or_none(filter->who));
    db_bind_text(statement, 4, text_or_none(filter->method));
    db_bind_text(statement, 5, text_or_none(filter->target));
    db_bind_text(statement, 6, text_or_none(filter->request_id));
    db_bind_number(statement, 7, filter->status);
    while ((r = db_step(statement)) == DB_ROW) {
        if (rows->n == limit) {
            rows->has_more = true;
            return 0;
        }
        read_row(statement, &rows->rows[rows->n++]);
    }
    return r;
}

int store_audit_list(struct store *store, const struct store_audit_filter *filter, int64_t after,
                     size_t limit, struct store_audits *out_rows, char out_why[STORE_WHY_SIZE])
{
    int r;

    *out_rows = (struct store_audits){0};
    store_lock(store);
    r = store_unlock(store, list(store, filter, after, limit, out_rows), out_why);
    if (r < 0)
        free(take(out_rows->rows));
    return r;
}

/* ---- verifying ---- */

static int read_end_locked(struct store *store, const char *name, struct end *out_end,
                           char out_why[STORE_WHY_SIZE])
{
    store_lock(store);
    return store_unlock(store, read_end(store, name, out_end), out_why);
}

/* Follows one page from @at on, which is moved along: false where the chain is broken, behind @at. */
static bool follow(struct end *at, const struct store_page *page, int *out_r)
{
    const struct store_audit *rows = page->rows;
    uint8_t hash[STORE_AUDIT_HASH_BYTES];

    for (size_t i = 0; i < page->n; i++) {
        *out_r = hash_row(at, &rows[i], hash);
        if (*out_r < 0)
            return false;
        if (rows[i].serial != at->serial + 1 || memcmp(hash, rows[i].hash, sizeof hash) != 0)
            return false;
        at->serial = rows[i].serial;
        memcpy(at->hash, hash, sizeof hash);
    }
    return true;
}

/* The rows from @at on, page by page, so that others get at the store meanwhile. */
static int follow_all(struct store *store, struct end *at, bool *out_is_whole, char out_why[STORE_WHY_SIZE])
{
    static const char sql[] = "SELECT " COLUMNS " FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2";
    struct store_page page = {.has_more = true};
    int r = 0;

    *out_is_whole = true;
    while (r == 0 && *out_is_whole && page.has_more) {
        r = store_read_page(store, sql, at->serial, VERIFY_PAGE, sizeof(struct store_audit), read_row, &page,
                            out_why);
        if (r == 0)
            *out_is_whole = follow(at, &page, &r);
        free(page.rows);
    }
    return r;
}

int store_audit_verify(struct store *store, struct store_audit_verdict *out_verdict,
                       char out_why[STORE_WHY_SIZE])
{
    struct end at, newest;
    bool is_whole = true;
    int64_t from;
    int r = read_end_locked(store, "dropped", &at, out_why);

    *out_verdict = (struct store_audit_verdict){0};
    if (r == 0)
        r = read_end_locked(store, "newest", &newest, out_why);
    if (r < 0)
        return r;
    from = at.serial;
    r = follow_all(store, &at, &is_whole, out_why);
    if (r < 0)
        return r;
    /* Rows may have been added since @newest was read, but not taken away. */
    if (at.serial < newest.serial ||
        (at.serial == newest.serial && memcmp(at.hash, newest.hash, sizeof at.hash) != 0))
        is_whole = false;
    out_verdict->n_checked = at.serial - from;
    out_verdict->broken_at = is_whole ? 0 : at.serial + 1;
    text_hex(at.hash, sizeof at.hash, out_verdict->newest_hash);
    return 0;
}
