-- SPDX-License-Identifier: LGPL-3.0-or-later
--
-- What a hub remembers over a restart. Columns named sealed_* hold AES-256-GCM under the master key
-- (mgmt/store/seal.h); no secret stands in the clear.

-- Single facts: hub_id, server_id, incarnation, key_check.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Bridges as the operator wants them.
CREATE TABLE bridge (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT NOT NULL UNIQUE,
    address         TEXT NOT NULL,
    sealed_secret   BLOB,
    cost            INTEGER NOT NULL CHECK (cost BETWEEN 1 AND 65535),
    is_paused       INTEGER NOT NULL CHECK (is_paused IN (0, 1)),
    has_tls         INTEGER NOT NULL CHECK (has_tls IN (0, 1)),
    tls_ca_file     TEXT,
    tls_server_name TEXT
) STRICT;

-- The channels a bridge carries; position keeps the order in which the operator wrote them.
CREATE TABLE bridge_pattern (
    bridge_id INTEGER NOT NULL REFERENCES bridge (id) ON DELETE CASCADE,
    is_allow  INTEGER NOT NULL CHECK (is_allow IN (0, 1)),
    position  INTEGER NOT NULL,
    pattern   TEXT NOT NULL,
    PRIMARY KEY (bridge_id, is_allow, position)
) STRICT, WITHOUT ROWID;

-- Passwords that an operator gave to channels.
CREATE TABLE channel_password (
    channel         TEXT PRIMARY KEY NOT NULL,
    sealed_password BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Bearer tokens: SHA-256 of them only. origin: first_run or configuration.
CREATE TABLE token (
    sha256     BLOB PRIMARY KEY NOT NULL CHECK (length(sha256) = 32),
    origin     TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
