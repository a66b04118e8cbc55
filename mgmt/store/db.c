/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A thin layer over SQLite
 *
 * WAL with synchronous=FULL: what was answered with success is there after a power cut. The schema's number
 * is SQLite's user_version; migrations are the files of a folder of schema/, embedded in order. Each runs in
 * a transaction of its own together with the new number, so a cut in between leaves the former schema.
 *
 * A statement that is given back stays compiled for the next who prepares the same text: compiling takes
 * longer than what most of them do. It keeps nothing that was bound.
 */
#include "mgmt/store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub/base/check.h"

#define MOST_KEPT 64 /* statements; the store has more texts than that, but few that come often */

struct db {
    sqlite3 *handle;
    int last_errno;
    struct db_statement *kept; /* given back, the latest first */
    size_t n_kept;
};

struct db_statement {
    struct db *db;
    struct db_statement *next; /* while it is kept */
    sqlite3_stmt *handle;
    int fault; /* the first bind that failed */
};

static int errno_of(struct db *db, int code)
{
    /* It keeps the errno of opening, but not of writing: that still stands where the write has left it. */
    int system = sqlite3_system_errno(db->handle) ? sqlite3_system_errno(db->handle) : errno;

    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
        return 0;
    case SQLITE_ROW:
        return DB_ROW;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return -EROFS;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    default:
        break;
    }
    /* A quota and a limit on the size of files are a full disk, too; SQLite knows only ENOSPC. */
    if ((code & 0xff) == SQLITE_IOERR && (system == EFBIG || system == EDQUOT || system == ENOSPC))
        return -ENOSPC;
    if (system == EROFS || system == EACCES)
        return -EROFS;
    return -EIO;
}

static int remember(struct db *db, int code)
{
    int result = errno_of(db, code);

    if (result < 0)
        db->last_errno = -result;
    return result;
}

void db_why(struct db *db, char out_why[DB_WHY_SIZE])
{
    const char *message = sqlite3_errmsg(db->handle);

    switch (db->last_errno) {
    case ENOSPC:
        message = "there is no room left on the disk of the data directory";
        break;
    case EROFS:
        message = "the data directory cannot be written";
        break;
    case ENOMEM:
        message = "out of memory";
        break;
    default:
        break;
    }
    snprintf(out_why, DB_WHY_SIZE, "%s", message);
}

int db_run(struct db *db, const char *sql)
{
    errno = 0;
    return remember(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

void db_rollback(struct db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

/* One of that text that is kept, which is so no more; NULL: there is none. */
static struct db_statement *take_kept(struct db *db, const char *sql)
{
    for (struct db_statement **place = &db->kept; *place; place = &(*place)->next) {
        struct db_statement *statement = *place;

        if (strcmp(sqlite3_sql(statement->handle), sql) == 0) {
            *place = statement->next;
            db->n_kept--;
            return statement;
        }
    }
    return NULL;
}

int db_prepare(struct db *db, const char *sql, struct db_statement **out_statement)
{
    struct db_statement *statement = take_kept(db, sql);
    int r;

    if (statement) {
        *out_statement = statement;
        return 0;
    }
    statement = calloc(1, sizeof *statement);
    if (!statement) {
        db->last_errno = ENOMEM;
        return -ENOMEM;
    }
    statement->db = db;
    r = remember(
        db, sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement->handle, NULL));
    if (r < 0) {
        free(statement);
        return r;
    }
    *out_statement = statement;
    return 0;
}

void db_statement_reset(struct db_statement *statement)
{
    sqlite3_reset(statement->handle);
    sqlite3_clear_bindings(statement->handle);
    statement->fault = SQLITE_OK;
}

static void drop(struct db_statement *statement)
{
    sqlite3_finalize(statement->handle);
    free(statement);
}

void db_statement_free(struct db_statement *statement)
{
    struct db *db = statement ? statement->db : NULL;

    if (!statement)
        return;
    if (db->n_kept == MOST_KEPT) {
        drop(statement);
        return;
    }
    db_statement_reset(statement);
    statement->next = db->kept;
    db->kept = statement;
    db->n_kept++;
}

static void bound(struct db_statement *statement, int code)
{
    if (code != SQLITE_OK && statement->fault == SQLITE_OK)
        statement->fault = code;
}

void db_bind_text(struct db_statement *statement, int place, struct bytes text)
{
    bound(statement, text.ptr ? sqlite3_bind_text64(statement->handle, place, (const char *)text.ptr,
                                                    text.len, SQLITE_STATIC, SQLITE_UTF8)
                              : sqlite3_bind_null(statement->handle, place));
}

void db_bind_blob(struct db_statement *statement, int place, struct bytes blob)
{
    bound(statement, blob.ptr
                         ? sqlite3_bind_blob64(statement->handle, place, blob.ptr, blob.len, SQLITE_STATIC)
                         : sqlite3_bind_null(statement->handle, place));
}

void db_bind_number(struct db_statement *statement, int place, int64_t number)
{
    bound(statement, sqlite3_bind_int64(statement->handle, place, number));
}

int db_step(struct db_statement *statement)
{
    if (statement->fault != SQLITE_OK)
        return remember(statement->db, statement->fault);
    errno = 0;
    return remember(statement->db, sqlite3_step(statement->handle));
}

struct bytes db_column(struct db_statement *statement, int column)
{
    const void *ptr;

    if (sqlite3_column_type(statement->handle, column) == SQLITE_NULL)
        return BYTES_NONE;
    ptr = sqlite3_column_blob(statement->handle, column);
    /* SQLite answers no address for an empty value; here that would mean NULL. */
    return bytes_of(ptr ? ptr : "", (size_t)sqlite3_column_bytes(statement->handle, column));
}

int64_t db_column_number(struct db_statement *statement, int column)
{
    return sqlite3_column_int64(statement->handle, column);
}

int db_image(struct db *db, char **out_image, size_t *out_len)
{
    sqlite3_int64 len = 0;
    unsigned char *image = sqlite3_serialize(db->handle, "main", &len, 0);
    char *copy = image ? malloc((size_t)len + 1) : NULL;

    if (copy)
        memcpy(copy, image, (size_t)len);
    sqlite3_free(image);
    if (!copy)
        return remember(db, SQLITE_NOMEM);
    *out_image = copy;
    *out_len = (size_t)len;
    return 0;
}

int64_t db_changes(struct db *db)
{
    return sqlite3_changes64(db->handle);
}

static int number_of(struct db *db, const char *sql, int64_t *out_number)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(db, sql, &statement);

    if (r == 0)
        r = db_step(statement);
    if (r < 0)
        return r;
    *out_number = r == DB_ROW ? db_column_number(statement, 0) : 0;
    return 0;
}

/* As all that db_open() says: behind the file's name. */
static void why_unusable(struct db *db, char out_why[DB_WHY_SIZE])
{
    char why[DB_WHY_SIZE];

    db_why(db, why);
    snprintf(out_why, DB_WHY_SIZE, "cannot be used: %.*s", DB_WHY_SIZE - 32, why);
}

static int check_integrity(struct db *db, char out_why[DB_WHY_SIZE])
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(db, "PRAGMA integrity_check(1)", &statement);

    if (r == 0)
        r = db_step(statement);
    if (r == DB_ROW && !bytes_equal_text(db_column(statement, 0), "ok")) {
        struct bytes verdict = db_column(statement, 0);

        snprintf(out_why, DB_WHY_SIZE, "is damaged: %.*s", (int)verdict.len, (const char *)verdict.ptr);
        return -EBADMSG;
    }
    if (r < 0)
        why_unusable(db, out_why);
    return r < 0 ? r : 0;
}

static int apply_migration(struct db *db, const struct db_schema *schema, size_t number)
{
    char set_version[64];
    int r = db_run(db, "BEGIN IMMEDIATE");

    if (r < 0)
        return r;
    snprintf(set_version, sizeof set_version, "PRAGMA user_version = %zu", number);
    r = db_run(db, schema->migrations[number - 1]);
    if (r == 0)
        r = db_run(db, set_version);
    if (r == 0)
        r = db_run(db, "COMMIT");
    if (r < 0)
        db_rollback(db);
    return r;
}

static int migrate(struct db *db, const struct db_schema *schema, char out_why[DB_WHY_SIZE])
{
    int64_t version = 0;
    int r = number_of(db, "PRAGMA user_version", &version);

    if (r == 0 && version > (int64_t)schema->n) {
        snprintf(out_why, DB_WHY_SIZE,
                 "was written by a newer CommHub (schema %lld, this program knows %zu): start that program "
                 "again, or use another data directory",
                 (long long)version, schema->n);
        return -EPROTO;
    }
    for (size_t next = (size_t)version + 1; r == 0 && next <= schema->n; next++)
        r = apply_migration(db, schema, next);
    if (r < 0)
        why_unusable(db, out_why);
    return r;
}

/* SQLite would make the file with the umask's mode; its -wal and -shm files take over the mode of this one.
 */
static int make_file(const char *path, char out_why[DB_WHY_SIZE])
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        int error = errno;

        snprintf(out_why, DB_WHY_SIZE, "cannot be opened: %s", strerror(error));
        return -error;
    }
    close(fd);
    return 0;
}

static int configure(struct db *db, char out_why[DB_WHY_SIZE])
{
    int r = sqlite3_extended_result_codes(db->handle, 1) == SQLITE_OK ? 0 : -EIO;

    sqlite3_busy_timeout(db->handle, 2000);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (r == 0)
        r = db_run(db, "PRAGMA journal_mode = WAL");
    if (r == 0)
        r = db_run(db, "PRAGMA synchronous = FULL");
    if (r == 0)
        r = db_run(db, "PRAGMA foreign_keys = ON");
    /* What a secret's row held is overwritten, not only unlinked. */
    if (r == 0)
        r = db_run(db, "PRAGMA secure_delete = ON");
    if (r < 0)
        why_unusable(db, out_why);
    return r;
}

int db_open(struct db **out_db, const char *path, const struct db_schema *schema, char out_why[DB_WHY_SIZE])
{
    cleanup_(db_closep) struct db *db = NULL;
    int r = make_file(path, out_why);

    if (r < 0)
        return r;
    db = calloc(1, sizeof *db);
    if (!db || sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)) {
        snprintf(out_why, DB_WHY_SIZE, "cannot be opened: %s",
                 db && db->handle ? sqlite3_errmsg(db->handle) : "out of memory");
        return db && db->handle ? -EIO : -ENOMEM;
    }
    r = configure(db, out_why);
    if (r == 0)
        r = check_integrity(db, out_why);
    if (r == 0)
        r = migrate(db, schema, out_why);
    if (r < 0)
        return r;
    *out_db = take(db);
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    while (db->kept) {
        struct db_statement *next = db->kept->next;

        drop(db->kept);
        db->kept = next;
    }
    check(sqlite3_close(db->handle) == SQLITE_OK);
    free(db);
}
