-- SPDX-License-Identifier: LGPL-3.0-or-later
--
-- Who may use the management plane, and what they did.

-- People. password is a scrypt hash (mgmt/auth/password.h).
CREATE TABLE user (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    password   TEXT NOT NULL,
    is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT;

-- Bearer tokens get names, roles, scopes (a set, mgmt/auth/scope.h) and an end; 0: none. origin: api,
-- first_run or configuration.
ALTER TABLE token RENAME TO token_before;
CREATE TABLE token (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    sha256     BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
    origin     TEXT NOT NULL CHECK (origin IN ('api', 'first_run', 'configuration')),
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    scopes     INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
INSERT INTO token (name, sha256, origin, role, scopes, created_ms, created_by, expires_ms)
    SELECT replace(origin, '_', '-'), sha256, origin, 'admin', 511, created_ms, '', 0 FROM token_before
    GROUP BY origin;
DROP TABLE token_before;

-- Signed-in users: SHA-256 of the cookie only. seen_ms is written at most once a minute.
CREATE TABLE session (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    sha256     BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
    created_ms INTEGER NOT NULL,
    seen_ms    INTEGER NOT NULL,
    address    TEXT NOT NULL,
    agent      TEXT NOT NULL
) STRICT;
CREATE INDEX session_user ON session (user_id);

-- The audit log. Each hash covers the hash before and the row (mgmt/store/store_audit.c).
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms    INTEGER NOT NULL,
    who        TEXT NOT NULL,
    address    TEXT NOT NULL,
    request_id TEXT NOT NULL,
    method     TEXT NOT NULL,
    target     TEXT NOT NULL,
    status     INTEGER NOT NULL,
    before     TEXT NOT NULL,
    after      TEXT NOT NULL,
    omitted    INTEGER NOT NULL,
    hash       BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- Where the kept part of the chain begins and ends: the last row that was dropped for age, the last one made.
CREATE TABLE audit_end (
    name TEXT PRIMARY KEY NOT NULL CHECK (name IN ('dropped', 'newest')),
    id   INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT, WITHOUT ROWID;
