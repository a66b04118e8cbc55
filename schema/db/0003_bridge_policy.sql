-- SPDX-License-Identifier: LGPL-3.0-or-later
--
-- All that a bridge can be told. Enumerations are numbers in the order of federation/bridge_spec.h.

ALTER TABLE bridge ADD COLUMN kind INTEGER NOT NULL DEFAULT 0 CHECK (kind BETWEEN 0 AND 2);
ALTER TABLE bridge ADD COLUMN sealed_connection_secret BLOB;
ALTER TABLE bridge ADD COLUMN classes INTEGER NOT NULL DEFAULT 31 CHECK (classes BETWEEN 0 AND 31);
ALTER TABLE bridge ADD COLUMN max_entries INTEGER NOT NULL DEFAULT 100000;
ALTER TABLE bridge ADD COLUMN messages_per_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bridge ADD COLUMN queue_bytes INTEGER NOT NULL DEFAULT 67108864;
ALTER TABLE bridge ADD COLUMN resend_bytes INTEGER NOT NULL DEFAULT 8388608;
ALTER TABLE bridge ADD COLUMN resume_window_s INTEGER NOT NULL DEFAULT 30;
ALTER TABLE bridge ADD COLUMN durable_bytes INTEGER NOT NULL DEFAULT 67108864;
ALTER TABLE bridge ADD COLUMN durable_age_s INTEGER NOT NULL DEFAULT 86400;
ALTER TABLE bridge ADD COLUMN durable_at_bound INTEGER NOT NULL DEFAULT 0 CHECK (durable_at_bound BETWEEN 0 AND 2);
ALTER TABLE bridge ADD COLUMN tls_cert_file TEXT;
ALTER TABLE bridge ADD COLUMN tls_key_file TEXT;
ALTER TABLE bridge ADD COLUMN tls_pinned_name TEXT;
ALTER TABLE bridge ADD COLUMN management INTEGER NOT NULL DEFAULT 0 CHECK (management BETWEEN 0 AND 2);

-- The lists of a bridge by their names; position keeps the order in which the operator wrote them. `text` is
-- a pattern, or what a name begins with; `target` is what stands in its place on the other side.
CREATE TABLE bridge_item (
    bridge_id INTEGER NOT NULL REFERENCES bridge (id) ON DELETE CASCADE,
    list      TEXT NOT NULL CHECK (list IN ('allow', 'deny', 'in_allow', 'in_deny', 'out_allow', 'out_deny',
                                            'remap_in', 'remap_out', 'durable')),
    position  INTEGER NOT NULL,
    text      TEXT NOT NULL,
    target    TEXT,
    PRIMARY KEY (bridge_id, list, position)
) STRICT, WITHOUT ROWID;

INSERT INTO bridge_item (bridge_id, list, position, text)
    SELECT bridge_id, CASE is_allow WHEN 1 THEN 'allow' ELSE 'deny' END, position, pattern FROM bridge_pattern;
DROP TABLE bridge_pattern;
