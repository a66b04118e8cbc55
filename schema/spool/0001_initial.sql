-- SPDX-License-Identifier: LGPL-3.0-or-later
--
-- Messages of durable topics that wait for a far hub, in a file of its own beside the store's (federation/spool.h).
-- Channels' messages stand here as clients sent them.

CREATE TABLE spool (
    id INTEGER NOT NULL -- random, made with the file
) STRICT;

INSERT INTO spool (id) VALUES (random());

-- The hub that was last found at the far end of a bridge.
CREATE TABLE bridge (
    name   TEXT PRIMARY KEY NOT NULL,
    hub_id BLOB NOT NULL CHECK (length(hub_id) = 16)
) STRICT, WITHOUT ROWID;

-- One topic of one channel on one bridge. last_number outlives the messages: numbers are never used again.
CREATE TABLE lane (
    id          INTEGER PRIMARY KEY,
    bridge      TEXT NOT NULL,
    channel     BLOB NOT NULL,
    topic       BLOB NOT NULL,
    last_number INTEGER NOT NULL DEFAULT 0,
    UNIQUE (bridge, channel, topic)
) STRICT;

CREATE TABLE message (
    arrival INTEGER PRIMARY KEY, -- the order over all lanes
    lane    INTEGER NOT NULL REFERENCES lane (id) ON DELETE CASCADE,
    number  INTEGER NOT NULL,
    wall_s  INTEGER NOT NULL,
    body    BLOB NOT NULL,
    UNIQUE (lane, number)
) STRICT;

-- What lanes of other hubs' spools have brought here.
CREATE TABLE mark (
    spool  INTEGER NOT NULL,
    lane   INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (spool, lane)
) STRICT, WITHOUT ROWID;
