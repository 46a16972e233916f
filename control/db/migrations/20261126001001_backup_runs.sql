-- migrate:up
-- When the database was backed up, and a backup was restored to check it: for the metric of their age. The platform's, not
-- a workspace's. The owner of the tables writes it, after `pg_dump` has run.
SET LOCAL lock_timeout = '5s';

CREATE TABLE backup_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('backup', 'check')),
    backup text NOT NULL,                    -- the backup's name in storage
    finished_at timestamptz NOT NULL,
    seconds double precision NOT NULL,
    size bigint NOT NULL                     -- of the stored dump, in bytes
);
CREATE INDEX backup_runs_newest ON backup_runs (kind, finished_at DESC);
ALTER TABLE backup_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON backup_runs FOR SELECT USING ((SELECT current_scope() = 'platform'));
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON backup_runs FROM vocalized_app;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE backup_runs;
