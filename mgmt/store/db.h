/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The only file that knows SQLite
 *
 * One connection, for one thread at a time: the store holds its own lock around every use. Outcomes < 0 are
 * errnos: -ENOSPC where there is no room left, -EROFS where nothing may be written, -EIO, -ENOMEM; db_why()
 * says the same for people.
 */
#ifndef COMMHUB_MGMT_STORE_DB_H
#define COMMHUB_MGMT_STORE_DB_H

#include "hub/base/bytes.h"
#include "hub/base/cleanup.h"

struct db;
struct db_statement;

#define DB_WHY_SIZE 512

/* The texts that bring a database from one version to the next, from nothing on. */
struct db_schema {
    const char *const *migrations;
    size_t n;
};

/*
 * Opens (creating it with mode 0600) the database at @path, checks it and brings it to the newest of @schema.
 * 0, or a negative errno and what is wrong in @out_why, as it follows the file's name ("is damaged: ..."):
 * -EPROTO for a schema of a newer program, -EBADMSG for a damaged file.
 */
int db_open(struct db **out_db, const char *path, const struct db_schema *schema, char out_why[DB_WHY_SIZE]);
void db_close(struct db *db);

DEFINE_CLEANUP(struct db *, db_close)

/* What went wrong last, in words. */
void db_why(struct db *db, char out_why[DB_WHY_SIZE]);

/* One statement without results. */
int db_run(struct db *db, const char *sql);

/* Ends a transaction without a trace, if one is open; keeps what db_why() says. */
void db_rollback(struct db *db);

/* A statement to bind and step; the text is a literal of ours. */
int db_prepare(struct db *db, const char *sql, struct db_statement **out_statement);
void db_statement_free(struct db_statement *statement);

/* Ready to be bound and stepped again. */
void db_statement_reset(struct db_statement *statement);

DEFINE_CLEANUP(struct db_statement *, db_statement_free)

/* Places count from 1. What is bound must live until the statement is freed; a view without ptr is NULL. */
void db_bind_text(struct db_statement *statement, int place, struct bytes text);
void db_bind_blob(struct db_statement *statement, int place, struct bytes blob);
void db_bind_number(struct db_statement *statement, int place, int64_t number);

enum { DB_ROW = 1 };

/* DB_ROW, 0 when there are no more rows, or a negative errno. */
int db_step(struct db_statement *statement);

/* Columns count from 0; views live until the next step. A NULL has no ptr. */
struct bytes db_column(struct db_statement *statement, int column);
int64_t db_column_number(struct db_statement *statement, int column);

/* The whole database as the bytes of a file, for free(). 0 or a negative errno. */
int db_image(struct db *db, char **out_image, size_t *out_len);

/* Rows that the last statement changed. */
int64_t db_changes(struct db *db);

#endif
