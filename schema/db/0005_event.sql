-- SPDX-License-Identifier: LGPL-3.0-or-later
--
-- The log's records, of this start of the hub and of those before (mgmt/store/store_event.h). A record is
-- known by the hub's incarnation and its number in it. stream and level are numbers in the order of
-- hub/base/log.h; data is a JSON object. through counts the bytes of all rows ever written, this one
-- included, so that those of the kept ones are a difference.
CREATE TABLE event (
    serial      INTEGER PRIMARY KEY AUTOINCREMENT,
    incarnation INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    time_ms     INTEGER NOT NULL,
    stream      INTEGER NOT NULL,
    level       INTEGER NOT NULL,
    type        TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    through     INTEGER NOT NULL,
    data        TEXT NOT NULL
) STRICT;
