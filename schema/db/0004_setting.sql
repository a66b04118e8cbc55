-- SPDX-License-Identifier: LGPL-3.0-or-later
--
-- Settings that an operator has changed over REST. They count where neither file, environment nor flags say
-- otherwise.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
